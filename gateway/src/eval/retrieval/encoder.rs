//! Whatever turns functions and requests into vectors.

use std::path::Path;
use std::sync::Arc;

use hyfunc_cascade::CascadeError;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_checkpoint::CheckpointError;
use hyfunc_functions::Function;
use hyfunc_stock::described;

use crate::eval::EvalError;

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
        Ok(self.tiny.distil(query)?.query_vector)
    }
}

/// A sentence encoder as the stock preset runs it, untrained.
pub struct SentenceEncoder {
    name: String,
    encoder: hyfunc_checkpoint::Encoder,
}

impl SentenceEncoder {
    /// Opens a folder as `models.encoder` names one, under a name for tables.
    ///
    /// # Errors
    /// A folder that holds no encoder which is known here.
    pub fn open(name: &str, dir: &Path) -> Result<Self, EvalError> {
        let encoder = hyfunc_checkpoint::Encoder::open(dir).map_err(|source| {
            EvalError::Encoder { path: dir.to_owned(), source: Box::new(source) }
        })?;
        Ok(Self { name: name.to_owned(), encoder })
    }
}

impl Encoder for SentenceEncoder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError> {
        let texts: Vec<String> = functions.iter().map(|function| described(function)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.encoder.embed(&texts).map_err(failed)
    }

    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError> {
        let vectors = self.encoder.embed(&[query]).map_err(failed)?;
        let none = || CascadeError::Stock { reason: "the encoder gave no vector".to_owned() };
        vectors.into_iter().next().ok_or_else(none)
    }
}

fn failed(error: CheckpointError) -> CascadeError {
    CascadeError::Stock { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_encoder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = SentenceEncoder::open("minilm", folder.path()).err().unwrap().to_string();
        assert!(error.starts_with("cannot use the encoder"), "{error}");
        assert!(error.contains("config.json"), "{error}");
    }
}
