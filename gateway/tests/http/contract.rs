//! Whether an answer is one that the OpenAPI document admits: its status, its headers, its type and
//! its body, member for member.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex};

use hyfunc::http::openapi::document;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::answer::Answer;

/// The document with its objects shut: a member that it does not name is one that nobody described.
static SHUT: LazyLock<Json> = LazyLock::new(|| {
    let mut document = document().clone();
    shut(&mut document);
    document
});

fn shut(json: &mut Json) {
    match json {
        Json::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".into(), false.into());
            }
            members.values_mut().for_each(shut);
        }
        Json::Array(items) => items.iter_mut().for_each(shut),
        _ => {}
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The one of `server.address`, which serves the document.
    Public,
    /// The one of `admin.address`.
    Admin,
}

impl Listener {
    /// Whether a path is answered here, with its operations as the document has them.
    pub fn answers(self, path: &str, operations: &Json) -> bool {
        // Whether the process lives can be asked at both.
        if path == "/healthz" {
            return true;
        }
        let mut operations = operations.as_object().unwrap().values();
        let is_elsewhere = operations.any(|operation| operation.get("servers").is_some());
        is_elsewhere == (self == Self::Admin)
    }
}

/// Checks an answer. What is asked of a path that nobody describes, or with another method, must be
/// refused as such.
pub fn check(listener: Listener, method: &Method, path: &str, answer: &Answer) {
    let place = format!("{method} {path}: {} {}", answer.status, cut(&answer.text));
    let Some(item) = describe(listener, path) else {
        return assert_error(answer, &place, &[404, 400, 403]);
    };
    // Whoever answers GET answers HEAD with the same head.
    let name = if method == Method::HEAD { "get".into() } else { method.as_str().to_lowercase() };
    let Some(operation) = item.get(&name) else {
        return assert_error(answer, &place, &[405, 400, 403]);
    };
    let response = operation["responses"]
        .get(answer.status.to_string())
        .unwrap_or_else(|| panic!("{place}: no such status in the document"));
    let response = follow(response);
    check_headers(response, answer, &place);
    if method != Method::HEAD {
        check_body(response, answer, &place);
    }
}

/// The described path that admits this one; what is written out goes before what is open.
fn describe(listener: Listener, path: &str) -> Option<&'static Json> {
    let paths = SHUT["paths"].as_object().unwrap();
    let admits = |template: &str| {
        let (parts, asked) = (template.split('/'), path.split('/'));
        parts.clone().count() == asked.clone().count()
            && parts
                .zip(asked)
                .all(|(part, asked)| part == asked || part.starts_with('{') && !asked.is_empty())
    };
    let found = paths.get_key_value(path);
    let found = found.or_else(|| paths.iter().find(|(template, _)| admits(template)));
    let here = found.filter(|(template, operations)| listener.answers(template, operations));
    here.map(|(_, operations)| operations)
}

/// What a reference names, or the thing itself.
fn follow(json: &'static Json) -> &'static Json {
    match json["$ref"].as_str() {
        Some(reference) => SHUT.pointer(&reference[1..]).expect("a reference that leads somewhere"),
        None => json,
    }
}

fn check_headers(response: &'static Json, answer: &Answer, place: &str) {
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = follow(header);
        let Some(value) = answer.headers.get(name) else {
            assert_ne!(header["required"], true, "{place}: no {name}");
            continue;
        };
        let text = value.to_str().unwrap();
        let is_number = header["schema"]["type"] == "integer";
        let value = if is_number { json!(text.parse::<u64>().unwrap()) } else { json!(text) };
        assert_valid(&header["schema"], &value, place);
    }
    let has = |name: &str| answer.headers.contains_key(name);
    for name in ["retry-after", "www-authenticate"] {
        let is_described = response["headers"].get(name).is_some();
        assert!(is_described || !has(name), "{place}: nobody described {name}");
    }
}

fn check_body(response: &'static Json, answer: &Answer, place: &str) {
    let Some(content) = response["content"].as_object() else {
        return assert!(answer.text.is_empty(), "{place}: a body that nobody described");
    };
    let kind = answer.headers.get("content-type").unwrap_or_else(|| panic!("{place}: no type"));
    let kind = kind.to_str().unwrap().split(';').next().unwrap().trim();
    let described =
        content.get(kind).unwrap_or_else(|| panic!("{place}: {kind} is not in the document"));
    match kind {
        "application/json" => assert_valid(&described["schema"], &answer.json(), place),
        "text/event-stream" => {
            for data in answer.text.lines().filter_map(|line| line.strip_prefix("data:")) {
                match data.trim() {
                    "" | "[DONE]" => {}
                    data => {
                        let json = serde_json::from_str(data).unwrap();
                        assert_valid(&described["x-event-data"], &json, place);
                    }
                }
            }
        }
        _ => {}
    }
}

fn assert_error(answer: &Answer, place: &str, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{place}: nobody described this");
    if !answer.text.is_empty() {
        assert_valid(&json!({"$ref": "#/components/schemas/Error"}), &answer.json(), place);
    }
}

fn assert_valid(schema: &Json, value: &Json, place: &str) {
    let validator = validator(schema);
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{place}: the document says otherwise: {wrong:#?}");
}

/// The validator of a schema, made once.
fn validator(schema: &Json) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let validator = made.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({"allOf": [schema], "components": SHUT["components"]});
        Arc::new(jsonschema::draft202012::new(&whole).expect("a valid schema"))
    });
    Arc::clone(validator)
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

/// That the checks above can fail.
#[test]
fn what_nobody_described_is_found() {
    let answer = |status: u16, kind: &str, text: Json| {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("x-request-id", "r".parse().unwrap());
        headers.insert("content-type", kind.parse().unwrap());
        Answer { status, headers, text: text.to_string() }
    };
    let error = |code: &str| {
        let kind = "invalid_request_error";
        json!({"error": {"message": "m", "type": kind, "param": null, "code": code}})
    };
    let json = "application/json";
    let (get, post) = (Method::GET, Method::POST);
    let list = || answer(200, json, json!({"object": "list", "data": []}));
    for (listener, path, answer, is_described) in [
        (Listener::Admin, "/healthz", answer(200, json, json!({"status": "ok"})), true),
        (Listener::Admin, "/v1/plugins", list(), true),
        (Listener::Public, "/v1/plugins", list(), false),
        (Listener::Admin, "/v1/models", answer(404, json, error("not_found")), true),
        (Listener::Admin, "/openapi.json", answer(200, json, json!({})), false),
    ] {
        let checked = catch_unwind(AssertUnwindSafe(|| check(listener, &get, path, &answer)));
        assert_eq!(checked.is_ok(), is_described, "{listener:?} {path} {}", answer.text);
    }
    for (method, path, answer, is_described) in [
        (&get, "/healthz", answer(200, json, json!({"status": "ok"})), true),
        (&get, "/healthz", answer(200, json, json!({"status": "ok", "more": 1})), false),
        (&get, "/healthz", answer(200, json, json!({})), false),
        (&get, "/healthz", answer(200, "text/plain", json!({"status": "ok"})), false),
        (&get, "/healthz", answer(201, json, json!({"status": "ok"})), false),
        (&get, "/healthz", answer(400, json, error("invalid_value")), true),
        (&get, "/healthz", answer(400, json, error("no_such_code")), false),
        (&get, "/v1/models/x", answer(404, json, error("model_not_found")), true),
        (&post, "/v1/models/x", answer(405, json, error("method_not_allowed")), true),
        (&post, "/v1/models/x", answer(200, json, json!({})), false),
        (&get, "/v1/models", answer(401, json, error("missing_api_key")), false),
        (&get, "/nowhere", answer(404, json, error("not_found")), true),
        (&get, "/nowhere", answer(200, json, json!({})), false),
    ] {
        let check = || check(Listener::Public, method, path, &answer);
        let checked = catch_unwind(AssertUnwindSafe(check));
        assert_eq!(checked.is_ok(), is_described, "{method} {path} {}", answer.text);
    }
}
