//! Clients that leave in each phase, and more of them at once than can be: a place is never lost, and
//! nobody hangs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use hyfunc::RequestError;
use hyfunc::pipeline::Arrival;
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use crate::question::Question;
use crate::support::{Gateway, Script, ask, ask_with, build, start_with, tool};

/// Far beyond any test.
const SLOW_MS: u64 = 60_000;
/// How long a client waits before it leaves.
const STAYS: Duration = Duration::from_millis(200);

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

async fn soon_has_a_place(gateway: &Gateway, phase: &str) {
    let left = Instant::now();
    while !has_a_place(gateway).await {
        assert!(left.elapsed() < Duration::from_secs(1), "{phase}: the place was not given back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_leaves_gives_the_place_back_in_each_phase() {
    let calls = vec![("attacks_sleep", json!({"ms": 1_900}))];
    let phases: [(&str, Script, Json); 4] = [
        ("distil", Script { distil_ms: SLOW_MS, ..Script::default() }, ask("x")),
        (
            "retrieve",
            Script { prepare_ms: SLOW_MS, ..Script::default() },
            ask_with("x", json!({"tools": [tool("a")]})),
        ),
        ("decode", Script { decode_ms: SLOW_MS, ..Script::default() }, ask("x")),
        ("dispatch", Script { calls, ..Script::default() }, ask("x")),
    ];
    for (phase, script, asked) in phases {
        let gateway = with_one_place(script).await;
        let request = gateway.post("/v1/chat/completions").json(&asked).send();
        let left = tokio::time::timeout(STAYS, request).await;
        assert!(left.is_err(), "{phase}: it should still be at work");
        soon_has_a_place(&gateway, phase).await;
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
    let script = Script { decode_ms: 1_500, ..Script::default() };
    let gateway = start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 1;
    })
    .await;
    let first = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("one")).send());
    while gateway.fake.decoding.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let second = gateway.post("/v1/chat/completions").json(&ask("two")).send();
    assert!(tokio::time::timeout(STAYS, second).await.is_err(), "it waits");
    soon_has_a_place(&gateway, "queue").await;
    assert_eq!(first.await.unwrap().unwrap().status(), 200, "whoever is at work stays there");
    assert_eq!(*gateway.fake.query.lock().unwrap(), "one", "nobody decodes for who has left");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_at_once_are_answered_or_told_to_come_back() {
    const AT_ONCE: usize = 10_000;
    let script = Script { decode_ms: 50, ..Script::default() };
    let (app, fake) = build(script, |_| {}).await;
    let pipeline = Arc::clone(app.pipeline());
    let run = |number: usize| {
        let pipeline = Arc::clone(&pipeline);
        let arrival = Arrival::now(format!("r{number}"), SLOW_MS, opentelemetry::Context::new());
        async move {
            pipeline.run(&Question { respond_ms: 0 }, arrival, async { Ok(Bytes::new()) }).await
        }
    };
    let mut all = JoinSet::new();
    for number in 0..AT_ONCE {
        all.spawn(run(number));
    }
    let (mut answered, mut sent_away) = (0, 0);
    while let Some(ended) = all.join_next().await {
        match ended.unwrap() {
            Ok(()) => answered += 1,
            Err(RequestError::Overloaded { retry_after_ms, .. }) => {
                assert!(retry_after_ms > 0);
                sent_away += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(answered + sent_away, AT_ONCE, "nobody is lost");
    // So many work and so many wait by default: none of these is sent away.
    assert!(answered >= 64 + 256, "{answered}");
    assert!(sent_away > 0, "they were never too many");
    assert_eq!(fake.decoding.load(Ordering::SeqCst), 0);
    run(AT_ONCE).await.unwrap();
}
