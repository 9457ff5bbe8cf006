//! Norm, turn, and pages.

use super::inverse_rms;

/// What turns, and how it is laid out.
pub struct Turned<'a> {
    /// `[tokens, heads + 2 · heads_kv, width]`.
    pub projected: &'a [f32],
    /// Of queries.
    pub heads: usize,
    /// Of keys, and of values.
    pub heads_kv: usize,
    /// Of a head.
    pub width: usize,
    /// `[width]`, if queries are normed.
    pub query_norm: Option<&'a [f32]>,
    /// `[width]`, if keys are normed.
    pub key_norm: Option<&'a [f32]>,
    /// `[heads + 2 · heads_kv, width]`, if anything is added.
    pub bias: Option<&'a [f32]>,
    /// `[positions, width / 2]`.
    pub cosines: &'a [f32],
    /// `[positions, width / 2]`.
    pub sines: &'a [f32],
    /// `[tokens]`.
    pub positions: &'a [i32],
    /// `[tokens]`.
    pub slots: &'a [i32],
    /// Tokens of a page.
    pub page_tokens: usize,
    /// Under the norms' root.
    pub epsilon: f32,
}

/// The queries, `[tokens, heads, width]`; keys and values go to their places in the cache,
/// `[pages, heads_kv, page_tokens, width]`.
#[must_use]
pub fn rotary_write(turned: &Turned<'_>, keys: &mut [f32], values: &mut [f32]) -> Vec<f32> {
    let (width, half) = (turned.width, turned.width / 2);
    let vectors = turned.heads + 2 * turned.heads_kv;
    let page = turned.heads_kv * turned.page_tokens * width;
    let mut queries = Vec::new();
    for (token, row) in turned.projected.chunks(vectors * width).enumerate() {
        let position = usize::try_from(turned.positions[token]).ok();
        let at = position.filter(|position| *position < turned.cosines.len() / half);
        for (head, vector) in row.chunks(width).enumerate() {
            let sum: Vec<f32> = match turned.bias {
                Some(bias) => {
                    vector.iter().zip(&bias[head * width..]).map(|(x, more)| x + more).collect()
                }
                None => vector.to_vec(),
            };
            let vector = sum.as_slice();
            if head < turned.heads {
                match at {
                    Some(at) => queries.extend(turn(turned, vector, turned.query_norm, at)),
                    None => queries.extend(vec![0.0; width]),
                }
                continue;
            }
            let (Some(at), Ok(slot)) = (at, usize::try_from(turned.slots[token])) else {
                continue;
            };
            let (page_at, offset) = (slot / turned.page_tokens, slot % turned.page_tokens);
            let head_kv = (head - turned.heads) % turned.heads_kv;
            let to = page_at * page + (head_kv * turned.page_tokens + offset) * width;
            if to >= keys.len() {
                continue;
            }
            if head < turned.heads + turned.heads_kv {
                let key = turn(turned, vector, turned.key_norm, at);
                keys[to..to + width].copy_from_slice(&key);
            } else {
                values[to..to + width].copy_from_slice(vector);
            }
        }
    }
    queries
}

fn turn(turned: &Turned<'_>, vector: &[f32], norm: Option<&[f32]>, at: usize) -> Vec<f32> {
    let half = turned.width / 2;
    let scale = norm.map_or(1.0, |_| inverse_rms(vector, turned.epsilon));
    let normed =
        |i: usize| f64::from(vector[i]) * scale * norm.map_or(1.0, |norm| f64::from(norm[i]));
    let dimension = |i: usize| {
        let (pair, low) = (i % half, i < half);
        let cosine = f64::from(turned.cosines[at * half + pair]);
        let sine = f64::from(turned.sines[at * half + pair]);
        let turned = if low {
            normed(pair) * cosine - normed(pair + half) * sine
        } else {
            normed(pair + half) * cosine + normed(pair) * sine
        };
        turned as f32
    };
    (0..turned.width).map(dimension).collect()
}
