//! Candidates, as answers tell of them.

use hyfunc_cascade::Decoded;
use serde::Serialize;

use crate::pipeline::{Found, Origin};

/// A function that could have been called: where from, the retriever's score, the probability of a
/// call.
#[derive(Serialize)]
pub struct CandidateJson<'a> {
    name: &'a str,
    origin: &'a str,
    score: f64,
    p_call: Option<f64>,
}

impl<'a> CandidateJson<'a> {
    /// One of them.
    pub fn new(name: &'a str, origin: &'a str, score: f32, p_call: Option<f32>) -> Self {
        Self { name, origin, score: score.into(), p_call: p_call.map(f64::from) }
    }

    /// All of them, best first.
    pub fn list(candidates: &'a [Found], decoded: &Decoded) -> Vec<Self> {
        let describe = |(at, found): (usize, &'a Found)| {
            let origin = match &found.origin {
                Origin::Library(entry) => entry.plugin.name(),
                Origin::Client => "client",
            };
            Self::new(found.name(), origin, found.score, decoded.scores.get(at).copied())
        };
        candidates.iter().enumerate().map(describe).collect()
    }
}
