//! Residual add and RMSNorm.

use super::{SCRATCH_BYTES, entry, spread};
use crate::arguments::Arguments;
use crate::element::Float;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

/// `residual += branch; out = weight · residual / rms(residual)`, row by row.
pub struct AddRmsNorm<'a, M: Machine> {
    /// Of every tensor.
    pub float: Float,
    /// How many rows.
    pub rows: usize,
    /// Up to 12,256.
    pub width: usize,
    /// Under the root.
    pub epsilon: f32,
    /// `[rows, width]`; none: nothing is added, and the residual stays.
    pub branch: Option<&'a Tensor<M>>,
    /// `[rows, width]`, in and out.
    pub residual: &'a mut Tensor<M>,
    /// `[width]`.
    pub weight: &'a Tensor<M>,
    /// `[rows, width]`.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> AddRmsNorm<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let (element, shape) = (self.float.element(), [self.rows, self.width]);
        let arguments = Arguments::new("add_rms_norm", machine)
            .optional("branch", self.branch, element, &shape)?
            .output("residual", self.residual, element, &shape)?
            .input("weight", self.weight, element, &[self.width])?
            .output("out", self.out, element, &shape)?
            .sizes(&shape)?
            .float(self.epsilon);
        if self.rows == 0 || self.width == 0 {
            return Ok(());
        }
        let shared_bytes = self.width * size_of::<f32>() + SCRATCH_BYTES;
        arguments
            .run(entry("add_rms_norm", self.float), &spread([self.rows, 1, 1], 256, shared_bytes))
    }
}
