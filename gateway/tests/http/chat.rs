//! Whole answers: who runs a call, and what is said.

use hyfunc_cascade::ToolChoice;
use serde_json::{Value as Json, json};

use crate::support::{MODEL, NEVER_MS, Script, ask, ask_with, given, start, start_hasty, tool};

fn convert() -> Script {
    let arguments = json!({"value": 3, "from_unit": "km", "to_unit": "m"});
    Script { calls: vec![("units_convert", arguments)], ..Script::default() }
}

#[tokio::test]
async fn a_function_of_the_library_runs_here() {
    let gateway = start(convert()).await;
    let answer = gateway.chat(&ask("how many metres are 3 km?")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!(json["object"], "chat.completion");
    assert_eq!(json["model"], MODEL);
    assert!(json["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let choice = &json["choices"][0];
    assert_eq!(choice["index"], 0);
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(choice["message"]["role"], "assistant");
    assert!(choice["message"].get("tool_calls").is_none());
    let content = choice["message"]["content"].as_str().unwrap();
    assert!(content.contains("3000"), "{content}");

    let own = &json["hyfunc"];
    assert_eq!(own["calls"][0]["function"], "units_convert");
    assert_eq!(own["calls"][0]["arguments"]["from_unit"], "km");
    assert!(own["calls"][0]["result"].is_object(), "{own}");
    assert_eq!(own["calls"][0]["pieces"][1]["kind"], "copied");
    assert_eq!(own["request_id"].as_str(), answer.headers["x-request-id"].to_str().ok());
    for step in ["accept", "distil", "retrieve", "decode", "dispatch"] {
        assert!(own["timings_us"][step].is_u64(), "{step}: {own}");
    }
    assert_eq!(
        json["usage"],
        json!({
            "prompt_tokens": 7,
            "completion_tokens": 11,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "injected_tokens": 5,
                "chosen_tokens": 2, "sampled_tokens": 1, "copied_tokens": 3},
        })
    );
    assert_eq!(json["system_fingerprint"], "fp_00");
    assert_eq!(json["service_tier"], "default");
}

#[tokio::test]
async fn several_calls_run_at_once_and_keep_their_order() {
    // Milliseconds that each sleeps, and microseconds that they took together.
    let sleep_twice = async |sleeps_ms: u64| {
        let sleep = ("attacks_sleep", json!({"ms": sleeps_ms}));
        let count = ("text_count_letter", json!({"text": "banana", "letter": "a"}));
        let calls = vec![sleep.clone(), sleep, count];
        let gateway = start(Script { calls, ..Script::default() }).await;
        let json = gateway.chat(&ask("sleep twice and count")).await.json();
        let calls = json["hyfunc"]["calls"].as_array().unwrap();
        let names: Vec<_> = calls.iter().map(|call| call["function"].as_str().unwrap()).collect();
        assert_eq!(names, ["attacks_sleep", "attacks_sleep", "text_count_letter"]);
        assert_eq!(calls[2]["result"], 3);
        let took_us = json["hyfunc"]["timings_us"]["dispatch"].as_u64().unwrap();
        assert!(took_us >= sleeps_ms * 1_000, "{took_us} us");
        (sleeps_ms, took_us)
    };
    // One after the other never takes less than both; at once it can, but on a machine that stands
    // still.
    let are_at_once = |(sleeps_ms, took_us): &(u64, u64)| *took_us < 2 * sleeps_ms * 1_000;
    let took = given(sleep_twice, are_at_once).await;
    assert!(are_at_once(&took), "one after the other? {took:?}");
}

#[tokio::test]
async fn a_function_of_the_client_goes_back_to_it() {
    let script =
        Script { calls: vec![("open_page", json!({"url": "example.org"}))], ..Script::default() };
    let gateway = start(script).await;
    let asked = ask_with("open example.org", json!({"tools": [tool("open_page")]}));
    let json = gateway.chat(&asked).await.json();
    let choice = &json["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert!(choice["message"]["content"].is_null());
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["type"], "function");
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(call["function"]["name"], "open_page");
    assert_eq!(call["function"]["arguments"], "{\"url\":\"example.org\"}");
}

#[tokio::test]
async fn both_kinds_in_one_answer() {
    let mut script = convert();
    script.calls.push(("open_page", json!({"url": "example.org"})));
    let gateway = start(script).await;
    let asked = ask_with("convert and open", json!({"tools": [tool("open_page")]}));
    let choice = gateway.chat(&asked).await.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert!(choice["message"]["content"].as_str().unwrap().contains("3000"));
    assert_eq!(choice["message"]["tool_calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_clients_function_hides_ours_of_the_same_name() {
    let script =
        Script { calls: vec![("units_convert", json!({"url": "x"}))], ..Script::default() };
    let gateway = start(script).await;
    let asked = ask_with("convert", json!({"tools": [tool("units_convert")]}));
    let json = gateway.chat(&asked).await.json();
    assert_eq!(json["choices"][0]["finish_reason"], "tool_calls");
    let (_, names) = gateway.fake.choice.lock().unwrap().clone().unwrap();
    assert_eq!(names.iter().filter(|name| *name == "units_convert").count(), 1);
}

#[tokio::test]
async fn results_that_a_client_brings_back_are_said_and_not_called_for_again() {
    let script =
        Script { calls: vec![("open_page", json!({"url": "example.org"}))], ..Script::default() };
    let gateway = start(script).await;
    let asked = json!({"model": MODEL, "tools": [tool("open_page")], "messages": [
        {"role": "user", "content": "open example.org"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "open_page", "arguments": "{\"url\":\"example.org\"}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "It is open."},
    ]});
    let choice = gateway.chat(&asked).await.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(choice["message"]["content"], "It is open.");
}

#[tokio::test]
async fn a_call_that_is_required_is_one_of_the_clients_own() {
    let mut script = convert();
    script.calls.push(("open_page", json!({"url": "example.org"})));
    let gateway = start(script).await;
    for (choice, calls) in [("auto", 2), ("required", 1)] {
        let asked =
            ask_with("convert", json!({"tools": [tool("open_page")], "tool_choice": choice}));
        let json = gateway.chat(&asked).await.json();
        assert_eq!(json["choices"][0]["finish_reason"], "tool_calls", "{choice}");
        assert_eq!(json["hyfunc"]["calls"].as_array().unwrap().len(), calls, "{choice}");
    }
}

#[tokio::test]
async fn results_do_not_silence_a_call_that_is_required() {
    let script =
        Script { calls: vec![("open_page", json!({"url": "example.org"}))], ..Script::default() };
    let gateway = start(script).await;
    let named = json!({"type": "function", "function": {"name": "open_page"}});
    for (choice, finish) in [
        (json!("auto"), "stop"),
        (json!("none"), "stop"),
        (json!("required"), "tool_calls"),
        (named, "tool_calls"),
    ] {
        let asked = json!({"model": MODEL, "tools": [tool("open_page")], "tool_choice": choice,
        "messages": [
            {"role": "user", "content": "open example.org"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
                "type": "function", "function": {"name": "open_page", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "It is open."},
        ]});
        let json = gateway.chat(&asked).await.json();
        assert_eq!(json["choices"][0]["finish_reason"], finish, "{choice}");
    }
}

#[tokio::test]
async fn no_call_says_that_nothing_fits() {
    let gateway = start(Script::default()).await;
    let json = gateway.chat(&ask("sing me a song")).await.json();
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    let content = json["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains("No function fits"), "{content}");
    assert_eq!(json["hyfunc"]["calls"], json!([]));
}

#[tokio::test]
async fn tool_choice_reaches_the_models() {
    let gateway = start(convert()).await;
    let named = json!({"type": "function", "function": {"name": "units_convert"}});
    for (choice, wanted, alone) in [
        (json!("auto"), ToolChoice::Auto, false),
        (json!("none"), ToolChoice::None, false),
        (json!("required"), ToolChoice::Required, false),
        (named, ToolChoice::Named(0), true),
    ] {
        let answer = gateway.chat(&ask_with("convert", json!({"tool_choice": choice}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (seen, names) = gateway.fake.choice.lock().unwrap().clone().unwrap();
        assert_eq!(seen, wanted);
        assert_eq!(names.len() == 1, alone, "{choice}");
        let called = !answer.json()["hyfunc"]["calls"].as_array().unwrap().is_empty();
        assert_eq!(called, wanted != ToolChoice::None, "{choice}");
    }
}

#[tokio::test]
async fn only_allowed_tools_are_candidates() {
    let gateway = start(convert()).await;
    for (mode, names, wanted) in [
        ("auto", vec!["units_convert"], ToolChoice::Auto),
        ("auto", vec!["open_page"], ToolChoice::Auto),
        ("required", vec!["open_page", "units_convert"], ToolChoice::Required),
    ] {
        let function = |name: &&str| json!({"type": "function", "function": {"name": name}});
        let among: Vec<Json> = names.iter().map(function).collect();
        let allowed = json!({"mode": mode, "tools": among});
        let asked = ask_with(
            "convert",
            json!({
                "tools": [tool("open_page"), tool("close_page")],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed},
            }),
        );
        let answer = gateway.chat(&asked).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (seen, mut candidates) = gateway.fake.choice.lock().unwrap().clone().unwrap();
        candidates.sort();
        assert_eq!((seen, candidates), (wanted, names.iter().map(|name| (*name).into()).collect()));
    }
}

#[tokio::test]
async fn a_clients_function_among_the_allowed_hides_ours_of_the_same_name() {
    let script =
        Script { calls: vec![("units_convert", json!({"url": "x"}))], ..Script::default() };
    let gateway = start(script).await;
    let function = json!({"type": "function", "function": {"name": "units_convert"}});
    let asked = ask_with(
        "convert",
        json!({
            "tools": [tool("units_convert")],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [function]}},
        }),
    );
    let json = gateway.chat(&asked).await.json();
    assert_eq!(json["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(json["hyfunc"]["candidates"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_of_tokens_is_cut_and_nothing_runs() {
    // The fake writes eleven tokens.
    let calls = vec![("tasks_add", json!({"title": "never added"}))];
    let gateway = start(Script { calls, ..Script::default() }).await;
    for limit in ["max_completion_tokens", "max_tokens"] {
        for stream in [false, true] {
            let asked = ask_with("remind me", json!({limit: 10, "stream": stream}));
            let answer = gateway.chat(&asked).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.text.contains("\"finish_reason\":\"length\""), "{}", answer.text);
            if !stream {
                let json = answer.json();
                assert_eq!(json["choices"][0]["message"]["content"], json!(null));
                assert_eq!(json["hyfunc"]["calls"], json!([]));
                assert_eq!(json["usage"]["completion_tokens"], 11);
            }
        }
    }
    let items = gateway.send(gateway.post("/v1/functions/tasks_list_items")).await;
    assert!(!items.text.contains("never added"), "{}", items.text);

    let gateway = start(convert()).await;
    let asked = ask_with("convert", json!({"max_completion_tokens": 11}));
    let json = gateway.chat(&asked).await.json();
    assert_eq!(json["choices"][0]["finish_reason"], "stop", "the limit itself");
}

#[tokio::test]
async fn a_failed_tool_is_an_answer() {
    for (call, kind, said) in [
        (("attacks_trap", json!({})), "trap", "attacks_trap failed: "),
        (("attacks_sleep", json!({"ms": NEVER_MS})), "deadline", "attacks_sleep failed: "),
        (
            ("units_convert", json!({"value": 1, "from_unit": "km", "to_unit": "kg"})),
            "tool_error",
            "units_convert failed: ",
        ),
    ] {
        let script = Script { calls: vec![call], ..Script::default() };
        let gateway =
            if kind == "deadline" { start_hasty(script).await } else { start(script).await };
        let answer = gateway.chat(&ask("do it")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let json = answer.json();
        let content = json["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(content.starts_with(said), "{content}");
        assert_eq!(json["choices"][0]["finish_reason"], "stop");
        let call = &json["hyfunc"]["calls"][0];
        assert_eq!(call["error"]["kind"], kind, "{call}");
        assert!(call.get("result").is_none());
    }
}

#[tokio::test]
async fn one_failed_call_leaves_the_others_alone() {
    let mut script = convert();
    script.calls.insert(0, ("attacks_trap", json!({})));
    let gateway = start(script).await;
    let json = gateway.chat(&ask("crash, and convert")).await.json();
    let content = json["choices"][0]["message"]["content"].as_str().unwrap();
    let (first, second) = content.split_once('\n').unwrap();
    assert!(first.contains("failed") && second.contains("3000"), "{content}");
}
