//! Options outside records, where absence must be written.

use super::place::anonymous_group;
use super::{Node, Scene, Turn, either};
use crate::template::{ChoiceKind, Spelling, spell};
use crate::value::Value;

#[derive(Clone, Debug, Default)]
pub(super) enum Optional {
    #[default]
    Undecided,
    Present,
    Decided(Option<Box<Value>>),
}

impl Optional {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let Node::Option { inner, wrapped } = scene.node else { unreachable!("of an option") };
        let (open, close) = match scene.tree.spelling {
            Spelling::Param => (anonymous_group(), spell::GROUP_CLOSE),
            _ if *wrapped => ("{\"some\": ".to_owned(), "}"),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => (String::new(), ""),
        };
        let path = scene.place.path.clone();
        match self {
            Self::Undecided => {
                let absent = ("absent", spell::null(scene.tree.spelling).to_owned());
                either(ChoiceKind::Presence, path, ("present", open), absent)
            }
            Self::Present => {
                let close = close.to_owned() + &scene.place.close;
                scene.open(*inner, scene.place.inside(path, close))
            }
            Self::Decided(value) => Turn::Close(Value::Option(value.take())),
        }
    }

    pub(super) fn chosen(&mut self, alternative: usize, scene: &mut Scene<'_>) {
        *self = if alternative == 0 {
            Self::Present
        } else {
            scene.close();
            Self::Decided(None)
        };
    }

    pub(super) fn receive(&mut self, value: Value) {
        *self = Self::Decided(Some(Box::new(value)));
    }
}
