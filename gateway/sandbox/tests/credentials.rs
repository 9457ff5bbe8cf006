//! Credentials: the host sends them for a plugin, which never has them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hyfunc_functions::Value;
use hyfunc_sandbox::{Credential, OutcomeResult, SandboxConfig};
use serde_json::json;
use support::{call_json, context, fixture, small};

const SECRET: &str = "Bearer of a secret";

/// 200 for whoever knows the secret, 401 for all others.
async fn door(headers: HeaderMap) -> StatusCode {
    let knows = headers.get("authorization").is_some_and(|value| value == SECRET);
    if knows { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

async fn server() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/", get(door));
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

/// The status that the plugin gets.
async fn fetched(config: SandboxConfig, port: u16) -> OutcomeResult {
    let host = format!("host = \"127.0.0.1\", port = {port}");
    let grants =
        format!("[http]\nhosts = [{{ {host}, allow_private = true, allow_plain = true }}]");
    let plugin = fixture(config, "hostile", &grants);
    let arguments = json!({ "url": format!("http://127.0.0.1:{port}/") });
    call_json(&plugin, "fetch", &arguments, context()).await.unwrap().result
}

#[tokio::test]
async fn the_host_adds_them_for_the_plugin_and_the_place_that_are_named() {
    let (port, other) = (server().await, server().await);
    let origin = |port: u16| format!("http://127.0.0.1:{port}");
    for (plugin, origin, status) in [
        ("hostile", origin(port), 200),
        ("somebody-else", origin(port), 401),
        ("hostile", origin(other), 401),
        ("hostile", format!("https://127.0.0.1:{port}"), 401),
    ] {
        let credential = Credential::new(plugin, &origin, "authorization", SECRET).unwrap();
        let config = SandboxConfig { credentials: vec![credential], ..small() };
        let expected = OutcomeResult::Value(Some(Value::Int(status)));
        assert_eq!(fetched(config, port).await, expected, "{plugin} {origin}");
    }
}

/// What the status is, is up to whoever has the key: here it tells the key's last digits.
async fn echo(headers: HeaderMap) -> StatusCode {
    let told = headers.get("authorization").and_then(|value| value.to_str().ok());
    let digits = told.and_then(|value| value.strip_prefix("Bearer "));
    let status = digits.and_then(|digits| StatusCode::from_bytes(digits.as_bytes()).ok());
    status.unwrap_or(StatusCode::NO_CONTENT)
}

/// The answers of a host that has the key are that host's business: nothing takes the key out of them.
#[tokio::test]
async fn a_host_that_sends_its_key_back_gives_it_to_the_plugin_and_no_other_host_can() {
    let listen = async || {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().route("/", get(echo));
        tokio::spawn(async move { axum::serve(listener, app).await });
        port
    };
    let (named, other) = (listen().await, listen().await);
    for (port, status) in [(named, 242), (other, 204)] {
        let origin = format!("http://127.0.0.1:{named}");
        let key = Credential::new("hostile", &origin, "authorization", "Bearer 242").unwrap();
        let config = SandboxConfig { credentials: vec![key], ..small() };
        let expected = OutcomeResult::Value(Some(Value::Int(status)));
        assert_eq!(fetched(config, port).await, expected, "{port}");
    }
}

/// It looks everywhere that a guest can look.
#[tokio::test]
async fn the_plugin_finds_them_nowhere() {
    let credential =
        Credential::new("hostile", "https://api.example.com", "authorization", SECRET).unwrap();
    let config = SandboxConfig { credentials: vec![credential], ..small() };
    let plugin = fixture(config, "hostile", "");
    for function in ["list-env", "list-args"] {
        let listed = call_json(&plugin, function, &json!({}), context()).await.unwrap().result;
        assert_eq!(listed, OutcomeResult::Value(Some(Value::List(vec![]))), "{function}");
    }
}
