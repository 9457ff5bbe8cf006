//! `hyfunc eval`: requests with known answers.
//!
//! [`requests`] go through the way that `POST /v1/route` takes: accept, distil, retrieve and decode
//! are the gateway's own; nothing is run. They go one after the other, so that their times are
//! those of a gateway at rest. [`bfcl`], [`retrieval`] and [`ablation`] bring functions of their own.

pub mod ablation;
pub mod bfcl;
mod compare;
mod gold;
mod judge;
mod report;
pub mod retrieval;
mod route;
mod soft;
mod times;
mod wit;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use compare::written;
pub use compare::{Call, same_calls, same_functions};
pub use gold::{Gold, Said, Speaker};
pub use judge::Judged;
pub(crate) use judge::ask;
pub use report::Report;
pub use times::Times;
pub(crate) use times::{ms, quantile};

use hyfunc_cascade::CascadeError;
use hyfunc_checkpoint::CheckpointError;
use hyfunc_functions::docs::DocsError;
use hyfunc_retrieval::RetrievalError;
use hyfunc_training::TrainingError;
use hyfunc_training::soft::SoftToken;

use crate::app::{self, App};
use crate::config::Config;
use crate::error::StartError;
use crate::library::Library;
use soft::Controlled;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    File {
        /// As typed.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is no request.
    #[error(
        "{path}, line {line}: {source}; a line is {{\"id\", \"kind\", \"query\", \"calls\": \
         [{{\"name\", \"arguments\"}}], \"accept\": [calls, …], \"earlier\": [{{\"role\", \
         \"content\"}}]}}",
        path = .path.display()
    )]
    Line {
        /// As typed.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Nothing to ask.
    #[error("{path} holds no request", path = .path.display())]
    Empty {
        /// As typed.
        path: PathBuf,
    },
    /// A right answer that no gateway could give.
    #[error("request `{id}` wants a call of `{name}`, which is no function of the library{}", crate::suggest::hint(.suggestion))]
    Unknown {
        /// Of the request.
        id: String,
        /// The function.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// A folder without plugins.
    #[error("no .wit file in {path}; a plugin is a file there, and its name the plugin's", path = .path.display())]
    NoWit {
        /// As typed.
        path: PathBuf,
    },
    /// A plugin's WIT that says nothing that could be called.
    #[error("{path}: {source}", path = .path.display())]
    Wit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<DocsError>,
    },
    /// The gateway did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A report cannot be written.
    #[error("cannot write {path}: {source}; name another place", path = .path.display())]
    Write {
        /// As typed.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rows, models or the benchmark's own checker cannot be used.
    #[error(transparent)]
    Training(Box<TrainingError>),
    /// The models stopped.
    #[error("the models failed: {0}")]
    Models(Box<CascadeError>),
    /// The functions cannot be indexed or searched.
    #[error("the index failed: {0}")]
    Index(#[from] RetrievalError),
    /// The system gives no threads.
    #[error("cannot start the threads that link the graph: {0}; ask for fewer with --threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A folder that is no sentence encoder.
    #[error("cannot use the encoder {path}: {source}", path = .path.display())]
    Encoder {
        /// As typed.
        path: PathBuf,
        /// What is wrong.
        source: Box<CheckpointError>,
    },
    /// No function to find.
    #[error(
        "no function in {path}; a line is {{\"name\", \"description\", \"parameters\"}}\n{left_out}"
    )]
    NoFunction {
        /// Paths as typed.
        path: String,
        /// Lines by why they cannot be used.
        left_out: String,
    },
    /// No request to look up.
    #[error(
        "no request to look up in {path}; a line is {{\"id\", \"query\", \"relevant\": [names of \
         functions in the catalogue]}}\n{left_out}",
        path = .path.display()
    )]
    NoQuery {
        /// As typed.
        path: PathBuf,
        /// Lines by why they cannot be used.
        left_out: String,
    },
    /// Models of the other preset.
    #[error(
        "`hyfunc eval {part}` measures the models that are trained here, not those of the stock \
         preset: give --set models.preset=tiny. A checkpoint is measured by {instead}"
    )]
    OtherPreset {
        /// The command.
        part: &'static str,
        /// What measures a checkpoint.
        instead: &'static str,
    },
    /// An ablation of models that are not trained here, on no rows.
    #[error(
        "the stock preset is not trained here, so that no rows are held out: name a file with --on"
    )]
    NothingToScoreOn,
    /// Predictions of other rows.
    #[error("no row has a prediction; are the predictions those of other rows?")]
    NoPrediction,
}

// Boxed, so that every `Result` of an evaluation stays small.
impl From<TrainingError> for EvalError {
    fn from(error: TrainingError) -> Self {
        Self::Training(Box::new(error))
    }
}

/// Writes a report's file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), EvalError> {
    std::fs::write(path, text).map_err(|source| EvalError::Write { path: path.to_owned(), source })
}

/// Asks every request of a file. Plugins in the folder `wit` join the library, as if published.
///
/// # Errors
/// Files that cannot be used, or a gateway that does not start. A request that the gateway
/// refuses is a wrong answer, not an error.
pub async fn requests(
    config: Config,
    path: &Path,
    wit: Option<&Path>,
    soft: SoftToken,
) -> Result<Report, EvalError> {
    let rows = gold::read(path)?;
    let outlines = wit.map(wit::plugins).transpose()?.unwrap_or_default();
    let models = Arc::new(Controlled::new(app::models(&config.models)?, soft));
    let app = if outlines.is_empty() {
        App::with_models(config, models).await?
    } else {
        let sources = app::with_more(app::plugin_sources(&config)?, outlines)?;
        let plugins = app::load_sources(&config, sources).await?;
        App::assemble(config, models, &plugins).await?
    };
    let pipeline = app.pipeline();
    let library = pipeline.shelf.snapshot();
    check(&rows, &library)?;
    let bar = hyfunc_training::run::bar("requests", rows.len(), 0);
    let mut report = Report {
        model: pipeline.models.info().id,
        soft,
        functions: library.entries().len(),
        ..Report::default()
    };
    for row in rows {
        report.add(ask(pipeline, row).await);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

/// A misspelled function would count as the models' mistake.
fn check(rows: &[Gold], library: &Library) -> Result<(), EvalError> {
    for row in rows {
        let unknown = row.answers().flatten().find(|call| library.get(&call.name).is_none());
        if let Some(call) = unknown {
            return Err(EvalError::Unknown {
                id: row.id.clone(),
                name: call.name.clone(),
                suggestion: library.nearest(&call.name),
            });
        }
    }
    Ok(())
}
