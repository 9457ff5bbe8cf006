//! Attention over keys and values that stand in several places, for serving: forward only.
//!
//! Nothing is joined: a request's blocks, its queries and its branches stay where they were read,
//! and every row walks over the keys that it sees.

use candle_core::{Layout, Result, Storage, StorageRef, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};

use super::floats;
use super::lanes::{Sum, dot, softmax};
use crate::sequence::{Pairs, is_same, key};

/// Some rows of a tensor `[tokens, width]`.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// The tensor.
    pub of: &'a Tensor,
    /// Its first row that counts.
    pub from: usize,
    /// How many do.
    pub len: usize,
}

/// Attention of `q [rows, heads · w]` over the pages' `keys` and `values`, `heads_kv · w` wide, where
/// `pairs` allow it: keys are counted through all pages. Otherwise as [`attend`](super::attend).
pub fn attend_pages(
    q: &Tensor,
    (keys, values): (&[Page<'_>], &[Page<'_>]),
    word_bias: &Tensor,
    pairs: &Pairs,
) -> Result<Tensor> {
    let (rows, row_width) = q.dims2()?;
    let (held_keys, held_values) = (hold(keys), hold(values));
    let (keys, values) = (lines(&held_keys)?, lines(&held_values)?);
    if (pairs.rows(), pairs.columns()) != (rows, keys.len()) || keys.len() != values.len() {
        let keys = keys.len();
        bail!("attention pairs are for {}x{}, not {rows}x{keys}", pairs.rows(), pairs.columns())
    }
    let bias = word_bias.to_vec1::<f32>()?;
    let q = q.contiguous()?;
    let (storage, layout) = q.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("attention over pages runs on a CPU") };
    let width = row_width / bias.len().max(1);
    let mut out = vec![0f32; rows * row_width];
    let q = floats(storage, layout)?;
    Arch::new().dispatch(Forward {
        q,
        keys: &keys,
        values: &values,
        bias: &bias,
        pairs,
        width,
        out: &mut out,
    });
    Tensor::from_vec(out, (rows, row_width), word_bias.device())
}

type Held<'a> = (StorageRef<'a>, &'a Layout, Page<'a>);

fn hold<'a>(pages: &[Page<'a>]) -> Vec<Held<'a>> {
    pages
        .iter()
        .map(|page| {
            let (storage, layout) = page.of.storage_and_layout();
            (storage, layout, *page)
        })
        .collect()
}

/// One slice a token, through all pages.
fn lines<'a>(held: &'a [Held<'_>]) -> Result<Vec<&'a [f32]>> {
    let mut lines = Vec::with_capacity(held.iter().map(|(_, _, page)| page.len).sum());
    for (storage, layout, page) in held {
        let Storage::Cpu(storage) = &**storage else { bail!("attention over pages runs on a CPU") };
        let width = page.of.dim(1)?;
        let numbers = floats(storage, layout)?;
        lines.extend(numbers[page.from * width..][..page.len * width].chunks_exact(width));
    }
    Ok(lines)
}

struct Forward<'a> {
    q: &'a [f32],
    keys: &'a [&'a [f32]],
    values: &'a [&'a [f32]],
    bias: &'a [f32],
    pairs: &'a Pairs,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (width, heads) = (self.width, self.bias.len());
        let heads_kv = self.keys.first().map_or(0, |key| key.len()) / width.max(1);
        let scale = (width as f32).sqrt().recip();
        let mut scores = Vec::new();
        // Rows of one list see the same keys: one head's part of those stays in the nearest cache.
        for head in 0..heads {
            let first = head * heads_kv / heads * width;
            for row in 0..self.pairs.rows() {
                let at = (row * heads + head) * width;
                let (asked, seen) = (&self.q[at..][..width], self.pairs.marked(row));
                scores.clear();
                scores.resize(seen.len(), 0f32);
                for (score, &mark) in scores.iter_mut().zip(seen) {
                    let line = self.keys[key(mark)];
                    let bias = if is_same(mark) { self.bias[head] } else { 0.0 };
                    *score = dot(asked, &line[first..][..width]) * scale + bias;
                }
                softmax(&mut scores);
                mix((self.values, first), seen, &scores, &mut self.out[at..][..width]);
            }
        }
    }
}

/// `out = Σ share · value` over the keys that are seen.
#[inline(always)]
fn mix((values, first): (&[&[f32]], usize), seen: &[u32], shares: &[f32], out: &mut [f32]) {
    let width = out.len();
    let mut sum = Sum::of(out);
    for (share, &mark) in shares.iter().zip(seen) {
        sum.add_scaled(&values[key(mark)][first..][..width], *share);
    }
    sum.end();
}
