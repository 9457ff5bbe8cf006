//! What tells the same function from another: equal keys mean equal bits of all that the models
//! make of it.

use std::fmt;

use candle_core::Result;
use candle_core::utils::get_num_threads;
use hyfunc_functions::types::{Case, Field, FloatType, IntType, ListType, RecordType, StringType};
use hyfunc_functions::{Function, Type};
use sha2::{Digest, Sha256};

use crate::record;
use crate::tiny::Tiny;
use crate::words::Words;

/// Goes up when what is derived from a function changes in a way that the probe cannot show.
const VERSION: u32 = 2;

/// A function's key under one [`Fingerprint`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; Key::BYTES]);

impl Key {
    /// Length of a key.
    pub(crate) const BYTES: usize = 32;

    /// The key that a file is named after.
    pub(crate) fn parse(hexadecimal: &str) -> Option<Self> {
        let bytes = hex::decode(hexadecimal).ok()?;
        // One spelling alone, so that no two files are of one key.
        let key = Self(bytes.try_into().ok()?);
        (key.to_string() == hexadecimal).then_some(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// Everything beside a function that decides what the models make of it: their weights and their
/// tokenizer by digest, and this program on this machine by what comes out for a probe. Another
/// processor may round in another way; then it has other keys.
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(tiny: &Tiny) -> Result<Self> {
        let read = tiny.read(&probe())?;
        let mut hasher = Sha256::new();
        hasher.update(VERSION.to_le_bytes());
        // A product that is split over threads may be summed in another order.
        hasher.update((get_num_threads() as u64).to_le_bytes());
        let config = &tiny.config;
        let weights = [config.large_sha256.as_str(), config.small_sha256.as_str()];
        let words = tiny.words.as_ref().map_or("", Words::digest);
        for text in weights.into_iter().chain([tiny.tokenizer.digest(), words]) {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(record::tokens(&read.tokens));
        hasher.update(record::numbers(&read.vector));
        for (keys, values) in &read.kv {
            for tensor in [keys, values] {
                hasher.update(record::numbers(&tensor.flatten_all()?.to_vec1::<f32>()?));
            }
        }
        Ok(Self(hasher.finalize().into()))
    }

    /// The key of a function: of all that the models read of it.
    pub(crate) fn key(&self, function: &Function) -> Key {
        let Function { name, description, parameters, .. } = function;
        let examples: Vec<&String> = function.examples.iter().map(|of| &of.utterance).collect();
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        // Every field of every type, quoted and named: no two functions are written alike.
        hasher.update(format!("{:?}", (name, description, parameters, examples)));
        Key(hasher.finalize().into())
    }
}

/// A function with a parameter of every kind that prompts tell apart.
fn probe() -> Function {
    let text = || Type::String(StringType::default());
    let case = |name: &str| Case { name: name.into(), doc: String::new() };
    let field = |name: &str, doc: &str, ty: Type, required: bool| Field {
        name: name.into(),
        doc: doc.into(),
        ty,
        required,
        default: None,
    };
    let board = Type::Enum(["none", "half-board", "all-inclusive"].map(case).into());
    let place = RecordType {
        fields: vec![
            field("latitude", "Degrees north.", Type::Float(FloatType::default()), true),
            field("note", "", Type::Option(Box::new(text())), false),
        ],
    };
    let list = ListType { element: Box::new(text()), len_min: 0, len_max: None };
    let fields = vec![
        field("guest_name", "Who stays, as \"Ann O'Neill\".", text(), true),
        field("room_count", "Rooms, 1 to 12.", Type::Int(IntType { min: 1, max: 12 }), true),
        field("board", "Meals.", Type::Option(Box::new(board)), false),
        field("late", "Whether it is after 18:30 on 2024-05-01.", Type::Bool, true),
        field("wishes", "Anything else: a@b.example.", Type::List(list), true),
        field("extras", "", Type::Flags(["sauna", "bikes"].map(case).into()), true),
        field("place", "", Type::Record(place), true),
    ];
    Function {
        name: "hotel_book_rooms".into(),
        description: "Books twenty-five rooms in São Paulo, 12.5 km off. Never in two places."
            .into(),
        parameters: RecordType { fields },
        returns: None,
        examples: Vec::new(),
        reply: None,
        export: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::prompt;
    use crate::shipped::EMBEDDED;
    use crate::text::{Special, Tokenizer};

    #[test]
    fn the_probe_has_everything_that_a_block_can_have() {
        let tokenizer = Tokenizer::from_bytes(EMBEDDED.tokenizer).unwrap();
        let ids: Vec<u32> = prompt::block(&tokenizer, &probe()).iter().map(|t| t.id).collect();
        for special in [
            Special::Function,
            Special::Param,
            Special::Text,
            Special::Number,
            Special::Choice,
            Special::List,
            Special::Item,
            Special::Optional,
        ] {
            assert!(ids.contains(&(special as u32)), "{special:?}");
        }
    }

    fn key(change: impl FnOnce(&mut Function)) -> Key {
        let mut function = probe();
        change(&mut function);
        Fingerprint([7; 32]).key(&function)
    }

    #[test]
    fn whatever_the_models_read_makes_another_key() {
        let plain = key(|_| ());
        assert!(plain == key(|_| ()));
        type Change = fn(&mut Function);
        let changes: [(&str, Change); 6] = [
            ("name", |function| function.name.push('x')),
            ("description", |function| function.description.push('x')),
            ("parameter", |function| function.parameters.fields[0].name.push('x')),
            ("docs", |function| function.parameters.fields[1].doc.push('x')),
            ("type", |function| function.parameters.fields[3].ty = Type::Any),
            ("required", |function| function.parameters.fields[3].required = false),
        ];
        for (what, change) in changes {
            assert!(plain != key(change), "{what}");
        }
        assert!(plain != Fingerprint([8; 32]).key(&probe()));
    }

    #[test]
    fn what_the_models_do_not_read_leaves_it() {
        assert!(key(|_| ()) == key(|function| function.reply = Some("{{ result }}".into())));
        assert!(key(|_| ()) == key(|function| function.returns = Some(Type::Bool)));
    }

    #[test]
    fn a_key_is_read_back_from_the_one_way_to_write_it() {
        let key = key(|_| ());
        let written = key.to_string();
        assert!(Key::parse(&written) == Some(key));
        for other in [written.to_uppercase(), written[1..].to_owned(), format!("{written}0")] {
            assert!(Key::parse(&other).is_none(), "{other}");
        }
    }
}
