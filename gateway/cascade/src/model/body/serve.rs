//! The forward of serving: keys and values stay where they are, and of the last layer nothing is
//! computed but what somebody reads.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::{Body, Kv, Layer};
use crate::model::fused::{self, Angles, Page};
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
    /// Reads `rows [rows, hidden]`. Their own keys stand after those of `beside`.
    pub fn below(&self, rows: &Tensor, beside: &Beside<'_>) -> Result<Below> {
        let angles = Arc::new(Angles::new(beside.positions, &self.frequencies));
        let mut x = rows.clone();
        let mut kv = Kv::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = fused::rms_norm(&x, &layer.input_norm, self.config.rms_norm_eps)?;
            let (k, v) = layer.keys_values(&self.config, &normed, &angles)?;
            if index + 1 < self.layers.len() {
                let (mut keys, mut values) = pages(beside.parts, index);
                let own = |of| Page { of, from: 0, len: beside.positions.len() };
                keys.push(own(&k));
                values.push(own(&v));
                let pages = (keys.as_slice(), values.as_slice());
                x = self.mix(layer, (&x, &normed), &angles, pages, beside.pairs)?;
            }
            kv.push((k, v));
        }
        Ok(Below { rows: x, kv })
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
        let pages = (keys.as_slice(), values.as_slice());
        let x = self.mix(layer, (rows, &normed), &angles, pages, beside.pairs)?;
        fused::rms_norm(&x, &self.norm, eps)
    }

    /// One layer for rows whose keys and values are at hand.
    fn mix(
        &self,
        layer: &Layer,
        (x, normed): (&Tensor, &Tensor),
        angles: &Arc<Angles>,
        pages: (&[Page<'_>], &[Page<'_>]),
        pairs: &Pairs,
    ) -> Result<Tensor> {
        let q = layer.queries(&self.config, normed, angles)?;
        let mixed = fused::attend_pages(&q, pages, &layer.word_bias, pairs)?;
        layer.feed(&self.config, x, &layer.o.apply(&mixed)?)
    }
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
