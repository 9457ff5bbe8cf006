//! The gated feed-forward.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::exp;
use super::{floats, vector};

/// The gated feed-forward's middle: `silu(gate) · up`, both of one shape.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.contiguous()?.apply_op2(&up.contiguous()?, SwiGlu)
}

/// Elements of one parallel piece of an elementwise operation.
const PIECE: usize = 16 * 1024;

struct SwiGlu;

struct Forward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *out = gate * up / (1.0 + exp(-gate));
        }
    }
}

struct Backward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    grad: &'a [f32],
    dgate: &'a mut [f32],
    dup: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let from = self.gate.iter().zip(self.up).zip(self.grad);
        for ((dgate, dup), ((gate, up), grad)) in self.dgate.iter_mut().zip(self.dup).zip(from) {
            let share = 1.0 / (1.0 + exp(-gate));
            *dgate = grad * up * share * (1.0 + gate * (1.0 - share));
            *dup = grad * gate * share;
        }
    }
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (floats(gate, gate_layout)?, floats(up, up_layout)?);
        let mut out = vec![0f32; gate.len()];
        let pieces =
            out.par_chunks_mut(PIECE).zip(gate.par_chunks(PIECE)).zip(up.par_chunks(PIECE));
        pieces.for_each(|((out, gate), up)| {
            Arch::new().dispatch(Forward { gate, up, out });
        });
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (gates, ups, grads) = (vector(gate)?, vector(up)?, vector(grad)?);
        let (mut dgate, mut dup) = (vec![0f32; gates.len()], vec![0f32; gates.len()]);
        let to = dgate.par_chunks_mut(PIECE).zip(dup.par_chunks_mut(PIECE));
        let from = gates.par_chunks(PIECE).zip(ups.par_chunks(PIECE)).zip(grads.par_chunks(PIECE));
        to.zip(from).for_each(|((dgate, dup), ((gate, up), grad))| {
            Arch::new().dispatch(Backward { gate, up, grad, dgate, dup });
        });
        let tensor = |data: Vec<f32>| Tensor::from_vec(data, gate.shape(), gate.device());
        Ok((Some(tensor(dgate)?), Some(tensor(dup)?)))
    }
}
