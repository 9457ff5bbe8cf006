//! `hyfunc eval index`: the exact scan beside the graph, over the vectors of a real catalogue.
//!
//! Others can be measured on the very same vectors: they are written as `.npy` files on demand.

mod npy;
mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyfunc_cascade::CascadeError;
use hyfunc_retrieval::{Exact, Hnsw, HnswConfig, Scored};
use hyfunc_training::run;
use rayon::ThreadPoolBuilder;

pub use report::{NearestReport, Searched, Took};

use super::encoder::Encoder;
use super::search::micros;
use super::{catalogue, embed, queries};
use crate::bench::resident_bytes;
use crate::eval::EvalError;

/// Room for two ways of summing one product.
const SCORE_TOLERANCE: f32 = 1e-5;

/// File of the functions' vectors, `[functions, dims]`, each of length 1.
const FUNCTIONS: &str = "functions.npy";

/// File of the requests' vectors, `[requests, dims]`, each of length 1.
const QUERIES: &str = "queries.npy";

/// What is asked of a measurement.
#[derive(Clone, Debug)]
pub struct NearestOptions {
    /// Requests.
    pub queries: PathBuf,
    /// Functions to find.
    pub catalogues: Vec<PathBuf>,
    /// Most requests, taken at equal distances.
    pub limit: Option<usize>,
    /// Functions that are looked for.
    pub k: usize,
    /// Points that the graph looks at in a search: a row each.
    pub candidates: Vec<usize>,
    /// Threads that link the graph. Searches take one.
    pub threads: usize,
    /// Folder for the vectors.
    pub vectors: Option<PathBuf>,
}

/// Embeds functions and requests, and looks each request up in both ways.
///
/// # Errors
/// Files that cannot be used or written, models that fail, or vectors without direction.
pub fn nearest(
    encoder: &dyn Encoder,
    options: &NearestOptions,
) -> Result<NearestReport, EvalError> {
    let catalogue = catalogue::read(&options.catalogues)?;
    let queries = queries::read(&options.queries, &catalogue, options.limit)?;
    let mut refused = catalogue.refused.clone();
    refused.merge(queries.refused);
    let vectors = embed(encoder, &catalogue.functions)?;
    let mut asked = Vec::with_capacity(queries.queries.len());
    for query in &queries.queries {
        match encoder.query(&query.query) {
            Ok(vector) => asked.push(vector),
            Err(error @ CascadeError::QueryTooLong { .. }) => {
                refused.add(error.to_string(), query.id.as_str());
            }
            Err(error) => return Err(EvalError::Models(Box::new(error))),
        }
    }
    let (rows, scan_bytes, scan_built) = measured(|| scan(&vectors))?;
    drop(vectors);
    let asked: Vec<Vec<f32>> =
        asked.iter().map(|vector| rows.query(vector)).collect::<Result<_, _>>()?;
    if let Some(folder) = &options.vectors {
        write(folder, &rows, &asked)?;
    }
    let mut report = NearestReport::new(encoder.name(), options, &rows, asked.len(), refused);
    (report.scan_bytes, report.scan_built) = (scan_bytes, scan_built);
    let bar = run::bar("index", 2 + options.candidates.len(), 0);
    let (truth, took) = search(&asked, |vector| Ok(rows.search(vector, options.k)?))?;
    report.scan = took;
    bar.inc(1);
    let pool = ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let (graph, graph_bytes, graph_built) =
        measured(|| Ok(pool.install(|| Hnsw::build(&rows, HnswConfig::default()))?))?;
    (report.graph_bytes, report.graph_built) = (graph_bytes, graph_built);
    report.self_recall = graph.self_recall();
    bar.inc(1);
    for candidates in &options.candidates {
        let graph = graph.with_search_candidates(*candidates);
        // As the index does: where the graph gives up, the scan answers.
        let (found, took) = search(&asked, |vector| {
            Ok(match graph.search(vector, options.k)? {
                Some(found) => found,
                None => rows.search(vector, options.k)?,
            })
        })?;
        let recall = recall(&truth, &found);
        report.graph.push(Searched { candidates: *candidates, recall, took });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

fn scan(vectors: &[Vec<f32>]) -> Result<Exact, EvalError> {
    let mut rows = Exact::new();
    for (id, vector) in (0..).zip(vectors) {
        rows.insert(id, vector)?;
    }
    Ok(rows)
}

/// What was built, by how much the process grew, and how long it took.
fn measured<T>(
    build: impl FnOnce() -> Result<T, EvalError>,
) -> Result<(T, Option<u64>, Duration), EvalError> {
    let before = resident_bytes();
    let began = Instant::now();
    let built = build()?;
    let took = began.elapsed();
    let grown = |before: u64| Some(resident_bytes()?.saturating_sub(before));
    Ok((built, before.and_then(grown), took))
}

/// What is found for each request, one after the other: first to warm up, then timed.
fn search(
    asked: &[Vec<f32>],
    find: impl Fn(&[f32]) -> Result<Vec<Scored>, EvalError>,
) -> Result<(Vec<Vec<Scored>>, Took), EvalError> {
    for vector in asked {
        std::hint::black_box(find(vector)?);
    }
    let mut took = Took::default();
    let mut total = Duration::ZERO;
    let mut found = Vec::with_capacity(asked.len());
    for vector in asked {
        let began = Instant::now();
        let hits = find(vector)?;
        total += began.elapsed();
        took.latency.add(micros(began));
        found.push(hits);
    }
    took.mean_us = total.as_secs_f64() * 1e6 / asked.len().max(1) as f64;
    Ok((found, took))
}

/// Share of the exact scan's hits. By score, since any one of several equal rows is as good as another.
fn recall(truth: &[Vec<Scored>], found: &[Vec<Scored>]) -> f64 {
    let (mut same, mut all) = (0_usize, 0_usize);
    for (truth, found) in truth.iter().zip(found) {
        let Some(worst) = truth.last() else { continue };
        let is_right = |hit: &&Scored| hit.score >= worst.score - SCORE_TOLERANCE;
        same += found.iter().take(truth.len()).filter(is_right).count();
        all += truth.len();
    }
    same as f64 / all.max(1) as f64
}

fn write(folder: &Path, rows: &Exact, asked: &[Vec<f32>]) -> Result<(), EvalError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: std::io::Error| EvalError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let functions: Vec<&[f32]> = rows.ids().iter().filter_map(|id| rows.vector(*id)).collect();
    let asked: Vec<&[f32]> = asked.iter().map(Vec::as_slice).collect();
    for (name, vectors) in [(FUNCTIONS, functions), (QUERIES, asked)] {
        let path = folder.join(name);
        npy::write(&path, &vectors, rows.dims().unwrap_or(0)).map_err(failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
