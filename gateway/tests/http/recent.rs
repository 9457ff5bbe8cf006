//! The last requests: what is remembered of them, what is not, and for how long.

use std::time::{Duration, Instant};

use hyfunc::config::{ALWAYS, AUTO, NEVER};
use serde_json::{Value as Json, json};

use crate::support::{
    Failure, Gateway, Hold, MODEL, NEVER_MS, PATIENCE, Script, ask, ask_with, start, start_hasty,
    start_with, tool,
};

const SECRET: &str = "count my secret banana";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn count() -> Script {
    let arguments = json!({"text": "banana", "letter": "a"});
    Script { calls: vec![("text_count_letter", arguments)], ..Script::default() }
}

async fn recent(gateway: &Gateway) -> Json {
    gateway.get("/v1/recent").await.json()
}

/// Waits until the newest request has ended, for streams end after their answer was read.
async fn newest(gateway: &Gateway) -> Json {
    newest_with(gateway, |newest| newest["took_us"].is_u64()).await
}

/// Waits until so much is known of the newest request.
async fn newest_with(gateway: &Gateway, is_so: impl Fn(&Json) -> bool) -> Json {
    let began = Instant::now();
    loop {
        let newest = recent(gateway).await["data"][0].clone();
        if is_so(&newest) {
            return newest;
        }
        assert!(began.elapsed() < PATIENCE, "it never comes to that: {newest}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn without_requests_the_list_says_what_it_would_keep() {
    let gateway = start(Script::default()).await;
    let answer = gateway.get("/v1/recent").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let json = answer.json();
    assert_eq!(json["data"], json!([]));
    assert_eq!((&json["requests_max"], &json["keeps_content"]), (&json!(256), &json!(true)));
    assert!(json["now_ms"].as_u64().unwrap() > 1_600_000_000_000);
}

#[tokio::test]
async fn a_request_is_remembered_with_its_steps_and_calls() {
    let gateway = start(count()).await;
    let answer = gateway.chat(&ask(SECRET)).await;
    let id = answer.json()["hyfunc"]["request_id"].as_str().unwrap().to_owned();

    let list = recent(&gateway).await;
    let brief = &list["data"][0];
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "nothing but requests: {list}");
    for (field, value) in [
        ("request_id", json!(id)),
        ("trace_id", json!(null)),
        ("kind", json!("answer")),
        ("outcome", json!("answered")),
        ("status", json!(200)),
        ("error", json!(null)),
        ("query", json!(SECRET)),
    ] {
        assert_eq!(brief[field], value, "{field}: {brief}");
    }
    for step in ["accept", "distil", "retrieve", "decode", "dispatch", "respond"] {
        assert!(brief["timings_us"][step].is_u64(), "{step}: {brief}");
    }
    assert!(brief["took_us"].is_u64());
    assert_eq!(brief["calls"][0]["function"], "text_count_letter");
    assert!(brief["calls"][0]["timings_us"]["run"].is_u64(), "{brief}");
    assert!(brief["calls"][0].get("pieces").is_none(), "the list is brief: {brief}");

    let whole = gateway.get(&format!("/v1/recent/{id}")).await.json();
    assert_eq!(whole["p_call"], 0.75);
    assert_eq!(whole["left_out"], false);
    let candidates = whole["candidates"].as_array().unwrap();
    assert!(candidates.iter().any(|c| c["name"] == "text_count_letter" && c["origin"] == "text"));
    let call = &whole["calls"][0];
    assert_eq!(call["arguments"], json!({"text": "banana", "letter": "a"}));
    assert_eq!(call["result"], 3);
    assert_eq!(call["pieces"], answer.json()["hyfunc"]["calls"][0]["pieces"]);
    assert_eq!(whole["tokens"], answer.json()["hyfunc"]["tokens"]);
}

#[tokio::test]
async fn every_way_of_asking_is_remembered_by_its_kind() {
    let gateway = start(count()).await;
    gateway.send(gateway.post("/v1/route").json(&json!({"query": SECRET}))).await;
    let route = newest(&gateway).await;
    assert_eq!((&route["kind"], &route["query"]), (&json!("route"), &json!(SECRET)));
    assert!(route["calls"][0].get("timings_us").is_none(), "nothing ran: {route}");

    let arguments = json!({"text": "banana", "letter": "a"});
    gateway.send(gateway.post("/v1/functions/text_count_letter").json(&arguments)).await;
    let function = newest(&gateway).await;
    assert_eq!((&function["kind"], &function["query"]), (&json!("function"), &json!(null)));
    let id = function["request_id"].as_str().unwrap();
    let whole = gateway.get(&format!("/v1/recent/{id}")).await.json();
    assert_eq!(whole["calls"][0]["arguments"], arguments);
    assert_eq!(whole["calls"][0]["result"], 3);

    let answer = gateway.chat(&ask_with(SECRET, json!({"stream": true}))).await;
    assert_eq!(answer.status, 200);
    let stream = newest(&gateway).await;
    assert_eq!((&stream["kind"], &stream["outcome"]), (&json!("answer"), &json!("answered")));
    assert!(stream["calls"][0]["timings_us"]["total"].is_u64(), "{stream}");

    gateway.get("/healthz").await;
    gateway.get("/v1/functions").await;
    assert_eq!(recent(&gateway).await["data"].as_array().unwrap().len(), 3, "only what was asked");
}

#[tokio::test]
async fn what_failed_is_remembered_with_what_its_client_saw() {
    let gateway = start_hasty(Script { failure: Some(Failure::Overloaded), ..count() }).await;
    for (body, status, code) in [
        (ask("fail"), 503, "models_overloaded"),
        (json!({"model": "other", "messages": ask("x")["messages"]}), 404, "model_not_found"),
        (json!({"model": MODEL}), 400, "invalid_value"),
    ] {
        assert_eq!(gateway.chat(&body).await.status, status, "{body}");
        let failed = newest(&gateway).await;
        assert_eq!(failed["outcome"], "failed", "{failed}");
        assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!(status), &json!(code)));
        assert!(!failed["error"]["message"].as_str().unwrap().is_empty(), "{failed}");
    }

    // The sandbox ended the call: the answer of the pipeline became an error of the endpoint.
    let request = gateway.post("/v1/functions/attacks_sleep").json(&json!({"ms": NEVER_MS}));
    let answer = gateway.send(request).await;
    let failed = newest(&gateway).await;
    assert_eq!(failed["status"], answer.status, "{failed}");
    assert_eq!(failed["error"]["code"], answer.json()["error"]["code"], "{failed}");
}

#[tokio::test]
async fn a_panic_and_a_client_that_hangs_up_are_told_apart() {
    let gateway = start(Script { failure: Some(Failure::Panic), ..Script::default() }).await;
    gateway.chat(&ask("fail")).await;
    assert_eq!(newest(&gateway).await["error"]["code"], "internal_error");

    let gateway = start(Script { decode_ms: NEVER_MS, ..Script::default() }).await;
    let asked = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("x")).send());
    newest_with(&gateway, |newest| newest["timings_us"]["retrieve"].is_u64()).await;
    asked.abort();
    let left = newest(&gateway).await;
    assert_eq!((&left["outcome"], &left["status"]), (&json!("hung_up"), &json!(null)));
}

#[tokio::test]
async fn a_request_at_work_is_seen_at_work() {
    let gateway = start(Script { hold: Hold::Decode, ..Script::default() }).await;
    let asked = gateway.post("/v1/chat/completions").json(&ask(SECRET)).send();
    let asked = tokio::spawn(asked);
    let is_decoding = |newest: &Json| newest["timings_us"]["retrieve"].is_u64();
    let seen = newest_with(&gateway, is_decoding).await;
    assert_eq!((&seen["outcome"], &seen["took_us"]), (&json!("at_work"), &json!(null)), "{seen}");
    gateway.fake.go_on();
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    assert_eq!(newest(&gateway).await["outcome"], "answered");
}

#[tokio::test]
async fn only_the_newest_are_kept() {
    for (requests_max, kept) in [(0, vec![]), (2, vec!["c", "b"]), (9, vec!["c", "b", "a"])] {
        let change = |config: &mut hyfunc::Config| config.recent.requests_max = requests_max;
        let gateway = start_with(Script::default(), change).await;
        for query in ["a", "b", "c"] {
            assert_eq!(gateway.chat(&ask(query)).await.status, 200);
        }
        let list = recent(&gateway).await;
        let queries: Vec<&str> =
            list["data"].as_array().unwrap().iter().map(|r| r["query"].as_str().unwrap()).collect();
        assert_eq!(queries, kept, "{requests_max}");
    }
}

#[tokio::test]
async fn a_request_is_found_by_its_id_or_its_trace_and_others_are_not() {
    let gateway = start(count()).await;
    let request = gateway.post("/v1/chat/completions").json(&ask(SECRET));
    let request = request
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .header("x-request-id", "mine:1.2");
    assert_eq!(gateway.send(request).await.status, 200);
    for id in ["mine:1.2", TRACE] {
        let found = gateway.get(&format!("/v1/recent/{id}")).await;
        assert_eq!(found.headers["cache-control"], "no-store");
        assert_eq!(found.json()["query"], SECRET, "{id}");
        assert_eq!(found.json()["trace_id"], TRACE, "{id}");
    }
    for (id, status, code) in [
        ("other", 404, "request_not_found"),
        ("mine", 404, "request_not_found"),
        ("%3Cb%3E", 404, "request_not_found"),
        ("%ff", 400, "invalid_value"),
    ] {
        let (found, found_code, message) = gateway.get(&format!("/v1/recent/{id}")).await.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{id}: {message}");
    }
    let (_, _, message) = gateway.get("/v1/recent/other").await.error();
    assert!(message.contains("recent.requests_max"), "{message}");
}

#[tokio::test]
async fn content_is_kept_on_loopback_and_forgotten_in_public() {
    for (content, allow_public, keeps) in
        [(AUTO, false, true), (AUTO, true, false), (ALWAYS, true, true), (NEVER, false, false)]
    {
        let mut script = count();
        script.calls.push(("open_page", json!({"url": "secret.example"})));
        let gateway = start_with(script, |config| {
            config.server.allow_public = allow_public;
            config.recent.content = content.to_owned();
        })
        .await;
        let mine = tool("open_page");
        let asked = ask_with(SECRET, json!({"tools": [mine]}));
        let answer = gateway.send(gateway.post("/v1/chat/completions").json(&asked)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let failed = ask_with("x", json!({"my_secret_field": 1}));
        assert_eq!(gateway.chat(&failed).await.status, 400);

        let id = answer.json()["hyfunc"]["request_id"].as_str().unwrap().to_owned();
        let whole = gateway.get(&format!("/v1/recent/{id}")).await;
        let list = gateway.get("/v1/recent").await;
        for (text, where_) in [(&whole.text, "the request"), (&list.text, "the list")] {
            let case = format!("{where_}, {content}, public: {allow_public}");
            for word in ["secret", "open_page"] {
                assert_eq!(text.contains(word), keeps, "`{word}` in {case}: {text}");
            }
            // What happened and when is known all the same.
            assert!(text.contains("text_count_letter"), "{case}: {text}");
            assert!(text.contains("\"decode\""), "{case}: {text}");
        }
        assert_eq!(whole.json()["calls"][0]["result"].is_u64(), keeps, "{}", whole.text);
        assert_eq!(list.json()["keeps_content"], keeps);
        assert_eq!(list.json()["data"][0]["error"]["code"], "unknown_parameter");
    }
}

#[tokio::test]
async fn a_request_never_keeps_more_than_its_bytes() {
    let change = |config: &mut hyfunc::Config| config.recent.request_bytes_max = 1024;
    let gateway = start_with(count(), change).await;
    let long = "x".repeat(4096);
    let answer = gateway.chat(&ask(&long)).await;
    let id = answer.json()["hyfunc"]["request_id"].as_str().unwrap().to_owned();
    let whole = gateway.get(&format!("/v1/recent/{id}")).await.json();
    assert_eq!((&whole["query"], &whole["left_out"]), (&json!(null), &json!(true)));
    let content = ["query", "candidates", "calls"].map(|field| whole[field].to_string().len());
    assert!(content.iter().sum::<usize>() < 16 * 1024, "{whole}");
}

#[tokio::test]
async fn a_long_query_is_cut_in_the_list_and_whole_in_its_own_answer() {
    let gateway = start(Script::default()).await;
    let long = "é".repeat(300);
    let answer = gateway.chat(&ask(&long)).await;
    let id = answer.json()["hyfunc"]["request_id"].as_str().unwrap().to_owned();
    let brief = recent(&gateway).await["data"][0]["query"].as_str().unwrap().to_owned();
    assert_eq!(brief, format!("{}…", "é".repeat(200)));
    assert_eq!(gateway.get(&format!("/v1/recent/{id}")).await.json()["query"], long);
}
