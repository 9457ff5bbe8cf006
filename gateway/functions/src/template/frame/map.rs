//! Objects with free keys.

use super::place::{anonymous_group, separator};
use super::{Node, Scene, Turn, either};
use crate::template::{ChoiceKind, SlotType, Spelling, spell};
use crate::value::Value;

#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    phase: Phase,
    /// Keys decided so far, those given twice counted twice.
    keys: usize,
    /// The key whose value is next.
    key: String,
    entries: Vec<(String, Value)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Unopened,
    BeforeKey,
    AtKey,
    AtValue,
    Ended,
}

impl Entries {
    pub(super) fn turn(&mut self, scene: &mut Scene<'_>) -> Turn {
        let Node::Map { value, keys_max } = scene.node else {
            unreachable!("entries are of a map")
        };
        let spelling = scene.tree.spelling;
        let (open, close) = scene.place.brackets(spelling, ["{", "}"]);
        if self.phase == Phase::Unopened {
            scene.write(&open);
            self.phase = Phase::BeforeKey;
        }
        if self.phase == Phase::BeforeKey && self.keys >= *keys_max {
            scene.write(&close);
            self.phase = Phase::Ended;
        }
        match self.phase {
            Phase::Unopened | Phase::BeforeKey => {
                let another = ("another", separator(spelling, self.keys).to_owned());
                let subject = scene.place.path.clone();
                either(ChoiceKind::AnotherKey, subject, another, ("end", close))
            }
            Phase::AtKey => {
                let slot = scene.place.slot(SlotType::Key, spelling);
                scene.write(if slot.quoted { "\"" } else { "" });
                Turn::Fill(slot)
            }
            Phase::AtValue => {
                let close = match spelling {
                    Spelling::Param => spell::GROUP_CLOSE,
                    Spelling::Hermes | Spelling::Llama | Spelling::Bracket => "",
                };
                let path = scene.place.key(&self.key);
                scene.open(*value, scene.place.inside(path, close.to_owned()))
            }
            Phase::Ended => Turn::Close(Value::Map(std::mem::take(&mut self.entries))),
        }
    }

    pub(super) fn chosen(&mut self, alternative: usize) {
        self.phase = if alternative == 0 { Phase::AtKey } else { Phase::Ended };
    }

    pub(super) fn filled(&mut self, key: Value, scene: &mut Scene<'_>) {
        let Value::String(key) = key else { unreachable!("a key slot admits strings alone") };
        match scene.tree.spelling {
            Spelling::Param => scene.write(&anonymous_group()),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => scene.write("\": "),
        }
        self.key = key;
        self.keys += 1;
        self.phase = Phase::AtValue;
    }

    pub(super) fn receive(&mut self, value: Value) {
        let key = std::mem::take(&mut self.key);
        match self.entries.iter_mut().find(|(earlier, _)| *earlier == key) {
            Some((_, earlier)) => *earlier = value,
            None => self.entries.push((key, value)),
        }
        self.phase = Phase::BeforeKey;
    }
}
