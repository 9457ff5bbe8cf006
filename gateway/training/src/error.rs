//! Why training or evaluation stopped.

/// Errors of data, trainers and evaluation.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Path of the file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A phrase file is not well formed.
    #[error("{file}, line {line}: {reason}")]
    Phrase {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No row could be used.
    #[error(
        "no usable row in {path}; rows are JSON objects with query, functions and calls, one a line"
    )]
    NoRows {
        /// Path of the file.
        path: String,
    },
    /// Data, models or a program that something else was expected of.
    #[error("{path} cannot be used: {reason}")]
    Unusable {
        /// Path or name, as typed.
        path: String,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// A step had nothing to learn from.
    #[error("no row of step {0} could be read; are all queries empty or too long?")]
    EmptyStep(usize),
    /// A shard's thread could not be started.
    #[error("a thread for training: {0}")]
    Pool(rayon::ThreadPoolBuildError),
    /// A parameter got no gradient: an operation without a backward pass is in its way.
    #[error(
        "`{name}` of the {model} model gets no gradient from {batches} batches, so nothing was \
         trained: some operation between it and the loss has no backward pass, or no row needs it"
    )]
    NoGradient {
        /// Name of the variable.
        name: String,
        /// Name of the model.
        model: String,
        /// Batches that were tried.
        batches: usize,
    },
    /// The loss or the gradients are no number any more.
    #[error(
        "{what} is {value} at step {step} of the {model} model. The last good checkpoint{}. Go on \
         from it with --resume and a lower rate, such as --rate 0.5; if that ends the same way, \
         look for rows with extreme values, or give another --seed",
        of_step(.kept)
    )]
    Diverged {
        /// Name of the model.
        model: String,
        /// Step of the run.
        step: usize,
        /// `the loss`, or `the norm of the gradients`.
        what: &'static str,
        /// What it is.
        value: f64,
        /// Step of the last checkpoint, if there is one.
        kept: Option<usize>,
    },
    /// A checkpoint could not be written; the one before stands.
    #[error(
        "the checkpoint of step {step} could not be written to {path}: {reason}. The last good \
         one{}. Make room for about {mb} MB and go on with --resume",
        of_step(.kept)
    )]
    Checkpoint {
        /// Its path.
        path: String,
        /// Step of the run.
        step: usize,
        /// Its size, in megabytes.
        mb: usize,
        /// What the system said.
        reason: String,
        /// Step of the last checkpoint, if there is one.
        kept: Option<usize>,
    },
    /// Rows that models are measured on were given to train on.
    #[error(
        "{path} is not trained on: {row} is of {set}, which models are measured on. Take the file \
         out of --rows; named with --evaluation instead, rows that repeat it are refused"
    )]
    Evaluation {
        /// Path of the file.
        path: String,
        /// Id or line of the row that tells.
        row: String,
        /// Name of the set.
        set: String,
    },
    /// The run folder was made with other settings.
    #[error("{path} was made with other settings ({reason}); give another --out or drop --resume")]
    OtherRun {
        /// Path of the folder.
        path: String,
        /// What differs.
        reason: String,
    },
    /// The tokenizer could not be trained.
    #[error("the tokenizer could not be trained: {0}")]
    Tokenizer(String),
    /// The cascade refused something.
    #[error(transparent)]
    Cascade(#[from] hyfunc_cascade::CascadeError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// JSON could not be written or read back.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The bundled library could not be read.
    #[error("the bundled library: {0}")]
    Library(String),
}

/// `, of step 400, stands in the run's folder`, or that there is none.
fn of_step(kept: &Option<usize>) -> String {
    match kept {
        Some(step) => format!(", of step {step}, stands in the run's folder"),
        None => " is yet to be written: the run begins anew".to_owned(),
    }
}

impl TrainingError {
    /// For `map_err` on file operations.
    pub fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}
