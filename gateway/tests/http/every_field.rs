//! Every field of every body: absent, null, of every wrong type, huge, deep, and there twice. Each
//! of them is answered, or refused with an error that says what to do; nothing of it is a fault.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::support::{Answer, Gateway, MODEL, Script, start};

/// Characters of a text that is larger than any field may be, in a body that is not.
const HUGE_CHARS: usize = 70_000;
/// Items of a list that is longer than any may be.
const MANY: usize = 3_000;
/// Depth beyond the one that is allowed.
const DEPTH: usize = 70;

/// Codes of errors about a field, which they name.
const ABOUT_A_FIELD: &[&str] = &["invalid_value", "unknown_parameter", "unsupported_parameter"];

/// Stands for a member that is to be there twice.
const MARK: &str = "@twice@";

fn parameters() -> Json {
    json!({
        "type": "object",
        "description": "what it takes",
        "properties": {
            "url": {"type": "string", "description": "it", "minLength": 1, "pattern": "^[a-z.]+$"},
            "tab": {"type": "integer", "minimum": 1, "maximum": 9},
            "kind": {"enum": ["plain", "private"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
            "place": {"$ref": "#/$defs/place"},
        },
        "required": ["url"],
        "additionalProperties": false,
        "$defs": {"place": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
    })
}

fn function(extra: Json) -> Json {
    let mut function = json!({"name": "open_page", "description": "Opens a page.",
        "parameters": parameters(), "strict": false});
    function.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    function
}

fn chat() -> Json {
    let named = json!({"type": "function", "function": {"name": "open_page"}});
    let call = json!({"id": "c", "type": "function",
        "function": {"name": "open_page", "arguments": "{\"url\": \"a\"}"}});
    json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "name": "alice", "content": [{"type": "text", "text": "open a"}]},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "It is open."},
            {"role": "assistant", "content": "Done.", "refusal": null},
            {"role": "user", "content": "and now b"},
        ],
        "tools": [{"type": "function", "function": function(json!({}))}],
        "tool_choice": {"type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [named]}},
        "parallel_tool_calls": true,
        "stream": false,
        "max_tokens": 900,
        "max_completion_tokens": 900,
        "n": 1,
        "temperature": 0.5,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "seed": 7,
        "user": "u",
        "safety_identifier": "s",
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "reasoning_effort": "low",
        "verbosity": "low",
        "logprobs": false,
        "top_logprobs": 0,
        "logit_bias": {},
        "modalities": ["text"],
        "response_format": {"type": "text"},
        "stop": [],
        "store": false,
        "service_tier": "auto",
    })
}

fn streamed() -> Json {
    json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "hello"}],
        "stream": true,
        "stream_options": {"include_usage": true, "include_pieces": true,
            "include_obfuscation": false},
        "tool_choice": {"type": "function", "function": {"name": "units_convert"}},
    })
}

fn response() -> Json {
    json!({
        "model": MODEL,
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": "d"},
            {"role": "user", "content": [{"type": "input_text", "text": "open a"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "open_page",
                "arguments": "{}", "status": "completed"},
            {"type": "function_call_output", "call_id": "c", "output": "It is open."},
            {"type": "item_reference", "id": "msg_1"},
            {"role": "user", "content": "and now b"},
        ],
        "tools": [function(json!({"type": "function"}))],
        "tool_choice": {"type": "allowed_tools", "mode": "auto",
            "tools": [{"type": "function", "name": "open_page"}]},
        "parallel_tool_calls": true,
        "max_tool_calls": 3,
        "max_output_tokens": 900,
        "stream": true,
        "stream_options": {"include_obfuscation": false},
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "user": "u",
        "store": false,
        "background": false,
        "truncation": "disabled",
        "top_logprobs": 0,
        "service_tier": "auto",
    })
}

fn route() -> Json {
    json!({
        "query": "open b",
        "model": MODEL,
        "tools": [{"type": "function", "function": function(json!({}))}],
        "tool_choice": "auto",
    })
}

/// Requests of the endpoints that read JSON, with all that they read.
fn samples() -> Vec<(&'static str, Json)> {
    let convert = json!({"value": 3, "from_unit": "km", "to_unit": "m"});
    vec![
        ("/v1/chat/completions", chat()),
        ("/v1/chat/completions", streamed()),
        ("/v1/responses", response()),
        ("/v1/route", route()),
        ("/v1/functions/units_convert", convert),
    ]
}

/// Whether a place is of the format: in schemas and free pairs, which are the client's own, null is
/// a value.
fn is_ours(place: &str) -> bool {
    !["/parameters/", "/metadata/"].iter().any(|part| place.contains(part))
}

/// Pointers to every member and every item.
fn places(json: &Json, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Json)> = match json {
        Json::Object(members) => members.iter().map(|(name, json)| (name.clone(), json)).collect(),
        Json::Array(items) => {
            items.iter().enumerate().map(|(at, json)| (at.to_string(), json)).collect()
        }
        _ => return,
    };
    for (name, json) in inner {
        let place = format!("{at}/{name}");
        places(json, &place, found);
        found.push(place);
    }
}

fn all_places(json: &Json) -> Vec<String> {
    let mut found = Vec::new();
    places(json, "", &mut found);
    found
}

/// What may stand at any place instead.
fn values() -> Vec<Json> {
    vec![
        json!(true),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("x".repeat(65)),
        json!("\u{0}\u{202e}"),
        json!("x".repeat(HUGE_CHARS)),
        json!([]),
        json!([null]),
        json!(vec![0; MANY]),
        json!({}),
        json!({"a": {"b": 1}}),
    ]
}

/// The parent of a place, and its last part.
fn split(place: &str) -> (&str, &str) {
    place.rsplit_once('/').expect("a pointer")
}

/// The body without what is at a place.
fn without(body: &Json, place: &str) -> Json {
    let mut body = body.clone();
    let (parent, name) = split(place);
    match body.pointer_mut(parent).unwrap() {
        Json::Object(members) => drop(members.remove(name)),
        Json::Array(items) => drop(items.remove(name.parse().unwrap())),
        other => panic!("{other} has no members"),
    }
    body
}

fn with(body: &Json, place: &str, value: Json) -> Json {
    let mut body = body.clone();
    *body.pointer_mut(place).unwrap() = value;
    body
}

/// The text of the body with a member there twice; none for an item of a list.
fn twice(body: &Json, place: &str) -> Option<String> {
    let (parent, name) = split(place);
    body.pointer(parent)?.as_object()?;
    let value = body.pointer(place)?;
    let marked = with(body, place, MARK.into()).to_string();
    let member = format!("\"{name}\":\"{MARK}\"");
    assert!(marked.contains(&member), "{marked}");
    Some(marked.replace(&member, &format!("\"{name}\":{value},\"{name}\":{value}")))
}

/// Sends a body. What is not answered is refused with an error that names the field.
async fn sent(gateway: &Gateway, path: &str, place: &str, body: String) -> Answer {
    let shown: String = body.chars().take(400).collect();
    let request = gateway.post(path).header("content-type", "application/json").body(body);
    let answer = gateway.send(request).await;
    if answer.status == 200 {
        return answer;
    }
    let (status, code, message) = answer.error();
    assert!([400, 404].contains(&status), "{path} {place}: {status} {message} for {shown}");
    assert!(message.len() > 8, "{path} {place}: {message}");
    for inside in ["panicked", ".rs:", "unwrap"] {
        assert!(!message.contains(inside), "{path} {place}: {message}");
    }
    let names_it = answer.json()["error"]["param"].is_string();
    assert!(names_it || !ABOUT_A_FIELD.contains(&code.as_str()), "{path} {place}: {message}");
    answer
}

#[tokio::test]
async fn whatever_stands_in_a_field_is_answered_or_refused() {
    let gateway = start(Script::default()).await;
    let mut outcomes: HashMap<bool, usize> = HashMap::new();
    for (path, body) in samples() {
        assert_eq!(sent(&gateway, path, "whole", body.to_string()).await.status, 200);
        for place in all_places(&body) {
            for value in values() {
                let body = with(&body, &place, value).to_string();
                let answer = sent(&gateway, path, &place, body).await;
                *outcomes.entry(answer.status == 200).or_default() += 1;
            }
        }
    }
    // Otherwise it would have tested one of the two alone.
    assert!(outcomes[&true] > 100 && outcomes[&false] > 1_000, "{outcomes:?}");
    gateway.assert_alive().await;
}

#[tokio::test]
async fn null_is_absent_and_what_is_required_is_asked_for() {
    let gateway = start(Script::default()).await;
    for (path, body) in samples() {
        for place in all_places(&body) {
            let absent = sent(&gateway, path, &place, without(&body, &place).to_string()).await;
            let null = sent(&gateway, path, &place, with(&body, &place, Json::Null).to_string());
            let null = null.await;
            let (parent, _) = split(&place);
            if is_ours(&place) && body.pointer(parent).unwrap().is_object() {
                assert_eq!(absent.status, null.status, "{path} {place}: {}", null.text);
            }
        }
    }
    for (path, body, required) in [
        ("/v1/chat/completions", chat(), vec!["/model", "/messages"]),
        ("/v1/responses", response(), vec!["/model", "/input"]),
        ("/v1/route", route(), vec!["/query"]),
    ] {
        for place in required {
            let answer = sent(&gateway, path, place, without(&body, place).to_string()).await;
            assert_eq!(answer.json()["error"]["param"], &place[1..], "{path}: {}", answer.text);
            assert!(answer.error().2.contains("required"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_is_there_twice_or_too_deep_is_refused_wherever_it_stands() {
    let gateway = start(Script::default()).await;
    let deep = (0..DEPTH).fold(json!(1), |inner, _| json!([inner]));
    for (path, body) in samples() {
        for place in all_places(&body) {
            let answer =
                sent(&gateway, path, &place, with(&body, &place, deep.clone()).to_string());
            let (status, code, message) = answer.await.error();
            assert_eq!((status, code.as_str()), (400, "json_too_deep"), "{place}: {message}");
            let Some(doubled) = twice(&body, &place) else { continue };
            let (status, code, message) = sent(&gateway, path, &place, doubled).await.error();
            assert_eq!((status, code.as_str()), (400, "duplicate_key"), "{place}: {message}");
        }
    }
    gateway.assert_alive().await;
}

/// A call over the protocol, all of whose members are there.
fn message() -> Json {
    json!({
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {
            "name": "text_count_letter",
            "arguments": {"text": "banana", "letter": "a"},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "progressToken": "p",
            },
        },
    })
}

/// Names with a slash are no pointers of their own.
fn protocol_places() -> Vec<String> {
    let mut found = all_places(&message());
    found.retain(|place| message().pointer(place).is_some());
    found
}

#[tokio::test]
async fn messages_of_the_protocol_are_answered_or_refused_in_its_own_form() {
    let gateway = start(Script::default()).await;
    let deep = (0..DEPTH).fold(json!(1), |inner, _| json!([inner]));
    for place in protocol_places() {
        let mut bodies = vec![without(&message(), &place).to_string()];
        bodies.extend(twice(&message(), &place));
        let values = values().into_iter().chain([Json::Null, deep.clone()]);
        bodies.extend(values.map(|value| with(&message(), &place, value).to_string()));
        for body in bodies {
            let shown: String = body.chars().take(400).collect();
            let request = gateway
                .post("/mcp")
                .header("accept", "application/json, text/event-stream")
                .header("content-type", "application/json")
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", "tools/call")
                .header("mcp-name", "text_count_letter");
            // The document says which statuses and forms there are.
            let answer = gateway.send(request.body(body)).await;
            assert!(answer.status < 500, "{place}: {} for {shown}", answer.text);
        }
    }
    gateway.assert_alive().await;
}
