//! `hyfunc eval`.

use std::path::Path;

use hyfunc_cascade::tiny::Tiny;
use hyfunc_training::bfcl::Category;
use hyfunc_training::load;
use hyfunc_training::rows::{self, RowsOptions};
use hyfunc_training::soft::SoftToken;
use serde_json::Value as Json;

use super::CommandError;
use crate::app;
use crate::cli::{
    EvalBfclArgs, EvalIndexArgs, EvalRequestsArgs, EvalRetrievalArgs, EvalRowsArgs, FolderArgs,
    ReportArgs, SoftTokenArg,
};
use crate::config::{CALIBRATED, Config, ModelsConfig, STOCK};
use crate::eval::bfcl::{self, BfclOptions};
use crate::eval::retrieval::compare::{Collection, ComparisonOptions, compare};
use crate::eval::retrieval::nearest::{NearestOptions, nearest};
use crate::eval::retrieval::{self, Encoder, RetrievalOptions, SentenceEncoder, TinyEncoder};
use crate::eval::{self, EvalError};

/// Sends requests through the gateway's steps; gives a table, or JSON.
///
/// # Errors
/// A file that cannot be used, or a gateway that does not start.
pub async fn eval_requests(
    config: Config,
    args: &EvalRequestsArgs,
) -> Result<String, CommandError> {
    claim(&args.report)?;
    let (wit, soft) = (args.wit.as_deref(), soft(args.soft_token));
    let report = eval::requests(config, &args.file, wit, soft).await?;
    let html = || report.to_html(&args.file);
    let json = || report.to_json(args.failures);
    let text = || report.to_text(args.failures);
    Ok(give(&args.report, html, json, text)?)
}

/// Decodes rows that bring their own functions; gives tables, or JSON.
///
/// # Errors
/// Rows or models that cannot be read, or a file that cannot be written.
pub fn eval_rows(config: &ModelsConfig, args: &EvalRowsArgs) -> Result<String, CommandError> {
    of_tiny(config, "rows", "`eval requests`, `eval bfcl` and `eval ablation --on FILE`")?;
    claim(&args.report)?;
    let options = RowsOptions {
        models: folder(&args.folder, config).map(Path::to_owned),
        out: args.out.clone(),
        soft: soft(args.soft_token),
        is_given: args.given,
    };
    let report = rows::rows(&args.file, &options)?;
    let html = || report.to_html(&args.file);
    let json = || report.to_json();
    let text = || report.to_text();
    Ok(give(&args.report, html, json, text)?)
}

/// Answers the benchmark's rows, or takes a file of predictions, and scores the calls; gives tables,
/// or JSON.
///
/// # Errors
/// Rows, answers, predictions, models or a Python that cannot be used, or a file that cannot be
/// written.
pub async fn eval_bfcl(config: Config, args: &EvalBfclArgs) -> Result<String, CommandError> {
    claim(&args.report)?;
    let every = || Category::ALL.to_vec();
    let options = BfclOptions {
        data: args.data.clone(),
        answers: args.answers.clone(),
        python: args.python.clone(),
        categories: if args.categories.is_empty() { every() } else { args.categories.clone() },
        limit: args.limit.map(|limit| limit as usize),
        calls_max: config.request.calls_max,
        out: args.out.clone(),
    };
    let report = match &args.predictions {
        Some(file) => bfcl::predicted(file, &options)?,
        None => {
            let mut models = config.models;
            if let Some(folder) = &args.folder.models {
                models.dir = folder.to_string_lossy().into_owned();
            }
            bfcl::decoded(&app::cascade(&models)?, &options).await?
        }
    };
    Ok(give(&args.report, || report.to_html(), || report.to_json(), || report.to_text())?)
}

/// Looks requests up in a catalogue; gives tables, or JSON.
///
/// # Errors
/// Files or models that cannot be used, or a file that cannot be written.
pub fn eval_retrieval(config: &Config, args: &EvalRetrievalArgs) -> Result<String, CommandError> {
    of_tiny(&config.models, "retrieval", "`eval retrieval` with --encoder NAME=DIR")?;
    claim(&args.report)?;
    let tiny = load::models(folder(&args.lookup.folder, &config.models))?;
    let queries = match &args.queries {
        Some(queries) if args.collection.is_empty() && args.encoder.is_empty() => queries.clone(),
        _ => return compared(config, args, tiny),
    };
    let threshold = if config.retrieval.threshold == CALIBRATED {
        tiny.config.retrieval_threshold
    } else {
        config.retrieval.threshold as f32
    };
    let options = RetrievalOptions {
        queries,
        catalogues: args.catalogue.clone(),
        limit: args.lookup.limit.map(|limit| limit as usize),
        ks: ranks(&args.k),
        candidates_max: config.retrieval.candidates_max,
        threshold,
    };
    let encoder = TinyEncoder { tiny, query_tokens_max: config.models.query_tokens_max };
    let report = retrieval::retrieval(&encoder, &options)?;
    Ok(give(&args.report, || report.to_html(), || report.to_json(), || report.to_text())?)
}

/// Looks requests up by the exact scan and by the graph; gives a table, or JSON.
///
/// # Errors
/// Files or models that cannot be used, or a file that cannot be written.
pub fn eval_index(config: &Config, args: &EvalIndexArgs) -> Result<String, CommandError> {
    of_tiny(&config.models, "index", "`eval retrieval` with --encoder NAME=DIR")?;
    let tiny = load::models(folder(&args.lookup.folder, &config.models))?;
    let encoder = TinyEncoder { tiny, query_tokens_max: config.models.query_tokens_max };
    let options = NearestOptions {
        queries: args.queries.clone(),
        catalogues: args.catalogue.clone(),
        limit: args.lookup.limit.map(|limit| limit as usize),
        k: usize::from(args.k),
        candidates: ranks(&args.candidates),
        threads: usize::from(args.threads),
        vectors: args.vectors.clone(),
    };
    let report = nearest(&encoder, &options)?;
    if args.json {
        return Ok(format!("{:#}\n", report.to_json()));
    }
    Ok(report.to_text())
}

/// The models and every encoder over every collection, in one table.
fn compared(config: &Config, args: &EvalRetrievalArgs, tiny: Tiny) -> Result<String, CommandError> {
    let query_tokens_max = config.models.query_tokens_max;
    let mut encoders: Vec<Box<dyn Encoder>> =
        vec![Box::new(TinyEncoder { tiny, query_tokens_max })];
    for (name, dir) in &args.encoder {
        encoders.push(Box::new(SentenceEncoder::open(name, dir)?));
    }
    let mut collections = args.collection.clone();
    if let Some(queries) = &args.queries {
        let file = queries.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split('.').next().unwrap_or_default().to_owned();
        let (queries, catalogues) = (queries.clone(), args.catalogue.clone());
        collections.push(Collection { name, queries, catalogues });
    }
    let limit = args.lookup.limit.map(|limit| limit as usize);
    let options = ComparisonOptions { collections, limit, ks: ranks(&args.k) };
    let report = compare(&encoders, &options)?;
    Ok(give(&args.report, || report.to_html(), || report.to_json(), || report.to_text())?)
}

/// Each once, smallest first.
fn ranks(typed: &[u16]) -> Vec<usize> {
    let mut ranks: Vec<usize> = typed.iter().map(|k| usize::from(*k)).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

fn soft(typed: SoftTokenArg) -> SoftToken {
    match typed {
        SoftTokenArg::Own => SoftToken::Own,
        SoftTokenArg::None => SoftToken::None,
        SoftTokenArg::Shuffled => SoftToken::Shuffled,
    }
}

/// The models' folder: as typed, else as configured, else none for the embedded ones.
fn folder<'a>(typed: &'a FolderArgs, config: &'a ModelsConfig) -> Option<&'a Path> {
    let configured = Some(config.dir.as_str()).filter(|dir| !dir.is_empty()).map(Path::new);
    typed.models.as_deref().or(configured)
}

/// Nobody should take the figures of one preset for another's.
fn of_tiny(
    config: &ModelsConfig,
    part: &'static str,
    instead: &'static str,
) -> Result<(), EvalError> {
    match config.preset == STOCK {
        true => Err(EvalError::OtherPreset { part, instead }),
        false => Ok(()),
    }
}

/// Makes an empty page before minutes of work: nobody should find out at the end that there is none.
pub(super) fn claim(args: &ReportArgs) -> Result<(), EvalError> {
    args.html.as_deref().map_or(Ok(()), |path| eval::write(path, ""))
}

/// Writes the page where one is wanted; gives the report's text, or JSON.
pub(super) fn give(
    args: &ReportArgs,
    html: impl FnOnce() -> String,
    json: impl FnOnce() -> Json,
    text: impl FnOnce() -> String,
) -> Result<String, EvalError> {
    if let Some(path) = &args.html {
        eval::write(path, &html())?;
    }
    Ok(if args.json { format!("{:#}\n", json()) } else { text() })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_folder_that_was_typed_wins() {
        let config = |dir: &str| ModelsConfig { dir: dir.into(), ..ModelsConfig::default() };
        for (typed, configured, expected) in [
            (None, "", None),
            (None, "configured", Some("configured")),
            (Some("typed"), "", Some("typed")),
            (Some("typed"), "configured", Some("typed")),
        ] {
            let (config, typed) = (config(configured), typed.map(PathBuf::from));
            let typed = FolderArgs { models: typed };
            assert_eq!(folder(&typed, &config), expected.map(Path::new));
        }
    }

    #[test]
    fn a_page_that_cannot_be_written_is_said_at_once() {
        let args = EvalRowsArgs {
            file: PathBuf::from("rows.jsonl"),
            folder: FolderArgs::default(),
            out: None,
            given: false,
            soft_token: SoftTokenArg::Own,
            report: ReportArgs { json: false, html: Some(PathBuf::from("/nonexistent/page.html")) },
        };
        let error = eval_rows(&ModelsConfig::default(), &args).unwrap_err().to_string();
        assert!(error.contains("cannot write /nonexistent/page.html"), "{error}");
        let stock = ModelsConfig { preset: STOCK.into(), ..ModelsConfig::default() };
        let error = eval_rows(&stock, &args).unwrap_err().to_string();
        assert!(error.contains("--set models.preset=tiny"), "{error}");
    }
}
