//! The forward of serving: keys and values stay where they are, and of the last layer nothing is
//! computed but what somebody reads.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::{Body, Kv, Layer, LayerKv};
use crate::model::fused::{self, Angles, Page};
use crate::model::ops;
use crate::sequence::Pairs;

/// A stretch of some cache.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Keys and values of every layer.
    pub kv: &'a Kv,
    /// The first token that counts.
    pub from: usize,
    /// How many do.
    pub len: usize,
}

/// What rows are read beside.
pub struct Beside<'a> {
    /// Position of every row.
    pub positions: &'a [f32],
    /// Which keys every row sees.
    pub pairs: &'a Pairs,
    /// Where those keys are, in order.
    pub parts: &'a [Part<'a>],
}

/// Rows that have passed every layer but the last, of which they have keys and values alone.
pub struct Below {
    /// `[rows, hidden]`.
    pub rows: Tensor,
    /// Keys and values of these rows, of every layer.
    pub kv: Kv,
}

impl Body {
    /// Reads `rows [distinct, hidden]`, of which row `same[i]` stands for row `i`: what does not depend
    /// on what a row sees is computed once for all that are the same. Their own keys stand after those
    /// of `beside`.
    pub fn below(&self, rows: &Tensor, same: &[u32], beside: &Beside<'_>) -> Result<Below> {
        let angles = Arc::new(Angles::new(beside.positions, &self.frequencies));
        let mut kv = Kv::with_capacity(self.layers.len());
        let mut first = self.first(rows, same, beside.positions)?;
        let mut x = each(rows, same)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let (q, (k, v)) = match first.take() {
                Some(projected) => projected,
                None => self.project(index, &x, &angles)?,
            };
            if let Some(q) = q {
                let (mut keys, mut values) = pages(beside.parts, index);
                let own = |of| Page { of, from: 0, len: beside.positions.len() };
                keys.push(own(&k));
                values.push(own(&v));
                let pages = (keys.as_slice(), values.as_slice());
                x = self.mix(layer, (&x, &q), pages, beside.pairs)?;
            }
            kv.push((k, v));
        }
        Ok(Below { rows: x, kv })
    }

    /// A layer's queries, keys and values. The last one's queries are left until somebody wants its
    /// states.
    fn project(&self, index: usize, x: &Tensor, angles: &Arc<Angles>) -> Result<Projected> {
        let layer = &self.layers[index];
        let normed = fused::rms_norm(x, &layer.input_norm, self.config.rms_norm_eps)?;
        let is_last = index + 1 == self.layers.len();
        let q = match is_last {
            true => None,
            false => Some(layer.queries(&self.config, &normed, angles)?),
        };
        Ok((q, layer.keys_values(&self.config, &normed, angles)?))
    }

    /// What the first layer projects, where some rows are the same.
    fn first(&self, rows: &Tensor, same: &[u32], positions: &[f32]) -> Result<Option<Projected>> {
        let distinct = rows.dim(0)?;
        if self.layers.is_empty() || distinct == same.len() {
            return Ok(None);
        }
        let mut of_distinct = vec![0f32; distinct];
        for (row, position) in same.iter().zip(positions) {
            of_distinct[*row as usize] = *position;
        }
        let angles = Arc::new(Angles::new(&of_distinct, &self.frequencies));
        let (q, (k, v)) = self.project(0, rows, &angles)?;
        let q = q.map(|q| each(&q, same)).transpose()?;
        Ok(Some((q, (each(&k, same)?, each(&v, same)?))))
    }

    /// Last-layer states, `[rows, hidden]`, of `rows` of a [`Below`]. `beside` holds their own keys too.
    pub fn top(&self, rows: &Tensor, beside: &Beside<'_>) -> Result<Tensor> {
        let eps = self.config.rms_norm_eps;
        let Some((layer, before)) = self.layers.split_last() else {
            return fused::rms_norm(rows, &self.norm, eps);
        };
        let angles = Arc::new(Angles::new(beside.positions, &self.frequencies));
        let normed = fused::rms_norm(rows, &layer.input_norm, eps)?;
        let (keys, values) = pages(beside.parts, before.len());
        let q = layer.queries(&self.config, &normed, &angles)?;
        let pages = (keys.as_slice(), values.as_slice());
        let x = self.mix(layer, (rows, &q), pages, beside.pairs)?;
        fused::rms_norm(&x, &self.norm, eps)
    }

    /// One layer for rows `x` whose queries, keys and values are at hand.
    fn mix(
        &self,
        layer: &Layer,
        (x, q): (&Tensor, &Tensor),
        pages: (&[Page<'_>], &[Page<'_>]),
        pairs: &Pairs,
    ) -> Result<Tensor> {
        let mixed = fused::attend_pages(q, pages, &layer.word_bias, pairs)?;
        layer.feed(&self.config, x, &layer.o.apply(&mixed)?)
    }
}

/// A layer's queries, where they are wanted, and its keys and values.
type Projected = (Option<Tensor>, LayerKv);

/// Every row, from the distinct ones.
fn each(rows: &Tensor, same: &[u32]) -> Result<Tensor> {
    if rows.dim(0)? == same.len() {
        return Ok(rows.clone());
    }
    ops::rows(rows, same)
}

/// One layer's keys and values.
fn pages<'a>(parts: &[Part<'a>], layer: usize) -> (Vec<Page<'a>>, Vec<Page<'a>>) {
    let page = |of: &'a Tensor, part: &Part<'a>| Page { of, from: part.from, len: part.len };
    parts
        .iter()
        .map(|part| {
            let (k, v) = &part.kv[layer];
            (page(k, part), page(v, part))
        })
        .unzip()
}
