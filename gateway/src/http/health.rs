//! Whether the process lives, and whether it can be sent requests.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json as JsonBody, Response};
use hyfunc_cascade::CascadeError;
use serde_json::{Value as Json, json};

use super::error::Refusal;
use crate::error::RequestError;
use crate::pipeline::{Pipeline, Step};

/// `GET /healthz`: the process answers.
pub async fn alive() -> JsonBody<Json> {
    JsonBody(json!({"status": "ok"}))
}

/// `GET /readyz`: a request that is sent now would be worked on. Not while the gateway is shutting
/// down, when its engine has died, or as long as its queue is full.
pub async fn ready(State(pipeline): State<Arc<Pipeline>>) -> Response {
    if let Some(error) = unready(&pipeline) {
        let mut response = error.into_response();
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        // A probe that was told the truth is no failed request: it is neither counted nor logged.
        response.extensions_mut().remove::<Refusal>();
        return response;
    }
    let functions = pipeline.shelf.snapshot().entries().len();
    JsonBody(json!({
        "status": "ready",
        "functions": functions,
        "model": pipeline.models.info().id,
    }))
    .into_response()
}

fn unready(pipeline: &Pipeline) -> Option<RequestError> {
    if !pipeline.models.is_alive() {
        let source = CascadeError::Stopped;
        return Some(RequestError::Models { step: Step::Distil, source });
    }
    if pipeline.admission.is_leaving() {
        let retry_after_ms = pipeline.config.server.retry_after_ms;
        return Some(RequestError::Draining { retry_after_ms });
    }
    pipeline.admission.refusal()
}
