//! What is known of every function for one request, before it is mixed.

use std::time::Instant;

use hyfunc_cascade::CascadeError;
use hyfunc_retrieval::{Exact, IndexConfig, wishes};
use rustc_hash::FxHashMap;

use super::Indexed;
use crate::eval::EvalError;
use crate::eval::retrieval::encoder::Encoder;
use crate::eval::retrieval::search::micros;

/// One encoder's cosines: `[wishes][functions]`, the whole request first.
pub(super) struct Cosines {
    pub wishes: Vec<Vec<f32>>,
    /// Making the vector of the whole request, in microseconds.
    pub encode_us: u64,
}

/// Scores of every function for one request.
pub(super) struct Evidence {
    /// BM25 of the whole request: `[functions]`; 0 is no word in common.
    pub words: Vec<f32>,
    /// BM25 brought to 0..=1: `[wishes][functions]`, the whole request first.
    pub wishes: Vec<Vec<f32>>,
    /// By encoder; why there are none, where it refused the request.
    pub cosines: Vec<Result<Cosines, String>>,
}

impl Evidence {
    pub(super) fn gather(
        indexed: &Indexed,
        encoders: &[Box<dyn Encoder>],
        query: &str,
    ) -> Result<Self, EvalError> {
        let asked = wishes(query, IndexConfig::default().wishes_max);
        let functions = indexed.words.len();
        let dense = |scores: FxHashMap<u32, f32>| {
            let mut row = vec![0.0; functions];
            scores.into_iter().for_each(|(id, score)| row[id as usize] = score);
            row
        };
        let mut evidence = Self {
            words: dense(indexed.words.scores(query)),
            wishes: Vec::with_capacity(asked.len()),
            cosines: Vec::with_capacity(encoders.len()),
        };
        for wish in &asked {
            evidence.wishes.push(dense(indexed.words.scores_normalised(wish)));
        }
        for (encoder, rows) in encoders.iter().zip(&indexed.vectors) {
            evidence.cosines.push(cosines(encoder.as_ref(), rows, &asked)?);
        }
        Ok(evidence)
    }

    /// An encoder's cosines for one wish: `[functions]`; none where it refused the request.
    pub(super) fn cosine(&self, encoder: usize, wish: usize) -> &[f32] {
        match &self.cosines[encoder] {
            Ok(cosines) => &cosines.wishes[wish],
            Err(_) => &[],
        }
    }
}

fn cosines(
    encoder: &dyn Encoder,
    rows: &Exact,
    asked: &[&str],
) -> Result<Result<Cosines, String>, EvalError> {
    let mut found = Cosines { wishes: Vec::with_capacity(asked.len()), encode_us: 0 };
    for (at, wish) in asked.iter().enumerate() {
        let began = Instant::now();
        let vector = match encoder.query(wish) {
            Ok(vector) => vector,
            Err(error @ CascadeError::QueryTooLong { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(EvalError::Models(Box::new(error))),
        };
        if at == 0 {
            found.encode_us = micros(began);
        }
        let vector = rows.query(&vector)?;
        // Rows were inserted in the order of their ids, and none was ever taken out.
        found.wishes.push(rows.scores(&vector).map(|row| row.score).collect());
    }
    Ok(Ok(found))
}
