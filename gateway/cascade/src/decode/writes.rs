//! The values of one call that are being written: so many at a time as there is room for.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::Tensor;

use crate::api::TokenCounts;
use crate::branch::{Branch, recent};
use crate::config::{ROUND_TOKENS_MAX, WRITES_MAX};
use crate::decide::{Answered, CallFilling, Write};
use crate::error::CascadeError;
use crate::model::ops;
use crate::model::small::{Before, List, Step};
use crate::text::Token;

use super::given::Given;
use super::pen::Pen;

/// What a call's values are written into, and who waits for them.
pub(super) struct Target<'a> {
    /// The call.
    pub filling: &'a mut CallFilling,
    /// Parameters that wait for the next round, by index.
    pub waiting: &'a mut Vec<usize>,
    /// Tokens, by how they came about.
    pub counts: &'a mut TokenCounts,
}

/// Values on their way. Which of them are written beside each other changes none of them: they do
/// not see each other.
pub(super) struct Writes {
    pens: Vec<Pen>,
    /// Values that begin once there is room, each with the state that chose to write it, `[1, d]`.
    later: VecDeque<(Write, Tensor)>,
}

impl Writes {
    /// What a round of answers, read off `asked [waiting, d]`, leaves to be written.
    pub fn new(
        given: &Given<'_>,
        filling: &CallFilling,
        answered: Answered,
        asked: &Tensor,
    ) -> Result<Self, CascadeError> {
        let mut later = VecDeque::with_capacity(answered.writes.len());
        for write in answered.writes {
            // The state that chose to write is the one that the first token is read off.
            let state = asked.narrow(0, write.row, 1)?;
            later.push_back((write, state));
        }
        let mut pens = Vec::new();
        if given.decoder.config.ablate.bulk_copy {
            pens.extend(answered.copies.into_iter().map(|copied| {
                let branch = filling.parameters[copied.index].branch.first(copied.after);
                let before = before(given, filling, copied.index, &branch);
                let value = &given.tokens[copied.tokens.0..=copied.tokens.1];
                Pen::dictated(copied.index, before, value)
            }));
        }
        Ok(Self { pens, later })
    }

    /// Whether nothing is left to write.
    pub fn is_done(&self) -> bool {
        self.pens.is_empty() && self.later.is_empty()
    }

    /// Number of lists that are to be read next.
    pub fn lists_len(&self) -> usize {
        self.pens.len()
    }

    /// What is to be read next: a list a value, after what all branches see. `position` is that of a
    /// branch's first token.
    pub fn lists<'a>(&'a self, before: [Before<'a>; 2], position: usize) -> Vec<List<'a>> {
        self.pens.iter().map(|pen| pen.list(before, position)).collect()
    }

    /// Begins as many values as there is room for. Where some are left, some are being written.
    pub fn begin(
        &mut self,
        given: &Given<'_>,
        target: &mut Target<'_>,
    ) -> Result<(), CascadeError> {
        let decoder = given.decoder;
        while let Some((write, state)) = self.take(target.filling) {
            given.check()?;
            let branch = &target.filling.parameters[write.index].branch;
            let before = before(given, target.filling, write.index, branch);
            let mut pen = Pen::sampled(decoder, write.index, write.slot, before)?;
            let logits = decoder.tiny.small.vocabulary(&state)?.squeeze(0)?.to_vec1::<f32>()?;
            if pen.feed(decoder, &logits) {
                self.pens.push(pen);
            } else {
                target.finish(given, pen)?;
            }
        }
        Ok(())
    }

    /// Writes one token of every value and begins others in the place of those that are complete.
    /// The lists of all were read from list `list` of the step on, and ended in `states [pens, d]`.
    pub fn feed(
        &mut self,
        given: &Given<'_>,
        (step, list): (&Arc<Step>, usize),
        states: &Tensor,
        target: &mut Target<'_>,
    ) -> Result<(), CascadeError> {
        let mut logits = self.logits(given, states)?.into_iter();
        let mut left = Vec::with_capacity(self.pens.len());
        for (row, mut pen) in std::mem::take(&mut self.pens).into_iter().enumerate() {
            let own = if pen.is_sampled() { logits.next() } else { None };
            pen.keep(step, list + row)?;
            if pen.feed(given.decoder, &own.unwrap_or_default()) {
                left.push(pen);
            } else {
                target.finish(given, pen)?;
            }
        }
        self.pens = left;
        self.begin(given, target)
    }

    /// Logits over the vocabulary for every value that the model writes, in their order.
    fn logits(&self, given: &Given<'_>, states: &Tensor) -> Result<Vec<Vec<f32>>, CascadeError> {
        let rows = (0..).zip(&self.pens).filter(|(_, pen)| pen.is_sampled());
        let rows: Vec<u32> = rows.map(|(row, _)| row).collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let states = ops::rows(states, &rows)?;
        Ok(given.decoder.tiny.small.vocabulary(&states)?.to_vec2::<f32>()?)
    }

    /// The next value, if there is room for it.
    fn take(&mut self, filling: &CallFilling) -> Option<(Write, Tensor)> {
        let (write, _) = self.later.front()?;
        let tokens = filling.parameters[write.index].branch.recent().len();
        let held: usize = self.pens.iter().map(Pen::held).sum();
        let has_room = self.pens.len() < WRITES_MAX && held + tokens <= ROUND_TOKENS_MAX;
        if self.pens.is_empty() || has_room { self.later.pop_front() } else { None }
    }
}

impl Target<'_> {
    /// Gives a value that was written to its parameter.
    fn finish(&mut self, given: &Given<'_>, pen: Pen) -> Result<(), CascadeError> {
        if let Some(done) = pen.finish(given.decoder)? {
            let (tiny, value) = (given.decoder.tiny, (done.value, done.ids.as_slice()));
            if self.filling.written(tiny, done.index, &done.slot, value, self.counts)? {
                self.waiting.push(done.index);
            }
        }
        Ok(())
    }
}

/// Tokens that a parameter's value is written after: its branch, and in a chain what was decided of
/// the parameters before it.
pub(super) fn before(
    given: &Given<'_>,
    filling: &CallFilling,
    index: usize,
    branch: &Branch,
) -> Vec<Token> {
    if !given.decoder.config.chained_slots {
        return branch.recent().to_vec();
    }
    let mut chain = filling.tokens_before(index);
    chain.extend_from_slice(branch.tokens());
    recent(&chain).to_vec()
}
