//! What is written, byte by byte: clients may count on names, and people on their order.

use std::sync::Arc;
use std::time::Duration;

use hyfunc_cascade::{Piece, PieceKind, TokenCounts};
use hyfunc_functions::types::RecordType;
use hyfunc_functions::{Function, Value};
use hyfunc_sandbox::{CallTimings, LogLevel, LogLine};
use serde_json::{Value as Json, json, to_string};

use super::{
    CallJson, CandidateJson, Completion, Message, OwnJson, PiecesJson, SandboxJson, TokensJson,
    UsageJson, WordedJson,
};
use crate::pipeline::{DecidedCall, Failure, Origin, Ran, Step, Timings, Usage, Worded};
use crate::upstream::Tokens;

const COUNTS: TokenCounts =
    TokenCounts { prompt: 7, injected: 5, chosen: 2, sampled: 1, copied: 3 };

fn call(name: &str, arguments_json: Json) -> DecidedCall {
    let function = Function {
        name: name.into(),
        description: String::new(),
        parameters: RecordType::default(),
        returns: None,
        examples: Vec::new(),
        reply: None,
        export: None,
    };
    DecidedCall {
        id: format!("call_{name}"),
        origin: Origin::Client,
        function: Arc::new(function),
        arguments: Value::Null,
        arguments_json,
    }
}

fn ran(result: Result<Json, Failure>, timings: Option<CallTimings>, logs: Vec<LogLine>) -> Ran {
    Ran { value: None, result, timings, logs, took: Duration::from_micros(60) }
}

fn decision(score: f32, pieces: Vec<Piece>) -> hyfunc_cascade::DecodedCall {
    hyfunc_cascade::DecodedCall { candidate: 0, arguments: Value::Null, score, pieces }
}

fn piece(kind: PieceKind, text: &str, subject: &str) -> Piece {
    Piece { kind, text: text.into(), subject: subject.into() }
}

fn own<'a>(calls: Vec<CallJson<'a>>, upstream: Option<WordedJson<'a>>) -> OwnJson<'a> {
    let mut timings_us = Timings::default();
    timings_us.add(Step::Accept, Duration::from_micros(1));
    timings_us.add(Step::Decode, Duration::from_micros(2));
    OwnJson {
        request_id: "r",
        p_call: 0.75,
        candidates: vec![
            CandidateJson::new("f", "geo", 0.9, Some(0.5)),
            CandidateJson::new("g", "client", f32::NAN, None),
        ],
        calls,
        tokens: TokensJson::of(&COUNTS),
        timings_us,
        upstream,
        unheld: &[],
    }
}

fn usage(upstream: Option<Tokens>) -> UsageJson {
    UsageJson::of(&Usage { read: 7, cached: 4, counts: COUNTS, upstream })
}

/// The answer without what is new in each: its id and its time.
fn fixed(written: &str) -> String {
    let json: Json = serde_json::from_str(written).unwrap();
    let id = json["id"].as_str().unwrap();
    assert!(id.starts_with("chatcmpl-"), "{id}");
    let created = format!("\"created\":{}", json["created"]);
    written.replacen(id, "I", 1).replacen(&created, "\"created\":0", 1)
}

const OWN_HEAD: &str = concat!(
    r#""hyfunc":{"request_id":"r","p_call":0.75,"#,
    // As a single becomes a double.
    r#""candidates":[{"name":"f","origin":"geo","score":0.8999999761581421,"p_call":0.5},"#,
    r#"{"name":"g","origin":"client","score":null,"p_call":null}],"#,
);

const OWN_TAIL: &str = concat!(
    r#""tokens":{"prompt":7,"injected":5,"chosen":2,"sampled":1,"copied":3},"#,
    r#""timings_us":{"accept":1,"decode":2}"#,
);

#[test]
fn a_whole_answer_is_written_member_by_member() {
    let (theirs, ours) = (call("f", json!({"z": "a \"b\"", "a": [1.5]})), call("g", json!({})));
    let parts = CallTimings { queue_us: 10, instantiate_us: 20, run_us: 30 };
    let line = LogLine { level: LogLevel::Info, context: "stdout".into(), message: "hi".into() };
    let ran = ran(Ok(Json::Null), Some(parts), vec![line]);
    let decisions = [
        decision(
            0.5,
            vec![piece(PieceKind::Injected, "f(", ""), piece(PieceKind::Copied, "a", "z")],
        ),
        decision(1.0, Vec::new()),
    ];
    let calls = vec![
        CallJson::decided(&theirs).with_decision(&decisions[0]),
        CallJson::ran(&ours, &ran, "g: done.").with_decision(&decisions[1]),
    ];
    let message = Message::new("g: done.", [&theirs].into_iter());
    let written =
        Completion::new("m", "fp_1").whole(message, "tool_calls", usage(None), own(calls, None));
    let expected = [
        r#"{"id":"I","object":"chat.completion","created":0,"model":"m","#,
        r#""system_fingerprint":"fp_1","service_tier":"default","#,
        r#""choices":[{"index":0,"message":{"role":"assistant","content":"g: done.","#,
        r#""refusal":null,"#,
        r#""tool_calls":[{"id":"call_f","type":"function","function":{"name":"f","#,
        r#""arguments":"{\"z\":\"a \\\"b\\\"\",\"a\":[1.5]}"}}]},"#,
        r#""logprobs":null,"finish_reason":"tool_calls"}],"#,
        r#""usage":{"prompt_tokens":11,"completion_tokens":11,"total_tokens":22,"#,
        r#""prompt_tokens_details":{"cached_tokens":4},"#,
        r#""completion_tokens_details":{"reasoning_tokens":0,"injected_tokens":5,"#,
        r#""chosen_tokens":2,"sampled_tokens":1,"copied_tokens":3}},"#,
        OWN_HEAD,
        r#""calls":[{"id":"call_f","function":"f","arguments":{"z":"a \"b\"","a":[1.5]},"#,
        r#""score":0.5,"pieces":[{"kind":"injected","text":"f(","subject":""},"#,
        r#"{"kind":"copied","text":"a","subject":"z"}]},"#,
        r#"{"id":"call_g","function":"g","arguments":{},"result":null,"reply":"g: done.","#,
        r#""timings_us":{"queue":10,"instantiate":20,"run":30,"total":60},"logs":["hi"],"#,
        r#""score":1.0,"pieces":[]}],"#,
        OWN_TAIL,
        "}}",
    ]
    .concat();
    assert_eq!(fixed(std::str::from_utf8(&written).unwrap()), expected);
}

#[test]
fn what_a_chat_model_did_is_written_at_the_end_of_each_part() {
    let worded = Worded {
        model: "c".into(),
        error: Some("upstream_cut"),
        first_byte: None,
        took: Duration::from_micros(9),
        tokens: Some(Tokens { input: 100, cached: 30, output: 20 }),
        is_cut: true,
    };
    let own = own(Vec::new(), Some(WordedJson::of(&worded)));
    let message = Message::new("", std::iter::empty());
    let written = Completion::new("m", "fp_1").whole(message, "length", usage(worded.tokens), own);
    let expected = [
        r#"{"id":"I","object":"chat.completion","created":0,"model":"m","#,
        r#""system_fingerprint":"fp_1","service_tier":"default","#,
        r#""choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null},"#,
        r#""logprobs":null,"finish_reason":"length"}],"#,
        r#""usage":{"prompt_tokens":111,"completion_tokens":31,"total_tokens":142,"#,
        r#""prompt_tokens_details":{"cached_tokens":34,"upstream_tokens":100},"#,
        r#""completion_tokens_details":{"reasoning_tokens":0,"injected_tokens":5,"#,
        r#""chosen_tokens":2,"sampled_tokens":1,"copied_tokens":3,"upstream_tokens":20}},"#,
        OWN_HEAD,
        r#""calls":[],"#,
        OWN_TAIL,
        r#","upstream":{"model":"c","error":"upstream_cut","cut":true,"#,
        r#""tokens":{"input":100,"cached":30,"output":20},"#,
        r#""timings_us":{"first_byte":null,"total":9}}}}"#,
    ]
    .concat();
    assert_eq!(fixed(std::str::from_utf8(&written).unwrap()), expected);
}

#[test]
fn a_call_that_failed_says_why_and_has_no_result() {
    let call = call("f", json!({}));
    for (detail, shown) in [(None, "null"), (Some(json!({"a": 1})), r#"{"a":1}"#)] {
        let failure = Failure { kind: "tool_error", message: "no".into(), detail, source: None };
        let ran = ran(Err(failure), None, Vec::new());
        let written = to_string(&CallJson::ran(&call, &ran, "f failed: no.")).unwrap();
        let expected = [
            r#"{"id":"call_f","function":"f","arguments":{},"#,
            r#""error":{"kind":"tool_error","message":"no","detail":"#,
            shown,
            r#"},"reply":"f failed: no.","timings_us":{"total":60}}"#,
        ];
        assert_eq!(written, expected.concat());
    }
}

#[test]
fn every_chunk_is_framed_alike_and_usage_is_there_when_asked_for() {
    let completion = Completion::new("m", "fp_1");
    let head = concat!(
        r#"{"id":"I","object":"chat.completion.chunk","created":0,"model":"m","#,
        r#""system_fingerprint":"fp_1","service_tier":"default","choices":["#,
    );
    let chunk = |delta, finish, usage, own| fixed(&completion.chunk(delta, finish, usage, own));
    assert_eq!(
        chunk(json!({"content": "a"}), None, false, None),
        [head, r#"{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}]}"#]
            .concat()
    );
    assert_eq!(
        chunk(json!({}), Some("stop"), true, Some(own(Vec::new(), None))),
        [
            head,
            r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,"#,
            OWN_HEAD,
            r#""calls":[],"#,
            OWN_TAIL,
            "}}"
        ]
        .concat()
    );
    let last = fixed(&completion.usage_chunk(usage(None)));
    assert!(last.starts_with(&[head, r#"],"usage":{"prompt_tokens":11,"#].concat()), "{last}");
}

/// Some answers are written at once, others as a part of a tree: both must say the same.
#[test]
fn a_part_is_the_same_as_text_and_as_a_tree() {
    let pieces = [piece(PieceKind::Chosen, "a", "b"), piece(PieceKind::Sampled, "\u{7f}\n", "")];
    let parts = CallTimings { queue_us: 1, instantiate_us: 2, run_us: 3 };
    let took = Duration::from_micros(7);
    for (text, tree) in [
        (to_string(&PiecesJson(&pieces)), json!(PiecesJson(&pieces))),
        (
            to_string(&SandboxJson::new(Some(&parts), took)),
            json!(SandboxJson::new(Some(&parts), took)),
        ),
        (to_string(&own(Vec::new(), None)), json!(own(Vec::new(), None))),
        (to_string(&usage(None)), json!(usage(None))),
    ] {
        assert_eq!(text.unwrap(), tree.to_string());
    }
}
