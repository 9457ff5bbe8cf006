//! How fast this machine multiplies at best: what floors of the models' passes are computed from.

use std::hint::black_box;
use std::time::Instant;

use candle_core::{Device, Tensor};

use crate::error::CascadeError;

/// Rows and columns of the matrices, which stay in a cache: 1 MiB each.
const SIZE: usize = 512;

/// Products that are timed; the best one counts, since others were disturbed.
const ROUNDS: usize = 12;

/// Multiplications and additions a second of the best f32 matrix product of some, on as many
/// threads as one pass of the models takes. Work of about a tenth of a second.
///
/// # Errors
/// A tensor operation failed.
pub fn operations_per_second() -> Result<f64, CascadeError> {
    let matrix = || Tensor::rand(-1f32, 1f32, (SIZE, SIZE), &Device::Cpu);
    let (a, b) = (matrix()?, matrix()?);
    let mut best_s = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        black_box(black_box(&a).matmul(black_box(&b))?);
        best_s = best_s.min(began.elapsed().as_secs_f64());
    }
    Ok(2.0 * (SIZE * SIZE * SIZE) as f64 / best_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_multiplies_at_some_rate() {
        let rate = operations_per_second().expect("a product of two matrices");
        assert!(rate.is_finite() && rate > 1e6, "{rate}");
    }
}
