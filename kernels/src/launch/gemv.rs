//! A matrix times vectors.

use super::{WARP, spread};
use crate::arguments::Arguments;
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::{Machine, Product};
use crate::tensor::Tensor;

const THREADS: u32 = 256;

/// `out = x · weightsᵀ`. A row's answer does not depend on how many rows there are.
pub struct Gemv<'a, M: Machine> {
    /// Of `x` and weights; sums are f32.
    pub float: Float,
    /// The answer is f32, too: it is not rounded.
    pub wide: bool,
    /// Of `x`: beyond [`Gemv::ROWS_TOGETHER`], that many at a time.
    pub rows: usize,
    /// Of `x`.
    pub width_in: usize,
    /// Of the answer: up to 524,280.
    pub width_out: usize,
    /// `[rows, width_in]`.
    pub x: &'a Tensor<M>,
    /// `[width_out, width_in]`.
    pub weights: &'a Tensor<M>,
    /// `[rows, width_out]`.
    pub out: &'a mut Tensor<M>,
}

impl<M: Machine> Gemv<'_, M> {
    /// Rows that share one read of the weights.
    pub const ROWS_TOGETHER: usize = 8;

    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(mut self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let arguments = self.arguments(machine)?;
        if self.rows == 0 || self.width_out == 0 {
            return Ok(());
        }
        let together = self.rows.min(Self::ROWS_TOGETHER).next_power_of_two();
        let entry = format!("gemv_{together}_{element}");
        let blocks = self.width_out.div_ceil(THREADS as usize / WARP);
        // What reads the same weights follows each other.
        let grid = [self.rows.div_ceil(together), blocks, 1];
        arguments.run(entry, &spread(grid, THREADS, 0))
    }

    /// The same, where there are more rows than share a read of the weights by the machine's library of
    /// products, if it has one. That may round a row's answer otherwise for how many rows there are.
    ///
    /// # Errors
    /// As [`Gemv::launch`].
    pub fn launch_with_library(mut self, machine: &M) -> Result<(), KernelError> {
        let is_empty = self.width_in == 0 || self.width_out == 0;
        if self.rows <= Self::ROWS_TOGETHER || is_empty {
            return self.launch(machine);
        }
        // The library checks nothing.
        self.arguments(machine)?;
        let product = Product {
            float: self.float,
            wide: self.wide,
            rows: self.rows,
            width_in: self.width_in,
            width_out: self.width_out,
            x: machine.address(&self.x.memory),
            weights: machine.address(&self.weights.memory),
            out: machine.address_mut(&mut self.out.memory),
        };
        match machine.multiply(&product)? {
            true => Ok(()),
            false => self.launch(machine),
        }
    }

    fn arguments<'m>(&mut self, machine: &'m M) -> Result<Arguments<'m, M>, KernelError> {
        let element = self.float.element();
        let answer = if self.wide { Element::F32 } else { element };
        Arguments::new("gemv", machine)
            .input("x", self.x, element, &[self.rows, self.width_in])?
            .input("weights", self.weights, element, &[self.width_out, self.width_in])?
            .output("out", self.out, answer, &[self.rows, self.width_out])?
            .sizes(&[self.rows, self.width_in, self.width_out, usize::from(self.wide)])
    }
}
