//! Everything that can go wrong between a query and its calls.

use hyfunc_cascade::CascadeError;
use hyfunc_functions::Spelling;
use hyfunc_functions::template::CursorError;

/// Why the stock model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// Tokens that do not spell the text which they stand for.
    #[error(
        "the checkpoint's tokenizer cannot be used: {reason}; take a checkpoint with a byte-level \
         tokenizer, such as Llama 3, Qwen2.5 or Qwen3"
    )]
    Tokenizer {
        /// What is wrong.
        reason: String,
    },
    /// A spelling that only models trained here write.
    #[error("a stock model was never trained to write {0:?}; choose hermes, llama or bracket")]
    Spelling(Spelling),
    /// The chat template cannot be rendered.
    #[error("the checkpoint's chat template failed: {reason}; take a checkpoint made for chats")]
    Chat {
        /// What it said.
        reason: String,
    },
    /// The chat template leaves functions out.
    #[error(
        "the checkpoint's chat template does not show the function `{function}`; take a checkpoint \
         that was trained to call functions, or set models.spelling to bracket, which writes them \
         into the system message"
    )]
    Unshown {
        /// Name of the function.
        function: String,
    },
    /// The query is longer than allowed.
    #[error(
        "the query has {tokens} tokens, more than the {tokens_max} that the model reads; shorten it"
    )]
    QueryTooLong {
        /// Tokens found.
        tokens: usize,
        /// Tokens allowed.
        tokens_max: usize,
    },
    /// Prompt and answer are longer than what the model reads.
    #[error(
        "the request needs {tokens} tokens with its functions, more than the {tokens_max} of the \
         model's context; offer fewer functions (retrieval.candidates_max), or shorten them"
    )]
    ContextOverflow {
        /// Tokens needed so far.
        tokens: usize,
        /// Tokens that the model reads.
        tokens_max: usize,
    },
    /// Requests at work hold all keys and values that there is room for.
    #[error(
        "there is no room left for this answer beside the others; try again in {retry_after_ms} ms, \
         or give the model more (models.cache_bytes_max)"
    )]
    NoRoom {
        /// After how long a second attempt is likely to find room, in milliseconds.
        retry_after_ms: u64,
    },
    /// The deadline passed.
    #[error("the deadline passed in step `{step}`")]
    Deadline {
        /// Name of the step.
        step: &'static str,
    },
    /// Nobody waits for the answer any more.
    #[error("the client has gone; nothing is left to answer")]
    Cancelled,
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
    /// A template refused an answer: a fault of the decoder, never of the user.
    #[error("the decoder left its template: {0}")]
    Template(#[from] CursorError),
    /// The model failed.
    #[error("the model failed: {reason}")]
    Model {
        /// What it said.
        reason: String,
    },
    /// The encoder failed.
    #[error("the encoder failed: {reason}")]
    Encoder {
        /// What it said.
        reason: String,
    },
}

impl From<StockError> for CascadeError {
    /// What all models have in common keeps its name, so that the gateway answers it alike.
    fn from(error: StockError) -> Self {
        match error {
            StockError::QueryTooLong { tokens, tokens_max } => {
                Self::QueryTooLong { tokens, tokens_max }
            }
            StockError::NoRoom { retry_after_ms } => Self::Overloaded { retry_after_ms },
            StockError::Deadline { step } => Self::Deadline { step },
            StockError::Mask { subject, reason } => Self::Mask { subject, reason },
            StockError::Unfilled { subject, tokens_max } => Self::Unfilled { subject, tokens_max },
            StockError::Template(source) => Self::Template(source),
            StockError::ContextOverflow { tokens, tokens_max } => {
                Self::ContextOverflow { tokens, tokens_max }
            }
            other => Self::Stock { reason: other.to_string() },
        }
    }
}
