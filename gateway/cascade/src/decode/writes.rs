//! The values of one call that are being written: as many at a time as one forward reads.

use std::collections::VecDeque;

use candle_core::Tensor;

use crate::api::TokenCounts;
use crate::branch::Branch;
use crate::config::{ROUND_TOKENS_MAX, WRITES_MAX};
use crate::decide::{Answered, CallFilling, Write};
use crate::error::CascadeError;

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
                let tokens = &given.tokens[copied.tokens.0..=copied.tokens.1];
                Pen::dictated(copied.index, branch, tokens)
            }));
        }
        Ok(Self { pens, later })
    }

    /// Whether nothing is left to write.
    pub fn is_done(&self) -> bool {
        self.pens.is_empty() && self.later.is_empty()
    }

    /// Branches that are to be read, each with the index of its parameter.
    pub fn branches(&self) -> impl Iterator<Item = (usize, &Branch)> {
        self.pens.iter().map(|pen| (pen.index, &pen.branch))
    }

    /// Begins as many values as there is room for. Where some are left, some are being written.
    pub fn begin(
        &mut self,
        given: &Given<'_>,
        target: &mut Target<'_>,
    ) -> Result<(), CascadeError> {
        while let Some((write, state)) = self.take(target.filling) {
            given.check()?;
            let branch = target.filling.parameters[write.index].branch.clone();
            let mut pen = Pen::sampled(given.decoder, write.index, write.slot, branch)?;
            if pen.feed(given.decoder, &state)? {
                self.pens.push(pen);
            } else {
                target.finish(given, pen)?;
            }
        }
        Ok(())
    }

    /// Writes one token of every value, `states [pens, d]` being those of their branches, and begins
    /// others in the place of those that are complete.
    pub fn feed(
        &mut self,
        given: &Given<'_>,
        states: &Tensor,
        target: &mut Target<'_>,
    ) -> Result<(), CascadeError> {
        let mut left = Vec::with_capacity(self.pens.len());
        for (row, mut pen) in std::mem::take(&mut self.pens).into_iter().enumerate() {
            if pen.feed(given.decoder, &states.narrow(0, row, 1)?)? {
                left.push(pen);
            } else {
                target.finish(given, pen)?;
            }
        }
        self.pens = left;
        self.begin(given, target)
    }

    /// The next value, if there is room for it.
    fn take(&mut self, filling: &CallFilling) -> Option<(Write, Tensor)> {
        let (write, _) = self.later.front()?;
        let tokens = filling.parameters[write.index].branch.recent().len();
        let read: usize = self.pens.iter().map(|pen| pen.branch.recent().len()).sum();
        let has_room = self.pens.len() < WRITES_MAX && read + tokens <= ROUND_TOKENS_MAX;
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
