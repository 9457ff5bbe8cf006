//! What a plugin built from Rust can reach: by default nothing, and then what its grants name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use hyfunc_functions::Value;
use hyfunc_sandbox::{CallError, OutcomeResult, Plugin, SandboxConfig};
use serde_json::{Value as Json, json};
use support::{PATIENCE_MS, call_json, context, context_within, fixture, small};

fn hostile(grants: &str) -> Plugin {
    fixture(small(), "hostile", grants)
}

async fn result(plugin: &Plugin, name: &str, arguments: Json) -> OutcomeResult {
    call_json(plugin, name, &arguments, context()).await.unwrap().result
}

async fn refusal(plugin: &Plugin, name: &str, arguments: Json) -> String {
    match result(plugin, name, arguments).await {
        OutcomeResult::ToolError(Some(Value::String(reason))) => reason,
        other => panic!("{name} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn no_file_can_be_opened() {
    let plugin = hostile("");
    for path in ["/etc/passwd", "/", ".", "Cargo.toml", "../../../../etc/passwd", "/dev/stdin"] {
        refusal(&plugin, "read-file", json!({ "path": path })).await;
    }
}

#[tokio::test]
async fn environment_and_arguments_are_empty() {
    let plugin = hostile("");
    for function in ["list-env", "list-args"] {
        let listed = result(&plugin, function, json!({})).await;
        assert_eq!(listed, OutcomeResult::Value(Some(Value::List(vec![]))), "{function}");
    }
}

#[tokio::test]
async fn no_socket_can_be_opened() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plugin = hostile("");
    let address = listener.local_addr().unwrap().to_string();
    refusal(&plugin, "connect", json!({ "address": address })).await;
    refusal(&plugin, "connect", json!({ "address": "localhost:80" })).await;
    let accepted = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(accepted.is_err(), "a connection came");
}

/// A server on loopback that answers some paths; its port.
async fn server() -> u16 {
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/inward",
            get(|| async { Redirect::to("http://169.254.169.254/latest/meta-data/") }),
        )
        .route("/slow", get(std::future::pending::<()>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

fn grant(host: &str, port: u16, more: &str) -> String {
    format!("[http]\nhosts = [{{ host = \"{host}\", port = {port}, {more} }}]")
}

#[tokio::test]
async fn http_without_a_grant_is_refused() {
    let port = server().await;
    let plugin = hostile("");
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://example.com/".to_owned(),
    ] {
        refusal(&plugin, "fetch", json!({ "url": url })).await;
    }
}

#[tokio::test]
async fn a_granted_host_is_reached_and_no_other_port_or_name() {
    let port = server().await;
    let plugin = hostile(&grant("127.0.0.1", port, "allow_private = true, allow_plain = true"));
    let url =
        |host: &str, port: u16, path: &str| json!({ "url": format!("http://{host}:{port}{path}") });
    let answered = result(&plugin, "fetch", url("127.0.0.1", port, "/")).await;
    assert_eq!(answered, OutcomeResult::Value(Some(Value::Int(200))));
    let missing = result(&plugin, "fetch", url("127.0.0.1", port, "/missing")).await;
    assert_eq!(missing, OutcomeResult::Value(Some(Value::Int(404))));
    refusal(&plugin, "fetch", url("localhost", port, "/")).await;
    refusal(&plugin, "fetch", url("127.0.0.1", port.wrapping_add(1).max(1), "/")).await;
    refusal(&plugin, "fetch", url("127.0.0.2", port, "/")).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_by_the_host() {
    let port = server().await;
    let plugin = hostile(&grant("127.0.0.1", port, "allow_private = true, allow_plain = true"));
    let url = json!({ "url": format!("http://127.0.0.1:{port}/inward") });
    let answered = result(&plugin, "fetch", url).await;
    assert_eq!(answered, OutcomeResult::Value(Some(Value::Int(303))));
}

#[tokio::test]
async fn a_private_address_must_be_named_as_such() {
    let port = server().await;
    for host in ["127.0.0.1", "localhost"] {
        let plugin = hostile(&grant(host, port, "allow_plain = true"));
        let url = json!({ "url": format!("http://{host}:{port}/") });
        refusal(&plugin, "fetch", url.clone()).await;
        let plugin = hostile(&grant(host, port, "allow_private = true, allow_plain = true"));
        let answered = result(&plugin, "fetch", url).await;
        assert_eq!(answered, OutcomeResult::Value(Some(Value::Int(200))), "{host}");
    }
}

#[tokio::test]
async fn plain_http_and_other_methods_must_be_named() {
    let port = server().await;
    let url = json!({ "url": format!("http://127.0.0.1:{port}/") });
    for more in
        ["allow_private = true", "allow_private = true, allow_plain = true, methods = [\"POST\"]"]
    {
        let plugin = hostile(&grant("127.0.0.1", port, more));
        refusal(&plugin, "fetch", url.clone()).await;
    }
}

#[tokio::test]
async fn a_slow_server_does_not_hold_a_call() {
    let port = server().await;
    let more = "allow_private = true, allow_plain = true";
    let url = json!({ "url": format!("http://127.0.0.1:{port}/slow") });
    let plugin = hostile(&grant("127.0.0.1", port, more));
    let error = call_json(&plugin, "fetch", &url, context_within(200)).await.unwrap_err();
    assert_eq!(error.kind(), "deadline");
    let config = SandboxConfig { http_ms_max: 100, ..small() };
    let plugin = fixture(config, "hostile", &grant("127.0.0.1", port, more));
    refusal(&plugin, "fetch", url).await;
}

#[tokio::test]
async fn a_rust_plugin_is_held_to_its_limits() {
    let config = SandboxConfig { memory_bytes_max: 32 << 20, ..small() };
    let plugin = fixture(config, "hostile", "");
    let error_within = |name: &'static str, arguments: Json, ms: u64| {
        let plugin = plugin.clone();
        async move { call_json(&plugin, name, &arguments, context_within(ms)).await.unwrap_err() }
    };
    let error = |name, arguments| error_within(name, arguments, PATIENCE_MS);
    let trap = error("trap", json!({})).await;
    assert_eq!(trap.kind(), "trap");
    assert_eq!(error_within("spin", json!({}), 500).await.kind(), "deadline");
    let memory = CallError::MemoryLimit { bytes_max: 32 << 20 };
    assert_eq!(error("allocate", json!({ "megabytes": 500 })).await, memory);
    let slept = error_within("sleep", json!({ "ms": 3_600_000 }), 500).await;
    assert_eq!(slept.kind(), "deadline");
    assert_eq!(error("large", json!({ "bytes": 20_000_000 })).await.kind(), "result_too_large");
    let recursion = error("recurse", json!({ "depth": 10_000_000 })).await;
    assert!(["stack_overflow", "trap"].contains(&recursion.kind()), "{recursion}");
}

#[tokio::test]
async fn what_a_rust_plugin_may_do_it_can_do() {
    let plugin = hostile("");
    let outcome =
        call_json(&plugin, "allocate", &json!({ "megabytes": 20 }), context()).await.unwrap();
    assert_eq!(outcome.result, OutcomeResult::Value(Some(Value::Int(20))));
    assert!(outcome.memory_bytes_peak >= 20 << 20);
    let slept = result(&plugin, "sleep", json!({ "ms": 20 })).await;
    assert_eq!(slept, OutcomeResult::Value(None));
}

#[tokio::test]
async fn standard_error_becomes_bounded_log_lines() {
    let plugin = hostile("");
    let logs = |bytes: u32| {
        let plugin = plugin.clone();
        async move {
            call_json(&plugin, "log", &json!({ "bytes": bytes }), context()).await.unwrap().logs
        }
    };
    let few = logs(200).await;
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|line| line.context == "stderr" && line.message.len() == 99));
    let many = logs(10_000_000).await;
    let bytes: usize = many.iter().map(|line| line.message.len()).sum();
    assert!((50 << 10..=64 << 10).contains(&bytes), "{bytes}");
    assert!(many.last().unwrap().message.contains("log_bytes_max"));
}
