//! `POST /v1/responses`: items, semantic events, and what is refused.

use futures::StreamExt as _;
use hyfunc_cascade::ToolChoice;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Gateway, MODEL, NEVER_MS, Script, given, start, start_with, until};

/// A request with further fields.
fn ask(input: &str, extra: Json) -> Json {
    let mut asked = json!({"model": MODEL, "input": input});
    asked.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    asked
}

/// A tool as this format has it.
fn tool(name: &str) -> Json {
    json!({
        "type": "function",
        "name": name,
        "description": "Opens a page.",
        "parameters": {
            "type": "object",
            "properties": {"url": {"type": "string"}},
            "required": ["url"],
        },
        "strict": true,
    })
}

fn script(calls: Vec<(&'static str, Json)>) -> Script {
    Script { calls, ..Script::default() }
}

fn count() -> (&'static str, Json) {
    ("text_count_letter", json!({"text": "banana", "letter": "a"}))
}

fn open(url: &str) -> (&'static str, Json) {
    ("open_page", json!({"url": url}))
}

impl Gateway {
    async fn respond(&self, body: &Json) -> Answer {
        self.send(self.post("/v1/responses").json(body)).await
    }

    async fn response(&self, body: &Json) -> Json {
        let answer = self.respond(body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
}

fn kinds(output: &Json) -> Vec<&str> {
    output.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

/// Members that the specification wants in every response, whatever its state.
const MEMBERS: &[&str] = &[
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
];

#[tokio::test]
async fn a_function_of_the_library_runs_here() {
    let gateway = start(script(vec![count()])).await;
    let json = gateway.response(&ask("count", json!({"metadata": {"a": "b"}}))).await;
    for member in MEMBERS {
        assert!(json.get(member).is_some(), "no {member}: {json}");
    }
    assert!(json["id"].as_str().unwrap().starts_with("resp_"));
    assert!(json["created_at"].is_u64() && json["completed_at"].is_u64());
    for (member, value) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("model", json!(MODEL)),
        ("error", json!(null)),
        ("incomplete_details", json!(null)),
        ("metadata", json!({"a": "b"})),
        ("store", json!(false)),
    ] {
        assert_eq!(json[member], value, "{member}");
    }

    assert_eq!(kinds(&json["output"]), ["mcp_call", "message"]);
    let call = &json["output"][0];
    assert!(call["id"].as_str().unwrap().starts_with("mcp_"));
    for (member, value) in [
        ("status", json!("completed")),
        ("server_label", json!("hyfunc")),
        ("name", json!("text_count_letter")),
        ("arguments", json!("{\"text\":\"banana\",\"letter\":\"a\"}")),
        ("output", json!("3")),
        ("error", json!(null)),
    ] {
        assert_eq!(call[member], value, "{member}");
    }
    let message = &json["output"][1];
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!((&message["role"], &message["status"]), (&json!("assistant"), &json!("completed")));
    let part = &message["content"][0];
    assert_eq!((&part["type"], &part["annotations"]), (&json!("output_text"), &json!([])));
    assert!(part["text"].as_str().unwrap().contains('3'), "{part}");

    assert_eq!(json["usage"]["input_tokens"], 7);
    assert_eq!(json["usage"]["input_tokens_details"]["cached_tokens"], 0);
    assert_eq!(json["usage"]["output_tokens"], 11);
    assert_eq!(json["usage"]["output_tokens_details"]["injected_tokens"], 5);
    assert_eq!(json["usage"]["total_tokens"], 18);
    assert_eq!(json["hyfunc"]["calls"][0]["result"], 3);
}

#[tokio::test]
async fn functions_of_the_client_go_back_to_it() {
    let gateway = start(script(vec![open("a"), count(), open("b")])).await;
    let json =
        gateway.response(&ask("open and count", json!({"tools": [tool("open_page")]}))).await;
    assert_eq!(kinds(&json["output"]), ["function_call", "mcp_call", "function_call", "message"]);
    let (first, second) = (&json["output"][0], &json["output"][2]);
    for (call, url) in [(first, "a"), (second, "b")] {
        assert!(call["id"].as_str().unwrap().starts_with("fc_"));
        assert!(call["call_id"].as_str().unwrap().starts_with("call_"));
        assert_eq!(call["name"], "open_page");
        assert_eq!(call["arguments"], json!({"url": url}).to_string());
        assert_eq!(call["status"], "completed");
    }
    assert_ne!(first["call_id"], second["call_id"]);
    assert_eq!(json["tools"][0]["name"], "open_page");

    // Only calls for the client: there is nothing to say yet.
    let gateway = start(script(vec![open("a")])).await;
    let json = gateway.response(&ask("open", json!({"tools": [tool("open_page")]}))).await;
    assert_eq!(kinds(&json["output"]), ["function_call"]);
    assert_eq!(json["status"], "completed");
}

#[tokio::test]
async fn results_that_a_client_brings_back_are_said_and_not_called_for_again() {
    let gateway = start(script(vec![open("a")])).await;
    let tools = json!([tool("open_page")]);
    let first = gateway.response(&ask("open a", json!({"tools": tools}))).await;
    let call = first["output"][0].clone();
    let mut result = json!({"type": "function_call_output", "output": "It is open."});
    result["call_id"] = call["call_id"].clone();
    let asked = json!({"model": MODEL, "tools": tools,
        "input": [{"role": "user", "content": "open a"}, call, result]});
    let json = gateway.response(&asked).await;
    assert_eq!(kinds(&json["output"]), ["message"]);
    assert_eq!(json["output"][0]["content"][0]["text"], "It is open.");
}

#[tokio::test]
async fn a_whole_answer_can_be_sent_back() {
    let gateway = start(script(vec![count()])).await;
    let first = gateway.response(&ask("count", json!({}))).await;
    let mut input = vec![json!({"role": "user", "content": "count"})];
    input.extend(first["output"].as_array().unwrap().clone());
    input.push(json!({"role": "user", "content": "and again"}));
    let second = gateway.response(&json!({"model": MODEL, "input": input})).await;
    assert_eq!(kinds(&second["output"]), ["mcp_call", "message"]);
}

#[tokio::test]
async fn no_call_says_that_nothing_fits() {
    let gateway = start(Script::default()).await;
    let json = gateway.response(&ask("sing", json!({}))).await;
    assert_eq!(kinds(&json["output"]), ["message"]);
    let text = json["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("No function fits"), "{text}");
}

#[tokio::test]
async fn a_failed_tool_is_an_answer() {
    let gateway = start(script(vec![("attacks_trap", json!({})), count()])).await;
    let json = gateway.response(&ask("trap, then count", json!({}))).await;
    assert_eq!(kinds(&json["output"]), ["mcp_call", "mcp_call", "message"]);
    let call = &json["output"][0];
    assert_eq!((&call["status"], &call["output"]), (&json!("failed"), &json!(null)));
    assert_eq!(call["error"]["type"], "mcp_tool_execution_error");
    assert!(!call["error"]["content"][0]["text"].as_str().unwrap().is_empty());
    assert_eq!(json["output"][1]["status"], "completed");
    assert_eq!(json["status"], "completed");
    let text = json["output"][2]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("attacks_trap failed: "), "{text}");
}

#[tokio::test]
async fn tool_choice_reaches_the_models() {
    let gateway = start(script(vec![open("a"), open("b")])).await;
    let named = json!({"type": "function", "name": "open_page"});
    let allowed = |mode: &str, names: &[&str]| {
        let tools: Vec<Json> =
            names.iter().map(|name| json!({"type": "function", "name": name})).collect();
        json!({"type": "allowed_tools", "mode": mode, "tools": tools})
    };
    for (choice, wanted, names) in [
        (json!("auto"), ToolChoice::Auto, None),
        (json!("none"), ToolChoice::None, None),
        (json!("required"), ToolChoice::Required, None),
        (named, ToolChoice::Named(0), Some(vec!["open_page"])),
        (allowed("auto", &["open_page"]), ToolChoice::Auto, Some(vec!["open_page"])),
        (
            allowed("required", &["text_count_letter", "open_page"]),
            ToolChoice::Required,
            Some(vec!["open_page", "text_count_letter"]),
        ),
    ] {
        let tools = json!([tool("open_page"), tool("close_page")]);
        let asked = ask("open", json!({"tools": tools, "tool_choice": choice}));
        let json = gateway.response(&asked).await;
        assert_eq!(json["tool_choice"], choice);
        let (seen, mut candidates) = gateway.fake.choice.lock().unwrap().clone().unwrap();
        candidates.sort();
        assert_eq!(seen, wanted, "{choice}");
        if let Some(names) = names {
            assert_eq!(candidates, names, "{choice}");
        }
        let called = kinds(&json["output"]).contains(&"function_call");
        assert_eq!(called, wanted != ToolChoice::None, "{choice}");
    }
}

#[tokio::test]
async fn one_call_when_parallel_ones_are_not_wanted() {
    let gateway = start(script(vec![open("a"), open("b")])).await;
    for (extra, calls) in [
        (json!({}), 2),
        (json!({"parallel_tool_calls": false}), 1),
        (json!({"max_tool_calls": 1}), 1),
    ] {
        let mut asked = ask("open", json!({"tools": [tool("open_page")]}));
        asked.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let json = gateway.response(&asked).await;
        assert_eq!(json["output"].as_array().unwrap().len(), calls, "{extra}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_cut_and_nothing_runs() {
    // The fake writes eleven tokens.
    let gateway = start(script(vec![("tasks_add", json!({"title": "never added"}))])).await;
    let json = gateway.response(&ask("remind me", json!({"max_output_tokens": 10}))).await;
    assert_eq!(json["status"], "incomplete");
    assert_eq!(json["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(json["output"], json!([]));
    assert_eq!(json["completed_at"], json!(null));
    assert_eq!(json["usage"]["output_tokens"], 11);
    let items = gateway.send(gateway.post("/v1/functions/tasks_list_items")).await;
    assert!(!items.text.contains("never added"), "{}", items.text);

    let events =
        events(&gateway, &ask("remind me", json!({"max_output_tokens": 10, "stream": true}))).await;
    assert_eq!(
        events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["response.created", "response.in_progress", "response.incomplete"]
    );

    let gateway = start(script(vec![count()])).await;
    let json = gateway.response(&ask("count", json!({"max_output_tokens": 11}))).await;
    assert_eq!(json["status"], "completed", "the limit itself");
}

/// Names and data of the events before the mark at the end.
async fn events(gateway: &Gateway, body: &Json) -> Vec<(String, Json)> {
    let answer = gateway.respond(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let text = answer.text.strip_suffix("data: [DONE]\n\n").expect("the mark at the end");
    let events: Vec<(String, Json)> = text
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap_or_else(|| panic!("{event}"));
            let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("{event}"));
            let data: Json = serde_json::from_str(data).unwrap();
            (name.strip_prefix("event: ").unwrap().to_owned(), data)
        })
        .collect();
    for (number, (name, data)) in events.iter().enumerate() {
        assert_eq!(data["type"], name.as_str());
        assert_eq!(data["sequence_number"], number, "{data}");
    }
    events
}

#[tokio::test]
async fn a_stream_tells_item_after_item() {
    let gateway = start(script(vec![count(), open("a"), ("attacks_trap", json!({}))])).await;
    let extra = json!({"stream": true, "tools": [tool("open_page")]});
    let events = events(&gateway, &ask("count and open", extra)).await;
    let told: Vec<(&str, Option<u64>)> = events
        .iter()
        .map(|(name, data)| {
            (name.strip_prefix("response.").unwrap(), data["output_index"].as_u64())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("created", None),
            ("in_progress", None),
            ("output_item.added", Some(0)),
            ("mcp_call.in_progress", Some(0)),
            ("mcp_call_arguments.delta", Some(0)),
            ("mcp_call_arguments.done", Some(0)),
            ("mcp_call.completed", Some(0)),
            ("output_item.done", Some(0)),
            ("output_item.added", Some(1)),
            ("function_call_arguments.delta", Some(1)),
            ("function_call_arguments.done", Some(1)),
            ("output_item.done", Some(1)),
            ("output_item.added", Some(2)),
            ("mcp_call.in_progress", Some(2)),
            ("mcp_call_arguments.delta", Some(2)),
            ("mcp_call_arguments.done", Some(2)),
            ("mcp_call.failed", Some(2)),
            ("output_item.done", Some(2)),
            ("output_item.added", Some(3)),
            ("content_part.added", Some(3)),
            ("output_text.delta", Some(3)),
            ("output_text.delta", Some(3)),
            ("output_text.done", Some(3)),
            ("content_part.done", Some(3)),
            ("output_item.done", Some(3)),
            ("completed", None),
        ]
    );
    check_items(&events);
}

/// Data of the events of a name.
fn of<'a>(events: &'a [(String, Json)], wanted: &str) -> Vec<&'a Json> {
    events.iter().filter(|(name, _)| name == wanted).map(|(_, data)| data).collect()
}

/// What the pieces come to is what the whole says, item by item.
fn check_items(events: &[(String, Json)]) {
    let response = &of(events, "response.completed")[0]["response"];
    let begun = &of(events, "response.created")[0]["response"];
    assert_eq!((&begun["status"], &begun["output"]), (&json!("in_progress"), &json!([])));
    assert_eq!((&begun["id"], &begun["created_at"]), (&response["id"], &response["created_at"]));
    let done = of(events, "response.output_item.done");
    let added = of(events, "response.output_item.added");
    assert_eq!(done.len(), response["output"].as_array().unwrap().len());
    for (at, (added, done)) in added.iter().zip(&done).enumerate() {
        let (added, done) = (&added["item"], &done["item"]);
        assert_eq!(*done, response["output"][at]);
        assert_eq!((&added["id"], &added["type"]), (&done["id"], &done["type"]));
        assert_eq!(added["status"], "in_progress", "{added}");
        assert!(added.get("arguments").is_none_or(|arguments| arguments == ""), "{added}");
        let about = events.iter().filter(|(_, data)| data["output_index"] == at);
        for (name, data) in about.filter(|(_, data)| data.get("item").is_none()) {
            assert_eq!(data["item_id"], done["id"], "{name}");
        }
    }
    let deltas = of(events, "response.output_text.delta");
    let text: String = deltas.iter().map(|data| data["delta"].as_str().unwrap()).collect();
    let message = &response["output"][done.len() - 1];
    assert_eq!(message["content"][0]["text"], text.as_str());
    assert_eq!(of(events, "response.output_text.done")[0]["text"], text.as_str());
    let arguments = &of(events, "response.function_call_arguments.delta")[0]["delta"];
    assert_eq!(response["output"][1]["arguments"], *arguments);
}

#[tokio::test]
async fn a_stream_says_what_a_plain_answer_says() {
    let gateway = start(script(vec![count(), count()])).await;
    let plain = gateway.response(&ask("count", json!({}))).await;
    let events = events(&gateway, &ask("count", json!({"stream": true}))).await;
    let streamed = &events.last().unwrap().1["response"];
    let text = |json: &Json| json["output"][2]["content"][0]["text"].clone();
    assert_eq!(text(streamed), text(&plain));
    assert_eq!(streamed["usage"], plain["usage"]);
    let members =
        |json: &Json| -> Vec<String> { json.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(members(streamed), members(&plain));
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_told_as_an_error_and_as_a_failed_response() {
    let gateway = start(script(vec![count(), ("attacks_sleep", json!({"ms": NEVER_MS}))])).await;
    let asked = ask("count, then sleep", json!({"stream": true}));
    let late = async |given_ms: u64| {
        let request = gateway.post("/v1/responses").json(&asked);
        gateway.send(request.header("x-hyfunc-deadline-ms", given_ms.to_string())).await
    };
    let answer = given(late, |answer: &Answer| answer.text.contains("`dispatch`")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let data: Vec<Json> = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"))
        .map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect();
    let [.., error, failed] = &data[..] else { panic!("{}", answer.text) };
    assert_eq!(error["type"], "error");
    assert_eq!(error["code"], "deadline_exceeded");
    assert!(error["message"].as_str().unwrap().contains("`dispatch`"), "{error}");
    assert_eq!(error["error"]["code"], "deadline_exceeded");
    assert_eq!(failed["type"], "response.failed");
    assert_eq!(failed["response"]["status"], "failed");
    assert_eq!(failed["response"]["error"]["code"], "deadline_exceeded");
    assert_eq!(kinds(&failed["response"]["output"]), ["mcp_call"], "as far as it came");
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    assert!(!answer.text.contains("response.completed"));
}

#[tokio::test]
async fn hanging_up_in_mid_stream_ends_the_call_and_frees_its_place() {
    let gateway = start_with(script(vec![("attacks_sleep", json!({"ms": NEVER_MS}))]), |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
    })
    .await;
    let asked = ask("sleep", json!({"stream": true}));
    let response = gateway.post("/v1/responses").json(&asked).send().await.unwrap();
    let mut stream = response.bytes_stream();
    assert!(stream.next().await.unwrap().is_ok(), "the response begins before the call is done");
    assert_eq!(gateway.respond(&ask("sleep", json!({}))).await.status, 429);
    drop(stream);
    let none = ask("x", json!({"tool_choice": "none"}));
    until("the place is given back", async || gateway.respond(&none).await.status == 200).await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_either_way() {
    let gateway = start(Script::default()).await;
    let long = "x".repeat(16 * 1024 + 1);
    for (asked, status, code, param) in [
        (json!({}), 400, "invalid_value", "model"),
        (json!({"model": MODEL}), 400, "invalid_value", "input"),
        (json!({"model": "gpt-x", "input": "hi"}), 404, "model_not_found", "model"),
        (json!({"model": MODEL, "input": ""}), 400, "empty_conversation", "input"),
        (json!({"model": MODEL, "input": []}), 400, "empty_conversation", "input"),
        (json!({"model": MODEL, "input": long}), 400, "context_length_exceeded", "input"),
        (ask("x", json!({"store": true})), 400, "unsupported_parameter", "store"),
        (
            ask("x", json!({"previous_response_id": "resp_1"})),
            400,
            "unsupported_parameter",
            "previous_response_id",
        ),
        (ask("x", json!({"metdata": {}})), 400, "unknown_parameter", "metdata"),
        (ask("x", json!({"tools": [tool("a b")]})), 400, "invalid_value", "tools[0].name"),
        (ask("x", json!({"tools": [tool("a"), tool("a")]})), 400, "invalid_value", "tools[1].name"),
        (
            ask("x", json!({"tools": [{"type": "function", "name": "a", "parameters": 3}]})),
            400,
            "invalid_function_parameters",
            "tools[0].parameters",
        ),
        (
            ask("x", json!({"tool_choice": {"type": "function", "name": "nowhere"}})),
            400,
            "invalid_value",
            "tool_choice",
        ),
        (
            ask(
                "x",
                json!({"tool_choice": {"type": "allowed_tools",
                "tools": [{"type": "function", "name": "nowhere"}]}}),
            ),
            400,
            "invalid_value",
            "tool_choice",
        ),
    ] {
        for stream in [false, true] {
            let mut asked = asked.clone();
            asked["stream"] = stream.into();
            let answer = gateway.respond(&asked).await;
            let (found, found_code, message) = answer.error();
            assert_eq!((found, found_code.as_str()), (status, code), "{asked}: {message}");
            assert_eq!(answer.json()["error"]["param"], param, "{asked}: {message}");
        }
    }
    let answer = gateway.send(gateway.post("/v1/responses").body("nonsense")).await;
    assert_eq!(answer.error().1, "invalid_json");
    let answer = gateway.get("/v1/responses").await;
    assert_eq!(answer.error().1, "method_not_allowed");
    gateway.assert_alive().await;
}
