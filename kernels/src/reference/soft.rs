//! The soft token's projection and insertion.

use super::{dot, inverse_rms, silu};

/// States and what projects them.
pub struct Projected<'a> {
    /// `[rows, width_in]`.
    pub states: &'a [f32],
    /// Of a state.
    pub width_in: usize,
    /// `[width_in]`, if states are normed.
    pub norm: Option<&'a [f32]>,
    /// `[width_out, width_in]`.
    pub projection: &'a [f32],
    /// Under the norm's root.
    pub epsilon: f32,
    /// SiLU after the projection.
    pub silu: bool,
}

/// Writes each state's projection to its target row of `out [out_rows, width_out]`, if it is one.
pub fn soft_project(projected: &Projected<'_>, targets: &[i32], out: &mut [f32]) {
    let width_out = projected.projection.len() / projected.width_in;
    for (state, target) in projected.states.chunks(projected.width_in).zip(targets) {
        let Ok(target) = usize::try_from(*target) else { continue };
        let Some(row) = out.chunks_mut(width_out).nth(target) else { continue };
        let scale = projected.norm.map_or(1.0, |_| inverse_rms(state, projected.epsilon));
        let weighted: Vec<f32> = match projected.norm {
            Some(norm) => state.iter().zip(norm).map(|(x, w)| x * w).collect(),
            None => state.to_vec(),
        };
        for (cell, weights) in row.iter_mut().zip(projected.projection.chunks(projected.width_in)) {
            let sum = dot(&weighted, weights) * scale;
            let activated = if projected.silu { silu(sum) } else { sum };
            *cell = activated as f32;
        }
    }
}
