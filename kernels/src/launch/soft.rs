//! The soft token's way into the small model, and ordinary tokens'.

use super::{SCRATCH_BYTES, WARP, entry, spread};
use crate::arguments::Arguments;
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 256;
const EMBED_THREADS: u32 = 128;

/// `out[targets[r]] = projection · norm(states[r])`, with SiLU or without.
pub struct SoftProject<'a, M: Machine> {
    /// Of every tensor but the targets.
    pub float: Float,
    /// How many states.
    pub rows: usize,
    /// Of a state: up to about 12,000.
    pub width_in: usize,
    /// Of the answer.
    pub width_out: usize,
    /// Rows of `out`.
    pub out_rows: usize,
    /// Under the norm's root.
    pub epsilon: f32,
    /// SiLU after the projection.
    pub silu: bool,
    /// `[rows, width_in]`.
    pub states: &'a Tensor<M>,
    /// `[width_in]`; none: states are not normed.
    pub norm: Option<&'a Tensor<M>>,
    /// `[width_out, width_in]`.
    pub projection: &'a Tensor<M>,
    /// `[rows]`, i32: rows of `out`, each at most once; one that `out` has not: nowhere.
    pub targets: &'a Tensor<M>,
    /// `[out_rows, width_out]`; rows that are no target stay.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> SoftProject<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let arguments = Arguments::new("soft_project", machine)
            .input("states", self.states, element, &[self.rows, self.width_in])?
            .optional("norm", self.norm, element, &[self.width_in])?
            .input("projection", self.projection, element, &[self.width_out, self.width_in])?
            .input("targets", self.targets, Element::I32, &[self.rows])?
            .output("out", self.out, element, &[self.out_rows, self.width_out])?
            .sizes(&[self.rows, self.width_in, self.width_out, self.out_rows])?
            .float(self.epsilon)
            .sizes(&[usize::from(self.silu)])?;
        if self.rows == 0 || self.width_out == 0 {
            return Ok(());
        }
        let blocks = self.width_out.div_ceil(THREADS as usize / WARP);
        let shared_bytes = self.width_in.next_multiple_of(4) * size_of::<f32>() + SCRATCH_BYTES;
        let spread = spread([blocks, self.rows, 1], THREADS, shared_bytes);
        arguments.run(entry("soft_project", self.float), &spread)
    }
}

/// Rows of the table for tokens. [`NONE`](crate::NONE) leaves a row as it is: a soft token's.
pub struct Embed<'a, M: Machine> {
    /// Of table and answer.
    pub float: Float,
    /// How many tokens.
    pub rows: usize,
    /// Of a row.
    pub width: usize,
    /// Rows of the table.
    pub vocabulary: usize,
    /// `[vocabulary, width]`.
    pub table: &'a Tensor<M>,
    /// `[rows]`, u32.
    pub tokens: &'a Tensor<M>,
    /// `[rows, width]`.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> Embed<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let arguments = Arguments::new("embed", machine)
            .input("table", self.table, element, &[self.vocabulary, self.width])?
            .input("tokens", self.tokens, Element::U32, &[self.rows])?
            .output("out", self.out, element, &[self.rows, self.width])?
            .sizes(&[self.rows, self.width, self.vocabulary])?;
        if self.rows == 0 || self.width == 0 {
            return Ok(());
        }
        arguments.run(entry("embed", self.float), &spread([self.rows, 1, 1], EMBED_THREADS, 0))
    }
}
