//! Clients that read late. The router is asked without a socket, so that nothing but the channel of
//! a stream takes what nobody reads.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use hyfunc::Config;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::support::{MODEL, NEVER_MS, Script, ask_with, build, given, tool};
use crate::upstream::{Act, Fake};

const PATHS: [&str; 2] = ["/v1/chat/completions", "/v1/responses"];

/// Calls of which more events come than wait for a reader.
const CALLS: usize = 100;

/// Events from which on nobody doubts that a stream was at work.
const EVENTS: usize = 9;

fn asked(path: &str) -> Json {
    let mut tool = tool("open_page");
    if path == PATHS[0] {
        return ask_with("open pages", json!({"stream": true, "tools": [tool]}));
    }
    let mut flat = tool["function"].take();
    flat["type"] = "function".into();
    json!({"model": MODEL, "input": "open pages", "stream": true, "tools": [flat]})
}

/// Asks for a stream, reads nothing until time is long up, and then all of it.
async fn read_late(
    script: Script,
    path: &str,
    given_ms: u64,
    change: impl FnOnce(&mut Config),
) -> (StatusCode, String) {
    let (app, _) = build(script, change).await;
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("x-hyfunc-deadline-ms", given_ms.to_string())
        .body(Body::from(asked(path).to_string()))
        .unwrap();
    let response = app.router().oneshot(request).await.unwrap();
    let status = response.status();
    tokio::time::sleep(Duration::from_millis(2 * given_ms)).await;
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Whether there was time for the stream to be at work.
fn has_begun((status, text): &(StatusCode, String)) -> bool {
    *status == StatusCode::OK && text.matches("data: ").count() > EVENTS
}

/// That the stream says at its end that time was up in this step.
fn assert_cut(path: &str, text: &str, step: &str) {
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let events: Vec<Json> = data
        .iter()
        .filter(|data| **data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(events.len() >= EVENTS, "it was full: {text}");
    let last = &events[events.len() - 1];
    let error = if path == PATHS[0] { &last["error"] } else { &last["response"]["error"] };
    assert_eq!(error["code"], "deadline_exceeded", "{path}: {text}");
    assert!(error["message"].as_str().unwrap().contains(&format!("`{step}`")), "{error}");
    if path == PATHS[0] {
        assert!(!text.contains("[DONE]"), "a broken stream must not look whole: {text}");
        return;
    }
    assert_eq!(data.last(), Some(&"[DONE]"));
    let kinds: Vec<&Json> = events.iter().rev().take(2).map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["response.failed", "error"]);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{text}");
    }
}

#[tokio::test]
async fn a_stream_of_words_that_is_cut_says_so_however_late_it_is_read() {
    for path in PATHS {
        let fake = Fake::start(Act::Endless).await;
        let read = async |given_ms| {
            read_late(Script::default(), path, given_ms, |config| {
                config.upstream.url = fake.url.clone();
                config.upstream.model = "talker".into();
                config.upstream.first_byte_ms = NEVER_MS;
                config.upstream.deadline_ms = NEVER_MS;
                config.upstream.reply_bytes_max = 1 << 30;
            })
            .await
        };
        let (status, text) = given(read, has_begun).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert!(text.contains("and on"), "{path}: {text}");
        assert_cut(path, &text, "respond");
    }
}

#[tokio::test]
async fn a_stream_of_calls_that_is_cut_says_so_however_late_it_is_read() {
    for path in PATHS {
        let read = async |given_ms: u64| {
            let calls = vec![("open_page", json!({"url": "example.org"})); CALLS];
            // Each is told twice, all of them in twice the time that is given.
            let tells_ms = Some(given_ms.div_ceil(CALLS as u64));
            let script = Script { calls, tells_ms, ..Script::default() };
            read_late(script, path, given_ms, |config| config.request.calls_max = CALLS).await
        };
        let (status, text) = given(read, has_begun).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert!(text.contains("open_page"), "{path}: {text}");
        assert_cut(path, &text, "decode");
    }
}
