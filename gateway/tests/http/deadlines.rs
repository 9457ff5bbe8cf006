//! A deadline that passes in each of the six steps: the step is named, others go on.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use hyfunc::RequestError;
use hyfunc::pipeline::{Arrival, Step};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::question::Question;
use crate::support::{NEVER_MS, PATIENCE, Script, ask, ask_with, build, given, start, tool};

/// Milliseconds that are given where nothing comes before the step.
const GIVEN_MS: u64 = 250;

async fn check(script: Script, asked: Json, step: &str) {
    let gateway = start(script).await;
    let named = format!("`{step}`");
    let late = async |given_ms: u64| {
        let began = Instant::now();
        let request = gateway
            .post("/v1/chat/completions")
            .header("x-hyfunc-deadline-ms", given_ms.to_string())
            .json(&asked);
        let error = gateway.send(request).await.error();
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(given_ms) && took < PATIENCE, "{took:?}");
        error
    };
    let is_named = |(_, _, message): &(u16, String, String)| message.contains(&named);
    let (status, code, message) = given(late, is_named).await;
    assert_eq!((status, code.as_str()), (504, "deadline_exceeded"), "{message}");
    assert!(message.contains(&named), "{message}");
    assert_eq!(gateway.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn in_accept() {
    let gateway = start(Script::default()).await;
    let address = gateway.base.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\
         x-hyfunc-deadline-ms: {GIVEN_MS}\r\n\r\n{{\"model\""
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut answer, mut part) = (String::new(), vec![0; 2048]);
    while !answer.contains("`accept`") {
        let read = tokio::time::timeout(PATIENCE, socket.read(&mut part)).await;
        let bytes = read.expect("it is answered").unwrap();
        assert!(bytes > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&part[..bytes]));
    }
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    gateway.assert_alive().await;
}

#[tokio::test]
async fn in_distil() {
    check(Script { distil_ms: NEVER_MS, ..Script::default() }, ask("x"), "distil").await;
}

#[tokio::test]
async fn in_retrieve() {
    let asked = ask_with("x", json!({"tools": [tool("a")]}));
    check(Script { prepare_ms: NEVER_MS, ..Script::default() }, asked, "retrieve").await;
}

#[tokio::test]
async fn in_decode() {
    check(Script { decode_ms: NEVER_MS, ..Script::default() }, ask("x"), "decode").await;
}

#[tokio::test]
async fn in_dispatch() {
    for call in [("attacks_sleep", json!({"ms": NEVER_MS})), ("attacks_spin", json!({}))] {
        let script = Script { calls: vec![call], ..Script::default() };
        check(script, ask("x"), "dispatch").await;
    }
}

#[tokio::test]
async fn in_respond() {
    let (app, _) = build(Script::default(), |_| {}).await;
    let late = async |given_ms: u64| {
        let arrival = Arrival::now("r".into(), given_ms, opentelemetry::Context::new());
        let question = Question { respond_ms: NEVER_MS };
        (given_ms, app.pipeline().run(&question, arrival, async { Ok(Bytes::new()) }).await)
    };
    let is_there = |(given_ms, ended): &(u64, Result<(), RequestError>)| {
        matches!(ended, Err(RequestError::Deadline { step: Step::Respond, deadline_ms })
            if deadline_ms == given_ms)
    };
    let ended = given(late, is_there).await;
    assert!(is_there(&ended), "{ended:?}");
}

#[tokio::test]
async fn before_anything() {
    let (app, fake) = build(Script::default(), |_| {}).await;
    let mut arrival = Arrival::now("r".into(), GIVEN_MS, opentelemetry::Context::new());
    arrival.deadline = Instant::now();
    let ended = app
        .pipeline()
        .run(&Question { respond_ms: NEVER_MS }, arrival, async { Ok(Bytes::new()) })
        .await;
    assert!(matches!(ended, Err(RequestError::Deadline { step: Step::Accept, .. })), "{ended:?}");
    assert_eq!(fake.decoded.load(std::sync::atomic::Ordering::SeqCst), 0);
}
