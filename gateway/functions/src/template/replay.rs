//! The answers that lead a cursor to a given value.

use std::collections::VecDeque;
use std::fmt::Display;

use super::compile::{CaseNode, FieldNode, Node, NodeId, Payload, Presence, Tag, Tree};
use super::{Answer, Template};
use crate::value::Value;

/// A value that no sequence of answers leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// Answers to every choice and slot of a call, in order. Choices with one alternative are never
/// asked, and so not answered.
pub(crate) fn call(
    template: &Template,
    arguments: &Value,
) -> Result<VecDeque<Answer>, Unreachable> {
    let mut replay = Replay::new(&template.tree);
    replay.value(template.tree.root(), arguments, 0)?;
    Ok(replay.answers)
}

/// The same for one parameter; `None` where it is absent.
pub(crate) fn parameter(
    template: &Template,
    index: usize,
    value: Option<&Value>,
) -> Result<VecDeque<Answer>, Unreachable> {
    let mut replay = Replay::new(&template.tree);
    if let Node::Record(fields) = template.tree.node(template.tree.root()) {
        replay.field(&fields[index], value, 0)?;
    }
    Ok(replay.answers)
}

struct Replay<'t> {
    tree: &'t Tree,
    answers: VecDeque<Answer>,
}

type Walked = Result<(), Unreachable>;

impl<'t> Replay<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, answers: VecDeque::new() }
    }

    fn choose(&mut self, alternative: usize, count: usize) {
        if count > 1 {
            self.answers.push_back(Answer::Choose(alternative));
        }
    }

    fn value(&mut self, id: NodeId, value: &Value, depth: u32) -> Walked {
        match (self.tree.node(id), value) {
            (Node::Null, Value::Null) => {}
            (Node::Pick { alternatives, .. }, Value::Enum(index) | Value::Literal(index))
                if *index < alternatives.len() =>
            {
                self.choose(*index, alternatives.len())
            }
            (Node::Pick { .. }, Value::Bool(value)) => self.choose(usize::from(!value), 2),
            (Node::Slot(ty), value) if ty.admits(value) => {
                self.answers.push_back(Answer::Fill(value.clone()));
            }
            (Node::Flags(flags), Value::Flags(set)) => {
                (0..flags.len())
                    .for_each(|index| self.choose(usize::from(!set.contains(&index)), 2));
            }
            (Node::List { element, len_min, len_max }, Value::List(values)) => {
                return self.list(*element, (*len_min, *len_max), values, depth);
            }
            (Node::Tuple(nodes), Value::Tuple(values)) if nodes.len() == values.len() => {
                for (index, (node, value)) in nodes.iter().zip(values).enumerate() {
                    self.value(*node, value, depth).map_err(|error| error.within_item(index))?;
                }
            }
            (Node::Record(fields), Value::Record(values)) if fields.len() == values.len() => {
                for (field, value) in fields.iter().zip(values) {
                    self.field(field, value.as_ref(), depth)
                        .map_err(|error| error.within(&field.name))?;
                }
            }
            (Node::Option { inner, .. }, Value::Option(value)) => {
                self.choose(usize::from(value.is_none()), 2);
                if let Some(value) = value {
                    self.value(*inner, value, depth)?;
                }
            }
            (Node::Case { tag, cases }, value) => return self.case(*tag, cases, value, depth),
            (Node::Map { value, keys_max }, Value::Map(entries)) => {
                return self.map(*value, *keys_max, entries, depth);
            }
            (_, value) => {
                return Err(Unreachable::here(format!("the type does not admit {value:?}")));
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        node: NodeId,
        (min, max): (usize, usize),
        values: &[Value],
        depth: u32,
    ) -> Walked {
        let count = values.len();
        if !(min..=max).contains(&count) {
            let reason = format!("{count} elements, where the template has {min} to {max}");
            return Err(Unreachable::here(reason));
        }
        for (index, value) in values.iter().enumerate() {
            if index >= min {
                self.choose(0, 2);
            }
            self.value(node, value, depth).map_err(|error| error.within_item(index))?;
        }
        if count < max {
            self.choose(1, 2);
        }
        Ok(())
    }

    fn map(
        &mut self,
        node: NodeId,
        keys_max: usize,
        entries: &[(String, Value)],
        depth: u32,
    ) -> Walked {
        if entries.len() > keys_max {
            let reason =
                format!("{} keys, where the template has {keys_max} at most", entries.len());
            return Err(Unreachable::here(reason));
        }
        for (key, value) in entries {
            self.choose(0, 2);
            self.answers.push_back(Answer::Fill(Value::String(key.clone())));
            self.value(node, value, depth).map_err(|error| error.within(key))?;
        }
        if entries.len() < keys_max {
            self.choose(1, 2);
        }
        Ok(())
    }

    fn field(&mut self, field: &FieldNode, value: Option<&Value>, depth: u32) -> Walked {
        let value = match (field.presence, value) {
            (Presence::Always, Some(value)) => return self.value(field.node, value, depth),
            (Presence::Always, None) => {
                return Err(Unreachable::here("required but absent".to_owned()));
            }
            (Presence::Option { .. }, Some(Value::Option(value))) => value.as_deref(),
            (Presence::Optional, value) => value,
            (Presence::Option { .. }, None) => None,
            (Presence::Option { .. }, Some(value)) => {
                return Err(Unreachable::here(format!("an option does not admit {value:?}")));
            }
        };
        self.choose(usize::from(value.is_none()), 2);
        value.map_or(Ok(()), |value| self.value(field.node, value, depth))
    }

    fn case(&mut self, tag: Tag, cases: &[CaseNode], value: &Value, depth: u32) -> Walked {
        let (index, payload) = match (tag, value) {
            (Tag::Variant, Value::Variant(index, payload)) => (*index, payload.as_deref()),
            (Tag::Result, Value::Result(Ok(payload))) => (0, payload.as_deref()),
            (Tag::Result, Value::Result(Err(payload))) => (1, payload.as_deref()),
            (Tag::Free, value) => (free_kind(value, cases.len()), Some(value)),
            _ => (cases.len(), None),
        };
        let deepest = depth >= self.tree.limits.depth_max;
        let count = cases.iter().filter(|case| !(deepest && case.nests)).count();
        let Some(case) = cases.get(index) else {
            return Err(Unreachable::here(format!("no case admits {value:?}")));
        };
        if index >= count {
            let reason =
                format!("nested deeper than the template's {} levels", self.tree.limits.depth_max);
            return Err(Unreachable::here(reason));
        }
        self.choose(index, count);
        match (&case.payload, payload) {
            (Payload::Node(node), Some(payload)) => {
                self.value(*node, payload, depth + u32::from(case.nests))
            }
            (Payload::None, None) | (Payload::Null, Some(Value::Null)) => Ok(()),
            _ => Err(Unreachable::here(format!("case `{}` does not admit {value:?}", case.label))),
        }
    }
}

/// Index of the case that a free JSON value takes, in the order in which they are compiled.
fn free_kind(value: &Value, none: usize) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::String(_) => 4,
        Value::List(_) => 5,
        Value::Map(_) => 6,
        _ => none,
    }
}

impl Unreachable {
    fn here(reason: String) -> Self {
        Self { path: String::new(), reason }
    }

    fn within(self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{name}{dot}{}", self.path), ..self }
    }

    fn within_item(self, index: impl Display) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("[{index}]{dot}{}", self.path), ..self }
    }
}
