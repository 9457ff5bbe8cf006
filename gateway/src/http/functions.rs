//! The library: listing it, and calling one function without any model.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Json as JsonBody, Response};
use hyfunc_functions::schema::{parameters_schema, result_schema};
use hyfunc_sandbox::{Grants, HostGrant};
use serde_json::{Value as Json, json};

use super::body;
use super::fields::path_text;
use super::openai::CallJson;
use crate::error::RequestError;
use crate::library::{Entry, View};
use crate::pipeline::{Arrival, Pipeline, say};

/// `GET /v1/functions`
pub async fn list(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
) -> JsonBody<Json> {
    let library = View::new(pipeline.shelf.snapshot(), arrival.principal);
    let data: Vec<Json> = library.entries().map(|entry| describe(entry)).collect();
    JsonBody(json!({"object": "list", "data": data}))
}

fn describe(entry: &Entry) -> Json {
    let function = entry.function();
    let examples: Vec<Json> = function
        .examples
        .iter()
        .map(|example| {
            json!({"utterance": example.utterance, "arguments": example.arguments.clone()})
        })
        .collect();
    json!({
        "name": function.name,
        "description": function.description,
        "parameters": parameters_schema(&function.parameters),
        "result": result_schema(function.returns.as_ref()),
        "plugin": entry.plugin.name(),
        "plugin_digest": entry.plugin.digest(),
        "grants": grants_json(entry.plugin.grants()),
        "examples": examples,
    })
}

/// What its plugin may do besides computing. Values of the configuration may be secrets: only
/// their keys are told.
pub(super) fn grants_json(grants: &Grants) -> Json {
    let describe = |grant: &HostGrant| {
        json!({
            "host": grant.host,
            "port": grant.port,
            "methods": grant.methods,
            "allow_private": grant.allow_private,
            "allow_plain": grant.allow_plain,
        })
    };
    json!({
        "http": {"hosts": grants.http.hosts.iter().map(describe).collect::<Vec<Json>>()},
        "keyvalue": {"store": grants.keyvalue.store},
        "config": {"keys": grants.config.keys.keys().collect::<Vec<_>>()},
    })
}

/// `POST /v1/functions/{name}`: JSON arguments in, JSON result out.
///
/// A function that gives its own error answers with status 200 and an `error` member; a sandbox
/// that had to end the call answers with the table's status.
pub async fn call(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RequestError> {
    let name = path_text(name)?;
    let bytes = body::read(headers, body, pipeline.config.request.body_bytes_max);
    let (call, ran) = pipeline.call(&arrival, &name, bytes).await?;
    if let Err(failure) = &ran.result
        && let Some(source) = &failure.source
    {
        let error = RequestError::Call { function: name, source: source.clone() };
        pipeline.recent.fail(&arrival, &error);
        return Err(error);
    }
    Ok(JsonBody(CallJson::ran(&call, &ran, &say(&call, &ran))).into_response())
}
