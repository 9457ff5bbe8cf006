//! `POST /v1/route`: the cascade alone. What would be called, and how that was decided.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json as JsonBody;
use serde_json::{Value as Json, json};

use super::body;
use super::fields::{Fields, parse};
use super::openai::{
    Chosen, Style, candidates_json, pieces_json, read_chat, read_choice, read_tools, tokens_json,
};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, Pipeline, Request, Wire};

/// The handler.
pub async fn route(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Result<JsonBody<Json>, RequestError> {
    let bytes = body::read(headers, body, pipeline.config.request.body_bytes_max);
    pipeline.run(&Route, arrival, bytes).await
}

/// `{"query": …, "tools": …, "tool_choice": …}`, or the body of a chat completion.
struct Route;

impl Wire for Route {
    type Form = ();
    type Reply = JsonBody<Json>;
    const RUNS: bool = false;

    fn accept(&self, body: &[u8], limits: &RequestConfig) -> Result<(Request, ()), RequestError> {
        let json = parse(body, limits)?;
        let fields = Fields::of(&json, "")?;
        if fields.get("messages").is_some() {
            return Ok((read_chat(&json, limits)?.0, ()));
        }
        fields.only(&["query", "model", "tools", "tool_choice"])?;
        let Chosen { choice, allowed } = read_choice(&fields, Style::Nested)?;
        let request = Request {
            model: fields.text("model")?.map(str::to_owned),
            query: fields.text_required("query")?.to_owned(),
            tools: read_tools(&fields, limits, Style::Nested)?,
            choice,
            allowed,
            calls_max: limits.calls_max,
            ..Request::default()
        };
        Ok((request, ()))
    }

    fn waits((): &()) -> bool {
        true
    }

    async fn respond(&self, (): (), answer: Answer) -> Result<JsonBody<Json>, RequestError> {
        let calls: Vec<Json> = answer
            .outcomes
            .calls
            .iter()
            .zip(&answer.decoded.calls)
            .map(|(call, decoded)| {
                json!({
                    "function": call.function.name,
                    "arguments": call.arguments_json,
                    "score": decoded.score,
                    "pieces": pieces_json(&decoded.pieces),
                })
            })
            .collect();
        Ok(JsonBody(json!({
            "object": "route",
            "request_id": answer.arrival.id,
            "model": answer.model,
            "query": answer.request.query,
            "p_call": answer.p_call,
            "candidates": candidates_json(&answer.candidates, &answer.decoded),
            "calls": calls,
            "tokens": tokens_json(&answer.decoded.counts),
            "timings_us": answer.timings.to_json(),
        })))
    }
}
