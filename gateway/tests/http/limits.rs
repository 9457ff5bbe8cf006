//! Overload, panics, hang-ups, shutdown, and ports that are taken.

use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyfunc::StartError;
use serde_json::json;

use crate::support::{
    Failure, Hold, NEVER_MS, PATIENCE, Script, ask, build, start, start_with, until,
};

#[tokio::test]
async fn a_full_queue_sends_newcomers_away_with_a_time() {
    let script = Script { hold: Hold::Decode, ..Script::default() };
    let gateway = start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 1;
        config.server.retry_after_ms = 1_200;
    })
    .await;
    let asked = ask("hello");
    let mut answers: FuturesUnordered<_> = (0..4).map(|_| gateway.chat(&asked)).collect();
    for _ in 0..2 {
        let refused = answers.next().await.unwrap();
        assert_eq!((refused.status, refused.error().1.as_str()), (429, "overloaded"));
        assert_eq!(refused.headers["retry-after"], "2");
    }
    assert_eq!(gateway.get("/healthz").await.status, 200, "health is never queued");
    gateway.fake.go_on();
    let rest: Vec<u16> = answers.map(|answer| answer.status).collect().await;
    assert_eq!(rest, [200, 200]);
    gateway.assert_alive().await;
}

#[tokio::test]
async fn failures_of_the_models_have_their_own_statuses() {
    for (failure, status, code, retry_after) in [
        (Failure::Overloaded, 503, "models_overloaded", Some("3")),
        (Failure::Stopped, 503, "models_stopped", None),
        (Failure::TooLong, 400, "context_length_exceeded", None),
        (Failure::Panic, 500, "internal_error", None),
    ] {
        let gateway = start(Script { failure: Some(failure), ..Script::default() }).await;
        let answer = gateway.chat(&ask("fail")).await;
        let (found, found_code, message) = answer.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{message}");
        let header = answer.headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(header, retry_after, "{failure:?}");
        gateway.assert_alive().await;
    }
}

#[tokio::test]
async fn hanging_up_cancels_the_work() {
    let gateway = start(Script { decode_ms: NEVER_MS, ..Script::default() }).await;
    let request = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("x")).send());
    until("it decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    request.abort();
    until("the decode is dropped", async || gateway.fake.decoding.load(Ordering::SeqCst) == 0)
        .await;
    assert_eq!(gateway.fake.decoded.load(Ordering::SeqCst), 0, "it was cancelled, not finished");
}

#[tokio::test]
async fn shutdown_lets_requests_finish() {
    let script = Script { hold: Hold::Decode, ..Script::default() };
    let mut gateway = start_with(script, |config| config.server.shutdown_ms_max = NEVER_MS).await;
    let at_work = gateway.post("/v1/chat/completions").json(&ask("x")).send();
    let at_work = tokio::spawn(at_work);
    until("the request decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    gateway.stop.take().unwrap().send(()).unwrap();
    let ready = gateway.client.get(format!("{}/readyz", gateway.base));
    let is_ready = async || {
        let answer = ready.try_clone().unwrap().send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    until("it shuts down", async || !is_ready().await).await;
    gateway.fake.go_on();
    assert_eq!(at_work.await.unwrap().unwrap().status(), 200, "nothing is lost");
    assert!((&mut gateway.served).await.unwrap(), "all of them finished");
    assert!(gateway.client.get(format!("{}/healthz", gateway.base)).send().await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let script = Script { decode_ms: NEVER_MS, ..Script::default() };
    let mut gateway = start_with(script, |config| config.server.shutdown_ms_max = 100).await;
    let at_work = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("x")).send());
    until("the request decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    gateway.stop.take().unwrap().send(()).unwrap();
    let began = Instant::now();
    assert!(!(&mut gateway.served).await.unwrap(), "one did not finish");
    assert!(began.elapsed() < PATIENCE);
    at_work.abort();
}

#[tokio::test]
async fn a_draining_gateway_is_not_ready() {
    let (app, _) = build(Script::default(), |_| {}).await;
    let pipeline = std::sync::Arc::clone(app.pipeline());
    let serving = app.listen().await.unwrap();
    let base = format!("http://{}", serving.address());
    tokio::spawn(serving.run(std::future::pending()));
    pipeline.admission.drain();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status) in [("/readyz", 503), ("/healthz", 200)] {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    let answer = client.post(format!("{base}/v1/chat/completions")).json(&ask("x")).send().await;
    assert_eq!(answer.unwrap().status(), 503);
}

#[tokio::test]
async fn a_port_in_use_says_what_to_do() {
    let first = start(Script::default()).await;
    let address = first.base.trim_start_matches("http://").to_owned();
    let (app, _) = build(Script::default(), |config| config.server.address = address.clone()).await;
    match app.listen().await {
        Err(error @ StartError::PortInUse { .. }) => {
            let message = error.to_string();
            assert!(message.contains(&address) && message.contains("--address"), "{message}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two gateways on one port"),
    }
    first.assert_alive().await;
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let calls = vec![("text_count_letter", json!({"text": "banana", "letter": "a"}))];
    let gateway = start(Script { calls, ..Script::default() }).await;
    let asked = ask("count");
    let answers = futures::future::join_all((0..64).map(|_| gateway.chat(&asked))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["hyfunc"]["calls"][0]["result"], 3);
    }
}
