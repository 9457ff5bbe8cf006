//! What an operator sees of a request: names of spans and who is whose child.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use hyfunc::telemetry;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use serde_json::json;
use tower::ServiceExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Script, ask, build};

/// Keeps every span.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "current_thread")]
async fn six_steps_under_one_chat_under_the_caller() {
    let calls = vec![("text_count_letter", json!({"text": "banana", "letter": "a"}))];
    let (app, _) = build(Script { calls, ..Script::default() }, |_| {}).await;
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let subscriber = tracing_subscriber::registry().with(telemetry::layer(&provider));
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let request = Request::post("/v1/chat/completions")
        .header("traceparent", CALLER)
        .body(Body::from(ask("count").to_string()))
        .unwrap();
    let response = app.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let traceresponse = response.headers()["traceresponse"].to_str().unwrap();
    assert!(traceresponse.starts_with(&CALLER[..36]), "the caller's trace: {traceresponse}");
    drop(response);

    let spans = kept.0.lock().unwrap().clone();
    let by_name: HashMap<&str, &SpanData> =
        spans.iter().map(|span| (span.name.as_ref(), span)).collect();
    let trace = spans[0].span_context.trace_id();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
    assert_eq!(trace.to_string(), &CALLER[3..35]);
    for (child, parent) in [
        ("accept", "chat fake"),
        ("distil", "chat fake"),
        ("retrieve", "chat fake"),
        ("decode", "chat fake"),
        ("dispatch", "chat fake"),
        ("respond", "chat fake"),
        ("execute_tool text_count_letter", "dispatch"),
        ("chat fake", "POST /v1/chat/completions"),
    ] {
        let span =
            by_name.get(child).unwrap_or_else(|| panic!("no span {child}: {:?}", by_name.keys()));
        assert_eq!(span.parent_span_id, by_name[parent].span_context.span_id(), "{child}");
    }
    assert_eq!(spans.len(), 9, "{:?}", by_name.keys());

    let attribute = |span: &str, key: &str| {
        let attributes = &by_name[span].attributes;
        attributes.iter().find(|kv| kv.key.as_str() == key).map(|kv| kv.value.to_string())
    };
    for (span, key, value) in [
        ("chat fake", "gen_ai.operation.name", "chat"),
        ("chat fake", "gen_ai.request.model", "fake"),
        ("retrieve", "gen_ai.operation.name", "retrieval"),
        ("execute_tool text_count_letter", "gen_ai.tool.name", "text_count_letter"),
        ("execute_tool text_count_letter", "gen_ai.operation.name", "execute_tool"),
        ("execute_tool text_count_letter", "hyfunc.plugin", "text"),
        ("POST /v1/chat/completions", "http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(span, key).as_deref(), Some(value), "{span} {key}");
    }
    let content = spans.iter().flat_map(|span| &span.attributes);
    let leaked = content.clone().find(|kv| kv.value.to_string().contains("banana"));
    assert!(leaked.is_none(), "content is not captured unless asked for: {leaked:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_failed_step_says_so() {
    let (app, _) = build(Script::default(), |_| {}).await;
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let subscriber = tracing_subscriber::registry().with(telemetry::layer(&provider));
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let request = Request::post("/v1/chat/completions").body(Body::from("nonsense")).unwrap();
    assert_eq!(app.router().oneshot(request).await.unwrap().status(), 400);
    let spans = kept.0.lock().unwrap().clone();
    let accept = spans.iter().find(|span| span.name == "accept").unwrap();
    let error = accept.attributes.iter().find(|kv| kv.key.as_str() == "error.type");
    assert_eq!(error.map(|kv| kv.value.to_string()).as_deref(), Some("invalid_json"));
    assert!(!spans.iter().any(|span| span.name == "distil"), "nothing after the failed step");
}
