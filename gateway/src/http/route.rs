//! `POST /v1/route`: the cascade alone. What would be called, and how that was decided.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Json as JsonBody, Response};
use serde::Serialize;
use serde_json::Value as Json;

use super::body;
use super::fields::{Fields, parse};
use super::openai::{
    CandidateJson, Chosen, PiecesJson, Style, TokensJson, Tools, read_chat, read_choice, read_tools,
};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, Pipeline, Request, Timings, Unheld, Wire};

/// The handler.
pub async fn route(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RequestError> {
    let bytes = body::read(headers, body, pipeline.config.request.body_bytes_max);
    pipeline.run(&Route, arrival, bytes).await
}

/// `{"query": …, "tools": …, "tool_choice": …}`, or the body of a chat completion.
struct Route;

/// The answer.
#[derive(Serialize)]
struct RouteJson<'a> {
    object: &'static str,
    request_id: &'a str,
    model: &'a str,
    query: &'a str,
    p_call: f64,
    candidates: Vec<CandidateJson<'a>>,
    calls: Vec<RoutedJson<'a>>,
    tokens: TokensJson,
    timings_us: Timings,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unheld: &'a [Unheld],
}

/// What would be called.
#[derive(Serialize)]
struct RoutedJson<'a> {
    function: &'a str,
    arguments: &'a Json,
    score: f64,
    pieces: PiecesJson<'a>,
}

impl Wire for Route {
    type Form = ();
    type Reply = Response;
    const RUNS: bool = false;

    fn accept(&self, body: &[u8], limits: &RequestConfig) -> Result<(Request, ()), RequestError> {
        let json = parse(body, limits)?;
        let fields = Fields::of(&json, "")?;
        if fields.get("messages").is_some() {
            return Ok((read_chat(&json, limits)?.0, ()));
        }
        fields.only(&["query", "model", "tools", "tool_choice"])?;
        let Chosen { choice, allowed } = read_choice(&fields, Style::Nested)?;
        let Tools { functions: tools, unheld } = read_tools(&fields, limits, Style::Nested)?;
        let request = Request {
            model: fields.text("model")?.map(str::to_owned),
            query: fields.text_required("query")?.to_owned(),
            tools,
            unheld,
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

    async fn respond(&self, (): (), answer: Answer) -> Result<Response, RequestError> {
        let calls = answer.outcomes.calls.iter().zip(&answer.decoded.calls);
        let calls = calls.map(|(call, decoded)| RoutedJson {
            function: &call.function.name,
            arguments: &call.arguments_json,
            score: decoded.score.into(),
            pieces: PiecesJson(&decoded.pieces),
        });
        let json = RouteJson {
            object: "route",
            request_id: &answer.arrival.id,
            model: &answer.model,
            query: &answer.request.query,
            p_call: answer.p_call.into(),
            candidates: CandidateJson::list(&answer.candidates, &answer.decoded),
            calls: calls.collect(),
            tokens: TokensJson::of(&answer.decoded.counts),
            timings_us: answer.timings,
            unheld: &answer.request.unheld,
        };
        Ok(JsonBody(json).into_response())
    }
}
