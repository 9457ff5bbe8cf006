//! The directions in which vectors differ most.

use candle_core::{DType, Tensor};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::error::TrainingError;

/// Rounds of the iteration. What two neighbouring directions near the end of the list share is left
/// mixed: all that counts is the space of all of them.
const ROUNDS: usize = 40;

/// Where the iteration begins.
const SEED: u64 = 0xa8e5;

/// The `width` principal axes of centred `vectors [rows, from]`, as columns of an orthonormal
/// `[from, width]`: orthogonal iteration on their covariance.
pub(super) fn principal(vectors: &Tensor, width: usize) -> Result<Tensor, TrainingError> {
    let (rows, from) = vectors.dims2()?;
    let covariance = (vectors.t()?.matmul(vectors)? / rows.max(1) as f64)?;
    let covariance = covariance.to_dtype(DType::F64)?;
    // At random, and the same every time: what begins at right angles to an axis never finds it.
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut columns: Vec<Vec<f64>> =
        (0..width).map(|_| (0..from).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    orthonormalise(&mut columns);
    for _ in 0..ROUNDS {
        let flat: Vec<f64> = columns.concat();
        let held = Tensor::from_vec(flat, (width, from), vectors.device())?;
        columns = held.matmul(&covariance)?.to_vec2()?;
        orthonormalise(&mut columns);
    }
    let flat: Vec<f32> = columns.into_iter().flatten().map(|number| number as f32).collect();
    Ok(Tensor::from_vec(flat, (width, from), vectors.device())?.t()?.contiguous()?)
}

/// Gram and Schmidt's procedure, twice over for what rounding leaves.
fn orthonormalise(columns: &mut [Vec<f64>]) {
    for at in 0..columns.len() {
        let (before, from) = columns.split_at_mut(at);
        let column = &mut from[0];
        for _ in 0..2 {
            for other in before.iter() {
                let along: f64 = column.iter().zip(other).map(|(a, b)| a * b).sum();
                column.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = column.iter().map(|number| number * number).sum::<f64>().sqrt();
        if length > 1e-12 {
            column.iter_mut().for_each(|number| *number /= length);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_axes_are_those_along_which_vectors_differ() {
        // Along (3, 4, 0) far, along (0, 0, 1) a little, along (4, -3, 0) hardly.
        let mut rows = Vec::new();
        for step in 0..60 {
            let (a, b, c) = ((step % 5) as f32 - 2.0, (step % 3) as f32 - 1.0, (step % 2) as f32);
            let c = (c - 0.5) * 0.01;
            rows.extend([3.0 * a + 4.0 * c, 4.0 * a - 3.0 * c, 0.5 * b]);
        }
        let vectors = Tensor::from_vec(rows, (60, 3), &Device::Cpu).unwrap();
        let axes = principal(&vectors, 2).unwrap().t().unwrap().to_vec2::<f32>().unwrap();
        let along = |axis: &[f32], of: [f32; 3]| -> f32 {
            axis.iter().zip(of).map(|(a, b)| a * b).sum::<f32>().abs()
        };
        assert!(along(&axes[0], [0.6, 0.8, 0.0]) > 0.999, "{axes:?}");
        assert!(along(&axes[1], [0.0, 0.0, 1.0]) > 0.999, "{axes:?}");
    }

    #[test]
    fn vectors_without_any_difference_have_axes_too() {
        let vectors = Tensor::zeros((4, 3), DType::F32, &Device::Cpu).unwrap();
        let axes = principal(&vectors, 2).unwrap().to_vec2::<f32>().unwrap();
        assert!(axes.iter().flatten().all(|number| number.is_finite()), "{axes:?}");
    }
}
