//! Everything that can go wrong between a query and its calls.

use hyfunc_functions::template::CursorError;

/// Why the cascade gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CascadeError {
    /// The engine's queue is full.
    #[error("the engine's queue is full; try again in {retry_after_ms} ms")]
    Overloaded {
        /// After how long a second attempt is likely to be taken, in milliseconds.
        retry_after_ms: u64,
    },
    /// The deadline passed before or during a step.
    #[error("the deadline passed in step `{step}`")]
    Deadline {
        /// Name of the step.
        step: &'static str,
    },
    /// The query is longer than the models can read.
    #[error(
        "the query has {tokens} tokens, more than the {tokens_max} that the model reads; shorten it"
    )]
    QueryTooLong {
        /// Tokens found.
        tokens: usize,
        /// Tokens allowed.
        tokens_max: usize,
    },
    /// The weights do not fit the model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A template refused an answer: a fault of the engine, never of the user.
    #[error("the decoder left its template: {0}")]
    Template(#[from] CursorError),
    /// A slot's text mask could not be made.
    #[error("no token mask for parameter `{subject}`: {reason}")]
    Mask {
        /// Path of the parameter.
        subject: String,
        /// What the mask builder said.
        reason: String,
    },
    /// A required value could not be written within its bounds.
    #[error("parameter `{subject}` could not be filled within {tokens_max} tokens")]
    Unfilled {
        /// Path of the parameter.
        subject: String,
        /// Tokens tried.
        tokens_max: usize,
    },
    /// The folder for prepared functions cannot be used.
    #[error("cannot keep prepared functions in {path}: {source}; name another folder, or none")]
    Folder {
        /// As configured.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Functions and query do not fit into the model's context.
    #[error(
        "the request needs {tokens} tokens with its functions, more than the {tokens_max} of the \
         model's context; offer fewer functions (retrieval.candidates_max), or shorten them"
    )]
    ContextOverflow {
        /// Tokens needed.
        tokens: usize,
        /// Tokens that the model reads.
        tokens_max: usize,
    },
    /// A stock model failed in a way of its own.
    #[error("{reason}")]
    Stock {
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// A tensor operation failed.
    #[error("the model failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// One job panicked; others are untouched.
    #[error("the engine failed on this request and goes on with others; its log says where")]
    Panicked,
    /// The engine has stopped.
    #[error("the engine has stopped; restart the gateway")]
    Stopped,
}

/// Why a weights file or tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; pass a folder made by `hyfunc train tiny`")]
    Read {
        /// Path of the file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it claims to be.
    #[error("{file} is damaged: {reason}; fetch or train it again")]
    Damaged {
        /// Name of the file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor is missing.
    #[error("{file} has no tensor `{name}` {shape:?}; it was made for another model")]
    Missing {
        /// Name of the file.
        file: String,
        /// Name of the tensor.
        name: String,
        /// Shape that the model needs.
        shape: Vec<usize>,
    },
    /// A tensor has another shape.
    #[error("tensor `{name}` in {file} is {found:?}, the model needs {wanted:?}")]
    Shape {
        /// Name of the file.
        file: String,
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the model needs.
        wanted: Vec<usize>,
    },
    /// A tensor has a dtype that is not read.
    #[error("tensor `{name}` in {file} is {found}; use F32 or F16")]
    Dtype {
        /// Name of the file.
        file: String,
        /// Name of the tensor.
        name: String,
        /// Dtype in the file.
        found: String,
    },
    /// A tensor that the model does not know.
    #[error(
        "{file} has a tensor `{name}` that the model does not know; it was made for another version"
    )]
    Unknown {
        /// Name of the file.
        file: String,
        /// Name of the tensor.
        name: String,
    },
}
