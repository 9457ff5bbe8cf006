//! The seam between the gateway and whatever decides: the one trait that tests replace.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{
    Cascade, CascadeError, DecodeRequest, Decoded, Earlier, Intent, ModelInfo, Prepared, Progress,
};
use hyfunc_functions::Function;

/// What the gateway asks of the models.
pub trait Models: Send + Sync {
    /// Makes functions ready for one request: those that a client sends.
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>>;

    /// Makes functions of the library ready: once at load, and when one changes.
    fn prepare_library(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        self.prepare(functions)
    }

    /// The query as a soft token, a vector for the index, and the probability of any call.
    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>>;

    /// The same in the light of what was said and done before. Models that cannot heed it read the
    /// query alone.
    fn distil_after<'a>(
        &'a self,
        _earlier: &'a [Earlier],
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        self.distil(query, deadline)
    }

    /// The calls that answer the query.
    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>>;

    /// The same, and tells in the meantime what of the calls can no longer change. Models that
    /// cannot tell nothing before the end.
    fn decode_told(
        &self,
        request: DecodeRequest,
        _progress: Progress,
    ) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        self.decode(request)
    }

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

    fn prepare_library(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(Cascade::prepare_library(self, functions))
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(Cascade::distil(self, query, deadline))
    }

    fn distil_after<'a>(
        &'a self,
        earlier: &'a [Earlier],
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(Cascade::distil_after(self, earlier, query, deadline))
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(Cascade::decode(self, request))
    }

    fn decode_told(
        &self,
        request: DecodeRequest,
        progress: Progress,
    ) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(Cascade::decode_told(self, request, progress))
    }

    fn info(&self) -> ModelInfo {
        Cascade::info(self).clone()
    }

    fn is_alive(&self) -> bool {
        Cascade::is_alive(self)
    }
}
