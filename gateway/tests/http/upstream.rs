//! A chat model behind the gateway: what it is asked, how its words come through, and every way in
//! which it can fail.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use hyfunc::Config;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::mcp::{call, result_of};
use crate::support::{
    Answer, Gateway, MODEL, NEVER_MS, PATIENCE, Script, ask, ask_with, given, start_with, tool,
    until,
};

/// What the chat model does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// These words.
    Says(&'static [&'static str]),
    /// The first of these words, and the others when `Fake::go_on` says so.
    Waits(&'static [&'static str]),
    /// One JSON object instead of a stream.
    Whole(&'static str),
    /// A status and a body of JSON.
    Status(u16, &'static str),
    /// A head, and then nothing.
    Hangs,
    /// Not even a head.
    Mute,
    /// A word, and then no more although the connection stays.
    Stalls,
    /// A word, and then the end of the connection.
    Breaks,
    /// This body as a stream of events.
    Raw(&'static str),
    /// This body with this type.
    Typed(&'static str, &'static str),
    /// Words without end.
    Endless,
    /// One event without end.
    Line,
}

#[derive(Clone)]
struct Heard {
    act: Act,
    asked: Arc<Mutex<Vec<(HeaderMap, Json)>>>,
    going_on: Arc<Notify>,
}

/// A server that acts as the chat model.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<(HeaderMap, Json)>>>,
    going_on: Arc<Notify>,
}

impl Fake {
    pub async fn start(act: Act) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let going_on = Arc::new(Notify::new());
        let heard = Heard { act, asked: Arc::clone(&asked), going_on: Arc::clone(&going_on) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(heard);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, going_on }
    }

    fn go_on(&self) {
        self.going_on.notify_one();
    }

    pub fn is_asked(&self) -> bool {
        !self.asked.lock().unwrap().is_empty()
    }

    pub fn asked(&self) -> (HeaderMap, Json) {
        self.asked.lock().unwrap().last().cloned().expect("it was asked")
    }
}

async fn answer(State(heard): State<Heard>, request: Request) -> Response {
    assert_eq!(request.uri().path(), "/v1/chat/completions");
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let json = serde_json::from_slice(&body).unwrap();
    heard.asked.lock().unwrap().push((head.headers, json));
    act(heard.act, heard.going_on).await
}

fn words(text: &str) -> String {
    let chunk =
        json!({"model": "answering", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\
    \"prompt_tokens_details\":{\"cached_tokens\":30}}}\n\ndata: [DONE]\n\n";

fn typed(kind: &str, body: Body) -> Response {
    ([("content-type", kind.to_owned())], body).into_response()
}

fn events(
    pieces: impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    typed("text/event-stream; charset=utf-8", Body::from_stream(pieces))
}

fn piece(text: String) -> Result<Bytes, std::io::Error> {
    Ok(Bytes::from(text))
}

async fn act(act: Act, going_on: Arc<Notify>) -> Response {
    let first = futures::stream::iter([piece(words("Once"))]);
    match act {
        Act::Says(said) => {
            let said = said.iter().map(|text| piece(words(text)));
            events(futures::stream::iter(said.chain([piece(END.to_owned())])))
        }
        Act::Waits(said) => {
            let (now, later) = said.split_first().unwrap();
            let later = async move {
                going_on.notified().await;
                let later: String = later.iter().map(|text| words(text)).collect();
                piece(later + END)
            };
            let now = futures::stream::iter([piece(words(now))]);
            events(now.chain(futures::stream::once(later)))
        }
        Act::Whole(said) => {
            let usage = json!({"prompt_tokens": 100, "completion_tokens": 20});
            let choice = json!({"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": said}});
            let whole = json!({"model": "answering", "choices": [choice], "usage": usage});
            typed("application/json", Body::from(whole.to_string()))
        }
        Act::Status(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", "application/json")], body).into_response()
        }
        Act::Hangs => events(futures::stream::pending()),
        Act::Mute => std::future::pending().await,
        Act::Stalls => events(first.chain(futures::stream::pending())),
        Act::Breaks => {
            let broken = futures::stream::once(async {
                // The first word must be on its way.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("the script says so"))
            });
            events(first.chain(broken))
        }
        Act::Raw(body) => events(futures::stream::iter([piece(body.to_owned())])),
        Act::Typed(kind, body) => typed(kind, Body::from(body)),
        Act::Endless => events(futures::stream::repeat_with(|| piece(words("and on ")))),
        Act::Line => {
            events(first.chain(futures::stream::repeat_with(|| piece("data ".repeat(999)))))
        }
    }
}

/// A gateway that asks the fake, whose name for it is not its own model's.
async fn gateway(script: Script, fake: &Fake, change: impl FnOnce(&mut Config)) -> Gateway {
    let url = fake.url.clone();
    start_with(script, move |config| {
        config.upstream.url = url;
        config.upstream.model = "talker".into();
        config.upstream.first_byte_ms = NEVER_MS;
        config.upstream.deadline_ms = NEVER_MS;
        config.upstream.reply_bytes_max = 1_000;
        change(config);
    })
    .await
}

fn convert() -> Script {
    let arguments = json!({"value": 3, "from_unit": "km", "to_unit": "m"});
    Script { calls: vec![("units_convert", arguments)], ..Script::default() }
}

fn content(json: &Json) -> &str {
    json["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

/// All that a streamed answer said, checked to be whole, and its last `hyfunc` member.
fn streamed(text: &str) -> (String, Json) {
    let mut data: Vec<&str> =
        text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    let chunks: Vec<Json> = data.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let said = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    let own = chunks.iter().rfind(|chunk| chunk["hyfunc"].is_object()).unwrap()["hyfunc"].clone();
    (said.collect(), own)
}

#[tokio::test]
async fn without_an_address_nobody_is_asked() {
    let gateway = start_with(Script::default(), |_| {}).await;
    let json = gateway.chat(&ask("sing")).await.json();
    assert!(content(&json).starts_with("No function fits"), "{json}");
    assert!(json["hyfunc"].get("upstream").is_none());
}

#[tokio::test]
async fn every_failure_is_an_answer_that_says_so() {
    let error = "{\"error\": {\"message\": \"secret words\", \"code\": \"bad_thing\"}}";
    for (act, code, excuse) in [
        (Act::Status(401, error), "upstream_key_refused", "does not accept this gateway's key"),
        (Act::Status(403, "no"), "upstream_key_refused", "does not accept this gateway's key"),
        (Act::Status(429, error), "upstream_busy", "is busy"),
        (Act::Status(503, ""), "upstream_busy", "is busy"),
        (Act::Status(400, error), "upstream_failed", "reported an error"),
        (Act::Status(500, "<html>"), "upstream_failed", "reported an error"),
        (Act::Status(302, ""), "upstream_failed", "reported an error"),
        (Act::Status(204, ""), "upstream_failed", "reported an error"),
        (Act::Mute, "upstream_late", "took too long"),
        (Act::Hangs, "upstream_late", "took too long"),
        (Act::Stalls, "upstream_late", "took too long"),
        (Act::Breaks, "upstream_cut", "broke off"),
        (Act::Raw(""), "upstream_cut", "broke off"),
        (Act::Raw("data: {\"choices\""), "upstream_cut", "broke off"),
        (Act::Raw("data: nonsense\n\n"), "upstream_unreadable", "cannot be read"),
        (Act::Raw("data: [1]\n\n"), "upstream_unreadable", "cannot be read"),
        (Act::Raw("data: \u{0}\n\n"), "upstream_unreadable", "cannot be read"),
        (Act::Raw("data: {\"error\":{\"code\":\"x\"}}\n\n"), "upstream_failed", "an error"),
        (Act::Raw("data: [DONE]\n\n"), "upstream_silent", "had nothing to say"),
        (Act::Raw(END), "upstream_silent", "had nothing to say"),
        (Act::Typed("text/html", "<html>"), "upstream_unreadable", "cannot be read"),
        (Act::Typed("application/json", "{"), "upstream_unreadable", "cannot be read"),
        (Act::Typed("application/json", "{}"), "upstream_silent", "had nothing to say"),
        (Act::Line, "upstream_unreadable", "cannot be read"),
    ] {
        let fake = Fake::start(act).await;
        // Whole, and as a stream. One that stalls has said a word before.
        let ask_twice = async |late_ms: u64| {
            let gateway = gateway(Script::default(), &fake, |config| match act {
                Act::Mute | Act::Hangs => config.upstream.first_byte_ms = late_ms,
                Act::Stalls => config.upstream.deadline_ms = late_ms,
                _ => {}
            });
            let gateway = gateway.await;
            let began = Instant::now();
            let answer = gateway.chat(&ask("sing")).await;
            assert_eq!(answer.status, 200, "{act:?}: {}", answer.text);
            assert!(began.elapsed() < PATIENCE, "{act:?}");
            let asked = ask_with("sing", json!({"stream": true}));
            (answer, streamed(&gateway.chat(&asked).await.text))
        };
        let has_begun = |(answer, (said, _)): &(Answer, (String, Json))| {
            let began = [&answer.text, said].iter().all(|text| text.contains("Once"));
            began || !matches!(act, Act::Stalls)
        };
        let (answer, (said, own)) = given(ask_twice, has_begun).await;
        let json = answer.json();
        assert_eq!(json["hyfunc"]["upstream"]["error"], code, "{act:?}: {json}");
        assert!(content(&json).contains(excuse), "{act:?}: {json}");
        assert!(!answer.text.contains("secret words"), "{act:?}: {}", answer.text);
        assert_eq!(json["choices"][0]["finish_reason"], "stop", "{act:?}");
        // A stream says the same, and comes to its end.
        assert_eq!(own["upstream"]["error"], code, "{act:?}");
        assert_eq!(said, content(&json), "{act:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_an_answer_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fake = Fake { url, asked: Arc::default(), going_on: Arc::default() };
    let gateway = gateway(Script::default(), &fake, |_| {}).await;
    let json = gateway.chat(&ask("sing")).await.json();
    assert_eq!(json["hyfunc"]["upstream"]["error"], "upstream_unreachable", "{json}");
    let said = content(&json);
    assert!(said.starts_with("No function fits") && said.contains("cannot be reached"), "{said}");
    assert!(!said.contains("127.0.0.1"), "{said}");
}

#[tokio::test]
async fn what_does_not_speak_http_is_an_answer_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let _ = socket.read(&mut asked).await;
            let _ = socket.write_all(b"220 mail.example.org ready\r\n").await;
        }
    });
    let fake = Fake { url, asked: Arc::default(), going_on: Arc::default() };
    let gateway = gateway(Script::default(), &fake, |_| {}).await;
    let json = gateway.chat(&ask("sing")).await.json();
    assert_eq!(json["hyfunc"]["upstream"]["error"], "upstream_cut", "{json}");
}

#[tokio::test]
async fn words_come_through_and_usage_adds_up() {
    for act in [Act::Says(&["La ", "la", "."]), Act::Whole("La la.")] {
        let fake = Fake::start(act).await;
        let gateway = gateway(Script::default(), &fake, |_| {}).await;
        let json = gateway.chat(&ask("sing")).await.json();
        assert_eq!(content(&json), "La la.", "{json}");
        assert_eq!(json["choices"][0]["finish_reason"], "stop");
        assert_eq!(json["model"], MODEL, "the answer is this gateway's");
        let upstream = &json["hyfunc"]["upstream"];
        assert_eq!((&upstream["model"], &upstream["error"]), (&json!("talker"), &json!(null)));
        let usage = &json["usage"];
        let own = json["hyfunc"]["tokens"]["prompt"].as_u64().unwrap();
        assert_eq!(usage["prompt_tokens"], own + 100);
        assert_eq!(usage["prompt_tokens_details"]["upstream_tokens"], 100);
        assert_eq!(usage["completion_tokens_details"]["upstream_tokens"], 20);
        let total =
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
        assert_eq!(usage["total_tokens"], total);
    }
}

#[tokio::test]
async fn words_leave_as_they_come() {
    let fake = Fake::start(Act::Waits(&["One ", "two ", "three."])).await;
    let gateway = gateway(Script::default(), &fake, |_| {}).await;
    let asked = ask_with("count", json!({"stream": true}));
    let response = gateway.post("/v1/chat/completions").json(&asked).send().await.unwrap();
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while let Some(bytes) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
        if text.contains("One ") {
            // The others have not been said before.
            fake.go_on();
        }
    }
    let (said, _) = streamed(&text);
    assert_eq!(said, "One two three.");
}

#[tokio::test]
async fn a_long_answer_is_cut_and_says_so() {
    let fake = Fake::start(Act::Endless).await;
    let gateway = gateway(Script::default(), &fake, |_| {}).await;
    let json = gateway.chat(&ask("sing")).await.json();
    let said = content(&json);
    assert!(said.len() < 1_020 && said.ends_with("… (cut)"), "{}", said.len());
    assert_eq!(json["choices"][0]["finish_reason"], "length");
    assert_eq!(json["hyfunc"]["upstream"]["cut"], true);
}

#[tokio::test]
async fn the_conversation_is_handed_on_and_neither_tools_nor_keys() {
    let fake = Fake::start(Act::Says(&["Aye."])).await;
    let kept = std::env::temp_dir().join(format!("hyfunc-key-{}", std::process::id()));
    std::fs::write(&kept, "sk-own\n").unwrap();
    let key_file = kept.to_string_lossy().into_owned();
    let gateway = gateway(Script::default(), &fake, |config| {
        config.upstream.key_file = key_file;
        config.upstream.instructions = "Answer.".into();
    })
    .await;
    std::fs::remove_file(&kept).unwrap();
    let asked = json!({
        "model": MODEL,
        "tools": [tool("open_page")],
        "tool_choice": "none",
        "user": "someone",
        "max_completion_tokens": 99,
        "messages": [
            {"role": "system", "content": "You are a pirate."},
            {"role": "user", "content": "open example.org"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                "function": {"name": "open_page", "arguments": "{\"url\":\"example.org\"}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "It is open."},
            {"role": "assistant", "content": "It is open."},
            {"role": "user", "content": "thanks"},
        ],
    });
    let request = gateway.post("/v1/chat/completions").json(&asked);
    let request = request.header("authorization", "Bearer sk-client").header("cookie", "a=b");
    let json = gateway.send(request).await.json();
    assert_eq!(content(&json), "Aye.", "{json}");
    let (headers, sent) = fake.asked();
    assert_eq!(headers["authorization"], "Bearer sk-own");
    assert!(!headers.contains_key("cookie"));
    let text = sent.to_string();
    for foreign in ["sk-client", "tools", "open_page", "someone", "tool_calls"] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
    let keys: Vec<&String> = sent.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["model", "messages", "stream", "stream_options", "max_completion_tokens"]);
    assert_eq!(sent["model"], "talker");
    let messages = sent["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|said| said["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert_eq!(messages[0]["content"], "Answer.\n\nYou are a pirate.");
    assert!(messages[1]["content"].as_str().unwrap().contains("It is open."));
    assert_eq!(messages[3]["content"], "thanks");
}

#[tokio::test]
async fn settings_of_a_sampler_are_handed_on_as_they_came() {
    let spoken = json!({"temperature": 0.2, "top_p": 0.9, "presence_penalty": 1,
        "frequency_penalty": -1, "seed": 7, "reasoning_effort": "low", "verbosity": "high"});
    let flat = json!({"temperature": 0.2, "top_p": 0.9, "presence_penalty": 1,
        "frequency_penalty": -1, "reasoning_effort": "low", "verbosity": "high"});
    let asked = json!({"model": MODEL, "input": "sing", "temperature": 0.2, "top_p": 0.9,
        "presence_penalty": 1, "frequency_penalty": -1, "reasoning": {"effort": "low"},
        "text": {"verbosity": "high"}, "user": "u"});
    for (path, asked, handed_on) in [
        ("/v1/chat/completions", ask_with("sing", spoken.clone()), spoken),
        ("/v1/responses", asked, flat),
        ("/v1/chat/completions", ask("sing"), json!({})),
    ] {
        let fake = Fake::start(Act::Says(&["La."])).await;
        let gateway = gateway(Script::default(), &fake, |_| {}).await;
        let answer = gateway.send(gateway.post(path).json(&asked)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let (_, mut sent) = fake.asked();
        let sent = sent.as_object_mut().unwrap();
        for own in ["model", "messages", "stream", "stream_options"] {
            assert!(sent.remove(own).is_some(), "{own}");
        }
        assert_eq!(Json::Object(sent.clone()), handed_on, "{path}");
    }
}

#[tokio::test]
async fn results_are_put_into_words_only_where_that_is_wanted() {
    for (phrase, said) in [(false, "3000"), (true, "That makes three thousand metres.")] {
        let fake = Fake::start(Act::Says(&["That makes ", "three thousand metres."])).await;
        let gateway = gateway(convert(), &fake, |config| config.upstream.phrase = phrase).await;
        let json = gateway.chat(&ask("how many metres are 3 km?")).await.json();
        assert!(content(&json).contains(said), "{json}");
        assert_eq!(json["hyfunc"]["calls"][0]["function"], "units_convert");
        assert_eq!(json["hyfunc"].get("upstream").is_some(), phrase, "{json}");
        assert_eq!(fake.asked.lock().unwrap().len(), usize::from(phrase));
        if phrase {
            let (_, sent) = fake.asked();
            let last = sent["messages"].as_array().unwrap().last().unwrap().clone();
            let last = last["content"].as_str().unwrap();
            assert!(last.starts_with("how many metres are 3 km?"), "{last}");
            assert!(last.contains("units_convert(") && last.contains("3000"), "{last}");
            let (said_streamed, _) =
                streamed(&gateway.chat(&ask_with("3 km?", json!({"stream": true}))).await.text);
            assert_eq!(said_streamed, said);
        }
    }
}

#[tokio::test]
async fn results_are_never_lost_with_the_words() {
    for act in [Act::Status(401, ""), Act::Hangs, Act::Breaks, Act::Raw("data: x\n\n")] {
        let fake = Fake::start(act).await;
        let gateway = gateway(convert(), &fake, |config| {
            config.upstream.phrase = true;
            if matches!(act, Act::Hangs) {
                config.upstream.first_byte_ms = 300;
            }
        })
        .await;
        let json = gateway.chat(&ask("how many metres are 3 km?")).await.json();
        let said = content(&json);
        assert!(said.contains("3000"), "{act:?}: {said}");
        assert!(said.to_lowercase().contains("the chat model"), "{act:?}: {said}");
        assert!(json["hyfunc"]["calls"][0]["result"].is_object(), "{json}");
        let (streamed, _) =
            streamed(&gateway.chat(&ask_with("3 km?", json!({"stream": true}))).await.text);
        assert!(streamed.contains("3000"), "{act:?}: {streamed}");
    }
}

#[tokio::test]
async fn calls_of_the_client_come_first() {
    let mut script = convert();
    script.calls.push(("open_page", json!({"url": "example.org"})));
    let fake = Fake::start(Act::Says(&["never"])).await;
    let gateway = gateway(script, &fake, |config| config.upstream.phrase = true).await;
    let asked = ask_with("convert and open", json!({"tools": [tool("open_page")]}));
    let json = gateway.chat(&asked).await.json();
    assert_eq!(json["choices"][0]["finish_reason"], "tool_calls");
    assert!(content(&json).contains("3000"), "{json}");
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_other_format_streams_the_same_words() {
    for (act, said) in [
        (Act::Says(&["La ", "la."]), "La la."),
        (Act::Status(429, ""), "is busy at the moment."),
        (Act::Breaks, "Once\n\n(The chat model broke off.)"),
    ] {
        let fake = Fake::start(act).await;
        let gateway = gateway(Script::default(), &fake, |_| {}).await;
        let asked = json!({"model": MODEL, "input": "sing", "instructions": "Rhyme."});
        let json = gateway.send(gateway.post("/v1/responses").json(&asked)).await.json();
        let text = json["output"][0]["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.ends_with(said), "{act:?}: {text}");
        assert_eq!(json["status"], "completed");
        let (_, sent) = fake.asked();
        let system = sent["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(system.ends_with("Rhyme."), "{system}");

        let asked = json!({"model": MODEL, "input": "sing", "stream": true});
        let answer = gateway.send(gateway.post("/v1/responses").json(&asked)).await;
        let datas = answer.text.split("\n\n").filter_map(|event| event.split_once("data: "));
        let events: Vec<Json> =
            datas.filter_map(|(_, data)| serde_json::from_str(data).ok()).collect();
        let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
        let streamed: String = deltas.filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(streamed, text, "{act:?}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{act:?}: {last}");
        if let Act::Says(..) = act {
            let usage = &last["response"]["usage"];
            assert_eq!(usage["output_tokens_details"]["upstream_tokens"], 20, "{usage}");
        }
    }
}

#[tokio::test]
async fn the_requests_own_deadline_leaves_time_for_an_answer() {
    let fake = Fake::start(Act::Hangs).await;
    let gateway = gateway(Script::default(), &fake, |config| {
        config.upstream.first_byte_ms = NEVER_MS;
        config.upstream.deadline_ms = NEVER_MS;
    })
    .await;
    let late = async |given_ms: u64| {
        let request = gateway.post("/v1/chat/completions").json(&ask("sing"));
        gateway.send(request.header("x-hyfunc-deadline-ms", given_ms.to_string())).await
    };
    let answer = given(late, |answer: &Answer| answer.status == 200).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["hyfunc"]["upstream"]["error"], "upstream_late");
}

#[tokio::test]
async fn one_more_than_may_ask_is_answered_without() {
    let fake = Fake::start(Act::Hangs).await;
    let gateway = gateway(Script::default(), &fake, |config| {
        config.upstream.concurrent_max = 1;
    })
    .await;
    let first = tokio::spawn(gateway.post("/v1/chat/completions").json(&ask("sing")).send());
    until("the first is asking", async || !fake.asked.lock().unwrap().is_empty()).await;
    let json = gateway.chat(&ask("sing")).await.json();
    assert_eq!(json["hyfunc"]["upstream"]["error"], "upstream_busy", "{json}");
    first.abort();
}

#[tokio::test]
async fn hanging_up_gives_the_place_back() {
    let fake = Fake::start(Act::Stalls).await;
    let gateway = gateway(Script::default(), &fake, |config| {
        config.upstream.concurrent_max = 1;
    })
    .await;
    let asked = ask_with("sing", json!({"stream": true}));
    let response = gateway.post("/v1/chat/completions").json(&asked).send().await.unwrap();
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("Once") {
        text.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    drop(stream);
    let began = Instant::now();
    loop {
        let request = gateway.post("/v1/chat/completions").header("x-hyfunc-deadline-ms", "400");
        let json = gateway.send(request.json(&ask("sing"))).await.json();
        if json["hyfunc"]["upstream"]["error"] == "upstream_late" {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the place was not given back");
    }
}

/// What the tool for plain words says over MCP.
async fn routed(gateway: &Gateway) -> Json {
    let asked = json!({"request": "how many metres are 3 km?"});
    let (result, _) = result_of(gateway, call(gateway, "route", asked)).await;
    assert_eq!(result["isError"], false, "{result}");
    result["structuredContent"].clone()
}

#[tokio::test]
async fn the_tool_for_plain_words_has_them_as_a_chat_has() {
    let says = Act::Says(&["Quite ", "far."]);
    for (script, phrase, act, reply, asked) in [
        (Script::default(), false, says, "Quite far.", true),
        (Script::default(), true, says, "Quite far.", true),
        (convert(), true, says, "Quite far.", true),
        (convert(), false, says, "3000", false),
        (Script::default(), false, Act::Status(500, ""), "No function fits", true),
        (convert(), true, Act::Status(500, ""), "3000", true),
    ] {
        let fake = Fake::start(act).await;
        let called = script.calls.len();
        let gateway = gateway(script, &fake, |config| config.upstream.phrase = phrase).await;
        let structured = routed(&gateway).await;
        let said = structured["reply"].as_str().unwrap();
        assert!(said.contains(reply), "{said} should hold: {reply}");
        assert_eq!(structured["calls"].as_array().unwrap().len(), called, "{structured}");
        assert_eq!(!fake.asked.lock().unwrap().is_empty(), asked, "{act:?} {phrase}");
        let recent = gateway.get("/v1/recent").await.json();
        assert_eq!(recent["data"][0].get("upstream").is_some(), asked, "{recent}");
    }
}

#[tokio::test]
async fn the_list_of_requests_remembers_who_had_the_words_and_not_the_words() {
    for (act, error) in
        [(Act::Says(&["Quite far."]), None), (Act::Status(429, ""), Some("upstream_busy"))]
    {
        let fake = Fake::start(act).await;
        let gateway = gateway(Script::default(), &fake, |_| {}).await;
        let json = gateway.chat(&ask("sing")).await.json();
        let id = json["hyfunc"]["request_id"].as_str().unwrap();
        let whole = gateway.get(&format!("/v1/recent/{id}")).await;
        assert_eq!(whole.json()["upstream"], json["hyfunc"]["upstream"], "{}", whole.text);
        assert_eq!(whole.json()["upstream"]["error"], json!(error));
        assert!(!whole.text.contains("Quite far."), "{}", whole.text);

        let asked = ask_with("sing", json!({"stream": true}));
        let (_, own) = streamed(&gateway.chat(&asked).await.text);
        let list = gateway.get("/v1/recent").await.json();
        assert_eq!(list["data"][0]["upstream"], own["upstream"], "{list}");
    }
    let gateway = start_with(convert(), |_| {}).await;
    gateway.chat(&ask("how many metres are 3 km?")).await;
    let list = gateway.get("/v1/recent").await.json();
    assert!(list["data"][0].get("upstream").is_none(), "{list}");
}
