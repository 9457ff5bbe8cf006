//! A request's spans as a collector reads them: OTLP over HTTP, parsed as the protocol has it.
//!
//! A process of its own: logging is set up once.

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use hyfunc::config::TelemetryConfig;
use hyfunc::telemetry;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use support::{Gateway, config};

const CALLER_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN: &str = "b7ad6b7169203331";
const SERVICE: &str = "hyfunc-under-test";

/// How long the last span may take to come: it ends after its client has read the last byte.
const PATIENCE: Duration = Duration::from_secs(60);
const LAST_SPAN: &str = "POST /v1/chat/completions";

type Exports = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// Takes what is sent to `/v1/traces`, and refuses what cannot be parsed.
async fn collector(exports: Exports) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().fallback(move |uri: Uri, body: Bytes| async move {
        if uri.path() != "/v1/traces" {
            return StatusCode::OK;
        }
        match ExportTraceServiceRequest::decode(&body[..]) {
            Ok(export) => {
                exports.lock().expect("nobody panics with it").push(export);
                StatusCode::OK
            }
            Err(_) => StatusCode::BAD_REQUEST,
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = |at: usize| &hexadecimal[at..at + 2];
    let byte = |at| u8::from_str_radix(digits(at), 16).expect("two hexadecimal digits");
    (0..hexadecimal.len()).step_by(2).map(byte).collect()
}

/// What the exports say of the service, and their spans by name.
fn read(exports: &[ExportTraceServiceRequest]) -> BTreeMap<String, Span> {
    let mut spans = BTreeMap::new();
    for resource in exports.iter().flat_map(|export| &export.resource_spans) {
        let attributes =
            resource.resource.as_ref().map(|of| &of.attributes[..]).unwrap_or_default();
        let name = attributes.iter().find(|attribute| attribute.key == "service.name");
        let name = name.and_then(|name| name.value.as_ref()).and_then(|name| name.value.as_ref());
        assert_eq!(name, Some(&Value::StringValue(SERVICE.to_owned())));
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let twice = spans.insert(span.name.clone(), span.clone());
            assert!(twice.is_none(), "{} is there twice", span.name);
        }
    }
    spans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_reads_six_steps_below_the_caller() {
    let exports = Exports::default();
    let telemetry = telemetry::start(&TelemetryConfig {
        otlp_endpoint: collector(Arc::clone(&exports)).await,
        service_name: SERVICE.to_owned(),
        ..TelemetryConfig::default()
    })
    .expect("telemetry starts");
    let gateway =
        tokio::task::spawn_blocking(|| Gateway::start(config())).await.expect("it starts");

    let asked = json!({"model": "hyfunc-tiny",
        "messages": [{"role": "user", "content": "how many miles are 42.195 km?"}]});
    let response = reqwest::Client::new()
        .post(format!("{}/v1/chat/completions", gateway.url()))
        .header("traceparent", format!("00-{CALLER_TRACE}-{CALLER_SPAN}-01"))
        .json(&asked)
        .send()
        .await
        .expect("the gateway answers");
    assert_eq!(response.status().as_u16(), 200);
    let answered = response.headers()["traceresponse"].to_str().expect("plain text").to_owned();
    response.bytes().await.expect("the whole answer");
    let began = Instant::now();
    while !read(&exports.lock().expect("nobody panics with it")).contains_key(LAST_SPAN) {
        assert!(began.elapsed() < PATIENCE, "the last span does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    telemetry.shutdown().await;

    let spans = read(&exports.lock().expect("nobody panics with it"));
    let found = |name: &str| {
        spans.get(name).unwrap_or_else(|| panic!("no span `{name}` in {:?}", spans.keys()))
    };
    let (root, chat) = (found(LAST_SPAN), found("chat hyfunc-tiny"));
    assert_eq!(root.parent_span_id, bytes(CALLER_SPAN));
    assert_eq!(chat.parent_span_id, root.span_id);
    let mut before = chat.start_time_unix_nano;
    for step in ["accept", "distil", "retrieve", "decode", "dispatch", "respond"] {
        let span = found(step);
        assert_eq!(span.parent_span_id, chat.span_id, "{step}");
        assert!(span.start_time_unix_nano >= before, "{step} begins before the step before it");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{step}");
        before = span.start_time_unix_nano;
    }
    for (name, span) in &spans {
        assert_eq!(span.trace_id, bytes(CALLER_TRACE), "{name}");
    }
    // What goes back names the trace that the collector has.
    assert!(answered.starts_with(&format!("00-{CALLER_TRACE}-")), "{answered}");
}
