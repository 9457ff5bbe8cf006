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

use crate::support::{Script, ask, ask_with, build, until};
use crate::upstream::{Act, Fake};

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
        .body(Body::from(
            ask_with("count", json!({"user": "user-7", "metadata": {"thread": "t-1"}})).to_string(),
        ))
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
        ("chat fake", "user.id", "user-7"),
        ("chat fake", "hyfunc.metadata.thread", "t-1"),
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

/// Level, context and message of every line in the span of a call.
fn lines(span: &SpanData) -> Vec<[String; 3]> {
    let line = |event: &opentelemetry::trace::Event| {
        assert_eq!(event.name, "hyfunc.plugin.log");
        ["level", "context", "message"].map(|part| {
            let key = format!("hyfunc.plugin.log.{part}");
            let found = event.attributes.iter().find(|kv| kv.key.as_str() == key);
            found.unwrap_or_else(|| panic!("no {key}: {event:?}")).value.to_string()
        })
    };
    span.events.iter().map(line).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_plugin_wrote_is_in_the_span_of_its_call_and_in_the_answer() {
    // `large` panics: no machine of 32 bits has a list of that length.
    for (name, arguments, error, said) in [
        ("attacks_log", json!({"bytes": 200}), None, "xxxxx"),
        ("attacks_large", json!({"bytes": u32::MAX}), Some("trap"), "capacity overflow"),
        // The lines that OpenTelemetry has no room for are counted.
        ("attacks_log", json!({"bytes": 50_000}), None, "xxxxx"),
    ] {
        let calls = vec![(name, arguments.clone())];
        let (app, _) = build(Script { calls, ..Script::default() }, |_| {}).await;
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
        let subscriber = tracing_subscriber::registry().with(telemetry::layer(&provider));
        let _subscribed = tracing::subscriber::set_default(subscriber);
        let request = Request::post("/v1/chat/completions");
        let request = request.body(Body::from(ask("log").to_string())).unwrap();
        let response = app.router().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let call = &body["hyfunc"]["calls"][0];
        assert_eq!(call["error"]["kind"].as_str(), error, "{call}");

        let spans = kept.0.lock().unwrap().clone();
        let tool = format!("execute_tool {name}");
        let span = spans.iter().find(|span| span.name == tool.as_str()).unwrap();
        let (written, answered) = (lines(span), call["logs"].as_array().unwrap());
        assert!(written.iter().any(|[_, _, message]| message.contains(said)), "{written:?}");
        for ([level, context, message], answered) in written.iter().zip(answered) {
            assert_eq!((level.as_str(), context.as_str()), ("warn", "stderr"));
            assert_eq!(answered, message);
        }
        let dropped = span.events.dropped_count as usize;
        assert_eq!(written.len() + dropped, answered.len());
        assert_eq!(dropped > 0, arguments["bytes"] == 50_000, "{dropped} of {}", answered.len());
    }
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

#[tokio::test(flavor = "current_thread")]
async fn a_chat_model_elsewhere_has_a_span_of_its_own() {
    for (act, error, tokens) in [
        (Act::Says(&["La."]), None, Some("20")),
        (Act::Status(401, ""), Some("upstream_key_refused"), None),
    ] {
        let fake = Fake::start(act).await;
        let url = fake.url.clone();
        let (app, _) = build(Script::default(), |config| {
            config.upstream.url = url;
            config.upstream.model = "talker".into();
        })
        .await;
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
        let subscriber = tracing_subscriber::registry().with(telemetry::layer(&provider));
        let _subscribed = tracing::subscriber::set_default(subscriber);
        let request =
            Request::post("/v1/chat/completions").body(Body::from(ask("sing").to_string()));
        let response = app.router().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        drop(response);

        let spans = kept.0.lock().unwrap().clone();
        let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (own, respond) = (of("chat talker"), of("respond"));
        assert_eq!(own.parent_span_id, respond.span_context.span_id());
        assert_eq!(own.span_kind, opentelemetry::trace::SpanKind::Client);
        let (sent, _) = fake.asked();
        let (trace, span) = (own.span_context.trace_id(), own.span_context.span_id());
        assert_eq!(sent["traceparent"], format!("00-{trace}-{span}-01"), "{act:?}");
        let attribute = |key: &str| {
            let found = own.attributes.iter().find(|kv| kv.key.as_str() == key);
            found.map(|kv| kv.value.to_string())
        };
        for (key, value) in [
            ("gen_ai.operation.name", Some("chat")),
            ("gen_ai.provider.name", Some("openai")),
            ("gen_ai.request.model", Some("talker")),
            ("gen_ai.response.model", tokens.map(|_| "answering")),
            ("gen_ai.usage.output_tokens", tokens),
            ("server.address", Some("127.0.0.1")),
            ("error.type", error),
            ("gen_ai.input.messages", None),
        ] {
            assert_eq!(attribute(key).as_deref(), value, "{act:?} {key}");
        }
    }
}

/// The spans of one MCP call, whose message may name a trace of its own.
async fn spans_of_mcp(meta: serde_json::Value) -> Vec<SpanData> {
    let (app, _) = build(Script::default(), |_| {}).await;
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let subscriber = tracing_subscriber::registry().with(telemetry::layer(&provider));
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let mut params = json!({
        "name": "text_count_letter",
        "arguments": {"text": "banana", "letter": "a"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    params["_meta"].as_object_mut().unwrap().extend(meta.as_object().unwrap().clone());
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let request = Request::post("/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "text_count_letter")
        .body(Body::from(message.to_string()))
        .unwrap();
    let response = app.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    // The task that answered may still hold the spans.
    let has_ended = || kept.0.lock().unwrap().iter().any(|span| span.name == "POST /mcp");
    until("the answer's span ends", async || has_ended()).await;
    kept.0.lock().unwrap().clone()
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_over_mcp_is_below_its_carrier_or_below_the_span_that_it_names() {
    for (meta, is_below_the_carrier) in [
        (json!({}), true),
        (json!({"traceparent": CALLER}), false),
        (json!({"traceparent": "x"}), true),
    ] {
        let spans = spans_of_mcp(meta.clone()).await;
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        let of = |name: &str| {
            let found = spans.iter().find(|span| span.name == name);
            found.unwrap_or_else(|| panic!("no span {name}: {names:?}"))
        };
        let call = of("tools/call text_count_letter");
        let carrier = of("POST /mcp").span_context.clone();
        if is_below_the_carrier {
            assert_eq!(call.parent_span_id, carrier.span_id(), "{meta}");
        } else {
            assert_eq!(call.span_context.trace_id().to_string(), &CALLER[3..35]);
            assert_eq!(call.parent_span_id.to_string(), &CALLER[36..52]);
            let links = &call.links.links;
            assert_eq!(links.len(), 1, "the carrier is linked");
            assert_eq!(links[0].span_context.span_id(), carrier.span_id());
        }
        let call_id = call.span_context.span_id();
        for (child, parent) in [
            ("accept", call_id),
            ("dispatch", call_id),
            ("execute_tool text_count_letter", of("dispatch").span_context.span_id()),
        ] {
            assert_eq!(of(child).parent_span_id, parent, "{child}");
        }
        let attribute = |key: &str| {
            let found = call.attributes.iter().find(|kv| kv.key.as_str() == key);
            found.map(|kv| kv.value.to_string())
        };
        for (key, value) in [
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", "2026-07-28"),
            ("jsonrpc.request.id", "7"),
            ("gen_ai.tool.name", "text_count_letter"),
        ] {
            assert_eq!(attribute(key).as_deref(), Some(value), "{key}");
        }
    }
}
