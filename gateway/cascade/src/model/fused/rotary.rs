//! Rotary positions.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{floats, vector};

/// Cosines and sines of every position: `[rows, half]` each.
pub struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Angles {
    /// Of positions, one a row, and wavelengths' frequencies in radians a position.
    pub fn new(positions: &[f32], frequencies: &[f32]) -> Self {
        let angles = positions.iter().flat_map(|p| frequencies.iter().map(move |f| p * f));
        let (cos, sin) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        Self { cos, sin, half: frequencies.len() }
    }
}

/// Rotary positions: turns `x [rows, heads · 2 · half]` by its rows' angles.
pub fn rotate(x: &Tensor, angles: &Arc<Angles>) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Rotate {
        angles: angles.clone(),
        heads: x.dim(1)? / (2 * angles.half),
        sign: 1.0,
    })
}

struct Rotate {
    angles: Arc<Angles>,
    heads: usize,
    sign: f32,
}

impl Rotate {
    fn turn(&self, x: &[f32]) -> Vec<f32> {
        let half = self.angles.half;
        let mut out = vec![0f32; x.len()];
        let heads = out.par_chunks_mut(2 * half).zip(x.par_chunks(2 * half)).enumerate();
        heads.with_min_len(64).for_each(|(index, (out, x))| {
            let row = index / self.heads * half;
            for i in 0..half {
                let (cos, sin) = (self.angles.cos[row + i], self.sign * self.angles.sin[row + i]);
                out[i] = x[i] * cos - x[i + half] * sin;
                out[i + half] = x[i + half] * cos + x[i] * sin;
            }
        });
        out
    }
}

impl CustomOp1 for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(self.turn(floats(x, layout)?)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let back = Rotate { angles: self.angles.clone(), heads: self.heads, sign: -1.0 };
        let turned = back.turn(&vector(grad)?);
        Ok(Some(Tensor::from_vec(turned, x.shape(), x.device())?))
    }
}
