//! One of several cases: of a variant, of a result, of alternatives, of a free JSON value.

use std::sync::Arc;

use super::place::Place;
use super::{Node, Scene, Turn};
use crate::template::compile::{CaseNode, Payload, Tag};
use crate::template::{Alternative, Choice, ChoiceKind};
use crate::value::Value;

#[derive(Clone, Debug, Default)]
pub(super) enum Case {
    #[default]
    Undecided,
    /// The payload of that case is next.
    Chosen(usize),
    Decided(usize, Option<Box<Value>>),
}

impl Case {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let Node::Case { tag, cases } = scene.node else {
            unreachable!("a case is of a case node")
        };
        match self {
            Self::Undecided => Turn::Ask(ask(cases, scene)),
            Self::Chosen(index) => open(&cases[*index], scene),
            Self::Decided(index, payload) => Turn::Close(value(*tag, *index, payload.take())),
        }
    }

    pub(super) fn chosen(&mut self, alternative: usize, scene: &mut Scene<'_>) {
        let Node::Case { cases, .. } = scene.node else { unreachable!("a case is of a case node") };
        let case = &cases[alternative];
        *self = match case.payload {
            Payload::Node(_) => Self::Chosen(alternative),
            Payload::None | Payload::Null => {
                scene.write(case.close);
                scene.close();
                Self::Decided(alternative, case.payload.fixed().map(Box::new))
            }
        };
    }

    pub(super) fn receive(&mut self, value: Value) {
        if let Self::Chosen(index) = *self {
            *self = Self::Decided(index, Some(Box::new(value)));
        }
    }
}

/// Cases that nest come last, so that leaving them out at the deepest level moves no index.
fn ask(cases: &[CaseNode], scene: &Scene<'_>) -> Choice {
    let deepest = scene.place.depth >= scene.tree.limits.depth_max;
    let alternatives = cases
        .iter()
        .filter(|case| !(deepest && case.nests))
        .map(|case| Alternative::new(&*case.label, &*case.open))
        .collect();
    Choice { kind: ChoiceKind::Case, subject: scene.place.path.clone(), alternatives }
}

fn open(case: &CaseNode, scene: &Scene<'_>) -> Turn {
    let Payload::Node(node) = case.payload else {
        unreachable!("a payload without parts is not opened")
    };
    let place = scene.place;
    let inside = place.inside(place.path.clone(), case.close.to_owned() + &place.close);
    let doc = if case.doc.is_empty() { Arc::clone(&place.doc) } else { Arc::clone(&case.doc) };
    let depth = place.depth + u32::from(case.nests);
    scene.open(node, Place { doc, depth, grouped: place.grouped, ..inside })
}

fn value(tag: Tag, index: usize, payload: Option<Box<Value>>) -> Value {
    match tag {
        Tag::Variant => Value::Variant(index, payload),
        Tag::Result => Value::Result(if index == 0 { Ok(payload) } else { Err(payload) }),
        Tag::Free => payload.map_or(Value::Null, |payload| *payload),
    }
}
