//! Traces and metrics reach a collector. A process of its own: logging is set up once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use hyfunc::config::TelemetryConfig;
use hyfunc::telemetry::{self, Metrics};

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_spans_and_metrics() {
    let got: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let collector = Router::new().fallback({
        let got = Arc::clone(&got);
        move |uri: Uri, body: Bytes| async move {
            got.lock().unwrap().entry(uri.path().to_owned()).or_default().extend(&body[..]);
        }
    });
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let config = TelemetryConfig {
        otlp_endpoint: format!("http://{address}/"),
        service_name: "hyfunc-under-test".into(),
        ..TelemetryConfig::default()
    };
    let telemetry = telemetry::start(&config).unwrap();
    assert!(telemetry::start(&config).is_err(), "logging is set up once");
    drop(telemetry::chat_span("the-model"));
    Metrics::default().answered("the-model", Duration::from_millis(5), 3, 4);
    Metrics::default().mcp("tools/call", Some("units_convert"), Duration::from_millis(5), None);
    telemetry.shutdown().await;

    let got = got.lock().unwrap();
    let paths: Vec<&str> = got.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/v1/metrics", "/v1/traces"]);
    for (path, texts) in [
        ("/v1/traces", &["hyfunc-under-test", "chat the-model"][..]),
        (
            "/v1/metrics",
            &[
                "hyfunc-under-test",
                "gen_ai.client.inference.duration",
                "mcp.server.operation.duration",
                "tools/call",
                "units_convert",
            ][..],
        ),
    ] {
        for text in texts {
            assert!(holds(&got[path], text), "{path} has no {text}");
        }
    }
}
