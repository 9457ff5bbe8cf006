//! Values made of items: lists, tuples, and the flags that are set.

use super::place::separator;
use super::{Node, Scene, Turn, either};
use crate::template::ChoiceKind;
use crate::value::Value;

/// A list or a tuple.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    phase: Phase,
    values: Vec<Value>,
}

/// The flags of one value.
#[derive(Clone, Debug, Default)]
pub(super) struct FlagSet {
    opened: bool,
    /// Flags decided so far.
    next: usize,
    set: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Unopened,
    BeforeItem,
    /// The item's separator is written.
    AtItem,
    Ended,
}

impl Sequence {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let count = self.values.len();
        let (open, close) = scene.place.brackets(scene.tree.spelling, ["[", "]"]);
        let separator = separator(scene.tree.spelling, count);
        if self.phase == Phase::Unopened {
            scene.write(&open);
            self.phase = Phase::BeforeItem;
        }
        if self.phase == Phase::BeforeItem {
            let (len_min, len_max) = bounds(scene.node);
            if (len_min..len_max).contains(&count) {
                let subject = scene.place.index(count);
                let another = ("another", separator.to_owned());
                return either(ChoiceKind::AnotherElement, subject, another, ("end", close));
            }
            let (text, phase) =
                if count < len_min { (separator, Phase::AtItem) } else { (&*close, Phase::Ended) };
            scene.write(text);
            self.phase = phase;
        }
        let node = match scene.node {
            _ if self.phase == Phase::Ended => return Turn::Close(self.value(scene.node)),
            Node::List { element, .. } => *element,
            Node::Tuple(items) => items[count],
            _ => unreachable!("a sequence is a list or a tuple"),
        };
        scene.open(node, scene.place.item(count))
    }

    pub(super) fn chosen(&mut self, alternative: usize) {
        self.phase = if alternative == 0 { Phase::AtItem } else { Phase::Ended };
    }

    pub(super) fn receive(&mut self, value: Value) {
        self.values.push(value);
        self.phase = Phase::BeforeItem;
    }

    fn value(&mut self, node: &Node) -> Value {
        let values = std::mem::take(&mut self.values);
        if matches!(node, Node::Tuple(_)) { Value::Tuple(values) } else { Value::List(values) }
    }
}

/// Fewest and most items.
fn bounds(node: &Node) -> (usize, usize) {
    match node {
        Node::List { len_min, len_max, .. } => (*len_min, *len_max),
        Node::Tuple(items) => (items.len(), items.len()),
        _ => (0, 0),
    }
}

impl FlagSet {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let Node::Flags(flags) = scene.node else { unreachable!("flags are of a flags node") };
        let (open, close) = scene.place.brackets(scene.tree.spelling, ["[", "]"]);
        if !self.opened {
            scene.write(&open);
            self.opened = true;
        }
        let Some(flag) = flags.get(self.next) else {
            scene.write(&close);
            return Turn::Close(Value::Flags(std::mem::take(&mut self.set)));
        };
        let text = separator(scene.tree.spelling, self.set.len()).to_owned() + &flag.text;
        let subject = scene.place.key(&flag.name);
        either(ChoiceKind::Flag, subject, ("set", text), ("unset", String::new()))
    }

    pub(super) fn chosen(&mut self, alternative: usize) {
        if alternative == 0 {
            self.set.push(self.next);
        }
        self.next += 1;
    }
}
