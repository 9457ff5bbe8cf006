//! Fused operations with backward passes of their own.
//!
//! Composed of candle's broadcasts, an attention step spends ten passes over a padded score matrix
//! and its backward twenty; these read queries, keys and values once and touch no masked pair.
//! Costs below are multiply-adds, `n` visible pairs, `w` head width.

use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};
use rayon::prelude::*;

use crate::sequence::Pairs;

/// The elements of a contiguous f32 tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (CpuStorage::F32(data), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        bail!("fused operations take contiguous f32 tensors")
    };
    Ok(&data[from..to])
}

fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1::<f32>()
}

/// Attention of `q [rows, heads, w]` over `kv [2, keys, heads_kv, w]` where `pairs` allow it, with
/// `word_bias [heads]` added to scores of pairs of the same word: `[rows, heads, w]`. Forward 2·n·w,
/// backward 5·n·w.
pub fn attend(q: &Tensor, kv: &Tensor, word_bias: &Tensor, pairs: &Arc<Pairs>) -> Result<Tensor> {
    let (rows, heads, width) = q.dims3()?;
    let keys = kv.dim(1)?;
    if (pairs.rows(), pairs.columns()) != (rows, keys) {
        bail!("attention pairs are for {}x{}, not {rows}x{keys}", pairs.rows(), pairs.columns())
    }
    let shape = Heads { rows, keys, heads, heads_kv: kv.dim(2)?, width };
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

    fn k(&self, key: usize, head: usize) -> usize {
        (key * self.heads_kv + head * self.heads_kv / self.heads) * self.width
    }

    /// Where values begin in `kv`.
    fn v_offset(&self) -> usize {
        self.keys * self.heads_kv * self.width
    }
}

struct Attend {
    shape: Heads,
    pairs: Arc<Pairs>,
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in one.chunks_exact(8).zip(other.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let tail = one.len() / 8 * 8;
    let rest: f32 = one[tail..].iter().zip(&other[tail..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

impl Attend {
    /// Probabilities of one row's visible keys, in the pairs' order.
    fn probabilities(
        &self,
        (q, kv, bias): (&[f32], &[f32], f32),
        row: usize,
        head: usize,
        out: &mut Vec<f32>,
    ) {
        let shape = &self.shape;
        let scale = (shape.width as f32).sqrt().recip();
        let asked = &q[shape.q(row, head)..][..shape.width];
        out.clear();
        let mut max = f32::MIN;
        for (key, same) in self.pairs.seen(row) {
            let offered = &kv[shape.k(key, head)..][..shape.width];
            let score = dot(asked, offered) * scale + if same { bias } else { 0.0 };
            max = max.max(score);
            out.push(score);
        }
        let mut sum = 0.0;
        for score in out.iter_mut() {
            *score = (*score - max).exp();
            sum += *score;
        }
        for score in out.iter_mut() {
            *score /= sum;
        }
    }

    fn forward(&self, q: &[f32], kv: &[f32], bias: &[f32]) -> Vec<f32> {
        let shape = &self.shape;
        let mut out = vec![0f32; q.len()];
        let row_width = shape.heads * shape.width;
        out.par_chunks_mut(row_width).enumerate().with_min_len(8).for_each(|(row, out)| {
            let mut probabilities = Vec::new();
            for head in 0..shape.heads {
                self.probabilities((q, kv, bias[head]), row, head, &mut probabilities);
                let out = &mut out[head * shape.width..][..shape.width];
                for ((key, _), p) in self.pairs.seen(row).zip(&probabilities) {
                    let value = &kv[shape.v_offset() + shape.k(key, head)..][..shape.width];
                    add_scaled(out, value, *p);
                }
            }
        });
        out
    }

    /// Gradients of one head's queries `[rows, w]`, keys and values `[keys, w]`, and bias. Lists
    /// share keys, heads do not: so heads run in parallel.
    fn backward_head(
        &self,
        head: usize,
        (q, kv, bias): (&[f32], &[f32], f32),
        grad: &[f32],
    ) -> HeadGradient {
        let (shape, width) = (&self.shape, self.shape.width);
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
            dp.clear();
            dp.extend(
                self.pairs
                    .seen(row)
                    .map(|(key, _)| dot(g, &kv[shape.v_offset() + shape.k(key, head)..][..width])),
            );
            let mean: f32 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
            for (((key, same), p), dp) in self.pairs.seen(row).zip(&p).zip(&dp) {
                let ds = p * (dp - mean);
                let offered = &kv[shape.k(key, head)..][..width];
                add_scaled(&mut out.q[row * width..][..width], offered, ds * scale);
                add_scaled(&mut out.k[key * width..][..width], asked, ds * scale);
                add_scaled(&mut out.v[key * width..][..width], g, *p);
                out.bias += if same { ds } else { 0.0 };
            }
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
            .map(|head| self.backward_head(head, (&qs, &kvs, biases[head]), &grads))
            .collect();
        let mut dq = vec![0f32; qs.len()];
        let mut dkv = vec![0f32; kvs.len()];
        for (head, gradient) in heads.iter().enumerate() {
            for row in 0..shape.rows {
                dq[shape.q(row, head)..][..width]
                    .copy_from_slice(&gradient.q[row * width..][..width]);
            }
            for key in 0..shape.keys {
                let at = shape.k(key, head);
                add_scaled(&mut dkv[at..][..width], &gradient.k[key * width..][..width], 1.0);
                add_scaled(
                    &mut dkv[shape.v_offset() + at..][..width],
                    &gradient.v[key * width..][..width],
                    1.0,
                );
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

/// Root-mean-square norm over the last dimension, scaled by `w [last]`.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&w.contiguous()?, RmsNorm { eps: eps as f32 })
}

struct RmsNorm {
    eps: f32,
}

impl RmsNorm {
    fn scale(&self, x: &[f32]) -> f32 {
        (dot(x, x) / x.len() as f32 + self.eps).sqrt().recip()
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
        out.par_chunks_mut(w.len()).zip(x.par_chunks(w.len())).for_each(|(out, x)| {
            let scale = self.scale(x);
            for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                *out = x * scale * w;
            }
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
            .fold(
                || vec![0f32; width],
                |mut dw, ((dx, x), grad)| {
                    let scale = self.scale(x);
                    let mut mean = 0.0;
                    for (index, (x, g)) in x.iter().zip(grad).enumerate() {
                        mean += g * ws[index] * x;
                        dw[index] += g * x * scale;
                    }
                    mean *= scale * scale / width as f32;
                    for (index, (x, g)) in x.iter().zip(grad).enumerate() {
                        dx[index] = scale * (g * ws[index] - x * mean);
                    }
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

/// Rotary positions: turns `x [rows, heads, 2 · half]` by its rows' angles.
pub fn rotate(x: &Tensor, angles: &Arc<Angles>) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Rotate { angles: angles.clone(), heads: x.dim(1)?, sign: 1.0 })
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
        heads.for_each(|(index, (out, x))| {
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
