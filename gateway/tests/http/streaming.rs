//! Server-sent events, as OpenAI's clients read them.

use futures::StreamExt as _;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Gateway, NEVER_MS, Script, ask_with, given, start, tool, until};

/// The data of every event.
async fn events(gateway: &Gateway, body: &Json) -> Vec<String> {
    let answer = gateway.chat(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let data = answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(str::to_owned).collect()
}

fn script() -> Script {
    Script {
        calls: vec![
            ("text_count_letter", json!({"text": "banana", "letter": "a"})),
            ("open_page", json!({"url": "a"})),
            ("open_page", json!({"url": "b"})),
        ],
        ..Script::default()
    }
}

#[tokio::test]
async fn a_stream_is_what_clients_expect() {
    let gateway = start(script()).await;
    let extra = json!({"stream": true, "tools": [tool("open_page")],
        "stream_options": {"include_usage": true}});
    let mut events = events(&gateway, &ask_with("count and open", extra)).await;
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Json> =
        events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();

    // Constant through the stream.
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for key in ["id", "created", "model"] {
            assert_eq!(chunk[key], chunks[0][key], "{key}");
        }
    }
    // Usage last, with no choice; null before.
    let (usage, chunks) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], 18);
    assert!(chunks.iter().all(|chunk| chunk["usage"].is_null()));
    assert!(chunks.iter().all(|chunk| chunk["choices"][0]["index"] == 0));

    // The role once; one finish, at the end.
    let deltas: Vec<&Json> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas.iter().filter(|delta| delta.get("role").is_some()).count(), 1);
    assert_eq!(deltas[0]["role"], "assistant");
    let finishes: Vec<&Json> =
        chunks.iter().map(|chunk| &chunk["choices"][0]["finish_reason"]).collect();
    assert_eq!(finishes.iter().filter(|finish| !finish.is_null()).count(), 1);
    assert_eq!(*finishes[finishes.len() - 1], "tool_calls");
    assert!(chunks[chunks.len() - 1]["hyfunc"]["calls"].is_array());

    // Content, then each call: id, type and the whole name first, then arguments.
    let said: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert!(said.contains('3'), "{said}");
    let calls: Vec<&Json> =
        deltas.iter().filter_map(|delta| delta.get("tool_calls")).map(|calls| &calls[0]).collect();
    assert_eq!(calls.len(), 4);
    for (index, (head, rest)) in [(calls[0], calls[1]), (calls[2], calls[3])].iter().enumerate() {
        assert_eq!(head["index"], index);
        assert_eq!(head["type"], "function");
        assert_eq!(head["function"]["name"], "open_page");
        assert!(head["id"].is_string());
        assert_eq!(rest["index"], index);
        assert!(rest.get("id").is_none());
    }
    assert_eq!(calls[1]["function"]["arguments"], "{\"url\":\"a\"}");
}

#[tokio::test]
async fn usage_is_not_there_unless_asked_for() {
    let gateway = start(Script::default()).await;
    let events = events(&gateway, &ask_with("sing", json!({"stream": true}))).await;
    assert!(events.iter().all(|event| !event.contains("usage")));
    assert!(events.iter().any(|event| event.contains("No function fits")));
    assert_eq!(events.iter().filter(|event| event.contains("\"stop\"")).count(), 1);
}

#[tokio::test]
async fn the_first_event_tells_what_was_decided_and_the_last_what_came_of_it() {
    let gateway = start(script()).await;
    let extra = json!({"stream": true, "tools": [tool("open_page")]});
    let mut events = events(&gateway, &ask_with("count and open", extra)).await;
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let own = |event: &String| serde_json::from_str::<Json>(event).unwrap()["hyfunc"].clone();
    let (first, last) = (own(&events[0]), own(&events[events.len() - 1]));
    for field in ["request_id", "p_call", "candidates", "tokens"] {
        assert!(!first[field].is_null(), "{field}");
        assert_eq!(first[field], last[field], "{field}");
    }
    for at in 0..3 {
        let (decided, ran) = (&first["calls"][at], &last["calls"][at]);
        for field in ["id", "function", "arguments", "score", "pieces"] {
            assert!(!decided[field].is_null(), "{field} of call {at}");
            assert_eq!(decided[field], ran[field], "{field} of call {at}");
        }
        assert!(decided.get("result").is_none(), "nothing has run yet");
    }
    assert_eq!(last["calls"][0]["result"], 3);
}

#[tokio::test]
async fn an_error_before_the_stream_has_its_status() {
    let gateway = start(Script::default()).await;
    let mut asked = ask_with("sing", json!({"stream": true}));
    asked["model"] = "other".into();
    assert_eq!(gateway.chat(&asked).await.error().0, 404);
}

#[tokio::test]
async fn an_error_in_mid_stream_is_an_event() {
    let calls = vec![
        ("text_count_letter", json!({"text": "banana", "letter": "a"})),
        ("attacks_sleep", json!({"ms": NEVER_MS})),
    ];
    let gateway = start(Script { calls, ..Script::default() }).await;
    let asked = ask_with("count, then sleep", json!({"stream": true}));
    let late = async |given_ms: u64| {
        let request = gateway.post("/v1/chat/completions").json(&asked);
        gateway.send(request.header("x-hyfunc-deadline-ms", given_ms.to_string())).await
    };
    let answer = given(late, |answer: &Answer| answer.text.contains("`dispatch`")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let data: Vec<&str> =
        answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let last: Json = serde_json::from_str(data[data.len() - 1]).unwrap();
    assert_eq!(last["error"]["code"], "deadline_exceeded", "{}", answer.text);
    assert!(last["error"]["message"].as_str().unwrap().contains("`dispatch`"));
    assert!(!answer.text.contains("[DONE]"), "a broken stream must not look whole");
    gateway.assert_alive_without_calls().await;
}

#[tokio::test]
async fn hanging_up_in_mid_stream_ends_the_call_and_frees_its_place() {
    let calls = vec![("attacks_sleep", json!({"ms": NEVER_MS}))];
    let script = Script { calls, ..Script::default() };
    let gateway = crate::support::start_with(script, |config| {
        config.server.concurrent_max = 1;
        config.server.queue_max = 0;
    })
    .await;
    let asked = ask_with("sleep", json!({"stream": true}));
    let response = gateway.post("/v1/chat/completions").json(&asked).send().await.unwrap();
    let mut stream = response.bytes_stream();
    assert!(stream.next().await.unwrap().is_ok(), "the role comes before the call is done");
    // The only place is taken by the stream.
    assert_eq!(gateway.chat(&ask_with("sleep", json!({}))).await.status, 429);
    drop(stream);
    let none = ask_with("x", json!({"tool_choice": "none"}));
    until("the place is given back", async || gateway.chat(&none).await.status == 200).await;
}

impl Gateway {
    async fn assert_alive_without_calls(&self) {
        let answer = self.chat(&ask_with("hello", json!({"tool_choice": "none"}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
