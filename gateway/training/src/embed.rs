//! `hyfunc train embed`: what a large model makes of the functions and queries of rows, once.
//!
//! Texts that the file of the model holds already are not computed again, and what is computed is
//! written as it grows: after a kill, the same command goes on.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use hyfunc_functions::Function;
use serde_json::json;

use crate::embeddings::{self, Embeddings};
use crate::error::TrainingError;
use crate::progress::Progress;
use crate::sources::{Data, Files};
use crate::{checkpoint, retriever};

/// Texts of one batch.
const BATCH: usize = 64;

/// Seconds between writes of the file.
const SAVE_S: u64 = 30;

/// Name of the record of the last run.
const RECORD: &str = "embed.json";

/// What `hyfunc train embed` is told.
#[derive(Clone, Debug)]
pub struct EmbedOptions {
    /// Files whose functions and queries are embedded, and the library.
    pub data: Data,
    /// Folder with the large model and its tokenizer.
    pub retriever: PathBuf,
    /// Folder of the file, which is named by the model.
    pub out: PathBuf,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct EmbedReport {
    /// The file.
    pub path: PathBuf,
    /// Functions in it.
    pub functions: usize,
    /// Queries in it.
    pub queries: usize,
    /// Texts that were computed now.
    pub computed: usize,
    /// Texts that were known.
    pub known: usize,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Rows that could not be used, by reason.
    pub refused: BTreeMap<String, usize>,
}

/// Embeds what is not known yet.
///
/// # Errors
/// Data or a large model that cannot be used, or a file that cannot be written.
pub fn embed(options: &EmbedOptions) -> Result<EmbedReport, TrainingError> {
    let began = Instant::now();
    let out = &options.out;
    std::fs::create_dir_all(out).map_err(TrainingError::file(out))?;
    let digest = embeddings::digest(&options.retriever)?;
    let (_, tokenizer, large) = retriever::load(&options.retriever)?;
    let path = Embeddings::path(out, &digest);
    let mut all = match path.exists() {
        true => Embeddings::load(&path, &digest)?,
        false => Embeddings::new(&digest),
    };
    let Files { rows, catalogue, refused, .. } = options.data.import(out)?;
    let offered = rows.iter().flat_map(|row| &row.functions);
    let functions = options.data.library.iter().chain(&catalogue).chain(offered);
    let functions = new_functions(&all, functions.map(|function| &**function));
    let queries = new_queries(&all, rows.iter().map(|row| row.query.as_str()));
    let texts = functions.distinct + queries.distinct;
    let computed = functions.new.len() + queries.new.len();

    let mut done = texts - computed;
    let mut progress = Progress::new("embed", texts, done);
    let mut saved = Instant::now();
    for batch in functions.new.chunks(BATCH) {
        all.add_functions(&large, &tokenizer, batch)?;
        done += batch.len();
        progress.reach(done, "functions");
        save_now_and_then(&all, &path, &mut saved)?;
    }
    for batch in queries.new.chunks(BATCH) {
        all.add_queries(&large, &tokenizer, batch)?;
        done += batch.len();
        progress.reach(done, "queries");
        save_now_and_then(&all, &path, &mut saved)?;
    }
    progress.finish();
    if computed > 0 || !path.exists() {
        all.save(&path)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let (in_file, queries_in_file) = all.counts();
    let record = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model_sha256": digest,
        "data": options.data.hashes()?,
        "check": options.data.check.name(),
        "evaluation": options.data.evaluation_hashes()?,
        "functions": in_file,
        "queries": queries_in_file,
        "computed": computed,
        "seconds": seconds,
    });
    checkpoint::replace_bytes(&out.join(RECORD), format!("{record:#}\n").as_bytes())?;
    Ok(EmbedReport {
        path,
        functions: in_file,
        queries: queries_in_file,
        computed,
        known: texts - computed,
        seconds,
        refused,
    })
}

/// Distinct texts of a kind, and those among them that are not known.
struct Wanted<T> {
    distinct: usize,
    new: Vec<T>,
}

fn new_functions<'a>(
    known: &Embeddings,
    functions: impl Iterator<Item = &'a Function>,
) -> Wanted<&'a Function> {
    let mut seen = HashSet::new();
    let mut wanted = Wanted { distinct: 0, new: Vec::new() };
    for function in functions {
        if seen.insert(hyfunc_cascade::prompt::function_text(function)) {
            wanted.distinct += 1;
            if !known.has_function(function) {
                wanted.new.push(function);
            }
        }
    }
    wanted
}

fn new_queries<'a>(known: &Embeddings, queries: impl Iterator<Item = &'a str>) -> Wanted<&'a str> {
    let mut seen = HashSet::new();
    let mut wanted = Wanted { distinct: 0, new: Vec::new() };
    for query in queries {
        if seen.insert(query) {
            wanted.distinct += 1;
            if !known.has_query(query) {
                wanted.new.push(query);
            }
        }
    }
    wanted
}

fn save_now_and_then(
    all: &Embeddings,
    path: &Path,
    saved: &mut Instant,
) -> Result<(), TrainingError> {
    if saved.elapsed().as_secs() >= SAVE_S {
        all.save(path)?;
        *saved = Instant::now();
    }
    Ok(())
}
