//! What an operator relies on: readiness that is true, clients that cannot hold a place, limits
//! that change while the gateway serves, and a way out that a balancer can follow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyfunc::config::{self, Inputs};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{
    Gateway, NEVER_MS, PATIENCE, Script, ask, ask_with, build, given, start, start_with, until,
};
use crate::upstream::{Act, Fake};

/// A call that needs a place and takes no time.
async fn quick(gateway: &Gateway) -> u16 {
    let arguments = json!({"text": "banana", "letter": "a"});
    gateway.send(gateway.post("/v1/functions/text_count_letter").json(&arguments)).await.status
}

#[tokio::test]
async fn a_dead_engine_is_not_ready() {
    for (is_dead, status) in [(false, 200), (true, 503)] {
        let gateway = start(Script { is_dead, ..Script::default() }).await;
        let answer = gateway.get("/readyz").await;
        assert_eq!(answer.status, status, "{}", answer.text);
        if is_dead {
            assert_eq!(answer.error().1, "models_stopped");
        }
        assert_eq!(gateway.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_full_queue_is_not_ready_until_there_is_room() {
    let gateway = start_with(Script { decode_ms: NEVER_MS, ..Script::default() }, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
        config.server.retry_after_ms = 3_000;
    })
    .await;
    assert_eq!(gateway.get("/readyz").await.status, 200);
    let at_work = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("x")).send());
    until("it decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    let answer = gateway.get("/readyz").await;
    assert_eq!((answer.error().0, answer.error().1.as_str()), (503, "overloaded"));
    assert_eq!(answer.headers["retry-after"], "3");
    at_work.abort();
    until("there is room", async || gateway.get("/readyz").await.status == 200).await;
}

/// Stops a gateway that takes so long to leave; gives the status of a request after it said so.
async fn asks_who_leaves(leave_ms: u64) -> Option<u16> {
    let mut gateway =
        start_with(Script::default(), |config| config.server.leave_ms = leave_ms).await;
    gateway.stop.take().unwrap().send(()).unwrap();
    let url = |path: &str| format!("{}{path}", gateway.base);
    while gateway.client.get(url("/readyz")).send().await.ok()?.status() != 503 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = gateway.client.post(url("/v1/chat/completions")).json(&ask("hello"));
    let status = asked.send().await.ok()?.status().as_u16();
    assert!((&mut gateway.served).await.unwrap());
    assert!(gateway.client.get(url("/healthz")).send().await.is_err());
    Some(status)
}

#[tokio::test]
async fn who_leaves_says_so_first_and_serves_meanwhile() {
    // It is gone already where the machine stood still.
    let status = given(asks_who_leaves, |status: &Option<u16>| *status == Some(200)).await;
    assert_eq!(status, Some(200));
}

/// Sends a request over a socket with a small buffer, and reads no more than the first words, if
/// they come.
async fn stops_reading(gateway: &Gateway, body: &Json, deadline_ms: u64) -> Option<TcpStream> {
    let address = gateway.base.trim_start_matches("http://");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
         x-hyfunc-deadline-ms: {deadline_ms}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = vec![0; 512];
    let mut text = String::new();
    while !text.contains("and on") {
        let bytes = stream.read(&mut read).await.ok().filter(|bytes| *bytes > 0)?;
        text.push_str(&String::from_utf8_lossy(&read[..bytes]));
    }
    Some(stream)
}

/// Whether somebody who stops reading was seen at work; after that, that they hold no place.
async fn is_let_go(stall_ms: u64, deadline_ms: u64) -> bool {
    let fake = Fake::start(Act::Endless).await;
    let url = fake.url.clone();
    let gateway = start_with(Script::default(), move |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
        config.server.write_stall_ms_max = stall_ms;
        config.upstream.url = url;
        config.upstream.model = "talker".into();
        config.upstream.first_byte_ms = NEVER_MS;
        config.upstream.deadline_ms = NEVER_MS;
        config.upstream.reply_bytes_max = 1 << 30;
    })
    .await;
    let asked = ask_with("sing", json!({"stream": true}));
    let Some(mut stream) = stops_reading(&gateway, &asked, deadline_ms).await else {
        return false;
    };
    let is_at_work = quick(&gateway).await == 429;
    until("the place is given back", async || quick(&gateway).await == 200).await;
    // It holds no connection either: what the system had taken is all there is.
    if stall_ms < deadline_ms {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest));
        let _reset_or_ended = read.await.expect("the connection was closed");
        assert!(!String::from_utf8_lossy(&rest).contains("[DONE]"));
    }
    is_at_work
}

#[tokio::test]
async fn who_stops_reading_holds_no_place() {
    let is_true = |is_at_work: &bool| *is_at_work;
    let stalled = given(async |stall_ms| is_let_go(stall_ms, NEVER_MS).await, is_true).await;
    assert!(stalled, "the stream was never at work until it stalled for too long");
    let late = given(async |deadline_ms| is_let_go(NEVER_MS, deadline_ms).await, is_true).await;
    assert!(late, "the stream was never at work until its deadline");
}

#[tokio::test]
async fn limits_change_while_it_serves_and_the_rest_waits() {
    let calls = vec![
        ("text_count_letter", json!({"text": "banana", "letter": "a"})),
        ("text_count_letter", json!({"text": "banana", "letter": "n"})),
    ];
    let (app, _) = build(Script { calls, ..Script::default() }, |_| {}).await;
    let reloader = app.reloader();
    let pipeline = Arc::clone(app.pipeline());
    let mut read = hyfunc::Config::clone(&pipeline.config);
    read.request.calls_max = 1;
    read.server.concurrent_max = 1;
    read.server.connections_max = 7;
    let reload = reloader.apply(&read).unwrap();
    assert_eq!(reload.waiting, ["server.connections_max"]);
    assert_eq!(reload.changed.len(), 2, "{:?}", reload.changed);
    assert_eq!(
        (pipeline.config.request.calls_max, pipeline.config.server.connections_max),
        (1, 1024)
    );
    let only = pipeline.admission.enter(None).await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(50), pipeline.admission.enter(None))
            .await
            .is_err(),
        "one at once"
    );
    drop(only);
    let served = app.listen().await.unwrap();
    let base = format!("http://{}", served.address());
    tokio::spawn(served.run(std::future::pending()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(format!("{base}/v1/chat/completions")).json(&ask("count")).send();
    let json: Json = answer.await.unwrap().json().await.unwrap();
    assert_eq!(json["hyfunc"]["calls"].as_array().unwrap().len(), 1, "{json}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_reads_the_file_again_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hyfunc.toml");
    // At once, since whoever is told late reads it at any time.
    let write = |text: &str| {
        let next = folder.path().join("next.toml");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &path).unwrap();
    };
    write("[request]\ncalls_max = 2\n");
    let (app, _) = build(Script::default(), |_| {}).await;
    let pipeline = Arc::clone(app.pipeline());
    let inputs = Inputs { file: Some(path.clone()), ..Inputs::default() };
    assert_eq!(config::load(&inputs).unwrap().config.request.calls_max, 2);
    app.reloader().watch(inputs).unwrap();
    hang_up();
    until("it is read", async || pipeline.config.request.calls_max == 2).await;
    for bad in ["[request]\ncalls_max = 0\n", "[request\n", "[request]\ncals_max = 3\n"] {
        write(bad);
        hang_up();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(pipeline.config.request.calls_max, 2, "{bad}");
    }
    write("[request]\ncalls_max = 3\n");
    hang_up();
    until("it is read again", async || pipeline.config.request.calls_max == 3).await;
}

#[cfg(unix)]
fn hang_up() {
    let kill = format!("kill -HUP {}", std::process::id());
    let sent = std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(sent.success());
}
