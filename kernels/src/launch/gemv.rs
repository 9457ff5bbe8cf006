//! A matrix times a few vectors.

use super::{WARP, spread};
use crate::arguments::Arguments;
use crate::element::Float;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 256;

/// `out = x · weightsᵀ` for up to 8 rows of `x`.
pub struct Gemv<'a, M: Machine> {
    /// Of every tensor; sums are f32.
    pub float: Float,
    /// Up to [`Gemv::ROWS_MAX`].
    pub rows: usize,
    /// Of `x`.
    pub width_in: usize,
    /// Of the answer.
    pub width_out: usize,
    /// `[rows, width_in]`.
    pub x: &'a Tensor<M>,
    /// `[width_out, width_in]`.
    pub weights: &'a Tensor<M>,
    /// `[rows, width_out]`.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> Gemv<'_, M> {
    /// From here on matrix units are faster.
    pub const ROWS_MAX: usize = 8;

    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let arguments = Arguments::new("gemv", machine)
            .require(self.rows <= Self::ROWS_MAX, "at most 8 rows at a time", self.rows)?
            .input("x", self.x, element, &[self.rows, self.width_in])?
            .input("weights", self.weights, element, &[self.width_out, self.width_in])?
            .output("out", self.out, element, &[self.rows, self.width_out])?
            .sizes(&[self.rows, self.width_in, self.width_out])?;
        if self.rows == 0 || self.width_out == 0 {
            return Ok(());
        }
        let entry = format!("gemv_{}_{element}", self.rows.next_power_of_two());
        let blocks = self.width_out.div_ceil(THREADS as usize / WARP);
        arguments.run(entry, &spread([blocks, 1, 1], THREADS, 0))
    }
}
