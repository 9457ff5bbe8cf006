//! Values written token by token, under a mask that keeps them within their slot's type.

use std::sync::Arc;

use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::error::CascadeError;
use crate::text::{Special, Tokenizer};

/// Makes the mask of a slot.
pub struct Masks {
    factory: ParserFactory,
    token_bytes: Vec<Vec<u8>>,
}

/// A value that is being written.
pub struct Writing {
    matcher: Matcher,
    written: Vec<u32>,
}

/// What came of one token.
pub enum Written {
    /// More is to come: feed this token.
    Token(u32),
    /// The value is complete.
    Done,
}

impl Masks {
    /// Masks over a tokenizer's vocabulary; `</param>` ends a value.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, String> {
        let token_bytes = tokenizer.token_bytes();
        let info = TokRxInfo::new(token_bytes.len() as u32, Special::ParamEnd as u32);
        let trie = TokTrie::from(&info, &token_bytes);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).map_err(|error| error.to_string())?;
        factory.quiet();
        Ok(Self { factory, token_bytes })
    }

    /// Begins a value of a slot.
    pub fn begin(&self, slot: &Slot) -> Result<Writing, CascadeError> {
        let refused = |reason: String| CascadeError::Mask { subject: slot.subject.clone(), reason };
        let parser = self.factory.create_parser(TopLevelGrammar::from_regex(&slot.regex()));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(reason) => Err(refused(reason)),
            None => Ok(Writing { matcher, written: Vec::new() }),
        }
    }

    /// Text of tokens.
    pub fn text(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> =
            tokens.iter().flat_map(|&token| self.token_bytes[token as usize].clone()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The value that was written; `None` when the text is not one (cut within a character, or
    /// outside a pattern that the mask could not express).
    pub fn value(&self, slot: &Slot, writing: &Writing) -> Option<Value> {
        let text = self.text(&writing.written);
        slot.parse(&text).or_else(|_| slot.parse(text.trim())).ok()
    }
}

impl Writing {
    /// Takes the best token that the mask allows. After `tokens_max` tokens it ends the value where
    /// that is allowed, and gives `None` where it is not.
    pub fn step(&mut self, logits: &[f32], tokens_max: usize) -> Option<Written> {
        let accepting = self.matcher.is_accepting().ok()?;
        if self.written.len() >= tokens_max {
            return accepting.then_some(Written::Done);
        }
        let mask = self.matcher.compute_mask_or_eos().ok()?;
        let best = (0..logits.len() as u32)
            .filter(|&id| mask.is_allowed(id))
            .max_by(|&a, &b| logits[a as usize].total_cmp(&logits[b as usize]))?;
        if best == Special::ParamEnd as u32 {
            return Some(Written::Done);
        }
        self.matcher.consume_token(best).ok()?;
        self.written.push(best);
        Some(Written::Token(best))
    }

    /// Tokens so far.
    pub fn tokens(&self) -> &[u32] {
        &self.written
    }
}

/// The plainest value that a slot admits, for when nothing could be written: the number nearest to
/// zero, the shortest text. `None` when a pattern or format forbids the plain ones.
pub fn plainest(slot: &Slot) -> Option<Value> {
    use hyfunc_functions::template::SlotType;
    let value = match &slot.ty {
        SlotType::Int(int) => Value::Int(0.clamp(int.min, int.max)),
        SlotType::Float(float) => {
            Value::Float(0f64.max(float.min.unwrap_or(f64::MIN)).min(float.max.unwrap_or(f64::MAX)))
        }
        SlotType::Char => Value::Char('a'),
        SlotType::String(string) => Value::String("a".repeat(string.chars_min as usize)),
        SlotType::Bytes => Value::Bytes(Vec::new()),
        SlotType::Key => Value::String("key".into()),
    };
    slot.ty.admits(&value).then_some(value)
}
