//! The preset as the gateway holds it.

use std::sync::Arc;
use std::time::Instant;

use hyfunc_cascade::ask::until;
use hyfunc_cascade::{CascadeError, DecodeRequest, Decoded, Intent, ModelInfo, Prepared};
use hyfunc_functions::Function;

use crate::causal::{Causal, Embed};
use crate::decode::Decoder;
use crate::engine::Engine;

/// Score that every function reaches: with a stock model the best candidates are always offered, and
/// it is the model that refuses.
pub const NO_THRESHOLD: f32 = -1.0;

/// Cheap to clone: a handle to the engine's threads.
#[derive(Clone)]
pub struct Stock {
    engine: Engine,
    info: Arc<ModelInfo>,
}

impl Stock {
    /// Starts the engine. Without an encoder, functions are found by their words.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<M: Causal>(
        decoder: Decoder<M>,
        encoder: Option<Box<dyn Embed>>,
        info: ModelInfo,
        (threads, queue_jobs_max): (usize, usize),
    ) -> Result<Self, CascadeError> {
        let engine = Engine::start(decoder, encoder, threads, queue_jobs_max)?;
        let info = Arc::new(ModelInfo { retrieval_threshold: NO_THRESHOLD, ..info });
        Ok(Self { engine, info })
    }

    /// What serves.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Whether any of the engine's threads is left.
    pub fn is_alive(&self) -> bool {
        self.engine.is_alive()
    }

    /// Makes functions ready.
    ///
    /// # Errors
    /// The encoder fails.
    pub async fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        self.engine.prepare(functions).await
    }

    /// The vector of a query. Its p(call) says nothing: [`Stock::p_call`] does.
    ///
    /// # Errors
    /// Overload, a passed deadline, an encoder that fails.
    pub async fn distil(&self, query: &str, deadline: Instant) -> Result<Intent, CascadeError> {
        until(deadline, "distil", self.engine.distil(query.to_owned(), deadline)).await
    }

    /// Decides the calls of a request.
    ///
    /// # Errors
    /// Overload, a passed deadline, a request that does not fit the model.
    pub async fn decode(&self, request: DecodeRequest) -> Result<Decoded, CascadeError> {
        let deadline = request.deadline;
        until(deadline, "decode", self.engine.decode(request)).await
    }

    /// Probability of any call, 0 to 1: the candidates share it.
    pub fn p_call(decoded: &Decoded) -> f32 {
        decoded.scores.iter().sum::<f32>().clamp(0.0, 1.0)
    }
}
