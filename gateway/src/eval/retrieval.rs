//! `hyfunc eval retrieval`: how far up a catalogue's index the right functions stand.
//!
//! Three ways in one run, over the same vectors and words: the index as a gateway serves it, BM25
//! alone, and the vectors alone.

mod catalogue;
pub mod compare;
mod encoder;
pub mod nearest;
mod queries;
mod report;
mod search;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::CascadeError;
use hyfunc_functions::Function;
use hyfunc_training::run;
use indicatif::ProgressBar;

pub use encoder::{Encoder, SentenceEncoder, TinyEncoder};
pub use report::{RetrievalReport, Scores};
pub use search::{METHODS, Method, RANK_MAX};

use super::EvalError;
use search::Searcher;

/// Functions that are embedded in one forward.
const EMBED_BATCH: usize = 32;

/// What is asked of an evaluation.
#[derive(Clone, Debug)]
pub struct RetrievalOptions {
    /// Requests with the names of their functions.
    pub queries: PathBuf,
    /// Functions to find.
    pub catalogues: Vec<PathBuf>,
    /// Most requests, taken at equal distances.
    pub limit: Option<usize>,
    /// Ranks up to which finding a function counts.
    pub ks: Vec<usize>,
    /// Candidates that a gateway would keep.
    pub candidates_max: usize,
    /// Score below which a gateway would keep none.
    pub threshold: f32,
}

/// Embeds the catalogue, and looks every request up.
///
/// # Errors
/// Files that cannot be used, models that fail, or vectors that cannot be indexed. A request that
/// the models refuse is one whose functions are not found, not an error.
pub fn retrieval(
    encoder: &dyn Encoder,
    options: &RetrievalOptions,
) -> Result<RetrievalReport, EvalError> {
    let catalogue = catalogue::read(&options.catalogues)?;
    let queries = queries::read(&options.queries, &catalogue, options.limit)?;
    let began = Instant::now();
    let vectors = embed(encoder, &catalogue.functions)?;
    let embedded = began.elapsed();
    let began = Instant::now();
    let spinner = ProgressBar::new_spinner().with_message("building the index");
    spinner.enable_steady_tick(Duration::from_millis(200));
    let searcher = Searcher::build(&catalogue.functions, &vectors)?;
    spinner.finish_and_clear();
    let mut refused = catalogue.refused.clone();
    refused.merge(queries.refused);
    let mut report = RetrievalReport::new(encoder.name(), options, searcher.report(), refused);
    (report.embedded, report.indexed) = (embedded, began.elapsed());
    let bar = run::bar("queries", queries.queries.len(), 0);
    for query in &queries.queries {
        let found = searcher.search(encoder, query, options)?;
        report.add(query, &found, &catalogue.functions);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Vectors of the functions, in their order; every core takes a part.
fn embed(encoder: &dyn Encoder, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, EvalError> {
    let bar = run::bar("embed", functions.len(), 0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |part: &[Arc<Function>]| -> Result<Vec<Vec<f32>>, CascadeError> {
        let mut vectors = Vec::with_capacity(part.len());
        for batch in part.chunks(EMBED_BATCH) {
            vectors.extend(encoder.functions(batch)?);
            bar.inc(batch.len() as u64);
        }
        Ok(vectors)
    };
    let (one, share) = (&one, functions.len().div_ceil(threads).max(1));
    let parts: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            functions.chunks(share).map(|part| scope.spawn(move || one(part))).collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    bar.finish_and_clear();
    let mut vectors = Vec::with_capacity(functions.len());
    for part in parts {
        vectors.extend(part.map_err(|error| EvalError::Models(Box::new(error)))?);
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests;
