//! Token masks for values: what may be sampled at a slot.

use std::sync::Arc;

use hyfunc_functions::template::Slot;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::error::StockError;
use crate::vocabulary::Vocabulary;

/// What may stand behind a number: whatever ends it, in any of the spellings.
const NUMBER_END: &str = r"[,\]}) \t\r\n]";

/// Whatever comes behind the end of a value: the template knows, the token need not.
const REST: &str = "(?s:.)*";

/// Makes the masks of slots.
pub struct Masks {
    factory: ParserFactory,
}

/// What may come next in a text.
pub struct Mask {
    matcher: Matcher,
    /// What may come next, once somebody asked.
    allowed: Option<Vec<u32>>,
}

impl Masks {
    /// Masks over a vocabulary.
    ///
    /// # Errors
    /// What the mask builder says.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self, StockError> {
        let refused = |reason| StockError::Mask { subject: "(any)".into(), reason };
        // A token without text stands for the end, which no value here ever reaches: every one is
        // followed by what ends it.
        let mut words = vocabulary.all_bytes().to_vec();
        let end = words.iter().position(Vec::is_empty).unwrap_or_else(|| {
            words.push(Vec::new());
            words.len() - 1
        });
        let info = TokRxInfo::new(words.len() as u32, end as u32);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
        let mut factory =
            ParserFactory::new_simple(&env).map_err(|error| refused(error.to_string()))?;
        factory.quiet();
        Ok(Self { factory })
    }

    /// Begins a text that spells one of some pairs of fixed text and value, and then whatever ends
    /// the value.
    ///
    /// # Errors
    /// A regular expression that the mask builder does not take.
    pub fn begin(&self, ways: &[(&str, &Slot)]) -> Result<Mask, StockError> {
        let subject = || ways.first().map(|(_, slot)| slot.subject.clone()).unwrap_or_default();
        let parts: Vec<String> = ways.iter().map(|(text, slot)| expression(text, slot)).collect();
        let regex = format!("(?:{}){REST}", parts.join("|"));
        let parser = self.factory.create_parser(TopLevelGrammar::from_regex(&regex));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(reason) => Err(StockError::Mask { subject: subject(), reason }),
            None => Ok(Mask { matcher, allowed: None }),
        }
    }
}

impl Mask {
    /// Tokens that may come next, ascending; none where the mask cannot be made.
    pub fn allowed(&mut self, vocabulary: &Vocabulary) -> &[u32] {
        let matcher = &mut self.matcher;
        self.allowed.get_or_insert_with(|| {
            let mut allowed = Vec::new();
            if let Ok(mask) = matcher.compute_mask() {
                mask.iter_set_entries(|id| {
                    let id = id as u32;
                    if !vocabulary.bytes(id).is_empty() {
                        allowed.push(id);
                    }
                });
            }
            allowed
        })
    }

    /// Goes past a token; says whether it could.
    pub fn take(&mut self, token: u32) -> bool {
        self.allowed = None;
        self.matcher.consume_token(token).is_ok()
    }
}

/// The best of some tokens, ascending, whose logits `logit` knows: the first of equals, whatever the
/// order of evaluation.
pub fn best(allowed: &[u32], logit: impl Fn(usize, u32) -> f32) -> Option<u32> {
    let logits = allowed.iter().enumerate().map(|(at, id)| (*id, logit(at, *id)));
    let first_best = |best: (u32, f32), next: (u32, f32)| {
        if next.1.total_cmp(&best.1).is_gt() { next } else { best }
    };
    logits.reduce(first_best).map(|(id, _)| id)
}

/// Fixed text, a value, and what ends it.
fn expression(text: &str, slot: &Slot) -> String {
    let end = if slot.quoted { "\"" } else { NUMBER_END };
    format!("{}(?:{}){end}", escaped(text), slot.regex())
}

/// A regular expression that matches exactly a text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for scalar in text.chars() {
        if scalar.is_ascii() && !scalar.is_ascii_alphanumeric() {
            out.push_str(&format!("\\x{:02X}", scalar as u32));
        } else {
            out.push(scalar);
        }
    }
    out
}

/// Where a value ends in what was written of it; `None` while it goes on.
pub fn value_end(slot: &Slot, written: &[u8]) -> Option<usize> {
    if !slot.quoted {
        let ends = |byte: &u8| {
            matches!(byte, b',' | b']' | b'}' | b')') || byte.is_ascii_whitespace() || *byte == 0x0b
        };
        return written.iter().position(ends);
    }
    let mut at = 0;
    while let Some(byte) = written.get(at) {
        match byte {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}
