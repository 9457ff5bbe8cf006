//! The functions nearest to a state.

use super::{SCRATCH_BYTES, entry};
use crate::arguments::{Arguments, Spread};
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 256;
/// Keys that a block sorts at once.
const KEYS: usize = 1024;
/// Rows of the index below which another block does not pay.
const BLOCK_ROWS_MIN: usize = 32;

/// The `k` rows of the index with the highest cosine, best first; of equal ones the smaller id.
pub struct Retrieve<'a, M: Machine> {
    /// Of state, projection and index.
    pub float: Float,
    /// Of the state.
    pub width_in: usize,
    /// Of the index.
    pub width: usize,
    /// Rows of the index.
    pub count: usize,
    /// 1 to [`Retrieve::K_MAX`].
    pub k: usize,
    /// `[width_in]`.
    pub state: &'a Tensor<M>,
    /// `[width, width_in]`.
    pub projection: &'a Tensor<M>,
    /// `[count, width]`, each row of length 1.
    pub index: &'a Tensor<M>,
    /// `[width]`, f32: scratch.
    pub projected: &'a mut Tensor<M>,
    /// `[Retrieve::blocks, k]`, u64: scratch.
    pub best: &'a mut Tensor<M>,
    /// `[k]`, u32: [`NONE`](crate::NONE) where there are fewer.
    pub ids: &'a mut Tensor<M>,
    /// `[k]`, f32: -∞ there.
    pub scores: &'a mut Tensor<M>,
}

impl<M: Machine> Retrieve<'_, M> {
    /// The most that one launch finds.
    pub const K_MAX: usize = 64;

    /// Blocks that an index of `count` rows is searched by: all run at once.
    #[must_use]
    pub fn blocks(machine: &M, count: usize) -> usize {
        count.div_ceil(BLOCK_ROWS_MIN).clamp(1, machine.processors())
    }

    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let blocks = Self::blocks(machine, self.count);
        let few = (1..=Self::K_MAX).contains(&self.k);
        let arguments = Arguments::new("retrieve", machine)
            .require(few, "k is 1 to 64", self.k)?
            .input("state", self.state, element, &[self.width_in])?
            .input("projection", self.projection, element, &[self.width, self.width_in])?
            .input("index", self.index, element, &[self.count, self.width])?
            .output("projected", self.projected, Element::F32, &[self.width])?
            .output("best", self.best, Element::U64, &[blocks, self.k])?
            .output("ids", self.ids, Element::U32, &[self.k])?
            .output("scores", self.scores, Element::F32, &[self.k])?
            .sizes(&[self.width_in, self.width, self.count, self.k])?;
        let wider = self.width.max(self.width_in).next_multiple_of(4);
        let spread = Spread {
            grid: [blocks, 1, 1],
            threads: THREADS,
            shared_bytes: KEYS * size_of::<u64>() + wider * size_of::<f32>() + SCRATCH_BYTES,
            cooperative: true,
        };
        arguments.run(entry("retrieve", self.float), &spread)
    }
}
