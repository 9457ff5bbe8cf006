//! The seam between the gateway and whatever decides: the one trait that tests replace.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{Cascade, CascadeError, DecodeRequest, Decoded, Intent, ModelInfo, Prepared};
use hyfunc_functions::Function;

/// What the gateway asks of the models.
pub trait Models: Send + Sync {
    /// Makes functions ready: once at load, and for the functions that a client sends.
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>>;

    /// The query as a soft token, a vector for the index, and the probability of any call.
    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>>;

    /// The calls that answer the query.
    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>>;

    /// What serves.
    fn info(&self) -> ModelInfo;

    /// Probability of any call, once all is decided. Some know it from the query alone.
    fn p_call(&self, distilled: f32, _decoded: &Decoded) -> f32 {
        distilled
    }

    /// Whether there is still somebody to decide.
    fn is_alive(&self) -> bool {
        true
    }
}

impl Models for Cascade {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(Cascade::prepare(self, functions))
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(Cascade::distil(self, query, deadline))
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(Cascade::decode(self, request))
    }

    fn info(&self) -> ModelInfo {
        Cascade::info(self).clone()
    }

    fn is_alive(&self) -> bool {
        Cascade::is_alive(self)
    }
}
