//! A value that is being decoded: what it has so far and what it does next.

mod case;
mod leaf;
mod map;
mod option;
mod place;
mod record;
mod sequence;

use super::compile::{Node, NodeId, Tree};
use super::{Alternative, Choice, ChoiceKind, Slot};
use crate::value::Value;

pub(super) use place::Place;

/// One open value on a cursor's stack.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    node: NodeId,
    place: Place,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Progress {
    Leaf(leaf::Leaf),
    Sequence(sequence::Sequence),
    Flags(sequence::FlagSet),
    Record(record::Record),
    Option(option::Optional),
    Case(case::Case),
    Map(map::Entries),
}

/// What an open value does next.
pub(super) enum Turn {
    /// Asks for a choice: a call of `chosen` comes before the next turn.
    Ask(Choice),
    /// Asks for a free value: a call of `filled` comes before the next turn.
    Fill(Slot),
    /// Opens a value inside it: a call of `receive` comes before the next turn.
    Open(Frame),
    /// Is complete.
    Close(Value),
}

/// What a value works on when it is its turn.
struct Scene<'a> {
    tree: &'a Tree,
    node: &'a Node,
    place: &'a Place,
    text: &'a mut String,
}

impl Frame {
    pub(super) fn new(node: NodeId, place: Place, tree: &Tree) -> Self {
        let progress = match tree.node(node) {
            Node::Null | Node::Pick { .. } | Node::Slot(_) => Progress::Leaf(leaf::Leaf::default()),
            Node::List { .. } | Node::Tuple(_) => Progress::Sequence(sequence::Sequence::default()),
            Node::Flags(_) => Progress::Flags(sequence::FlagSet::default()),
            Node::Record(fields) => Progress::Record(record::Record::whole(fields.len())),
            Node::Option { .. } => Progress::Option(option::Optional::default()),
            Node::Case { .. } => Progress::Case(case::Case::default()),
            Node::Map { .. } => Progress::Map(map::Entries::default()),
        };
        Self { node, place, progress }
    }

    /// Of the parameters' record only the field of that index, without what stands around it.
    pub(super) fn parameter(tree: &Tree, index: usize) -> Self {
        let progress = Progress::Record(record::Record::only(index));
        Self { node: tree.root(), place: Place::root(String::new()), progress }
    }

    /// Writes what is fixed and says what comes next.
    pub(super) fn turn(&mut self, tree: &Tree, text: &mut String) -> Turn {
        let (progress, mut scene) = self.enter(tree, text);
        match progress {
            Progress::Leaf(leaf) => leaf.turn(&mut scene),
            Progress::Sequence(sequence) => sequence.turn(&mut scene),
            Progress::Flags(flags) => flags.turn(&mut scene),
            Progress::Record(record) => record.turn(&mut scene),
            Progress::Option(option) => option.turn(&mut scene),
            Progress::Case(case) => case.turn(&mut scene),
            Progress::Map(entries) => entries.turn(&mut scene),
        }
    }

    /// Takes the answer to `Turn::Ask`, whose text is written already.
    pub(super) fn chosen(&mut self, alternative: usize, tree: &Tree, text: &mut String) {
        let (progress, mut scene) = self.enter(tree, text);
        match progress {
            Progress::Leaf(leaf) => leaf.chosen(alternative, &mut scene),
            Progress::Sequence(sequence) => sequence.chosen(alternative),
            Progress::Flags(flags) => flags.chosen(alternative),
            Progress::Record(record) => record.chosen(alternative, &scene),
            Progress::Option(option) => option.chosen(alternative, &mut scene),
            Progress::Case(case) => case.chosen(alternative, &mut scene),
            Progress::Map(entries) => entries.chosen(alternative),
        }
    }

    /// Takes the answer to `Turn::Fill`, whose text is written already.
    pub(super) fn filled(&mut self, value: Value, tree: &Tree, text: &mut String) {
        let (progress, mut scene) = self.enter(tree, text);
        match progress {
            Progress::Leaf(leaf) => leaf.filled(value, &mut scene),
            Progress::Map(entries) => entries.filled(value, &mut scene),
            _ => unreachable!("only leaves and keys ask for a free value"),
        }
    }

    /// Takes the value of `Turn::Open`, whose text is written already.
    pub(super) fn receive(&mut self, value: Value, tree: &Tree) {
        match &mut self.progress {
            Progress::Sequence(sequence) => sequence.receive(value),
            Progress::Record(record) => record.receive(value, tree.node(self.node)),
            Progress::Option(option) => option.receive(value),
            Progress::Case(case) => case.receive(value),
            Progress::Map(entries) => entries.receive(value),
            Progress::Leaf(_) | Progress::Flags(_) => unreachable!("nothing opens inside a leaf"),
        }
    }

    fn enter<'a>(
        &'a mut self,
        tree: &'a Tree,
        text: &'a mut String,
    ) -> (&'a mut Progress, Scene<'a>) {
        let scene = Scene { tree, node: tree.node(self.node), place: &self.place, text };
        (&mut self.progress, scene)
    }
}

impl Scene<'_> {
    fn write(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes what follows the value.
    fn close(&mut self) {
        self.text.push_str(&self.place.close);
    }

    /// Whether it is the call's arguments.
    fn is_root(&self) -> bool {
        std::ptr::eq(self.node, self.tree.node(self.tree.root()))
    }

    fn open(&self, node: NodeId, place: Place) -> Turn {
        Turn::Open(Frame::new(node, place, self.tree))
    }
}

/// A choice between going on and not.
fn either(kind: ChoiceKind, subject: String, on: (&str, String), off: (&str, String)) -> Turn {
    let alternatives = vec![Alternative::new(on.0, on.1), Alternative::new(off.0, off.1)];
    Turn::Ask(Choice { kind, subject, alternatives })
}
