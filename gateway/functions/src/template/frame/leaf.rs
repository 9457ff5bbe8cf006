//! Values without parts: fixed, picked or free.

use super::{Node, Scene, Turn};
use crate::template::{Choice, ChoiceKind, spell};
use crate::value::Value;

#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    value: Option<Value>,
}

impl Leaf {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        if let Some(value) = self.value.take() {
            return Turn::Close(value);
        }
        match scene.node {
            Node::Pick { kind, alternatives } => Turn::Ask(Choice {
                kind: *kind,
                subject: scene.place.path.clone(),
                alternatives: alternatives.clone(),
            }),
            Node::Slot(ty) => {
                let slot = scene.place.slot(ty.clone(), scene.tree.spelling);
                scene.write(if slot.quoted { "\"" } else { "" });
                Turn::Fill(slot)
            }
            _ => {
                scene.write(spell::null(scene.tree.spelling));
                scene.close();
                Turn::Close(Value::Null)
            }
        }
    }

    pub(super) fn chosen(&mut self, alternative: usize, scene: &mut Scene<'_>) {
        self.value = Some(match scene.node {
            Node::Pick { kind: ChoiceKind::Boolean, .. } => Value::Bool(alternative == 0),
            Node::Pick { kind: ChoiceKind::Enum, .. } => Value::Enum(alternative),
            _ => Value::Literal(alternative),
        });
        scene.close();
    }

    pub(super) fn filled(&mut self, value: Value, scene: &mut Scene<'_>) {
        if let Node::Slot(ty) = scene.node {
            let quoted = scene.place.slot(ty.clone(), scene.tree.spelling).quoted;
            scene.write(if quoted { "\"" } else { "" });
        }
        self.value = Some(value);
        scene.close();
    }
}
