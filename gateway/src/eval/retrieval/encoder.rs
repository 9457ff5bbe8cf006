//! Whatever turns functions and requests into vectors.

use std::sync::Arc;

use hyfunc_cascade::CascadeError;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_functions::Function;

/// What an evaluation asks of a retriever's models.
pub trait Encoder: Sync {
    /// Name of the models.
    fn name(&self) -> String;

    /// A vector for each function, as the library has it.
    ///
    /// # Errors
    /// Models that fail.
    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError>;

    /// The vector of a request, as a gateway makes it.
    ///
    /// # Errors
    /// Models that fail, or a request that is too long for them.
    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError>;
}

/// The large model of the tiny preset.
pub struct TinyEncoder {
    /// The models.
    pub tiny: Tiny,
    /// Tokens of a request; a longer one is refused, as a gateway does.
    pub query_tokens_max: usize,
}

impl Encoder for TinyEncoder {
    fn name(&self) -> String {
        self.tiny.config.id.clone()
    }

    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError> {
        Ok(self.tiny.embed(functions)?)
    }

    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError> {
        let tokens = self.tiny.tokenizer.encode(query);
        if tokens.len() > self.query_tokens_max {
            return Err(CascadeError::QueryTooLong {
                tokens: tokens.len(),
                tokens_max: self.query_tokens_max,
            });
        }
        Ok(self.tiny.distil(&tokens)?.query_vector)
    }
}
