//! Several encoders over several collections, in one run and one table.
//!
//! Every way scores every function, so that no index's approximation decides; ways that a gateway
//! does not serve show what a better mixture would be worth.

mod evidence;
mod report;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use hyfunc_cascade::prompt;
use hyfunc_functions::Function;
use hyfunc_retrieval::{Bm25, Bm25Config, Exact};
use hyfunc_training::run;

pub use report::{Compared, ComparisonReport};
pub use way::{Way, WayKind, ways};

use super::encoder::Encoder;
use super::{catalogue, embed, queries};
use crate::eval::EvalError;
use evidence::Evidence;

/// Requests and the functions among which theirs are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// As in tables.
    pub name: String,
    /// Requests with the names of their functions.
    pub queries: PathBuf,
    /// Functions to find.
    pub catalogues: Vec<PathBuf>,
}

/// What is asked of a comparison.
#[derive(Clone, Debug)]
pub struct ComparisonOptions {
    /// A column each.
    pub collections: Vec<Collection>,
    /// Most requests of each, taken at equal distances.
    pub limit: Option<usize>,
    /// Ranks up to which finding a function counts: a table each.
    pub ks: Vec<usize>,
}

/// A collection's functions by words and by each encoder's vectors. A function's place is its id.
struct Indexed {
    words: Bm25,
    vectors: Vec<Exact>,
}

/// Looks the requests of every collection up in every way.
///
/// # Errors
/// Files that cannot be used, models that fail, or vectors without direction. A request that an
/// encoder refuses is one whose functions it does not find, not an error.
pub fn compare(
    encoders: &[Box<dyn Encoder>],
    options: &ComparisonOptions,
) -> Result<ComparisonReport, EvalError> {
    let names: Vec<String> = encoders.iter().map(|encoder| encoder.name()).collect();
    let ways = ways(&names);
    let mut report = ComparisonReport::new(names, options.ks.clone());
    for collection in &options.collections {
        let compared = one(collection, encoders, &ways, options)?;
        report.collections.push(compared);
    }
    Ok(report)
}

fn one(
    collection: &Collection,
    encoders: &[Box<dyn Encoder>],
    ways: &[Way],
    options: &ComparisonOptions,
) -> Result<Compared, EvalError> {
    let catalogue = catalogue::read(&collection.catalogues)?;
    let queries = queries::read(&collection.queries, &catalogue, options.limit)?;
    let mut refused = catalogue.refused.clone();
    refused.merge(queries.refused);
    let mut compared = Compared::new(collection, encoders.len(), ways.len());
    (compared.functions, compared.refused) = (catalogue.functions.len(), refused);
    let mut vectors = Vec::with_capacity(encoders.len());
    for (encoder, took) in encoders.iter().zip(&mut compared.embedded) {
        let began = Instant::now();
        vectors.push(embed(encoder.as_ref(), &catalogue.functions)?);
        *took = began.elapsed();
    }
    let indexed = Indexed::build(&catalogue.functions, &vectors)?;
    drop(vectors);
    let bar = run::bar(&collection.name, queries.queries.len(), 0);
    for query in &queries.queries {
        let evidence = Evidence::gather(&indexed, encoders, &query.query)?;
        compared.add(query, &evidence, ways, &options.ks);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(compared)
}

impl Indexed {
    fn build(functions: &[Arc<Function>], vectors: &[Vec<Vec<f32>>]) -> Result<Self, EvalError> {
        let mut words = Bm25::new(Bm25Config::default())?;
        for (id, function) in (0..).zip(functions) {
            words.insert(id, &prompt::index_text(function))?;
        }
        let mut indexed = Self { words, vectors: Vec::with_capacity(vectors.len()) };
        for vectors in vectors {
            let mut rows = Exact::new();
            for (id, vector) in (0..).zip(vectors) {
                rows.insert(id, vector)?;
            }
            indexed.vectors.push(rows);
        }
        Ok(indexed)
    }
}

#[cfg(test)]
mod tests;
