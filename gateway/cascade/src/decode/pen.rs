//! One value on its way, token by token.

use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;

use crate::decide::written;
use crate::error::CascadeError;
use crate::generate::{Writing, Written, plainest};
use crate::model::Kv;
use crate::model::body;
use crate::model::small::{Before, List, Step};
use crate::text::Token;

use super::Decoder;

/// A value on its way.
pub(super) struct Pen {
    /// Index of its parameter.
    pub index: usize,
    /// Tokens of the branch that it continues, and then its own.
    tokens: Vec<Token>,
    /// How many of them were read.
    read: usize,
    /// Keys and values of those, so that none is read twice.
    kv: Kv,
    text: Text,
}

/// Where its tokens come from.
enum Text {
    /// The model, under a mask.
    Sampled(Box<Sampled>),
    /// The query: a copied value whose tokens are read one by one all the same, last first.
    Dictated(Vec<Token>),
}

/// A value that the model writes.
struct Sampled {
    slot: Slot,
    writing: Writing,
}

/// A value that was written.
pub(super) struct Complete {
    /// Index of its parameter.
    pub index: usize,
    pub slot: Slot,
    pub value: Value,
    pub ids: Vec<u32>,
}

impl Pen {
    /// A value that the model writes after some tokens.
    pub fn sampled(
        decoder: Decoder<'_>,
        index: usize,
        slot: Slot,
        tokens: Vec<Token>,
    ) -> Result<Self, CascadeError> {
        let writing = decoder.masks.begin(&slot)?;
        let text = Text::Sampled(Box::new(Sampled { slot, writing }));
        Ok(Self { index, tokens, read: 0, kv: Kv::new(), text })
    }

    /// A value that is there already: it only takes the steps that writing it would.
    pub fn dictated(index: usize, mut tokens: Vec<Token>, value: &[Token]) -> Self {
        let mut left: Vec<Token> = value.iter().rev().cloned().collect();
        tokens.extend(left.pop());
        Self { index, tokens, read: 0, kv: Kv::new(), text: Text::Dictated(left) }
    }

    /// Whether the model writes it.
    pub fn is_sampled(&self) -> bool {
        matches!(self.text, Text::Sampled(_))
    }

    /// Number of tokens, those of the branch included.
    pub fn held(&self) -> usize {
        self.tokens.len()
    }

    /// What is to be read next: the tokens that were not read yet, after what all branches see.
    /// `position` is that of a branch's first token.
    pub fn list<'a>(&'a self, before: [Before<'a>; 2], position: usize) -> List<'a> {
        let (read, new) = self.tokens.split_at(self.read);
        let own = Before { tokens: read, kv: &self.kv, from: 0 };
        let [block, query] = before;
        List {
            before: vec![block, query, own],
            tokens: new.to_vec(),
            position: position + read.len(),
            places: Some((0..new.len()).collect()),
            soft: None,
            wanted: vec![new.len() - 1],
        }
    }

    /// Keeps what was read of it, which was list `list` of a step.
    ///
    /// # Errors
    /// A tensor operation that fails.
    pub fn keep(&mut self, step: &Step, list: usize) -> candle_core::Result<()> {
        let new = body::parts(step.kv(), &[(step.from(list), self.tokens.len() - self.read)])?;
        self.kv = match self.read {
            0 => new,
            _ => body::join(&[&self.kv, &new])?,
        };
        self.read = self.tokens.len();
        Ok(())
    }

    /// Takes what follows the last token, `logits` over the vocabulary; says whether more is to be
    /// read.
    pub fn feed(&mut self, decoder: Decoder<'_>, logits: &[f32]) -> bool {
        let next = match &mut self.text {
            Text::Dictated(left) => left.pop(),
            Text::Sampled(sampled) => {
                match sampled.writing.step(logits, decoder.config.value_tokens_max) {
                    Some(Written::Token(id)) => Some(written(id)),
                    Some(Written::Done) | None => None,
                }
            }
        };
        let goes_on = next.is_some();
        self.tokens.extend(next);
        goes_on
    }

    /// The value, where the model wrote it.
    pub fn finish(self, decoder: Decoder<'_>) -> Result<Option<Complete>, CascadeError> {
        let index = self.index;
        let Text::Sampled(sampled) = self.text else { return Ok(None) };
        let Sampled { slot, writing } = *sampled;
        let value = decoder.masks.value(&slot, &writing).or_else(|| plainest(&slot));
        let tokens_max = decoder.config.value_tokens_max;
        let unfilled = || CascadeError::Unfilled { subject: slot.subject.clone(), tokens_max };
        let value = value.ok_or_else(unfilled)?;
        Ok(Some(Complete { index, value, ids: writing.tokens().to_vec(), slot }))
    }
}
