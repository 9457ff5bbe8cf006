//! The Model Context Protocol at `/mcp`: tools, pages, results, progress, and what is refused.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::support::{
    Answer, Failure, Gateway, Hold, NEVER_MS, PATIENCE, Script, ask, build, given, start,
    start_with, until,
};

/// The revision without sessions, and the last one with them.
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
const ACCEPT: &str = "application/json, text/event-stream";

/// A request that stands alone.
fn modern(gateway: &Gateway, method: &str, mut params: Json) -> reqwest::RequestBuilder {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let mut request = gateway
        .post("/mcp")
        .header("accept", ACCEPT)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("mcp-name", name);
    }
    request.json(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
}

pub fn call(gateway: &Gateway, name: &str, arguments: Json) -> reqwest::RequestBuilder {
    modern(gateway, "tools/call", json!({"name": name, "arguments": arguments}))
}

/// The messages of an answer: one as JSON, or several as server-sent events.
fn messages(answer: &Answer) -> Vec<Json> {
    let kind = answer.headers["content-type"].to_str().unwrap();
    if !kind.starts_with("text/event-stream") {
        return vec![answer.json()];
    }
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim).filter(|data| !data.is_empty());
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The result of a request, and what came before it.
pub async fn result_of(gateway: &Gateway, request: reqwest::RequestBuilder) -> (Json, Vec<Json>) {
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut messages = messages(&answer);
    let last = messages.pop().unwrap();
    assert_eq!((&last["jsonrpc"], &last["id"]), (&json!("2.0"), &json!(7)), "{last}");
    assert!(last.get("error").is_none(), "{last}");
    (last["result"].clone(), messages)
}

/// Code, message and data of a request's error.
async fn error_of(gateway: &Gateway, request: reqwest::RequestBuilder) -> (i64, String, Json) {
    let answer = gateway.send(request).await;
    let last = messages(&answer).pop().unwrap();
    let error = &last["error"];
    let message = error["message"].as_str().unwrap_or_else(|| panic!("no error: {last}"));
    (error["code"].as_i64().unwrap(), message.to_owned(), error["data"].clone())
}

/// Text of the first piece of content.
fn text(result: &Json) -> &str {
    assert_eq!(result["content"][0]["type"], "text", "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn the_server_says_what_it_is_and_promises_no_more() {
    let gateway = start(Script::default()).await;
    let (found, _) = result_of(&gateway, modern(&gateway, "server/discover", json!({}))).await;
    let versions = found["supportedVersions"].as_array().unwrap();
    for version in [MODERN, LEGACY] {
        assert!(versions.contains(&json!(version)), "{found}");
    }
    assert_eq!(found["capabilities"], json!({"tools": {}}), "nothing that is not there");
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "hyfunc");
    assert!(found["instructions"].as_str().unwrap().contains("plain words"), "{found}");
}

#[tokio::test]
async fn pages_hold_every_tool_once_in_the_order_of_names() {
    let gateway = start_with(Script::default(), |config| config.mcp.page_tools_max = 7).await;
    let listed = gateway.get("/v1/functions").await.json();
    let mut wanted: Vec<_> = listed["data"].as_array().unwrap().iter().map(name).collect();
    wanted.push("route".into());
    wanted.sort();

    let mut found = Vec::new();
    let mut cursor = Json::Null;
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let (page, _) = result_of(&gateway, modern(&gateway, "tools/list", params.clone())).await;
        let (again, _) = result_of(&gateway, modern(&gateway, "tools/list", params)).await;
        assert_eq!(page, again, "the same question has the same answer");
        let names: Vec<String> = page["tools"].as_array().unwrap().iter().map(name).collect();
        cursor = page["nextCursor"].clone();
        assert!(names.len() == 7 || cursor.is_null(), "{names:?}");
        found.extend(names);
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(found, wanted);

    let request = modern(&gateway, "tools/list", json!({"cursor": "no such page"}));
    let (code, message, _) = error_of(&gateway, request).await;
    assert_eq!(code, -32602);
    assert!(message.contains("nextCursor"), "{message}");
}

fn name(entry: &Json) -> String {
    entry["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_tool_is_described_as_clients_need_it() {
    let gateway = start(Script::default()).await;
    let functions = gateway.get("/v1/functions").await.json();
    let (page, _) = result_of(&gateway, modern(&gateway, "tools/list", json!({}))).await;
    assert!(page.get("nextCursor").is_none(), "the default page holds the whole library");
    for tool in page["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        assert!(name.len() <= 64 && name.bytes().all(plain), "{name}");
        assert!(!tool["title"].as_str().unwrap().is_empty(), "{tool}");
        assert!(!tool["description"].as_str().unwrap().is_empty(), "{tool}");
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(tool[schema]["type"], "object", "{tool}");
            assert_eq!(tool[schema]["additionalProperties"], false, "{tool}");
        }
        assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{tool}");
        let function = functions["data"].as_array().unwrap().iter().find(|f| f["name"] == name);
        match function {
            Some(function) => assert_eq!(tool["inputSchema"], function["parameters"], "{name}"),
            None => assert_eq!(name, "route"),
        }
    }
    let hint = |name: &str, hint: &str| {
        let tools = page["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap()["annotations"][hint].clone()
    };
    for (name, reads_only, reaches_network) in [
        ("units_convert", true, false),
        ("tasks_add", false, false),
        ("weather_current", true, true),
        ("route", false, true),
    ] {
        assert_eq!(hint(name, "readOnlyHint"), reads_only, "{name}");
        assert_eq!(hint(name, "openWorldHint"), reaches_network, "{name}");
    }
}

#[tokio::test]
async fn a_call_gives_its_result_as_data_and_as_text() {
    let gateway = start(Script::default()).await;
    let arguments = json!({"text": "banana", "letter": "a"});
    let (result, before) =
        result_of(&gateway, call(&gateway, "text_count_letter", arguments)).await;
    assert_eq!(result["structuredContent"], json!({"result": 3}), "an object, as MCP wants");
    assert_eq!(text(&result), "{\"result\":3}");
    assert!(result["content"][1]["text"].as_str().unwrap().contains('3'), "the author's sentence");
    assert_eq!(result["isError"], false);
    assert!(result["_meta"]["hyfunc/request_id"].is_string(), "{result}");
    assert!(before.is_empty(), "nobody asked for progress");

    let arguments = json!({"value": 3, "from_unit": "km", "to_unit": "m"});
    let (result, _) = result_of(&gateway, call(&gateway, "units_convert", arguments)).await;
    assert!(result["structuredContent"].is_object(), "{result}");
    assert!(result["structuredContent"].get("result").is_none(), "a record is an object already");

    // No arguments at all are no arguments.
    let request = modern(&gateway, "tools/call", json!({"name": "tasks_list_items"}));
    let (result, _) = result_of(&gateway, request).await;
    assert_eq!(result["isError"], false, "{result}");
    assert_eq!(gateway.fake.decoded.load(Ordering::SeqCst), 0, "no model was asked");
}

#[tokio::test]
async fn requests_that_name_no_tool_are_errors_of_the_protocol() {
    let gateway = start(Script::default()).await;
    for (params, words) in [
        (json!({"name": "units_konvert"}), "did you mean `units_convert`?"),
        (json!({"name": "route_"}), "tools/list"),
        (json!({"name": "units_convert", "arguments": [1]}), "`params` of tools/call"),
        (json!({"name": "units_convert", "arguments": "{}"}), "`params` of tools/call"),
    ] {
        let (code, message, _) =
            error_of(&gateway, modern(&gateway, "tools/call", params.clone())).await;
        assert_eq!(code, -32602, "{params}: {message}");
        assert!(message.contains(words), "{params}: {message}");
    }
    let (code, ..) = error_of(&gateway, modern(&gateway, "resources/list", json!({}))).await;
    assert_eq!(code, -32601);
    gateway.assert_alive().await;
}

/// The assistant can read them and do better; errors of the protocol it never sees.
#[tokio::test]
async fn arguments_that_do_not_fit_are_results_that_say_so() {
    let gateway = start(Script::default()).await;
    for (tool, arguments, words) in [
        ("units_convert", json!({}), "value"),
        ("units_convert", json!({"value": 1}), "from_unit"),
        ("units_convert", json!({"value": "x", "from_unit": "m", "to_unit": "km"}), "$.value"),
        ("attacks_sleep", json!({"ms": -1}), "$.ms"),
        ("attacks_sleep", json!({"ms": 1, "extra": 1}), "extra"),
        ("route", json!({}), "request"),
        ("route", json!({"request": " "}), "plain words"),
        ("route", json!({"request": "x".repeat(16 * 1024 + 1)}), "shorten it"),
    ] {
        let (result, _) = result_of(&gateway, call(&gateway, tool, arguments.clone())).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(text(&result).contains(words), "{tool}: {result}");
        assert!(result.get("structuredContent").is_none(), "{tool}: {result}");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn a_failed_call_says_what_http_says() {
    let gateway = start(Script::default()).await;
    for (tool, arguments) in [
        ("attacks_trap", json!({})),
        ("units_convert", json!({"value": 3, "from_unit": "km", "to_unit": "kg"})),
    ] {
        let path = format!("/v1/functions/{tool}");
        let over_http = gateway.send(gateway.post(&path).json(&arguments)).await.json();
        let (result, _) = result_of(&gateway, call(&gateway, tool, arguments)).await;
        assert_eq!(result["isError"], true, "{result}");
        assert_eq!(text(&result), over_http["error"]["message"].as_str().unwrap());
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn plain_words_go_the_whole_way() {
    let convert = ("units_convert", json!({"value": 3, "from_unit": "km", "to_unit": "m"}));
    let trap = ("attacks_trap", json!({}));
    for (calls, is_error, said) in [
        (vec![convert.clone()], false, "3000"),
        (vec![convert.clone(), trap.clone()], false, "attacks_trap failed"),
        (vec![trap], true, "attacks_trap failed"),
        (Vec::new(), false, "No function fits"),
    ] {
        let gateway = start(Script { calls: calls.clone(), ..Script::default() }).await;
        let asked = json!({"request": "how many metres are 3 km?"});
        let (result, _) = result_of(&gateway, call(&gateway, "route", asked)).await;
        assert_eq!(result["isError"], is_error, "{result}");
        assert!(text(&result).contains(said), "{result}");
        let structured = &result["structuredContent"];
        assert_eq!(structured["reply"].as_str().unwrap(), text(&result));
        let found = structured["calls"].as_array().unwrap();
        assert_eq!(found.len(), calls.len(), "{structured}");
        for (found, (tool, arguments)) in found.iter().zip(&calls) {
            assert_eq!(found["tool"], *tool);
            for (key, value) in arguments.as_object().unwrap() {
                assert_eq!(found["arguments"][key].as_f64(), value.as_f64(), "{found}");
            }
            match *tool {
                "attacks_trap" => assert_eq!(found["error"]["kind"], "trap", "{found}"),
                _ => assert!(found["result"].is_object(), "{found}"),
            }
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_progress_hears_of_every_step() {
    let calls = vec![("text_count_letter", json!({"text": "banana", "letter": "a"}))];
    let gateway = start(Script { calls, ..Script::default() }).await;
    for (tool, arguments, steps) in [
        ("text_count_letter", json!({"text": "banana", "letter": "a"}), "accept dispatch done"),
        (
            "route",
            json!({"request": "count the a in banana"}),
            "accept distil retrieve decode dispatch respond done",
        ),
    ] {
        for token in [json!("p-1"), json!(42)] {
            let params = json!({
                "name": tool, "arguments": arguments, "_meta": {"progressToken": token},
            });
            let request = modern(&gateway, "tools/call", params);
            let (result, told) = result_of(&gateway, request).await;
            assert_eq!(result["isError"], false, "{result}");
            let names: Vec<_> =
                told.iter().map(|told| told["params"]["message"].as_str().unwrap()).collect();
            assert_eq!(names.join(" "), steps);
            for (at, told) in told.iter().enumerate() {
                assert_eq!(told["method"], "notifications/progress");
                assert_eq!(told["params"]["progressToken"], token);
                assert_eq!(told["params"]["progress"].as_f64(), Some(at as f64));
                assert_eq!(told["params"]["total"].as_f64(), Some((names.len() - 1) as f64));
            }
        }
    }
}

#[tokio::test]
async fn a_deadline_of_the_client_holds() {
    let gateway = start(Script { decode_ms: NEVER_MS, ..Script::default() }).await;
    let late_in_decode = |result: &Json| text(result).contains("`decode`");
    let result = given(
        async |given_ms| {
            let began = Instant::now();
            let request = call(&gateway, "route", json!({"request": "x"}));
            let request = request.header("x-hyfunc-deadline-ms", given_ms.to_string());
            let (result, _) = result_of(&gateway, request).await;
            assert_eq!(result["isError"], true);
            assert!(began.elapsed() < PATIENCE);
            result
        },
        late_in_decode,
    );
    let result = result.await;
    assert!(late_in_decode(&result), "{result}");
}

#[tokio::test]
async fn hanging_up_cancels_the_call() {
    let gateway = start(Script { decode_ms: NEVER_MS, ..Script::default() }).await;
    for token in [Json::Null, json!("p")] {
        let mut params = json!({"name": "route", "arguments": {"request": "x"}});
        if !token.is_null() {
            params["_meta"] = json!({"progressToken": token});
        }
        let request = modern(&gateway, "tools/call", params);
        let reading = tokio::spawn(async move { request.send().await.unwrap().text().await });
        until("it decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
        reading.abort();
        until("the decode is dropped", async || gateway.fake.decoding.load(Ordering::SeqCst) == 0)
            .await;
        assert_eq!(gateway.fake.decoded.load(Ordering::SeqCst), 0, "cancelled, not finished");
    }
}

#[tokio::test]
async fn failures_of_the_gateway_are_errors_of_the_protocol() {
    for (failure, name, retry_after_ms) in [
        (Failure::Overloaded, "models_overloaded", json!(2_500)),
        (Failure::Stopped, "models_stopped", Json::Null),
        (Failure::Panic, "internal_error", Json::Null),
    ] {
        let gateway = start(Script { failure: Some(failure), ..Script::default() }).await;
        let request = call(&gateway, "route", json!({"request": "fail"}));
        let (code, message, data) = error_of(&gateway, request).await;
        assert_eq!(code, -32603, "{message}");
        assert_eq!(data["code"], name, "{message}");
        assert_eq!(data["retry_after_ms"], retry_after_ms, "{message}");
        gateway.assert_alive().await;
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let gateway = start(Script::default()).await;
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost.evil.example"),
        ("host", "evil.example"),
        ("host", "evil.example:8080"),
    ] {
        let request = modern(&gateway, "tools/list", json!({})).header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 403, "{header}: {value}");
        assert_eq!(answer.json()["error"]["code"], "foreign_origin", "{}", answer.text);
    }
    for (header, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "https://127.0.0.1"),
        ("origin", "http://[::1]:5173"),
        ("host", "localhost:1"),
        ("host", "[::1]"),
    ] {
        let request = modern(&gateway, "tools/list", json!({})).header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{header}: {value}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_operator_may_open_it() {
    let gateway = start_with(Script::default(), |config| config.server.allow_public = true).await;
    let request = modern(&gateway, "tools/list", json!({}));
    let request = request.header("host", "tools.example").header("origin", "https://a.example");
    assert_eq!(gateway.send(request).await.status, 200);
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_with_a_way_out() {
    let gateway = start_with(Script::default(), |config| {
        config.request.body_bytes_max = 4_000;
    })
    .await;
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let large = format!("{{\"jsonrpc\": \"2.0\", \"x\": \"{}\"}}", "x".repeat(4_000));
    for (body, status, code, name) in [
        (b"".to_vec(), 400, -32700, "invalid_json"),
        (b"hello".to_vec(), 400, -32700, "invalid_json"),
        (b"{\"jsonrpc\": \"2.0\", ".to_vec(), 400, -32700, "invalid_json"),
        (b"{\"a\": \"\xff\"}".to_vec(), 400, -32700, "invalid_utf8"),
        (deep.into_bytes(), 400, -32600, "json_too_deep"),
        (b"{\"jsonrpc\": \"2.0\", \"jsonrpc\": \"2.0\"}".to_vec(), 400, -32600, "duplicate_key"),
        (b"[]".to_vec(), 400, -32600, "invalid_value"),
        (b"{}".to_vec(), 400, -32600, "invalid_value"),
        (b"{\"jsonrpc\": \"2.0\", \"id\": 1}".to_vec(), 400, -32600, "invalid_value"),
        (large.into_bytes(), 413, -32600, "body_too_large"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let request = gateway.post("/mcp").header("accept", ACCEPT);
        let request = request.header("content-type", "application/json").body(body);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text);
        let json = answer.json();
        assert_eq!(json["jsonrpc"], "2.0");
        assert_eq!(json["error"]["code"], code, "{shown}: {json}");
        assert_eq!(json["error"]["data"]["code"], name, "{shown}: {json}");
        assert!(!json["error"]["message"].as_str().unwrap().is_empty());
        assert!(answer.headers.contains_key("x-request-id"), "{shown}");
    }
    let answer = gateway.send(gateway.client.put(format!("{}/mcp", gateway.base))).await;
    assert_eq!(answer.error().1, "method_not_allowed");
    gateway.assert_alive().await;
}

#[tokio::test]
async fn a_full_gateway_sends_calls_away_with_a_time() {
    let script = Script { hold: Hold::Decode, ..Script::default() };
    let gateway = start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
        config.server.retry_after_ms = 1_200;
    })
    .await;
    let at_work = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("x")).send());
    until("the gateway is busy", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    let answer = gateway.send(call(&gateway, "tasks_list_items", json!({}))).await;
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.headers["retry-after"], "2");
    let json = answer.json();
    assert_eq!(json["id"], 7, "the client knows which call it was");
    assert_eq!(json["error"]["data"], json!({"code": "overloaded", "retry_after_ms": 1_200}));
    let (page, _) = result_of(&gateway, modern(&gateway, "tools/list", json!({}))).await;
    assert!(!page["tools"].as_array().unwrap().is_empty(), "listing is no work");
    gateway.fake.go_on();
    assert_eq!(at_work.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_draining_gateway_takes_no_calls() {
    let (app, _) = build(Script::default(), |_| {}).await;
    let pipeline = std::sync::Arc::clone(app.pipeline());
    let serving = app.listen().await.unwrap();
    let base = format!("http://{}", serving.address());
    tokio::spawn(serving.run(std::future::pending()));
    pipeline.admission.drain();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let message = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {}});
    let request = client.post(format!("{base}/mcp")).header("accept", ACCEPT).json(&message);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let json: Json = answer.json().await.unwrap();
    assert_eq!(
        (&json["id"], &json["error"]["data"]["code"]),
        (&json!("a"), &json!("shutting_down"))
    );
}

/// A session of the last revision that has them.
struct Session<'a> {
    gateway: &'a Gateway,
    id: String,
}

fn initialize(gateway: &Gateway) -> reqwest::RequestBuilder {
    let params = json!({
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params});
    gateway.post("/mcp").header("accept", ACCEPT).json(&message)
}

fn begun() -> Json {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

impl<'a> Session<'a> {
    async fn begin(gateway: &'a Gateway) -> Self {
        let answer = gateway.send(initialize(gateway)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let result = messages(&answer).pop().unwrap()["result"].clone();
        assert_eq!(result["protocolVersion"], LEGACY, "{result}");
        assert_eq!(result["serverInfo"]["name"], "hyfunc");
        let id = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let session = Self { gateway, id };
        assert_eq!(gateway.send(session.post(&begun())).await.status, 202);
        session
    }

    fn with(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request
            .header("accept", ACCEPT)
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", LEGACY)
    }

    fn post(&self, message: &Json) -> reqwest::RequestBuilder {
        self.with(self.gateway.post("/mcp")).json(message)
    }

    fn request(&self, method: &str, params: Json) -> reqwest::RequestBuilder {
        self.post(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
    }

    fn end(&self) -> reqwest::RequestBuilder {
        self.with(self.gateway.client.delete(format!("{}/mcp", self.gateway.base)))
    }
}

#[tokio::test]
async fn a_session_lists_and_calls_the_same_tools() {
    let gateway = start(Script::default()).await;
    let session = Session::begin(&gateway).await;
    let (page, _) = result_of(&gateway, session.request("tools/list", json!({}))).await;
    let (modern_page, _) = result_of(&gateway, modern(&gateway, "tools/list", json!({}))).await;
    assert_eq!(page["tools"], modern_page["tools"]);
    assert!(page.get("resultType").is_none(), "what later revisions added stays out");

    let arguments = json!({"text": "banana", "letter": "a"});
    let params = json!({
        "name": "text_count_letter", "arguments": arguments, "_meta": {"progressToken": 1},
    });
    let (result, told) = result_of(&gateway, session.request("tools/call", params)).await;
    assert_eq!(result["structuredContent"], json!({"result": 3}));
    assert_eq!(told.len(), 3, "{told:?}");
    let (pong, _) = result_of(&gateway, session.request("ping", json!({}))).await;
    assert_eq!(pong, json!({}));
}

#[tokio::test]
async fn a_cancelled_call_of_a_session_ends() {
    let gateway = start(Script { decode_ms: NEVER_MS, ..Script::default() }).await;
    let session = Session::begin(&gateway).await;
    let params = json!({"name": "route", "arguments": {"request": "x"}});
    let at_work = tokio::spawn(session.request("tools/call", params).send());
    until("the call decodes", async || gateway.fake.decoding.load(Ordering::SeqCst) == 1).await;
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7},
    });
    assert_eq!(gateway.send(session.post(&cancel)).await.status, 202);
    until("the decode is dropped", async || gateway.fake.decoding.load(Ordering::SeqCst) == 0)
        .await;
    assert_eq!(gateway.fake.decoded.load(Ordering::SeqCst), 0, "cancelled, not finished");
    let told = at_work.await.unwrap().unwrap().text().await.unwrap();
    assert!(!told.contains("result"), "a cancelled call has no answer: {told}");
}

#[tokio::test]
async fn sessions_are_counted_and_end() {
    let gateway = start_with(Script::default(), |config| config.mcp.sessions_max = 1).await;
    let session = Session::begin(&gateway).await;
    let answer = gateway.send(initialize(&gateway)).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.json()["error"]["data"]["code"], "too_many_sessions");
    let (page, _) = result_of(&gateway, modern(&gateway, "tools/list", json!({}))).await;
    assert!(page["tools"].is_array(), "requests that stand alone need no session");

    assert!(gateway.send(session.end()).await.status < 300);
    assert_eq!(gateway.send(session.request("tools/list", json!({}))).await.status, 404);
    let next = Session::begin(&gateway).await;
    assert_ne!(next.id, session.id);
}

#[tokio::test]
async fn a_session_without_messages_ends_by_itself() {
    let gateway =
        start_with(Script::default(), |config| config.mcp.session_idle_ms_max = 500).await;
    let answer = gateway.send(initialize(&gateway)).await;
    let id = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let session = Session { gateway: &gateway, id };
    // It may have ended already, where the machine stood still.
    gateway.send(session.post(&begun())).await;
    until("it ends", async || {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        gateway.send(session.request("tools/list", json!({}))).await.status == 404
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_waits_for_news_does_not_hold_up_the_end() {
    let mut gateway = start(Script::default()).await;
    let (stop, base) = (gateway.stop.take().unwrap(), gateway.base.clone());
    let session = Session::begin(&gateway).await;
    let request = session.with(gateway.client.get(format!("{base}/mcp")));
    let listening = request.send().await.unwrap();
    assert_eq!(listening.status(), 200);
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(PATIENCE, listening.text()).await;
    ended.expect("the stream ends").unwrap();
    drop(session);
    assert!((&mut gateway.served).await.unwrap(), "all requests finished");
}
