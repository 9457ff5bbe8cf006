//! Whether the process lives, and whether it can be sent requests.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json as JsonBody;
use serde_json::{Value as Json, json};

use crate::error::RequestError;
use crate::pipeline::Pipeline;

/// `GET /healthz`: the process answers.
pub async fn alive() -> JsonBody<Json> {
    JsonBody(json!({"status": "ok"}))
}

/// `GET /readyz`: models and library are loaded, and the gateway is not shutting down.
pub async fn ready(State(pipeline): State<Arc<Pipeline>>) -> Result<JsonBody<Json>, RequestError> {
    if pipeline.admission.is_draining() {
        let retry_after_ms = pipeline.config.server.retry_after_ms;
        return Err(RequestError::Draining { retry_after_ms });
    }
    let functions = pipeline.shelf.snapshot().entries().len();
    Ok(JsonBody(json!({
        "status": "ready",
        "functions": functions,
        "model": pipeline.models.info().id,
    })))
}
