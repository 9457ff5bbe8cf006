//! The last requests: `GET /v1/recent`, `GET /v1/recent/{id}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use axum::response::Json as JsonBody;
use serde_json::{Map, Value as Json, json};

use super::fields::path_text;
use super::openai::{CandidateJson, PiecesJson, SandboxJson, TokensJson, WordedJson};
use crate::clock::{micros, now_ms};
use crate::error::RequestError;
use crate::pipeline::{Arrival, Pipeline};
use crate::recent::{CallRecord, CandidateRecord, RanRecord, Record, Status};

/// Characters of a query in the list; the request's own page has all.
const EXCERPT_CHARS_MAX: usize = 200;

/// What is asked of whoever stands between: these answers are nobody else's, and old at once.
const UNCACHED: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

type Uncached = ([(HeaderName, &'static str); 1], JsonBody<Json>);

/// `GET /v1/recent`: newest first, without what was decided.
pub async fn list(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
) -> Uncached {
    let recent = &pipeline.recent;
    let list = json!({
        "object": "list",
        "now_ms": now_ms(),
        "requests_max": recent.requests_max(),
        "keeps_content": recent.keeps_content(),
        "data": recent.newest(&arrival.principal, brief),
    });
    (UNCACHED, JsonBody(list))
}

/// `GET /v1/recent/{id}`: the newest request with that request id or trace id, and all that is
/// remembered of it.
pub async fn show(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Uncached, RequestError> {
    let id = path_text(id)?;
    let recent = &pipeline.recent;
    let whole =
        recent.find(&arrival.principal, &id, |record| whole(record, recent.keeps_content()));
    let whole = whole
        .ok_or_else(|| RequestError::UnknownRequest { id, requests_max: recent.requests_max() })?;
    Ok((UNCACHED, JsonBody(whole)))
}

fn brief(record: &Record) -> Json {
    let mut json = outline(record);
    json["query"] = record.query.as_deref().map(excerpt).into();
    let calls = record.calls.iter().map(|call| Json::Object(outcome(call)));
    json["calls"] = calls.collect();
    json
}

fn whole(record: &Record, keeps_content: bool) -> Json {
    let mut json = outline(record);
    json["query"] = record.query.clone().into();
    json["keeps_content"] = keeps_content.into();
    json["left_out"] = record.is_short().into();
    json["p_call"] = record.p_call.into();
    json["candidates"] = json!(record.candidates.iter().map(candidate).collect::<Vec<_>>());
    json["calls"] = record.calls.iter().map(call).collect();
    json["tokens"] = json!(record.counts.as_ref().map(TokensJson::of));
    json
}

/// What holds for both: who, when, how long, how it ended.
fn outline(record: &Record) -> Json {
    let error = match &record.status {
        Status::Failed { code, message, .. } => json!({"code": code, "message": message}),
        Status::AtWork | Status::Answered | Status::HungUp => Json::Null,
    };
    let http = match &record.status {
        Status::Failed { http, .. } => Some(*http),
        Status::Answered => Some(200),
        Status::AtWork | Status::HungUp => None,
    };
    let mut json = json!({
        "object": "recent.request",
        "request_id": record.request_id,
        "trace_id": record.trace_id,
        "kind": record.kind.name(),
        "received_ms": record.received_ms,
        "outcome": record.status.name(),
        "status": http,
        "error": error,
        "took_us": record.took.map(micros),
        "timings_us": record.timings,
    });
    if let Some(worded) = &record.upstream {
        json["upstream"] = json!(WordedJson::of(worded));
    }
    json
}

fn candidate(candidate: &CandidateRecord) -> CandidateJson<'_> {
    let CandidateRecord { name, origin, score, p_call } = candidate;
    CandidateJson::new(name, origin, *score, *p_call)
}

/// A call as under `hyfunc` in an answer.
fn call(call: &CallRecord) -> Json {
    let mut json = outcome(call);
    json.insert("arguments".into(), call.arguments.clone().into());
    if let Some(ran) = &call.ran
        && ran.failure.is_none()
    {
        json.insert("result".into(), ran.result.clone().into());
    }
    json.insert("score".into(), call.score.into());
    json.insert("pieces".into(), json!(call.pieces.as_deref().map(PiecesJson)));
    Json::Object(json)
}

fn outcome(call: &CallRecord) -> Map<String, Json> {
    let mut json = Map::new();
    json.insert("id".into(), call.id.clone().into());
    json.insert("function".into(), call.function.clone().into());
    if let Some(RanRecord { failure, timings, took, .. }) = &call.ran {
        if let Some(failure) = failure {
            let error = json!({"kind": failure.kind, "message": failure.message});
            json.insert("error".into(), error);
        }
        let timings = SandboxJson::new(timings.as_ref(), *took);
        json.insert("timings_us".into(), json!(timings));
    }
    json
}

fn excerpt(query: &str) -> String {
    match query.char_indices().nth(EXCERPT_CHARS_MAX) {
        None => query.to_owned(),
        Some((end, _)) => format!("{}…", &query[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_ends_between_characters() {
        for (query, cut) in [
            (String::new(), String::new()),
            ("é".repeat(EXCERPT_CHARS_MAX), "é".repeat(EXCERPT_CHARS_MAX)),
            ("é".repeat(EXCERPT_CHARS_MAX + 1), format!("{}…", "é".repeat(EXCERPT_CHARS_MAX))),
        ] {
            assert_eq!(excerpt(&query), cut);
        }
    }
}
