//! Fields in their order, absent ones left out.

use std::sync::Arc;

use super::place::{Place, separator};
use super::{Node, Scene, Turn, either};
use crate::template::compile::{FieldNode, Presence};
use crate::template::{ChoiceKind, Spelling, spell};
use crate::value::Value;

#[derive(Clone, Debug)]
pub(super) struct Record {
    phase: Phase,
    /// Index of the first field.
    first: usize,
    /// Index of the field that is next.
    next: usize,
    /// One past the last field.
    end: usize,
    /// Whether it is one parameter alone: nothing stands around the field.
    alone: bool,
    /// Fields written so far.
    written: usize,
    /// One a field, from the first to the last.
    values: Vec<Option<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unopened,
    BeforeField,
    /// What opens the field is written.
    AtField,
}

impl Record {
    pub(super) fn whole(fields: usize) -> Self {
        let values = vec![None; fields];
        Self {
            phase: Phase::Unopened,
            first: 0,
            next: 0,
            end: fields,
            alone: false,
            written: 0,
            values,
        }
    }

    /// Of one field: it keeps no place for the others, of which there may be a thousand.
    pub(super) fn only(index: usize) -> Self {
        Self { first: index, next: index, end: index + 1, alone: true, ..Self::whole(1) }
    }

    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let Node::Record(fields) = scene.node else { unreachable!("a record is of a record node") };
        let braces = match scene.tree.spelling {
            Spelling::Param => ["", ""],
            _ if self.alone => ["", ""],
            spelling if scene.is_root() => spell::arguments(spelling),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => ["{", "}"],
        };
        if self.phase == Phase::Unopened {
            scene.write(braces[0]);
            self.phase = Phase::BeforeField;
        }
        if self.next == self.end {
            scene.write(braces[1]);
            scene.close();
            return Turn::Close(Value::Record(std::mem::take(&mut self.values)));
        }
        let field = &fields[self.next];
        if self.phase == Phase::BeforeField {
            let text = self.opening(field, scene);
            if field.presence != Presence::Always {
                let subject = scene.place.key(&field.name);
                let absent = ("absent", String::new());
                return either(ChoiceKind::Presence, subject, ("present", text), absent);
            }
            scene.write(&text);
        }
        scene.open(field.node, inside(field, scene))
    }

    pub(super) fn chosen(&mut self, alternative: usize, scene: &Scene<'_>) {
        let Node::Record(fields) = scene.node else { unreachable!("a record is of a record node") };
        if alternative == 0 {
            self.phase = Phase::AtField;
            return;
        }
        self.values[self.next - self.first] = match fields[self.next].presence {
            Presence::Option { .. } => Some(Value::Option(None)),
            Presence::Always | Presence::Optional => None,
        };
        self.next += 1;
    }

    pub(super) fn receive(&mut self, value: Value, node: &Node) {
        let Node::Record(fields) = node else { unreachable!("a record is of a record node") };
        self.values[self.next - self.first] = Some(match fields[self.next].presence {
            Presence::Option { .. } => Value::Option(Some(Box::new(value))),
            Presence::Always | Presence::Optional => value,
        });
        self.next += 1;
        self.written += 1;
        self.phase = Phase::BeforeField;
    }

    /// What stands before the field's value.
    fn opening(&self, field: &FieldNode, scene: &Scene<'_>) -> String {
        match scene.tree.spelling {
            Spelling::Param if is_flattened(field, scene) => String::new(),
            Spelling::Param => {
                format!("{}{}{}=", spell::GROUP_OPEN, scene.place.prefix, field.spelled)
            }
            spelling => {
                let separator = separator(spelling, self.written);
                let some = if is_wrapped(field) { "{\"some\": " } else { "" };
                if spelling == Spelling::Bracket && scene.is_root() {
                    return format!("{separator}{}={some}", field.name);
                }
                format!("{separator}\"{}\": {some}", field.spelled)
            }
        }
    }
}

/// The place of the field's value.
fn inside(field: &FieldNode, scene: &Scene<'_>) -> Place {
    let flattened = is_flattened(field, scene);
    let close = match scene.tree.spelling {
        Spelling::Param if !flattened => spell::GROUP_CLOSE,
        Spelling::Hermes | Spelling::Llama | Spelling::Bracket if is_wrapped(field) => "}",
        _ => "",
    };
    let mut place = scene.place.inside(scene.place.key(&field.name), close.to_owned());
    if flattened {
        place.prefix = format!("{}{}.", scene.place.prefix, field.spelled);
    }
    if !field.doc.is_empty() {
        place.doc = Arc::clone(&field.doc);
    }
    place
}

/// Whether JSON tells the option's value from `null` by `{"some": value}`.
fn is_wrapped(field: &FieldNode) -> bool {
    field.presence == Presence::Option { wrapped: true }
}

/// Whether the field's own fields join the enclosing record's, as Param has it for required records.
fn is_flattened(field: &FieldNode, scene: &Scene<'_>) -> bool {
    scene.tree.spelling == Spelling::Param
        && field.presence == Presence::Always
        && matches!(scene.tree.node(field.node), Node::Record(_))
}
