//! SwiGLU, and a matrix times vectors.

use super::{dot, silu};

/// `gate_up [rows, 2 · width]` to `[rows, width]`.
#[must_use]
pub fn swiglu(gate_up: &[f32], width: usize) -> Vec<f32> {
    let rows = gate_up.chunks(2 * width).map(|row| row.split_at(width));
    rows.flat_map(|(gate, up)| {
        gate.iter().zip(up).map(|(gate, up)| (silu(f64::from(*gate)) * f64::from(*up)) as f32)
    })
    .collect()
}

/// `x [rows, width_in]` times `weights [width_out, width_in]`, transposed.
#[must_use]
pub fn gemv(x: &[f32], weights: &[f32], width_in: usize) -> Vec<f32> {
    let rows = x.chunks(width_in);
    rows.flat_map(|x| weights.chunks(width_in).map(move |row| dot(x, row) as f32)).collect()
}
