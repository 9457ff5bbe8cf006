//! Attention over ragged pairs.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::{Sum, add_scaled, dot, softmax};
use super::{floats, vector};
use crate::sequence::{Pairs, is_same, key};

/// Attention of `q [rows, heads · w]` over `kv [2 · keys, heads_kv · w]`, all keys and then all values,
/// where `pairs` allow it, with `word_bias [heads]` added to scores of pairs of the same word:
/// `[rows, heads · w]`. Forward 2·n·w, backward 5·n·w.
pub fn attend(q: &Tensor, kv: &Tensor, word_bias: &Tensor, pairs: &Arc<Pairs>) -> Result<Tensor> {
    let ((rows, row_width), (both, key_width)) = (q.dims2()?, kv.dims2()?);
    let (keys, heads) = (both / 2, word_bias.dim(0)?);
    if (pairs.rows(), pairs.columns()) != (rows, keys) {
        bail!("attention pairs are for {}x{}, not {rows}x{keys}", pairs.rows(), pairs.columns())
    }
    let width = row_width / heads;
    let shape = Heads { rows, keys, heads, heads_kv: key_width / width, width };
    let op = Attend { shape, pairs: pairs.clone() };
    q.contiguous()?.apply_op3(&kv.contiguous()?, &word_bias.contiguous()?, op)
}

#[derive(Clone, Copy)]
struct Heads {
    rows: usize,
    keys: usize,
    heads: usize,
    heads_kv: usize,
    width: usize,
}

impl Heads {
    fn q(&self, row: usize, head: usize) -> usize {
        (row * self.heads + head) * self.width
    }

    /// Where a query head's part of every key begins, and how far keys stand apart. Taken out of the
    /// loops: it divides.
    #[inline(always)]
    fn k(&self, head: usize) -> Places {
        Places {
            first: head * self.heads_kv / self.heads * self.width,
            stride: self.heads_kv * self.width,
            values: self.keys * self.heads_kv * self.width,
            width: self.width,
        }
    }
}

/// Where a head's keys and values are in `kv`.
#[derive(Clone, Copy)]
struct Places {
    first: usize,
    stride: usize,
    values: usize,
    width: usize,
}

impl Places {
    #[inline(always)]
    fn key<'a>(&self, kv: &'a [f32], key: usize) -> &'a [f32] {
        &kv[self.first + key * self.stride..][..self.width]
    }

    #[inline(always)]
    fn value<'a>(&self, kv: &'a [f32], key: usize) -> &'a [f32] {
        &kv[self.values + self.first + key * self.stride..][..self.width]
    }
}

struct Attend {
    shape: Heads,
    pairs: Arc<Pairs>,
}

impl Attend {
    /// Probabilities of one row's visible keys, in the pairs' order.
    #[inline(always)]
    fn probabilities(
        &self,
        (q, kv, bias): (&[f32], &[f32], f32),
        row: usize,
        head: usize,
        out: &mut Vec<f32>,
    ) {
        let (shape, places) = (&self.shape, self.shape.k(head));
        let scale = (shape.width as f32).sqrt().recip();
        let asked = &q[shape.q(row, head)..][..shape.width];
        let marked = self.pairs.marked(row);
        out.resize(marked.len(), 0.0);
        for (score, &mark) in out.iter_mut().zip(marked) {
            let same = if is_same(mark) { bias } else { 0.0 };
            *score = dot(asked, places.key(kv, key(mark))) * scale + same;
        }
        softmax(out);
    }

    fn forward(&self, q: &[f32], kv: &[f32], bias: &[f32]) -> Vec<f32> {
        let shape = &self.shape;
        let mut out = vec![0f32; q.len()];
        let row_width = shape.heads * shape.width;
        out.par_chunks_mut(row_width).enumerate().with_min_len(8).for_each(|(row, out)| {
            Arch::new().dispatch(ForwardRow { attend: self, given: (q, kv, bias), row, out });
        });
        out
    }

    #[inline(always)]
    fn forward_row(&self, (q, kv, bias): (&[f32], &[f32], &[f32]), row: usize, out: &mut [f32]) {
        let shape = &self.shape;
        let mut probabilities = Vec::new();
        for head in 0..shape.heads {
            self.probabilities((q, kv, bias[head]), row, head, &mut probabilities);
            let out = &mut out[head * shape.width..][..shape.width];
            let places = shape.k(head);
            let mut sum = Sum::of(out);
            for (&mark, p) in self.pairs.marked(row).iter().zip(&probabilities) {
                sum.add_scaled(places.value(kv, key(mark)), *p);
            }
            sum.end();
        }
    }

    /// Gradients of one head's queries `[rows, w]`, keys and values `[keys, w]`, and bias. Lists
    /// share keys, heads do not: so heads run in parallel.
    #[inline(always)]
    fn backward_head(
        &self,
        head: usize,
        (q, kv, bias): (&[f32], &[f32], f32),
        grad: &[f32],
    ) -> HeadGradient {
        let (shape, width, places) = (&self.shape, self.shape.width, self.shape.k(head));
        let scale = (width as f32).sqrt().recip();
        let mut out = HeadGradient {
            q: vec![0f32; shape.rows * width],
            k: vec![0f32; shape.keys * width],
            v: vec![0f32; shape.keys * width],
            bias: 0.0,
        };
        let (mut p, mut dp) = (Vec::new(), Vec::new());
        for row in 0..shape.rows {
            self.probabilities((q, kv, bias), row, head, &mut p);
            let at = shape.q(row, head);
            let (asked, g) = (&q[at..][..width], &grad[at..][..width]);
            let marked = self.pairs.marked(row);
            dp.resize(marked.len(), 0.0);
            for (dp, &mark) in dp.iter_mut().zip(marked) {
                *dp = dot(g, places.value(kv, key(mark)));
            }
            let mean = dot(&p, &dp);
            let mut asking = Sum::of(&mut out.q[row * width..][..width]);
            for ((&mark, p), dp) in marked.iter().zip(&p).zip(&dp) {
                let (key, ds) = (key(mark), p * (dp - mean));
                asking.add_scaled(places.key(kv, key), ds * scale);
                add_scaled(&mut out.k[key * width..][..width], asked, ds * scale);
                add_scaled(&mut out.v[key * width..][..width], g, *p);
                out.bias += if is_same(mark) { ds } else { 0.0 };
            }
            asking.end();
        }
        out
    }
}

struct HeadGradient {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    bias: f32,
}

/// A row's part of the forward pass.
struct ForwardRow<'a> {
    attend: &'a Attend,
    given: (&'a [f32], &'a [f32], &'a [f32]),
    row: usize,
    out: &'a mut [f32],
}

impl WithSimd for ForwardRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.attend.forward_row(self.given, self.row, self.out);
    }
}

/// A head's part of the backward pass.
struct BackwardHead<'a> {
    attend: &'a Attend,
    given: (&'a [f32], &'a [f32], f32),
    head: usize,
    grad: &'a [f32],
}

impl WithSimd for BackwardHead<'_> {
    type Output = HeadGradient;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> HeadGradient {
        self.attend.backward_head(self.head, self.given, self.grad)
    }
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        kv: &CpuStorage,
        kv_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out =
            self.forward(floats(q, q_layout)?, floats(kv, kv_layout)?, floats(bias, bias_layout)?);
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (qs, kvs, biases, grads) = (vector(q)?, vector(kv)?, vector(bias)?, vector(grad)?);
        let (shape, width) = (&self.shape, self.shape.width);
        let heads: Vec<HeadGradient> = (0..shape.heads)
            .into_par_iter()
            .map(|head| {
                let given = (qs.as_slice(), kvs.as_slice(), biases[head]);
                Arch::new().dispatch(BackwardHead { attend: self, given, head, grad: &grads })
            })
            .collect();
        let mut dq = vec![0f32; qs.len()];
        let mut dkv = vec![0f32; kvs.len()];
        for (head, gradient) in heads.iter().enumerate() {
            for row in 0..shape.rows {
                dq[shape.q(row, head)..][..width]
                    .copy_from_slice(&gradient.q[row * width..][..width]);
            }
            let places = shape.k(head);
            for key in 0..shape.keys {
                let at = places.first + key * places.stride;
                let from = key * width..(key + 1) * width;
                add_scaled(&mut dkv[at..][..width], &gradient.k[from.clone()], 1.0);
                add_scaled(&mut dkv[places.values + at..][..width], &gradient.v[from], 1.0);
            }
        }
        let dbias: Vec<f32> = heads.iter().map(|gradient| gradient.bias).collect();
        let device = q.device();
        Ok((
            Some(Tensor::from_vec(dq, q.shape(), device)?),
            Some(Tensor::from_vec(dkv, kv.shape(), device)?),
            Some(Tensor::from_vec(dbias, bias.shape(), device)?),
        ))
    }
}
