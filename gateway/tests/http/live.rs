//! Streams that begin while the models still decide.

use std::sync::atomic::Ordering;

use futures::StreamExt as _;
use hyfunc::Config;
use serde_json::{Value as Json, json};

use crate::support::{
    Answer, Gateway, Hold, MODEL, Script, ask_with, given, start, start_with, until,
};

/// A tool of the client with several parameters, of which none must be there.
fn booking() -> Json {
    let properties = json!({
        "zone": {"type": "string"},
        "seats": {"type": "integer"},
        "aisle": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
    });
    let parameters = json!({"type": "object", "properties": properties});
    json!({"name": "book_seat", "description": "Books a seat.", "parameters": parameters})
}

fn tools(path: &str) -> Json {
    let mut tool = booking();
    if path == "/v1/chat/completions" {
        return json!([{"type": "function", "function": tool}]);
    }
    tool["type"] = "function".into();
    json!([tool])
}

/// Every way in which arguments can come to an end.
fn bookings() -> Vec<Json> {
    vec![
        json!({"zone": "A \"x\" \u{1f30d}", "seats": 2, "aisle": true, "names": ["a", "b"]}),
        json!({"names": []}),
        json!({"zone": "B"}),
        json!({}),
        json!({"seats": -3, "aisle": false}),
    ]
}

fn script(tells_ms: Option<u64>) -> Script {
    let calls = bookings().into_iter().map(|arguments| ("book_seat", arguments)).collect();
    Script { calls, tells_ms, ..Script::default() }
}

fn body(path: &str, extra: Json) -> Json {
    let mut body = match path {
        "/v1/chat/completions" => ask_with("book seats", json!({"stream": true})),
        _ => json!({"model": MODEL, "input": "book seats", "stream": true}),
    };
    body["tools"] = tools(path);
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// The data of every event but the mark at the end.
fn data(text: &str) -> Vec<Json> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

const PATHS: [&str; 2] = ["/v1/chat/completions", "/v1/responses"];

/// Id, name and the fragments of the arguments of every call that a chat's stream tells of.
fn chat_calls(events: &[Json]) -> Vec<(String, String, Vec<String>)> {
    let mut calls: Vec<(String, String, Vec<String>)> = Vec::new();
    let deltas = events.iter().filter_map(|event| event["choices"][0]["delta"].get("tool_calls"));
    for delta in deltas {
        let delta = &delta[0];
        let index = usize::try_from(delta["index"].as_u64().unwrap()).unwrap();
        let arguments = delta["function"]["arguments"].as_str().unwrap().to_owned();
        match delta.get("id") {
            Some(id) => {
                assert_eq!(index, calls.len(), "calls come in order, each once");
                assert_eq!(arguments, "");
                let name = delta["function"]["name"].as_str().unwrap().to_owned();
                calls.push((id.as_str().unwrap().to_owned(), name, Vec::new()));
            }
            None => {
                assert_eq!(index + 1, calls.len(), "one call after the other");
                assert!(!arguments.is_empty());
                calls[index].2.push(arguments);
            }
        }
    }
    calls
}

#[tokio::test]
async fn what_a_chat_tells_early_comes_to_what_is_told_at_the_end() {
    for tells_ms in [None, Some(0), Some(3)] {
        let gateway = start(script(tells_ms)).await;
        let answer = gateway.chat(&body(PATHS[0], json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let events = data(&answer.text);
        let roles = events.iter().filter(|event| event["choices"][0]["delta"]["role"].is_string());
        assert_eq!(roles.count(), 1, "{}", answer.text);
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        let calls = chat_calls(&events);
        let own = &events[events.len() - 1]["hyfunc"]["calls"];
        assert_eq!(calls.len(), bookings().len());
        for (at, (id, name, fragments)) in calls.iter().enumerate() {
            assert_eq!(name, "book_seat");
            assert_eq!(own[at]["id"], id.as_str(), "{tells_ms:?}");
            assert_eq!(fragments.concat(), own[at]["arguments"].to_string(), "{tells_ms:?}");
            assert_eq!(own[at]["arguments"], bookings()[at]);
        }
        if tells_ms == Some(3) {
            assert!(calls[0].2.len() > 2, "argument by argument: {calls:?}");
        }
        let decided = events.iter().filter(|event| !event["hyfunc"].is_null());
        assert_eq!(decided.count(), 2, "what was decided, and what came of it");
    }
}

/// Events of a kind about the item at a place.
fn of<'a>(events: &'a [Json], at: usize, kind: &str) -> Vec<&'a Json> {
    let about = events.iter().filter(|event| event["output_index"] == at);
    about.filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn what_a_response_tells_early_comes_to_what_is_told_at_the_end() {
    for tells_ms in [None, Some(0), Some(3)] {
        let gateway = start(script(tells_ms)).await;
        let asked = gateway.post(PATHS[1]).json(&body(PATHS[1], json!({})));
        let answer = gateway.send(asked).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let events = data(&answer.text);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{event}");
        }
        assert_eq!(events[0]["type"], "response.created");
        assert_eq!(events[1]["type"], "response.in_progress");
        let last = &events[events.len() - 1];
        assert_eq!(last["type"], "response.completed");
        for (at, arguments) in bookings().iter().enumerate() {
            let deltas = of(&events, at, "response.function_call_arguments.delta");
            let told: String =
                deltas.iter().map(|event| event["delta"].as_str().unwrap()).collect();
            let item = &last["response"]["output"][at];
            assert_eq!(item["arguments"], told, "{tells_ms:?}");
            assert_eq!(serde_json::from_str::<Json>(&told).unwrap(), *arguments);
            assert_eq!(
                of(&events, at, "response.function_call_arguments.done")[0]["arguments"],
                told
            );
            let done = of(&events, at, "response.output_item.done");
            assert_eq!((done.len(), &done[0]["item"]), (1, item));
            assert_eq!(of(&events, at, "response.output_item.added")[0]["item"]["id"], item["id"]);
            if tells_ms == Some(3) && at == 0 {
                assert!(deltas.len() > 2, "argument by argument: {deltas:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_first_byte_comes_before_the_last_call_is_decided() {
    for path in PATHS {
        let gateway = start(Script { hold: Hold::LastCall, ..script(Some(3)) }).await;
        let request = gateway.post(path).json(&body(path, json!({})));
        let response = request.send().await.unwrap();
        let mut stream = response.bytes_stream();
        let mut text = String::new();
        while !text.contains("book_seat") {
            let bytes = stream.next().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        assert_eq!(gateway.fake.told.load(Ordering::SeqCst), 0, "{path}: {text}");
        assert!(!text.contains("[DONE]"));
        gateway.fake.go_on();
        while let Some(bytes) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
        }
        assert_eq!(gateway.fake.told.load(Ordering::SeqCst), 1);
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }
}

#[tokio::test]
async fn calls_that_run_here_keep_their_place_among_those_of_the_client() {
    let count = ("text_count_letter", json!({"text": "banana", "letter": "a"}));
    let calls = vec![count, ("book_seat", json!({"seats": 1}))];
    let gateway = start(Script { calls, tells_ms: Some(3), ..Script::default() }).await;

    let answer = gateway.chat(&body(PATHS[0], json!({}))).await;
    let events = data(&answer.text);
    assert_eq!(chat_calls(&events)[0].2.concat(), "{\"seats\":1}");
    let said: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(said.contains('3'), "{said}");
    let own = &events[events.len() - 1]["hyfunc"]["calls"];
    assert_eq!((&own[0]["function"], &own[0]["result"]), (&json!("text_count_letter"), &json!(3)));
    assert_eq!(own[1]["function"], "book_seat");

    let asked = gateway.post(PATHS[1]).json(&body(PATHS[1], json!({})));
    let events = data(&gateway.send(asked).await.text);
    let output = &events[events.len() - 1]["response"]["output"];
    let kinds: Vec<&Json> = output.as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["mcp_call", "function_call", "message"]);
    let done: Vec<&Json> =
        events.iter().filter(|event| event["type"] == "response.output_item.done").collect();
    assert_eq!(done.len(), 3, "each item once");
    for (at, done) in done.iter().enumerate() {
        assert_eq!((&done["output_index"], &done["item"]), (&json!(at), &output[at]));
    }
}

/// A stream that tells how templates are filled: calls that run here, and some of the client's.
fn filling(extra: Json) -> Json {
    let mut body = body(PATHS[0], json!({"stream_options": {"include_pieces": true}}));
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// Three calls that run here, and two of the client's.
fn mixed(tells_ms: Option<u64>) -> Script {
    let count = |text| ("text_count_letter", json!({"text": text, "letter": "a"}));
    let book = |zone| ("book_seat", json!({"zone": zone, "seats": 1}));
    let calls = vec![count("banana"), book("A"), count("papaya"), book("B"), count("kiwi")];
    Script { calls, tells_ms, ..Script::default() }
}

/// Id, function and pieces of every call, as they were told one after another.
fn drafts(events: &[Json]) -> Vec<(Json, Json, Vec<Json>)> {
    let mut calls: Vec<(Json, Json, Vec<Json>)> = Vec::new();
    for draft in events.iter().filter_map(|event| event.get("hyfunc_draft")) {
        let index = usize::try_from(draft["index"].as_u64().unwrap()).unwrap();
        if index == calls.len() {
            calls.push((draft["id"].clone(), draft["function"].clone(), Vec::new()));
        }
        assert_eq!(index + 1, calls.len(), "one call after the other: {draft}");
        let (id, function, pieces) = &mut calls[index];
        assert_eq!((&draft["id"], &draft["function"]), (&*id, &*function));
        pieces.extend(draft["pieces"].as_array().unwrap().iter().cloned());
    }
    calls
}

#[tokio::test]
async fn templates_that_are_told_piece_by_piece_come_to_the_decided_ones() {
    for tells_ms in [None, Some(0), Some(3)] {
        let gateway = start(mixed(tells_ms)).await;
        let answer = gateway.chat(&filling(json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let events = data(&answer.text);
        let at = |is: fn(&Json) -> bool| events.iter().position(is).unwrap();
        let decided = at(|event| !event["hyfunc"].is_null());
        let told = drafts(&events);
        assert_eq!(told, drafts(&events[..decided]), "all before what was decided");
        let own = events[decided]["hyfunc"]["calls"].as_array().unwrap();
        let wanted: Vec<(Json, Json, Vec<Json>)> = own
            .iter()
            .map(|call| {
                let pieces = call["pieces"].as_array().unwrap().clone();
                (call["id"].clone(), call["function"].clone(), pieces)
            })
            .collect();
        assert_eq!((told.len(), &told), (5, &wanted), "{tells_ms:?}");
        assert_eq!(at(|event| event["choices"][0]["delta"]["role"].is_string()), 0);
        let roles = events.iter().filter(|event| event["choices"][0]["delta"]["role"].is_string());
        assert_eq!(roles.count(), 1, "{}", answer.text);
        // What clients know is there as ever.
        let calls = chat_calls(&events);
        let arguments: Vec<Json> = calls
            .iter()
            .map(|(_, _, fragments)| serde_json::from_str(&fragments.concat()).unwrap())
            .collect();
        let books = ["A", "B"].map(|zone| json!({"zone": zone, "seats": 1}));
        assert_eq!(arguments, books, "{tells_ms:?}");
        assert_eq!(events[events.len() - 1]["choices"][0]["finish_reason"], "tool_calls");
    }
}

#[tokio::test]
async fn pieces_of_calls_that_run_here_leave_before_the_last_is_decided() {
    let count = |text| ("text_count_letter", json!({"text": text, "letter": "a"}));
    let calls = vec![count("banana"), count("papaya")];
    let script = Script { calls, tells_ms: Some(3), hold: Hold::LastCall, ..Script::default() };
    let gateway = start(script).await;
    let request = gateway.post(PATHS[0]).json(&filling(json!({"tools": []})));
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    while !text.contains("\"copied\"") {
        let bytes = stream.next().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert_eq!(gateway.fake.told.load(Ordering::SeqCst), 0, "{text}");
    assert!(!text.contains("\"candidates\""), "nothing is decided: {text}");
    gateway.fake.go_on();
    while let Some(bytes) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let events = data(&text);
    assert_eq!(drafts(&events).len(), 2);
    assert_eq!(events[events.len() - 1]["hyfunc"]["calls"][1]["result"], 3);
}

#[tokio::test]
async fn who_does_not_ask_for_pieces_gets_none() {
    for options in [json!({}), json!({"include_pieces": false}), json!({"include_pieces": null})] {
        let gateway = start(mixed(Some(3))).await;
        let answer = gateway.chat(&filling(json!({"stream_options": options}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains("hyfunc_draft"), "{}", answer.text);
    }
}

#[tokio::test]
async fn pieces_that_may_yet_be_cut_wait_for_what_is_decided() {
    // The fake writes eleven tokens.
    for (tokens_max, calls) in [(10, 0), (11, 5)] {
        let gateway = start(mixed(Some(3))).await;
        let answer = gateway.chat(&filling(json!({"max_completion_tokens": tokens_max}))).await;
        let events = data(&answer.text);
        assert_eq!(drafts(&events).len(), calls, "{tokens_max}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_failure_after_the_beginning_is_told_in_the_stream() {
    for path in PATHS {
        let gateway = start(Script { breaks: true, ..script(Some(3)) }).await;
        let answer = gateway.send(gateway.post(path).json(&body(path, json!({})))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let events = data(&answer.text);
        let last = &events[events.len() - 1];
        if path == PATHS[0] {
            assert_eq!(last["error"]["code"], "models_stopped", "{last}");
            assert!(!answer.text.contains("[DONE]"), "a broken stream must not look whole");
        } else {
            assert_eq!(last["type"], "response.failed");
            assert_eq!(last["response"]["error"]["code"], "models_stopped", "{last}");
        }
        let recent = gateway.get("/v1/recent").await.json();
        assert_eq!(recent["data"][0]["outcome"], "failed", "{recent}");
    }
}

#[tokio::test]
async fn a_failure_before_the_beginning_keeps_its_status() {
    // Calls that run here are not told of in a chat before they ran.
    let count = ("text_count_letter", json!({"text": "banana", "letter": "a"}));
    let script =
        Script { calls: vec![count], tells_ms: Some(3), breaks: true, ..Script::default() };
    let gateway = start(script).await;
    let answer = gateway.chat(&body(PATHS[0], json!({}))).await;
    let (status, code, _) = answer.error();
    assert_eq!((status, code.as_str()), (503, "models_stopped"), "{}", answer.text);
}

#[tokio::test]
async fn what_may_yet_be_cut_is_not_told() {
    // The fake writes eleven tokens.
    let gateway = start(script(Some(3))).await;
    let answer = gateway.chat(&body(PATHS[0], json!({"max_completion_tokens": 10}))).await;
    assert!(answer.text.contains("\"finish_reason\":\"length\""), "{}", answer.text);
    assert!(chat_calls(&data(&answer.text)).is_empty(), "{}", answer.text);
}

fn alone(config: &mut Config) {
    config.server.concurrent_max = 1;
    config.server.queue_max = 0;
}

#[tokio::test]
async fn hanging_up_while_the_models_decide_frees_the_place() {
    for path in PATHS {
        let script = Script { hold: Hold::LastCall, ..script(Some(3)) };
        let gateway = start_with(script, alone).await;
        let request = gateway.post(path).json(&body(path, json!({})));
        let mut stream = request.send().await.unwrap().bytes_stream();
        assert!(stream.next().await.unwrap().is_ok());
        let none = ask_with("x", json!({"tool_choice": "none"}));
        assert_eq!(gateway.chat(&none).await.status, 429, "the only place is taken");
        drop(stream);
        until("the place is given back", async || gateway.chat(&none).await.status == 200).await;
        assert_eq!(gateway.fake.told.load(Ordering::SeqCst), 1, "only the other one was decided");
    }
}

#[tokio::test]
async fn a_deadline_after_the_beginning_ends_the_stream() {
    let gateway: Gateway = start(Script { hold: Hold::LastCall, ..script(Some(3)) }).await;
    let late = async |given_ms: u64| {
        let request = gateway.post(PATHS[0]).json(&body(PATHS[0], json!({})));
        gateway.send(request.header("x-hyfunc-deadline-ms", given_ms.to_string())).await
    };
    let answer = given(late, |answer: &Answer| answer.status == 200).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let events = data(&answer.text);
    let error = &events[events.len() - 1]["error"];
    assert_eq!(error["code"], "deadline_exceeded", "{}", answer.text);
    assert!(error["message"].as_str().unwrap().contains("`decode`"), "{error}");
}
