//! Clients that read late. The router is asked without a socket, so that nothing but the channel of
//! a stream takes what nobody reads.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use hyfunc::Config;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::support::{MODEL, Script, ask_with, build, tool};
use crate::upstream::{Act, Fake};

const PATHS: [&str; 2] = ["/v1/chat/completions", "/v1/responses"];

/// Milliseconds that are given.
const GIVEN_MS: u64 = 1_000;

/// Calls that take longer than that to tell, and more events than wait for a reader.
const CALLS: usize = 100;

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
async fn read_late(script: Script, path: &str, change: impl FnOnce(&mut Config)) -> String {
    let (app, _) = build(script, change).await;
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("x-hyfunc-deadline-ms", GIVEN_MS.to_string())
        .body(Body::from(asked(path).to_string()))
        .unwrap();
    let response = app.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(2 * GIVEN_MS)).await;
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// That the stream says at its end that time was up in this step.
fn assert_cut(path: &str, text: &str, step: &str) {
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let events: Vec<Json> = data
        .iter()
        .filter(|data| **data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(events.len() > 8, "it was full: {text}");
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
        let text = read_late(Script::default(), path, |config| {
            config.upstream.url = fake.url.clone();
            config.upstream.model = "talker".into();
            config.upstream.reply_bytes_max = 1 << 30;
        })
        .await;
        assert!(text.contains("and on"), "{path}: {text}");
        assert_cut(path, &text, "respond");
    }
}

#[tokio::test]
async fn a_stream_of_calls_that_is_cut_says_so_however_late_it_is_read() {
    for path in PATHS {
        let calls = vec![("open_page", json!({"url": "example.org"})); CALLS];
        let script = Script { calls, tells_ms: Some(10), ..Script::default() };
        let text = read_late(script, path, |config| config.request.calls_max = CALLS).await;
        assert!(text.contains("open_page"), "{path}: {text}");
        assert_cut(path, &text, "decode");
    }
}
