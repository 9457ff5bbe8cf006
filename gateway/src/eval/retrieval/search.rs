//! One request, looked up in three ways.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use hyfunc_cascade::{CascadeError, prompt};
use hyfunc_functions::Function;
use hyfunc_retrieval::{
    Bm25, Bm25Config, Entry, Exact, Hit, Index, IndexConfig, IndexReport, RetrievalError, select,
};

use super::queries::Query;
use super::{Encoder, RetrievalOptions};
use crate::clock;
use crate::eval::EvalError;

/// Functions are followed down to this rank; what stands lower is not found.
pub const RANK_MAX: usize = 1_000;

/// A way to find functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The index as a gateway serves it: words and vectors, wish by wish.
    Index,
    /// BM25 over the whole request.
    Words,
    /// Cosine, every function scored.
    Vectors,
}

/// Every way, in the order of tables.
pub const METHODS: [Method; 3] = [Method::Index, Method::Words, Method::Vectors];

impl Method {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index as served",
            Self::Words => "BM25 alone",
            Self::Vectors => "vectors alone",
        }
    }
}

/// What one way found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Rank of each relevant function, from 1; `None` beyond [`RANK_MAX`].
    pub ranks: Vec<Option<usize>>,
    /// The search as a gateway would make it, in microseconds; `None` where there was none.
    pub took_us: Option<u64>,
}

/// What came of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    /// By method.
    pub found: [Found; METHODS.len()],
    /// The vector's making, in microseconds.
    pub encode_us: u64,
    /// Ids of what a gateway would hand to the small model, best first.
    pub candidates: Vec<u32>,
    /// The index's best, whatever their score.
    pub best: Vec<Hit>,
    /// Why the models gave no vector.
    pub refused: Option<String>,
}

/// The same functions, indexed in three ways.
pub(super) struct Searcher {
    index: Index,
    words: Bm25,
    vectors: Exact,
}

impl Searcher {
    pub(super) fn build(
        functions: &[Arc<Function>],
        vectors: &[Vec<f32>],
    ) -> Result<Self, RetrievalError> {
        let mut entries = Vec::with_capacity(functions.len());
        let mut words = Bm25::new(Bm25Config::default())?;
        let mut exact = Exact::new();
        for ((id, function), vector) in (0..).zip(functions).zip(vectors) {
            // What a prepared function's text is, and so what a library indexes.
            let text = prompt::index_text(function);
            words.insert(id, &text)?;
            exact.insert(id, vector)?;
            entries.push(Entry { id, vector: vector.clone(), text });
        }
        let index = Index::build(entries, IndexConfig::default())?;
        Ok(Self { index, words, vectors: exact })
    }

    /// How the index answers.
    pub(super) fn report(&self) -> IndexReport {
        self.index.report()
    }

    pub(super) fn search(
        &self,
        encoder: &dyn Encoder,
        query: &Query,
        options: &RetrievalOptions,
    ) -> Result<Looked, EvalError> {
        let mut looked = Looked::default();
        let (began, text) = (Instant::now(), query.query.as_str());
        let vector = match encoder.query(text) {
            Ok(vector) => Some(vector),
            Err(error @ CascadeError::QueryTooLong { .. }) => {
                looked.refused = Some(error.to_string());
                None
            }
            Err(error) => return Err(EvalError::Models(Box::new(error))),
        };
        looked.encode_us = micros(began);
        let kept = options.candidates_max.max(1);
        // As many as matter for recall: what a gateway keeps may be fewer.
        let wanted = options.ks.iter().copied().max().unwrap_or(kept).max(kept);
        let relevant = &query.relevant;
        looked.found[Method::Words as usize] = follow(relevant, kept, wanted, |k| {
            Ok(self.words.search(text, k)?.iter().map(|hit| hit.id).collect())
        })?;
        let Some(vector) = vector else {
            let nothing = Found { ranks: vec![None; relevant.len()], took_us: None };
            looked.found[Method::Index as usize] = nothing.clone();
            looked.found[Method::Vectors as usize] = nothing;
            return Ok(looked);
        };
        looked.found[Method::Vectors as usize] = follow(relevant, kept, wanted, |k| {
            Ok(self.vectors.search(&vector, k)?.iter().map(|hit| hit.id).collect())
        })?;
        looked.found[Method::Index as usize] = follow(relevant, kept, wanted, |k| {
            Ok(self.index.search(&vector, text, k)?.iter().map(|hit| hit.id).collect())
        })?;
        looked.best = self.index.search(&vector, text, kept)?;
        let served = select(looked.best.clone(), options.threshold, kept);
        looked.candidates = served.iter().map(|hit| hit.id).collect();
        Ok(looked)
    }
}

/// Ranks of the relevant functions: the search is timed as a gateway makes it, and goes deeper only
/// where something is not found yet.
fn follow(
    relevant: &[u32],
    kept: usize,
    wanted: usize,
    search: impl Fn(usize) -> Result<Vec<u32>, RetrievalError>,
) -> Result<Found, RetrievalError> {
    let began = Instant::now();
    let first = search(kept)?;
    let took_us = Some(micros(began));
    // An approximate index may order a longer list a little otherwise, so it is asked anew.
    let list = if wanted == kept { first } else { search(wanted)? };
    let mut ranks = ranked(relevant, &list);
    if ranks.contains(&None) {
        let deeper = ranked(relevant, &search(RANK_MAX.max(wanted))?);
        for (rank, deeper) in ranks.iter_mut().zip(deeper) {
            // What the shorter list lacks stands below it, whatever the longer one says.
            *rank = rank.or(deeper.map(|deeper| deeper.max(wanted + 1)));
        }
    }
    Ok(Found { ranks, took_us })
}

fn ranked(relevant: &[u32], list: &[u32]) -> Vec<Option<usize>> {
    let places: HashMap<u32, usize> = list.iter().copied().zip(1..).collect();
    relevant.iter().map(|id| places.get(id).copied()).collect()
}

pub(super) fn micros(began: Instant) -> u64 {
    clock::micros(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_followed_down_the_list() {
        let all: Vec<u32> = (0..3_000).collect();
        let search = |k: usize| Ok(all.iter().copied().take(k).collect());
        for (relevant, wanted, expected) in [
            (vec![0], 5, vec![Some(1)]),
            (vec![4, 0], 5, vec![Some(5), Some(1)]),
            (vec![5], 5, vec![Some(6)]),
            (vec![999, 1_000], 5, vec![Some(1_000), None]),
            (vec![2_999, 9_999], 5, vec![None, None]),
            (vec![1_499], 1_500, vec![Some(1_500)]),
        ] {
            let found = follow(&relevant, 2, wanted, search).unwrap();
            assert_eq!(found.ranks, expected, "{relevant:?}");
            assert!(found.took_us.is_some());
        }
        // A longer list that moves what it found up does not better the shorter one.
        let moving = |k: usize| Ok(if k <= 5 { vec![1, 2, 3, 4, 5] } else { vec![9, 1, 2] });
        assert_eq!(follow(&[9], 2, 5, moving).unwrap().ranks, [Some(6)]);
    }
}
