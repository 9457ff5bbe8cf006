//! Root-mean-square norm.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::{add_scaled, dot};
use super::{floats, vector};

/// Root-mean-square norm over every `w.len()` elements in a row, scaled by `w`: over the last
/// dimension, or over each head of it.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&w.contiguous()?, RmsNorm { eps: eps as f32 })
}

struct RmsNorm {
    eps: f32,
}

impl RmsNorm {
    #[inline(always)]
    fn scale(&self, x: &[f32]) -> f32 {
        (dot(x, x) / x.len() as f32 + self.eps).sqrt().recip()
    }
}

impl RmsNorm {
    #[inline(always)]
    fn forward_row(&self, x: &[f32], w: &[f32], out: &mut [f32]) {
        let scale = self.scale(x);
        for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
            *out = x * scale * w;
        }
    }

    /// Gradient of one row, and its part of the weight's.
    #[inline(always)]
    fn backward_row(&self, (x, w, grad): (&[f32], &[f32], &[f32]), dx: &mut [f32], dw: &mut [f32]) {
        let scale = self.scale(x);
        let mut mean = 0.0;
        for (((x, w), g), dw) in x.iter().zip(w).zip(grad).zip(dw) {
            mean += g * w * x;
            *dw += g * x * scale;
        }
        mean *= scale * scale / x.len() as f32;
        for (((x, w), g), dx) in x.iter().zip(w).zip(grad).zip(dx) {
            *dx = scale * (g * w - x * mean);
        }
    }
}

struct ForwardRow<'a> {
    norm: &'a RmsNorm,
    x: &'a [f32],
    w: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for ForwardRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.norm.forward_row(self.x, self.w, self.out);
    }
}

struct BackwardRow<'a> {
    norm: &'a RmsNorm,
    given: (&'a [f32], &'a [f32], &'a [f32]),
    dx: &'a mut [f32],
    dw: &'a mut [f32],
}

impl WithSimd for BackwardRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.norm.backward_row(self.given, self.dx, self.dw);
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (floats(x, x_layout)?, floats(w, w_layout)?);
        let mut out = vec![0f32; x.len()];
        let rows = out.par_chunks_mut(w.len()).zip(x.par_chunks(w.len())).with_min_len(64);
        rows.for_each(|(out, x)| {
            Arch::new().dispatch(ForwardRow { norm: self, x, w, out });
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (xs, ws, grads) = (vector(x)?, vector(w)?, vector(grad)?);
        let width = ws.len();
        let mut dx = vec![0f32; xs.len()];
        let rows = dx.par_chunks_mut(width).zip(xs.par_chunks(width)).zip(grads.par_chunks(width));
        let dw = rows
            .with_min_len(64)
            .fold(
                || vec![0f32; width],
                |mut dw, ((dx, x), grad)| {
                    let given = (x, ws.as_slice(), grad);
                    Arch::new().dispatch(BackwardRow { norm: self, given, dx, dw: &mut dw });
                    dw
                },
            )
            .reduce(
                || vec![0f32; width],
                |mut one, other| {
                    add_scaled(&mut one, &other, 1.0);
                    one
                },
            );
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), device)?),
            Some(Tensor::from_vec(dw, w.shape(), device)?),
        ))
    }
}
