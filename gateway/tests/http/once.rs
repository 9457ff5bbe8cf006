//! `Idempotency-Key`: what is asked twice is done once.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::answer::Answer;
use crate::support::{
    Failure, Gateway, Hold, MODEL, Script, ask, ask_with, start, start_with, tool, until,
};

const CHAT: &str = "/v1/chat/completions";

async fn under(gateway: &Gateway, key: &str, path: &str, body: &Json) -> Answer {
    gateway.send(gateway.post(path).header("idempotency-key", key).json(body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

/// Tasks of a title that the library's list has.
async fn tasks(gateway: &Gateway, title: &str) -> usize {
    let listed = gateway.send(gateway.post("/v1/functions/tasks_list_items")).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    listed.json()["result"].to_string().matches(title).count()
}

fn adding(title: &'static str) -> Script {
    Script { calls: vec![("tasks_add", json!({"title": title}))], ..Script::default() }
}

#[tokio::test]
async fn the_second_answer_is_the_first_and_nothing_runs_twice() {
    let title = "done once in plain words";
    let gateway = start(adding(title)).await;
    let first = under(&gateway, "a", CHAT, &ask("remind me")).await;
    assert_eq!((first.status, is_replayed(&first)), (200, false), "{}", first.text);
    let second = under(&gateway, "a", CHAT, &ask("remind me")).await;
    assert_eq!((second.status, is_replayed(&second)), (200, true));
    assert_eq!(second.text, first.text);
    assert_eq!(second.headers["content-type"], first.headers["content-type"]);
    assert_ne!(second.headers["x-request-id"], first.headers["x-request-id"]);
    assert_eq!(tasks(&gateway, title).await, 1);
    under(&gateway, "b", CHAT, &ask("remind me")).await;
    assert_eq!(tasks(&gateway, title).await, 2, "another key, another request");
}

#[tokio::test]
async fn every_endpoint_that_runs_functions_heeds_keys() {
    for (path, body, title) in [
        (CHAT, ask_with("remind me", json!({"stream": true})), "done once in a chat"),
        ("/v1/responses", json!({"model": MODEL, "input": "remind"}), "done once in a response"),
        (
            "/v1/responses",
            json!({"model": MODEL, "input": "remind", "stream": true}),
            "done once in a streamed response",
        ),
        ("/v1/functions/tasks_add", json!({"title": "done once by itself"}), "done once by itself"),
    ] {
        let gateway = start(adding(title)).await;
        let first = under(&gateway, "a", path, &body).await;
        assert_eq!((first.status, is_replayed(&first)), (200, false), "{}", first.text);
        // What a stream has sent is kept a moment after its last byte.
        let mut second = under(&gateway, "a", path, &body).await;
        while second.status == 409 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            second = under(&gateway, "a", path, &body).await;
        }
        assert!(is_replayed(&second), "{path}: {}", second.text);
        assert_eq!(second.text, first.text, "{path}");
        assert_eq!(tasks(&gateway, title).await, 1, "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_and_is_kept() {
    let gateway = start(Script { failure: Some(Failure::Panic), ..Script::default() }).await;
    let first = under(&gateway, "a", CHAT, &ask("fail")).await;
    assert_eq!((first.status, is_replayed(&first)), (500, false), "{}", first.text);
    let mut second = under(&gateway, "a", CHAT, &ask("fail")).await;
    while second.status == 409 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        second = under(&gateway, "a", CHAT, &ask("fail")).await;
    }
    assert_eq!((second.status, is_replayed(&second)), (500, true), "{}", second.text);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let gateway = start(Script::default()).await;
    under(&gateway, "a", CHAT, &ask("one")).await;
    for (path, body) in [
        (CHAT, ask("two")),
        (CHAT, ask_with("one", json!({"stream": true}))),
        ("/v1/responses", ask("one")),
    ] {
        let (status, code, message) = under(&gateway, "a", path, &body).await.error();
        assert_eq!((status, code.as_str()), (422, "idempotency_key_reused"), "{message}");
    }
    assert!(is_replayed(&under(&gateway, "a", CHAT, &ask("one")).await), "it still has its answer");
}

#[tokio::test]
async fn a_request_at_work_has_no_answer_yet() {
    let gateway = start(Script { hold: Hold::Decode, ..Script::default() }).await;
    let asked = ask("sing");
    let early = async {
        until("the first decodes", async || gateway.fake.decoding.load(SeqCst) == 1).await;
        let early = under(&gateway, "a", CHAT, &asked).await;
        gateway.fake.go_on();
        early
    };
    let (first, early) = tokio::join!(under(&gateway, "a", CHAT, &asked), early);
    assert_eq!(first.status, 200, "{}", first.text);
    let (status, code, _) = early.error();
    assert_eq!((status, code.as_str()), (409, "idempotency_key_at_work"));
    assert!(early.headers.contains_key("retry-after"));
    assert!(is_replayed(&under(&gateway, "a", CHAT, &asked).await));
}

#[tokio::test]
async fn a_refusal_leaves_the_key_free() {
    let gateway = start(Script::default()).await;
    let refused = under(&gateway, "a", CHAT, &json!({"model": MODEL})).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let answer = under(&gateway, "a", CHAT, &ask("sing")).await;
    assert_eq!((answer.status, is_replayed(&answer)), (200, false), "{}", answer.text);
}

#[tokio::test]
async fn a_client_that_hung_up_finds_its_answer() {
    let title = "done once although nobody waited";
    let gateway = start(Script { hold: Hold::Decode, ..adding(title) }).await;
    let asked = ask("remind me");
    let request = gateway.post(CHAT).header("idempotency-key", "a").json(&asked);
    let request = tokio::spawn(request.send());
    until("it decodes", async || gateway.fake.decoding.load(SeqCst) == 1).await;
    request.abort();
    // Nothing is left to see of a client that hung up: time for the gateway to notice.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(under(&gateway, "a", CHAT, &asked).await.status, 409, "it goes on");
    gateway.fake.go_on();
    let mut answer = under(&gateway, "a", CHAT, &asked).await;
    while answer.status == 409 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = under(&gateway, "a", CHAT, &asked).await;
    }
    assert_eq!((answer.status, is_replayed(&answer)), (200, true), "{}", answer.text);
    assert_eq!(tasks(&gateway, title).await, 1);
}

#[tokio::test]
async fn a_client_that_left_its_stream_finds_all_of_it() {
    let calls = vec![("open_page", json!({"url": "a"})), ("open_page", json!({"url": "b"}))];
    let gateway = start(Script { calls, tells_ms: Some(30), ..Script::default() }).await;
    let asked = ask_with("open both", json!({"stream": true, "tools": [tool("open_page")]}));
    let request = gateway.post(CHAT).header("idempotency-key", "a").json(&asked);
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some(), "it has begun");
    drop(response);
    let mut answer = under(&gateway, "a", CHAT, &asked).await;
    while answer.status == 409 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = under(&gateway, "a", CHAT, &asked).await;
    }
    assert!(is_replayed(&answer));
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
}

#[tokio::test]
async fn what_is_too_large_is_not_kept_and_not_done_again() {
    let title = "done once and not kept";
    let gateway =
        start_with(adding(title), |config| config.idempotency.answer_bytes_max = 10).await;
    for stream in [false, true] {
        let key = format!("{stream}");
        let asked = ask_with("remind me", json!({"stream": stream}));
        let first = under(&gateway, &key, CHAT, &asked).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let again = async || under(&gateway, &key, CHAT, &asked).await.error();
        let mut told = again().await;
        while told.1 == "idempotency_key_at_work" {
            tokio::time::sleep(Duration::from_millis(5)).await;
            told = again().await;
        }
        assert_eq!((told.0, told.1.as_str()), (409, "answer_not_kept"));
        assert!(told.2.contains("idempotency.answer_bytes_max"), "{}", told.2);
    }
    assert_eq!(tasks(&gateway, title).await, 2, "once plain, once streamed");
}

#[tokio::test]
async fn the_oldest_keys_make_room() {
    let gateway = start_with(Script::default(), |config| config.idempotency.keys_max = 2).await;
    let asked = ask("sing");
    for key in ["a", "b", "c"] {
        assert!(!is_replayed(&under(&gateway, key, CHAT, &asked).await), "{key}");
    }
    assert!(is_replayed(&under(&gateway, "c", CHAT, &asked).await));
    assert!(!is_replayed(&under(&gateway, "a", CHAT, &asked).await), "it was forgotten");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let gateway = start(Script::default()).await;
    for key in ["a b", "", &"x".repeat(256)] {
        let (status, code, message) = under(&gateway, key, CHAT, &ask("sing")).await.error();
        assert_eq!((status, code.as_str()), (400, "invalid_value"), "{key}");
        assert!(message.contains("visible ASCII"), "{message}");
    }
}
