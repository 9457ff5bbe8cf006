//! The models with another soft token, to see what it is worth.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{CascadeError, DecodeRequest, Decoded, Earlier, Intent, ModelInfo, Prepared};
use hyfunc_functions::Function;
use hyfunc_training::soft::{Control, SoftToken};

use crate::models::Models;

/// Models whose small one reads another soft token than was distilled for it.
pub(super) struct Controlled {
    models: Arc<dyn Models>,
    control: Mutex<Control>,
}

impl Controlled {
    /// Around models that serve one request after the other.
    pub(super) fn new(models: Arc<dyn Models>, soft: SoftToken) -> Self {
        Self { models, control: Mutex::new(Control::new(soft)) }
    }
}

impl Models for Controlled {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        self.models.prepare(functions)
    }

    fn prepare_library(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        self.models.prepare_library(functions)
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async move {
            let mut intent = self.models.distil(query, deadline).await?;
            self.control.lock().unwrap_or_else(PoisonError::into_inner).put(&mut intent);
            Ok(intent)
        })
    }

    fn distil_after<'a>(
        &'a self,
        earlier: &'a [Earlier],
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async move {
            let mut intent = self.models.distil_after(earlier, query, deadline).await?;
            self.control.lock().unwrap_or_else(PoisonError::into_inner).put(&mut intent);
            Ok(intent)
        })
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        self.models.decode(request)
    }

    fn info(&self) -> ModelInfo {
        self.models.info()
    }

    fn p_call(&self, distilled: f32, decoded: &Decoded) -> f32 {
        self.models.p_call(distilled, decoded)
    }

    fn is_alive(&self) -> bool {
        self.models.is_alive()
    }
}
