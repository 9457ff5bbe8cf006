//! The best of the allowed tokens.

use super::{WARP, entry, spread};
use crate::arguments::Arguments;
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 256;
/// States that one block scores together.
const STATES: usize = 8;
/// Blocks of a processor.
const BLOCKS: usize = 4;

/// The allowed token with the highest logit of each state. Of equal logits the smaller token wins;
/// NaN never does; with nothing allowed it is [`NONE`](crate::NONE) and -∞.
pub struct HeadArgmax<'a, M: Machine> {
    /// Of states and head.
    pub float: Float,
    /// How many states.
    pub rows: usize,
    /// Of a state.
    pub width: usize,
    /// Rows of the head.
    pub vocabulary: usize,
    /// How many candidates: the tokens that any state allows.
    pub candidate_count: usize,
    /// `[rows, width]`.
    pub states: &'a Tensor<M>,
    /// `[vocabulary, width]`.
    pub head: &'a Tensor<M>,
    /// `[candidate_count]`, u32: tokens; those beyond the vocabulary are never allowed.
    pub candidates: &'a Tensor<M>,
    /// `[rows, ⌈candidate_count / 32⌉]`, u32: bit `c % 32` of word `c / 32` allows candidate `c`;
    /// none: all are allowed.
    pub allowed: Option<&'a Tensor<M>>,
    /// `[rows]`, u64: scratch, zero before the first launch and after each.
    pub keys: &'a mut Tensor<M>,
    /// `[⌈rows / 8⌉]`, u32: likewise.
    pub arrived: &'a mut Tensor<M>,
    /// `[rows]`, u32.
    pub tokens: &'a mut Tensor<M>,
    /// `[rows]`, f32.
    pub scores: &'a mut Tensor<M>,
}

impl<M: Machine> HeadArgmax<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let words = self.candidate_count.div_ceil(32);
        let tiles = self.rows.div_ceil(STATES);
        let arguments = Arguments::new("head_argmax", machine)
            .input("states", self.states, element, &[self.rows, self.width])?
            .input("head", self.head, element, &[self.vocabulary, self.width])?
            .input("candidates", self.candidates, Element::U32, &[self.candidate_count])?
            .optional("allowed", self.allowed, Element::U32, &[self.rows, words])?
            .output("keys", self.keys, Element::U64, &[self.rows])?
            .output("arrived", self.arrived, Element::U32, &[tiles])?
            .output("tokens", self.tokens, Element::U32, &[self.rows])?
            .output("scores", self.scores, Element::F32, &[self.rows])?
            .sizes(&[self.rows, self.width, self.vocabulary, self.candidate_count])?;
        if self.rows == 0 {
            return Ok(());
        }
        let warps = THREADS as usize / WARP;
        let blocks = self.candidate_count.div_ceil(warps).clamp(1, machine.processors() * BLOCKS);
        let shared_bytes = warps * STATES * size_of::<u64>() + 16;
        arguments.run(
            entry("head_argmax", self.float),
            &spread([blocks, tiles, 1], THREADS, shared_bytes),
        )
    }
}
