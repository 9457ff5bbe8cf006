//! One value on its way, token by token.

use candle_core::Tensor;
use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;

use crate::branch::Branch;
use crate::decide::written;
use crate::error::CascadeError;
use crate::generate::{Writing, Written, plainest};
use crate::text::Token;

use super::Decoder;

/// A value on its way.
pub(super) struct Pen {
    /// Index of its parameter.
    pub index: usize,
    /// The branch that it continues.
    pub branch: Branch,
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
    /// A value that the model writes after a branch.
    pub fn sampled(
        decoder: Decoder<'_>,
        index: usize,
        slot: Slot,
        branch: Branch,
    ) -> Result<Self, CascadeError> {
        let writing = decoder.masks.begin(&slot)?;
        Ok(Self { index, branch, text: Text::Sampled(Box::new(Sampled { slot, writing })) })
    }

    /// A value that is there already: it only takes the steps that writing it would.
    pub fn dictated(index: usize, mut branch: Branch, tokens: &[Token]) -> Self {
        let mut left: Vec<Token> = tokens.iter().rev().cloned().collect();
        branch.write(left.pop());
        Self { index, branch, text: Text::Dictated(left) }
    }

    /// Takes the state of the branch's last token, `[1, d]`; says whether more is to be read.
    pub fn feed(&mut self, decoder: Decoder<'_>, state: &Tensor) -> Result<bool, CascadeError> {
        match &mut self.text {
            Text::Dictated(left) => match left.pop() {
                Some(token) => self.branch.write([token]),
                None => return Ok(false),
            },
            Text::Sampled(sampled) => {
                let logits = decoder.tiny.small.vocabulary(state)?.squeeze(0)?.to_vec1::<f32>()?;
                match sampled.writing.step(&logits, decoder.config.value_tokens_max) {
                    Some(Written::Token(id)) => self.branch.write([written(id)]),
                    Some(Written::Done) | None => return Ok(false),
                }
            }
        }
        Ok(true)
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
