//! The best of scores: of tokens, of functions.

use std::cmp::Ordering;

use super::dot;

/// The best of `(id, score)`: a higher score, then a smaller id; NaN is none.
fn better(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    // -0 is 0.
    (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
}

/// The best allowed token of each state and its score, where anything is allowed.
#[must_use]
pub fn head_argmax(
    states: &[f32],
    head: &[f32],
    width: usize,
    candidates: &[u32],
    allowed: impl Fn(usize, usize) -> bool,
) -> Vec<Option<(u32, f32)>> {
    let vocabulary = head.len() / width;
    let best = |(row, state): (usize, &[f32])| {
        let scored = candidates
            .iter()
            .enumerate()
            .filter(|(c, token)| (**token as usize) < vocabulary && allowed(row, *c));
        scored
            .map(|(_, token)| {
                (*token, dot(state, &head[*token as usize * width..][..width]) as f32)
            })
            .filter(|(_, score)| !score.is_nan())
            .min_by(better)
    };
    states.chunks(width).enumerate().map(best).collect()
}

/// The `k` best rows of `index` and their cosines, best first.
#[must_use]
pub fn retrieve(
    state: &[f32],
    projection: &[f32],
    index: &[f32],
    width: usize,
    k: usize,
) -> Vec<(u32, f32)> {
    let query: Vec<f64> = projection.chunks(state.len()).map(|row| dot(row, state)).collect();
    let length = query.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scale = if length == 0.0 { 0.0 } else { 1.0 / length };
    let cosine = |row: &[f32]| {
        let sum: f64 = row.iter().zip(&query).map(|(a, b)| f64::from(*a) * b).sum();
        (sum * scale) as f32
    };
    let rows = index.chunks(width).zip(0u32..);
    let mut scored: Vec<(u32, f32)> =
        rows.map(|(row, id)| (id, cosine(row))).filter(|(_, score)| !score.is_nan()).collect();
    scored.sort_by(better);
    scored.truncate(k);
    scored
}
