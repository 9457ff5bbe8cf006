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
    #[error("`{0}` got no gradient; some operation on its way has no backward pass")]
    NoGradient(String),
    /// The loss is no number any more.
    #[error("the loss is {loss} at step {step}; lower the learning rate")]
    Diverged {
        /// Step of the run.
        step: usize,
        /// What it is.
        loss: f32,
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

impl TrainingError {
    /// For `map_err` on file operations.
    pub fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}
