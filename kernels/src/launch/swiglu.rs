//! SwiGLU.

use super::{PACK, entry, spread};
use crate::arguments::Arguments;
use crate::element::Float;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 256;
/// Blocks of a row: beyond them, threads take more than one access each.
const ROW_BLOCKS_MAX: usize = 64;

/// `out = silu(gate) · up`.
pub struct Swiglu<'a, M: Machine> {
    /// Of both tensors.
    pub float: Float,
    /// How many rows.
    pub rows: usize,
    /// Of the answer.
    pub width: usize,
    /// `[rows, 2 · width]`: the gate, then what it gates.
    pub gate_up: &'a Tensor<M>,
    /// `[rows, width]`.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> Swiglu<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let arguments = Arguments::new("swiglu", machine)
            .input("gate_up", self.gate_up, element, &[self.rows, 2, self.width])?
            .output("out", self.out, element, &[self.rows, self.width])?
            .sizes(&[self.rows, self.width])?;
        if self.rows == 0 || self.width == 0 {
            return Ok(());
        }
        let blocks = self.width.div_ceil(PACK * THREADS as usize).min(ROW_BLOCKS_MAX);
        arguments.run(entry("swiglu", self.float), &spread([self.rows, blocks, 1], THREADS, 0))
    }
}
