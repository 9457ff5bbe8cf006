//! `GET /v1/models`, as OpenAI has it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Json as JsonBody;
use serde_json::{Value as Json, json};

use super::Shared;
use super::fields::path_text;
use crate::error::RequestError;

/// `GET /v1/models`
pub async fn list(State(shared): State<Shared>) -> JsonBody<Json> {
    JsonBody(json!({"object": "list", "data": [describe(&shared)]}))
}

/// `GET /v1/models/{id}`
pub async fn show(
    State(shared): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<JsonBody<Json>, RequestError> {
    let id = path_text(id)?;
    let served = shared.pipeline.models.info().id;
    if id != served {
        return Err(RequestError::UnknownModel { model: id, served });
    }
    Ok(JsonBody(describe(&shared)))
}

fn describe(shared: &Shared) -> Json {
    let info = shared.pipeline.models.info();
    json!({
        "id": info.id,
        "object": "model",
        "created": shared.started_s,
        "owned_by": "hyfunc",
        "hyfunc": {
            "parameters_large": info.parameters_large,
            "parameters_small": info.parameters_small,
            "digest": info.digest,
        },
    })
}
