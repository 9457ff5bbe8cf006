//! Clients that leave in each phase, and more of them at once than can be: a place is never lost, and
//! nobody hangs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use hyfunc::RequestError;
use hyfunc::pipeline::Arrival;
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use crate::question::Question;
use crate::support::{
    Gateway, Hold, MODEL, NEVER_MS, Script, ask, ask_with, build, start_with, tool, until,
};
use crate::upstream::{Act, Fake};

/// A gateway with a single place, and nobody may wait for it.
async fn with_one_place(script: Script) -> Gateway {
    start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
    })
    .await
}

/// Whether somebody who comes now finds a place, whatever becomes of them then.
async fn has_a_place(gateway: &Gateway) -> bool {
    let asked = gateway.post("/v1/chat/completions").header("x-hyfunc-deadline-ms", "100");
    let answer = gateway.send(asked.json(&ask("hello"))).await;
    assert!([200, 408, 429, 504].contains(&answer.status), "{}", answer.text);
    answer.status != 429
}

/// Waits until the newest request has this step behind it.
async fn is_past(gateway: &Gateway, step: &str) {
    until(&format!("it is past {step}"), async || {
        let recent = gateway.get("/v1/recent").await.json();
        recent["data"][0]["timings_us"][step].is_u64()
    })
    .await;
}

#[tokio::test]
async fn who_leaves_gives_the_place_back_in_each_phase() {
    let calls = vec![("attacks_sleep", json!({"ms": NEVER_MS}))];
    // A phase, and what comes before it.
    let phases: [(&str, &str, Script, Json); 4] = [
        ("distil", "accept", Script { distil_ms: NEVER_MS, ..Script::default() }, ask("x")),
        (
            "retrieve",
            "distil",
            Script { prepare_ms: NEVER_MS, ..Script::default() },
            ask_with("x", json!({"tools": [tool("a")]})),
        ),
        ("decode", "retrieve", Script { decode_ms: NEVER_MS, ..Script::default() }, ask("x")),
        ("dispatch", "decode", Script { calls, ..Script::default() }, ask("x")),
    ];
    for (phase, before, script, asked) in phases {
        let gateway = with_one_place(script).await;
        let request = gateway.post("/v1/chat/completions").json(&asked).send();
        let request = tokio::spawn(request);
        is_past(&gateway, before).await;
        let beside = gateway.chat(&ask("hello")).await;
        assert_eq!(beside.status, 429, "{phase}: it should still be at work: {}", beside.text);
        request.abort();
        until(&format!("{phase} gives its place back"), async || has_a_place(&gateway).await).await;
    }
}

/// An answer that is no stream waits for the chat model's words with its place.
#[tokio::test]
async fn who_leaves_while_the_answer_is_written_gives_the_place_back() {
    for (path, asked) in [
        ("/v1/chat/completions", ask("sing")),
        ("/v1/responses", json!({"model": MODEL, "input": "sing"})),
    ] {
        let chat_model = Fake::start(Act::Hangs).await;
        let url = chat_model.url.clone();
        let gateway = start_with(Script::default(), move |config| {
            config.server.concurrent_max = 1;
            config.server.queue_max = 0;
            config.upstream.url = url;
            config.upstream.model = "talker".into();
            config.upstream.first_byte_ms = NEVER_MS;
            config.upstream.deadline_ms = NEVER_MS;
        })
        .await;
        let request = tokio::spawn(gateway.post(path).json(&asked).send());
        is_past(&gateway, "dispatch").await;
        until("the chat model is asked", async || chat_model.is_asked()).await;
        let beside = gateway.chat(&ask("hello")).await;
        assert_eq!(beside.status, 429, "{path}: it should still be at work: {}", beside.text);
        request.abort();
        until(&format!("{path} gives its place back"), async || has_a_place(&gateway).await).await;
    }
}

/// Before its body is there, nobody has a place.
#[tokio::test]
async fn who_leaves_before_the_body_is_there_held_no_place() {
    let gateway = with_one_place(Script::default()).await;
    let address = gateway.base.trim_start_matches("http://");
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n\
             {{\"model\""
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    gateway.assert_alive().await;
    drop(sockets);
    gateway.assert_alive().await;
}

#[tokio::test]
async fn who_leaves_the_queue_makes_room_in_it() {
    let script = Script { hold: Hold::Decode, ..Script::default() };
    let gateway = start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 1;
    })
    .await;
    let first = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("one")).send());
    until("the first decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    let second = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("two")).send());
    until("the second waits", async || gateway.get("/readyz").await.status == 503).await;
    second.abort();
    until("there is room", async || gateway.get("/readyz").await.status == 200).await;
    assert!(has_a_place(&gateway).await, "in the queue");
    gateway.fake.go_on();
    assert_eq!(first.await.unwrap().unwrap().status(), 200, "whoever is at work stays there");
    assert_eq!(*gateway.fake.query.lock().unwrap(), "one", "nobody decodes for who has left");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_at_once_are_answered_or_told_to_come_back() {
    const AT_ONCE: usize = 10_000;
    let script = Script { hold: Hold::Decode, ..Script::default() };
    let (app, fake) = build(script, |_| {}).await;
    let pipeline = Arc::clone(app.pipeline());
    let run = |number: usize| {
        let pipeline = Arc::clone(&pipeline);
        let arrival = Arrival::now(format!("r{number}"), NEVER_MS, opentelemetry::Context::new());
        async move {
            pipeline.run(&Question { respond_ms: 0 }, arrival, async { Ok(Bytes::new()) }).await
        }
    };
    let mut all = JoinSet::new();
    for number in 0..AT_ONCE {
        all.spawn(run(number));
    }
    // So many work and so many wait by default; nobody of them is done before the others have come.
    let inside = 64 + 256;
    for _ in inside..AT_ONCE {
        match all.join_next().await.unwrap().unwrap() {
            Err(RequestError::Overloaded { retry_after_ms, .. }) => assert!(retry_after_ms > 0),
            other => panic!("it was not sent away: {other:?}"),
        }
    }
    fake.go_on();
    for _ in 0..inside {
        all.join_next().await.unwrap().unwrap().unwrap();
    }
    assert!(all.is_empty(), "nobody is lost");
    assert_eq!(fake.decoding.load(Ordering::SeqCst), 0);
    run(AT_ONCE).await.unwrap();
}
