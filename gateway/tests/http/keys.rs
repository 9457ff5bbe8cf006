//! Keys over HTTP: every endpoint with every kind of key, scopes, limits, and what nobody learns.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyfunc::Config;
use hyfunc::cli::CreateKeyArgs;
use hyfunc::commands::revoke_key;
use hyfunc::keys::{Moment, Role};
use serde_json::{Value as Json, json};

use crate::ring::{Ring, with_role, wrong};
use crate::support::{
    Answer, Gateway, Hold, MODEL, NEVER_MS, PATIENCE, Script, ask, start_with, until,
};

const SECRET: &str = "the secret of alice";

impl Ring {
    /// A gateway that wants these keys.
    async fn gateway(&self, script: Script, change: impl FnOnce(&mut Config)) -> Gateway {
        start_with(script, |config| {
            config.keys = self.config();
            change(config);
        })
        .await
    }
}

fn scoped(patterns: &[&str]) -> impl FnOnce(&mut CreateKeyArgs) + use<> {
    let scope: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    move |args| args.scope = scope
}

fn count() -> Script {
    let arguments = json!({"text": "banana", "letter": "a"});
    Script { calls: vec![("text_count_letter", arguments)], ..Script::default() }
}

/// Sends a body, or none, with a key, or without one.
async fn send(
    gateway: &Gateway,
    method: &str,
    path: &str,
    body: &Json,
    key: Option<&str>,
) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = gateway.client.request(method, format!("{}{path}", gateway.base));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    if path == "/mcp" {
        let accept = "application/json, text/event-stream";
        request = request.header("accept", accept).header("mcp-protocol-version", "2026-07-28");
        if let Some(asked) = body["method"].as_str() {
            request = request.header("mcp-method", asked);
        }
        if let Some(name) = body["params"]["name"].as_str() {
            request = request.header("mcp-name", name);
        }
    }
    gateway.send(request).await
}

fn mcp(method: &str, mut params: Json) -> Json {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// Method, path, body, the role that it takes, and what whoever has it is answered.
fn endpoints() -> Vec<(&'static str, &'static str, Json, Role, u16)> {
    let count = json!({"text": "banana", "letter": "a"});
    let none = Json::Null;
    vec![
        ("POST", "/v1/chat/completions", ask("hello"), Role::Call, 200),
        ("POST", "/v1/responses", json!({"model": MODEL, "input": "hello"}), Role::Call, 200),
        ("POST", "/v1/route", json!({"query": "hello"}), Role::Call, 200),
        ("POST", "/v1/functions/text_count_letter", count, Role::Call, 200),
        ("POST", "/mcp", mcp("tools/list", json!({})), Role::Call, 200),
        // There is no session to wait for, or to end.
        ("GET", "/mcp", none.clone(), Role::Call, 405),
        ("DELETE", "/mcp", none.clone(), Role::Call, 405),
        ("GET", "/v1/models", none.clone(), Role::Read, 200),
        ("GET", "/v1/models/fake", none.clone(), Role::Read, 200),
        ("GET", "/v1/functions", none.clone(), Role::Read, 200),
        ("HEAD", "/v1/functions", none.clone(), Role::Read, 200),
        ("GET", "/v1/recent", none.clone(), Role::Read, 200),
        ("GET", "/v1/recent/nobodys", none, Role::Read, 404),
    ]
}

#[tokio::test]
async fn every_endpoint_asks_for_its_role_and_tells_401_from_403() {
    let ring = Ring::new();
    let keys = [Role::Call, Role::Read, Role::Publish, Role::Admin]
        .map(|role| (role, ring.key(role.name(), with_role(role))));
    let late = ring.key("late", |args| args.expires = Some(Moment::now().after(-1)));
    let wrong = wrong(&keys[0].1);
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    for (method, path, body, needed, status) in endpoints() {
        for (key, code, challenge) in [
            (None, "missing_api_key", "Bearer realm=\"hyfunc\""),
            (Some("sk-of-another"), "invalid_api_key", "invalid_token"),
            (Some(wrong.as_str()), "invalid_api_key", "invalid_token"),
            (Some(late.as_str()), "expired_api_key", "invalid_token"),
        ] {
            let answer = send(&gateway, method, path, &body, key).await;
            let case = format!("{method} {path} {code}: {}", answer.text);
            assert_eq!(answer.status, 401, "{case}");
            let found = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(found.contains(challenge), "{case}");
            if method != "HEAD" {
                assert_eq!(answer.error().1, code, "{case}");
            }
        }
        for (role, key) in &keys {
            let answer = send(&gateway, method, path, &body, Some(key)).await;
            let case = format!("{method} {path} with {role}: {}", answer.text);
            if role.includes(needed) {
                assert_eq!(answer.status, status, "{case}");
            } else {
                assert_eq!(answer.status, 403, "{case}");
                assert!(!answer.headers.contains_key("www-authenticate"), "{case}");
                let (_, code, message) = answer.error();
                assert_eq!(code, "role_missing", "{case}");
                assert!(message.contains(needed.name()), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn what_says_nothing_about_anybody_needs_no_key() {
    let ring = Ring::new();
    ring.key("alice", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    for (method, path, status) in [
        ("GET", "/", 200),
        ("GET", "/playground/app.js", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/docs.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nothing/here", 404),
        ("GET", "/v1/chat/completions", 405),
        ("OPTIONS", "/v1/chat/completions", 405),
    ] {
        let answer = send(&gateway, method, path, &Json::Null, None).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{method} {path}");
    }
}

#[tokio::test]
async fn other_headers_are_no_key() {
    let ring = Ring::new();
    let key = ring.key("alice", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    for (header, value, code) in [
        ("authorization", key.clone(), "invalid_api_key"),
        ("authorization", format!("Basic {key}"), "invalid_api_key"),
        ("authorization", "Bearer".to_owned(), "invalid_api_key"),
        ("x-api-key", key.clone(), "missing_api_key"),
        ("cookie", format!("key={key}"), "missing_api_key"),
    ] {
        let request = gateway.client.get(format!("{}/v1/models", gateway.base));
        let answer = gateway.send(request.header(header, value)).await;
        let (status, found, message) = answer.error();
        assert_eq!((status, found.as_str()), (401, code), "{header}: {message}");
        assert!(message.contains("Bearer KEY") && !message.contains(&key), "{message}");
    }
    let path = format!("/v1/models?api_key={key}");
    assert_eq!(send(&gateway, "GET", &path, &Json::Null, None).await.status, 401);
}

#[tokio::test]
async fn with_a_key_one_may_come_from_anywhere() {
    let ring = Ring::new();
    let key = ring.key("alice", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    let list = mcp("tools/list", json!({}));
    for (method, path, body) in [("GET", "/v1/models", &Json::Null), ("POST", "/mcp", &list)] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = gateway.client.request(method, format!("{}{path}", gateway.base));
        let request = request.bearer_auth(&key).json(body);
        let request = request
            .header("host", "tools.example")
            .header("origin", "https://a.example")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/list");
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_scoped_key_sees_and_calls_its_functions_alone() {
    let ring = Ring::new();
    let key = ring.key("kiosk", scoped(&["plugin:text", "units_*"]));
    let mut script = count();
    script.calls.push(("tasks_add", json!({"title": "never added"})));
    let gateway = ring.gateway(script, |_| {}).await;
    let seen = |name: &str, plugin: &str| plugin == "text" || name.starts_with("units_");

    let list = send(&gateway, "GET", "/v1/functions", &Json::Null, Some(&key)).await.json();
    let functions = list["data"].as_array().unwrap();
    assert!(functions.len() >= 4, "{list}");
    for function in functions {
        let text = |field: &str| function[field].as_str().unwrap();
        assert!(seen(text("name"), text("plugin")), "{function}");
    }

    let asked = ask("count letters and add a task");
    let chat = send(&gateway, "POST", "/v1/chat/completions", &asked, Some(&key)).await.json();
    let candidates = chat["hyfunc"]["candidates"].as_array().unwrap();
    assert!(!candidates.is_empty(), "{chat}");
    for candidate in candidates {
        assert!(functions.iter().any(|seen| seen["name"] == candidate["name"]), "{candidate}");
    }
    let calls = chat["hyfunc"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{chat}");
    assert_eq!(calls[0]["function"], "text_count_letter");

    let listed = mcp("tools/list", json!({}));
    let tools = send(&gateway, "POST", "/mcp", &listed, Some(&key)).await.json();
    let tools = tools["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), functions.len() + 1, "and the tool for plain words");
    assert!(!tools.iter().any(|tool| tool["name"] == "tasks_add"));

    let body = json!({"text": "banana", "letter": "a"});
    let path = "/v1/functions/text_count_letter";
    assert_eq!(send(&gateway, "POST", path, &body, Some(&key)).await.status, 200);
}

/// Whether a function is there, or how it is nearly called, is nobody's business.
#[tokio::test]
async fn what_is_out_of_scope_cannot_be_told_from_what_is_not_there() {
    let ring = Ring::new();
    let key = ring.key("kiosk", scoped(&["units_*"]));
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    let mut answers = Vec::new();
    for name in ["tasks_add", "tasks_adb", "nothing_at_all"] {
        let path = format!("/v1/functions/{name}");
        let (status, code, message) =
            send(&gateway, "POST", &path, &json!({}), Some(&key)).await.error();
        assert_eq!((status, code.as_str()), (403, "function_not_allowed"), "{message}");
        let params = json!({"name": name, "arguments": {}});
        let called = mcp("tools/call", params);
        let called = send(&gateway, "POST", "/mcp", &called, Some(&key)).await.json();
        assert_eq!(called["error"]["code"], -32602, "{called}");
        let mut asked = ask("hello");
        asked["tool_choice"] = json!({"type": "function", "function": {"name": name}});
        let named = send(&gateway, "POST", "/v1/chat/completions", &asked, Some(&key)).await;
        assert_eq!(named.status, 400, "{}", named.text);
        let told = [message, called["error"].to_string(), named.error().2];
        answers.push(told.map(|text| text.replace(name, "NAME")));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);

    // A slip within the scope is a slip, and what is near comes from the scope too.
    let path = "/v1/functions/units_konvert";
    let (status, code, message) =
        send(&gateway, "POST", path, &json!({}), Some(&key)).await.error();
    assert_eq!((status, code.as_str()), (404, "function_not_found"), "{message}");
    assert!(message.contains("units_convert"), "{message}");
}

#[tokio::test]
async fn a_key_has_so_many_requests_a_minute_and_others_have_their_own() {
    let ring = Ring::new();
    let alice = ring.key("alice", |args| args.requests_per_minute = NonZeroU32::new(2));
    let bob = ring.key("bob", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    for _ in 0..2 {
        let answer = send(&gateway, "GET", "/v1/models", &Json::Null, Some(&alice)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let shown = endpoints().into_iter().filter(|(method, ..)| *method != "HEAD");
    for (method, path, body, ..) in shown {
        let answer = send(&gateway, method, path, &body, Some(&alice)).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{path}: {message}");
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
    }
    let answer = send(&gateway, "POST", "/v1/chat/completions", &ask("x"), Some(&bob)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_key_has_so_many_requests_at_once_and_streams_count_to_their_end() {
    let ring = Ring::new();
    let alice = ring.key("alice", |args| args.concurrent_max = NonZeroU32::new(1));
    let bob = ring.key("bob", |_| {});
    for stream in [false, true] {
        let script = Script { hold: Hold::Decode, ..Script::default() };
        let gateway = ring.gateway(script, |_| {}).await;
        let mut asked = ask("hello");
        asked["stream"] = stream.into();
        let by = |key| send(&gateway, "POST", "/v1/chat/completions", &asked, Some(key));
        let mut both: FuturesUnordered<_> = (0..2).map(|_| by(alice.as_str())).collect();
        let refused = both.next().await.unwrap();
        assert_eq!(refused.status, 429, "{}", refused.text);
        assert_eq!(refused.error().1, "concurrency_limit_exceeded");
        assert!(refused.headers.contains_key("retry-after"));
        let first = async {
            until("both keys are at work", async || gateway.fake.decoding.load(SeqCst) == 2).await;
            gateway.fake.go_on();
            both.next().await.unwrap()
        };
        let (first, other) = tokio::join!(first, by(bob.as_str()));
        assert_eq!(first.status, 200, "{}", first.text);
        assert_eq!(other.status, 200, "{}", other.text);
        until("its place is free again", async || by(alice.as_str()).await.status == 200).await;
    }
}

#[tokio::test]
async fn a_function_has_so_many_calls_a_minute_with_keys_or_without() {
    let gateway = start_with(count(), |config| {
        config.keys.calls_per_minute = vec!["text_count_*=2".to_owned()];
    })
    .await;
    let arguments = json!({"text": "banana", "letter": "a"});
    let path = "/v1/functions/text_count_letter";
    assert_eq!(send(&gateway, "POST", path, &arguments, None).await.status, 200);
    let chat = gateway.chat(&ask("count")).await.json();
    assert_eq!(chat["hyfunc"]["calls"][0]["result"], 3, "{chat}");

    let answer = send(&gateway, "POST", path, &arguments, None).await;
    let (status, code, message) = answer.error();
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{message}");
    assert!(answer.headers.contains_key("retry-after"), "{message}");
    // In an answer of several calls it is a call that failed.
    let chat = gateway.chat(&ask("count")).await.json();
    assert_eq!(chat["hyfunc"]["calls"][0]["error"]["kind"], "rate_limited", "{chat}");
    // Other functions have their own count.
    let arguments = json!({"text": "one two"});
    let answer = send(&gateway, "POST", "/v1/functions/text_count_words", &arguments, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn what_a_key_asked_is_known_to_it_and_to_admins() {
    let ring = Ring::new();
    let alice = ring.key("alice", |_| {});
    let bob = ring.key("bob", |_| {});
    let admin = ring.key("admin", with_role(Role::Admin));
    let gateway = ring.gateway(Script::default(), |config| {
        config.recent.content = "always".to_owned();
    });
    let gateway = gateway.await;
    let asked = ask(SECRET);
    let chat = send(&gateway, "POST", "/v1/chat/completions", &asked, Some(&alice)).await.json();
    let id = chat["hyfunc"]["request_id"].as_str().unwrap().to_owned();
    let one = format!("/v1/recent/{id}");
    for (key, knows) in [(&alice, true), (&bob, false), (&admin, true)] {
        let list = send(&gateway, "GET", "/v1/recent", &Json::Null, Some(key)).await;
        assert_eq!(list.text.contains(SECRET), knows, "{}", list.text);
        assert_eq!(list.text.contains(&id), knows, "{}", list.text);
        let whole = send(&gateway, "GET", &one, &Json::Null, Some(key)).await;
        assert_eq!(whole.status, if knows { 200 } else { 404 }, "{}", whole.text);
        assert_eq!(whole.text.contains(SECRET), knows, "{}", whole.text);
    }
}

#[tokio::test]
async fn what_plugins_keep_is_kept_for_each_key_apart() {
    let ring = Ring::new();
    let first = ring.key("kept-apart-1", |_| {});
    let second = ring.key("kept-apart-2", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    let title = json!({"title": SECRET});
    let added = send(&gateway, "POST", "/v1/functions/tasks_add", &title, Some(&first)).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let path = "/v1/functions/tasks_list_items";
    for (key, sees) in [(&first, true), (&second, false)] {
        let list = send(&gateway, "POST", path, &json!({}), Some(key)).await;
        assert_eq!(list.status, 200, "{}", list.text);
        assert_eq!(list.text.contains(SECRET), sees, "{}", list.text);
    }
}

#[tokio::test]
async fn keys_that_are_made_or_revoked_count_without_a_restart() {
    let ring = Ring::new();
    let alice = ring.key("alice", |_| {});
    let gateway = ring.gateway(Script::default(), |_| {}).await;
    let bob = ring.key("bob", |_| {});
    revoke_key(&ring.config(), "alice").unwrap();
    for (key, status) in [(&bob, 200), (&alice, 401)] {
        let began = Instant::now();
        loop {
            let answer = send(&gateway, "GET", "/v1/models", &Json::Null, Some(key)).await;
            if answer.status == status {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "never {status}: {}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_function_runs_so_often_at_once_and_whoever_else_wants_it_waits() {
    let gateway = start_with(count(), |config| {
        config.keys.calls_at_once = vec!["attacks_sleep=1".to_owned()];
    })
    .await;
    let path = "/v1/functions/attacks_sleep";
    let (asleep, awake) = (json!({"ms": NEVER_MS}), json!({"ms": 0}));
    let first = tokio::spawn(gateway.post(path).json(&asleep).send());
    let hasty = || gateway.post(path).header("x-hyfunc-deadline-ms", "100").json(&awake).send();
    until("its place is taken", async || hasty().await.unwrap().status() == 504).await;
    let words = json!({"text": "one two"});
    let other = send(&gateway, "POST", "/v1/functions/text_count_words", &words, None).await;
    assert_eq!(other.status, 200, "{}", other.text);
    let waiting = tokio::spawn(gateway.post(path).json(&awake).send());
    first.abort();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn the_audit_log_says_who_called_what_and_hides_what_it_was_told_to() {
    let ring = Ring::new();
    let alice = ring.key("alice", scoped(&["text_*", "units_*"]));
    let path = ring.folder.path().join("audit.jsonl");
    let gateway = ring.gateway(count(), |config| {
        config.audit.to = path.to_string_lossy().into_owned();
        config.audit.redact = vec!["TEXT".to_owned()];
        config.keys.calls_per_minute = vec!["text_count_letter=1".to_owned()];
    });
    let gateway = gateway.await;
    let mut asked = ask("count");
    asked["user"] = "user-7".into();
    let convert = json!({"value": 3, "from_unit": "km", "to_unit": "kg"});
    for (path, body, key, status) in [
        ("/v1/chat/completions", &asked, Some(&alice), 200),
        ("/v1/functions/units_convert", &convert, Some(&alice), 200),
        ("/v1/chat/completions", &asked, Some(&alice), 200),
        ("/v1/chat/completions", &asked, None, 401),
    ] {
        let key = key.map(String::as_str);
        assert_eq!(send(&gateway, "POST", path, body, key).await.status, status, "{path}");
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> = lines
        .iter()
        .map(|line| {
            ["event", "key", "function", "outcome"].map(|field| line[field].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        brief,
        [
            ["call", "alice", "text_count_letter", "ok"],
            ["call", "alice", "units_convert", "tool_error"],
            ["call", "alice", "text_count_letter", "rate_limited"],
            ["refused", "-", "-", "missing_api_key"],
        ],
        "{text}"
    );
    assert_eq!(lines[0]["arguments"], json!({"text": "[redacted]", "letter": "a"}));
    assert_eq!(
        [0, 1, 2].map(|line: usize| lines[line]["user"].as_str()),
        [Some("user-7"), None, Some("user-7")],
        "{text}"
    );
    assert!(lines[0]["took_us"].is_u64() && lines[0]["request_id"].is_string(), "{text}");
    assert!(!text.contains(&alice) && !text.contains("banana"), "{text}");
}

#[tokio::test]
async fn a_refusal_names_the_key_that_it_knows_in_the_audit_log_alone() {
    let ring = Ring::new();
    let reader = ring.key("reader", with_role(Role::Read));
    let late = ring.key("late", |args| args.expires = Some(Moment::now().after(-1)));
    let once = ring.key("once", |args| args.requests_per_minute = NonZeroU32::new(1));
    let mut wrong = once.clone();
    wrong.push('0');
    let path = ring.folder.path().join("audit.jsonl");
    let gateway = ring.gateway(Script::default(), |config| {
        config.audit.to = path.to_string_lossy().into_owned();
    });
    let gateway = gateway.await;
    let asked = json!({"query": "hello"});
    for (key, status) in [(&reader, 403), (&late, 401), (&once, 200), (&once, 429), (&wrong, 401)] {
        let answer = send(&gateway, "POST", "/v1/route", &asked, Some(key)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        for name in ["reader", "late\"", "once"] {
            assert!(status == 200 || !answer.text.contains(name), "{}", answer.text);
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |field: &str| -> Vec<&str> {
        lines.iter().map(|line| line[field].as_str().unwrap_or("-")).collect()
    };
    assert_eq!(of("event"), ["refused"; 4], "{text}");
    assert_eq!(of("key"), ["reader", "late", "once", "-"], "{text}");
    let codes = ["role_missing", "expired_api_key", "rate_limit_exceeded", "invalid_api_key"];
    assert_eq!(of("outcome"), codes, "{text}");
    let has_id = |line: &Json| line["key_id"].is_string() == line["key"].is_string();
    assert!(lines.iter().all(has_id), "{text}");
    for key in [&reader, &late, &once] {
        assert!(!text.contains(key.as_str()), "{text}");
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_audited_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let gateway = start_with(Script::default(), |config| {
        config.audit.to = path.to_string_lossy().into_owned();
    })
    .await;
    let request = gateway.post("/v1/functions/attacks_sleep").json(&json!({"ms": NEVER_MS}));
    let request = tokio::spawn(request.send());
    until("it is at work", async || {
        let recent = gateway.get("/v1/recent").await.json();
        recent["data"][0]["timings_us"]["accept"].is_u64()
    })
    .await;
    request.abort();
    let began = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.is_empty() {
            break text;
        }
        assert!(began.elapsed() < PATIENCE, "nothing was written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let line: Json = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["function"], &line["key"]), (&json!("attacks_sleep"), &json!(null)));
    let outcome = line["outcome"].as_str().unwrap();
    assert!(outcome == "abandoned", "{line}");
}
