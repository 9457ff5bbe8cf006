//! Residual add and RMSNorm.

use super::inverse_rms;
use crate::element::Float;

/// Adds `branch` to `residual`, rounded, and gives the normed rows of width `weight.len()`.
#[must_use]
pub fn add_rms_norm(
    float: Float,
    branch: Option<&[f32]>,
    residual: &mut [f32],
    weight: &[f32],
    epsilon: f32,
) -> Vec<f32> {
    if let Some(branch) = branch {
        for (sum, more) in residual.iter_mut().zip(branch) {
            *sum = float.round(*sum + more);
        }
    }
    let rows = residual.chunks(weight.len());
    rows.flat_map(|row| {
        let scale = inverse_rms(row, epsilon);
        row.iter().zip(weight).map(move |(x, w)| (f64::from(*x) * scale * f64::from(*w)) as f32)
    })
    .collect()
}
