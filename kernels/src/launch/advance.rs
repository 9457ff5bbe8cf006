//! From one step to the next without the host.

use super::spread;
use crate::arguments::Arguments;
use crate::element::Element;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 128;

/// The next step's metadata from this step's tokens. Each row is a branch with one token a step; a
/// row ends at a stop token, at [`NONE`](crate::NONE), at its length, or where its pages end.
pub struct Advance<'a, M: Machine> {
    /// How many branches.
    pub rows: usize,
    /// Stop tokens of a row.
    pub stop_width: usize,
    /// Of `entries`.
    pub entry_count: usize,
    /// Tokens of a page.
    pub page_tokens: usize,
    /// This step, from 0.
    pub step: usize,
    /// Steps of the history; later ones are not written down.
    pub steps: usize,
    /// `[rows]`, u32: this step's tokens.
    pub sampled: &'a Tensor<M>,
    /// `[rows, stop_width]`, u32, filled up with NONE.
    pub stops: &'a Tensor<M>,
    /// `[rows]`, u32: tokens that a branch may have.
    pub lengths_max: &'a Tensor<M>,
    /// `[rows]`, u32: the entry of the branch's first page; those of its further pages follow.
    pub first_entry: &'a Tensor<M>,
    /// `[rows]`, u32, in and out: 1 once a row has ended.
    pub done: &'a mut Tensor<M>,
    /// `[rows]`, u32, in and out: tokens of the branch that have their slot.
    pub lengths: &'a mut Tensor<M>,
    /// `[rows]`, u32, out: the next step's input; NONE once done.
    pub tokens: &'a mut Tensor<M>,
    /// `[rows]`, i32, in and out.
    pub token_positions: &'a mut Tensor<M>,
    /// `[rows]`, i32, out: -1 once done.
    pub token_slots: &'a mut Tensor<M>,
    /// `[rows, 2]`, i32, in and out: limit, branch.
    pub sights: &'a mut Tensor<M>,
    /// `[entry_count, 4]`, i32, in and out: page, tokens that it holds, order, branch.
    pub entries: &'a mut Tensor<M>,
    /// `[steps, rows]`, u32, out.
    pub history: &'a mut Tensor<M>,
    /// `[1]`, u32, out: rows that go on.
    pub live: &'a mut Tensor<M>,
}

impl<M: Machine> Advance<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let rows = [self.rows];
        let (u32s, i32s) = (Element::U32, Element::I32);
        Arguments::new("advance", machine)
            .require(self.page_tokens > 0, "a page has at least one token", self.page_tokens)?
            .input("sampled", self.sampled, u32s, &rows)?
            .input("stops", self.stops, u32s, &[self.rows, self.stop_width])?
            .input("lengths_max", self.lengths_max, u32s, &rows)?
            .input("first_entry", self.first_entry, u32s, &rows)?
            .output("done", self.done, u32s, &rows)?
            .output("lengths", self.lengths, u32s, &rows)?
            .output("tokens", self.tokens, u32s, &rows)?
            .output("token_positions", self.token_positions, i32s, &rows)?
            .output("token_slots", self.token_slots, i32s, &rows)?
            .output("sights", self.sights, i32s, &[self.rows, 2])?
            .output("entries", self.entries, i32s, &[self.entry_count, 4])?
            .output("history", self.history, u32s, &[self.steps, self.rows])?
            .output("live", self.live, u32s, &[1])?
            .sizes(&[self.rows, self.stop_width, self.entry_count])?
            .sizes(&[self.page_tokens, self.step, self.steps])?
            .run("advance".to_owned(), &spread([1, 1, 1], THREADS, 0))
    }
}
