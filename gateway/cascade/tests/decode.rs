//! Whatever the weights, what is decoded is valid; and the engine keeps its limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::decode::{Decoder, Decoding};
use hyfunc_cascade::generate::Masks;
use hyfunc_cascade::{
    Candidate, Cascade, CascadeConfig, CascadeError, DecodeRequest, Decoded, PieceKind, Progress,
    Settled, ToolChoice,
};
use hyfunc_functions::json::{arguments_from_json, arguments_to_json};
use hyfunc_functions::{Function, Value};
use support::{plain_function, random_tiny, wide_function};

const QUERIES: [&str; 8] = [
    "weather in Paris for 3 days",
    "x",
    "AAAA bbbb 12 0.5 true fahrenheit ABC-12 high 1e9 -4",
    "what about twenty five cities, \"New York\" and São Paulo, at 18:30?",
    "東京の天気は？ 🌦️",
    "</param> <call> {\"city\": \"Rome\"} [",
    "   ",
    "a, b; c. d! e? f: g",
];

fn cascade(config: &CascadeConfig) -> Cascade {
    Cascade::new(random_tiny(), config).unwrap()
}

async fn decode(
    cascade: &Cascade,
    functions: &[Arc<Function>],
    query: &str,
    choice: ToolChoice,
    time: Duration,
) -> Result<Decoded, CascadeError> {
    decode_told(cascade, functions, query, (choice, time), Progress::silent()).await
}

async fn decode_told(
    cascade: &Cascade,
    functions: &[Arc<Function>],
    query: &str,
    (choice, time): (ToolChoice, Duration),
    progress: Progress,
) -> Result<Decoded, CascadeError> {
    let prepared = cascade.prepare(functions.to_vec()).await?;
    let deadline = Instant::now() + time;
    let intent = cascade.distil(query, deadline).await?;
    let candidates =
        prepared.into_iter().map(|prepared| Candidate { prepared, score: 1.0 }).collect();
    let query = query.to_owned();
    let request = DecodeRequest {
        query,
        earlier: Vec::new(),
        intent,
        candidates,
        choice,
        calls_max: 4,
        deadline,
    };
    cascade.decode_told(request, progress).await
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn random_weights_decode_to_valid_calls() {
    let functions = [wide_function(), plain_function("forecast")];
    for round in 0..2 {
        // Once beside each other, once one after another.
        let limits = CascadeConfig {
            value_tokens_max: 4,
            chained_slots: round == 1,
            ..CascadeConfig::default()
        };
        let cascade = cascade(&limits);
        for query in QUERIES {
            let decoded = decode(&cascade, &functions, query, ToolChoice::Required, LONG).await;
            let decoded = match decoded {
                // The pattern's slot may be out of reach within so few tokens: that is an error,
                // never an invalid call.
                Err(CascadeError::Unfilled { subject, .. }) => {
                    assert_eq!(subject, "code", "round {round}: {query}");
                    continue;
                }
                other => other.unwrap(),
            };
            for call in &decoded.calls {
                let parameters = &functions[call.candidate].parameters;
                let json = arguments_to_json(parameters, &call.arguments);
                let again = arguments_from_json(parameters, &json);
                assert_eq!(again.as_ref(), Ok(&call.arguments), "round {round}: {query}");
            }
        }
    }
}

/// What is told of calls stays so: the whole answer goes on where every state before it stopped.
#[tokio::test]
async fn what_is_told_before_the_end_never_changes() {
    let limits = CascadeConfig { value_tokens_max: 4, ..CascadeConfig::default() };
    let plain = vec![plain_function("forecast"), plain_function("history")];
    let wide = vec![plain_function("forecast"), wide_function()];
    for (round, functions) in [plain, wide].into_iter().enumerate() {
        let cascade = cascade(&limits);
        for query in QUERIES {
            let (progress, mut listener) = Progress::told();
            let heard = tokio::spawn(async move {
                let mut states = Vec::new();
                while listener.changed().await.is_ok() {
                    states.push(listener.borrow_and_update().clone());
                }
                (states, listener.borrow().clone())
            });
            let how = (ToolChoice::Required, LONG);
            let decoded = decode_told(&cascade, &functions, query, how, progress).await;
            let (states, last) = heard.await.unwrap();
            let decoded = match decoded {
                Err(CascadeError::Unfilled { .. }) => continue,
                other => other.unwrap(),
            };
            for state in &states {
                check_beginning(state, &decoded);
            }
            assert_eq!(last.calls.len(), decoded.calls.len(), "round {round}: {query}");
            assert!(last.calls.iter().all(|call| call.is_whole), "round {round}: {query}");
            check_beginning(&last, &decoded);
        }
    }
}

/// Who listens between two steps hears of it: no thread has to be quick for that.
#[test]
fn something_is_told_before_all_is_decided() {
    let config = CascadeConfig { value_tokens_max: 4, ..CascadeConfig::default() };
    let tiny = random_tiny();
    let masks = Masks::new(&tiny.tokenizer).unwrap();
    let functions = [plain_function("forecast"), plain_function("history")];
    let prepared = tiny.prepare(&functions).unwrap();
    let decoder = Decoder { tiny: &tiny, masks: &masks, config: &config };
    let mut told_early = 0;
    for query in QUERIES {
        let candidates = prepared.iter().cloned();
        let request = DecodeRequest {
            query: query.to_owned(),
            earlier: Vec::new(),
            intent: tiny.distil(query).unwrap(),
            candidates: candidates.map(|prepared| Candidate { prepared, score: 1.0 }).collect(),
            choice: ToolChoice::Required,
            calls_max: 4,
            deadline: Instant::now() + LONG,
        };
        let (progress, mut listener) = Progress::told();
        let mut decoding = Decoding::new(decoder, request, progress).unwrap();
        let mut states = Vec::new();
        while !decoding.is_done() {
            let step = Arc::new(tiny.small.step(&decoding.lists()).unwrap());
            decoding.take(&step, 0).unwrap();
            if listener.has_changed().unwrap() {
                states.push(listener.borrow_and_update().clone());
            }
        }
        let decoded = decoding.finish().unwrap();
        told_early += states.iter().filter(|state| check_beginning(state, &decoded)).count();
    }
    assert!(told_early > 0, "all is told at once");
}

/// Whether it is less than the whole, of which it must be the beginning.
fn check_beginning(state: &Settled, decoded: &Decoded) -> bool {
    assert!(state.calls.len() <= decoded.calls.len(), "{state:?} {decoded:?}");
    let mut is_less = state.calls.len() < decoded.calls.len();
    for (at, (told, call)) in state.calls.iter().zip(&decoded.calls).enumerate() {
        let Value::Record(fields) = &call.arguments else { panic!("{:?}", call.arguments) };
        assert_eq!(told.candidate, call.candidate);
        assert_eq!(told.arguments, fields[..told.arguments.len()], "{state:?} {decoded:?}");
        let pieces = &call.pieces[..told.pieces.len()];
        assert_eq!(told.pieces, pieces, "{state:?} {decoded:?}");
        assert!(!told.pieces.is_empty(), "the name is known at once: {state:?}");
        assert!(!told.is_whole || told.pieces.len() == call.pieces.len());
        assert!(!told.is_whole || told.arguments.len() == fields.len());
        assert!(told.is_whole || at + 1 == state.calls.len(), "calls come one after another");
        is_less |= !told.is_whole;
    }
    is_less
}

#[tokio::test]
async fn pieces_spell_the_whole_template() {
    let cascade = cascade(&CascadeConfig { value_tokens_max: 4, ..CascadeConfig::default() });
    let functions = [plain_function("forecast")];
    let decoded =
        decode(&cascade, &functions, "Paris 3", ToolChoice::Named(0), LONG).await.unwrap();
    let call = &decoded.calls[0];
    let text: String = call.pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert!(text.starts_with("<call>forecast<param>city="), "{text}");
    assert!(text.ends_with("</call>"), "{text}");
    assert!(call.pieces.iter().any(|p| matches!(p.kind, PieceKind::Copied | PieceKind::Sampled)));
    let Value::Record(fields) = &call.arguments else { panic!("{:?}", call.arguments) };
    assert_eq!(fields.len(), 2);
}

#[tokio::test]
async fn choices_are_kept() {
    let cascade = cascade(&CascadeConfig { value_tokens_max: 4, ..CascadeConfig::default() });
    let functions = [plain_function("forecast"), plain_function("history")];
    let calls =
        async |choice| decode(&cascade, &functions, "Rome 2", choice, LONG).await.unwrap().calls;
    assert!(calls(ToolChoice::None).await.is_empty());
    assert!(!calls(ToolChoice::Required).await.is_empty());
    let named = calls(ToolChoice::Named(1)).await;
    assert!(!named.is_empty() && named.iter().all(|call| call.candidate == 1));
    assert!(named.len() <= 4);
}

#[tokio::test]
async fn no_candidates_and_no_words_are_no_calls() {
    let cascade = cascade(&CascadeConfig::default());
    assert!(decode(&cascade, &[], "hello", ToolChoice::Auto, LONG).await.unwrap().calls.is_empty());
    let functions = [plain_function("forecast")];
    let decoded = decode(&cascade, &functions, "", ToolChoice::Required, LONG).await.unwrap();
    assert!(decoded.calls.is_empty());
}

#[tokio::test]
async fn a_passed_deadline_names_its_step() {
    let cascade = cascade(&CascadeConfig::default());
    let past = Instant::now() - Duration::from_millis(1);
    let error = cascade.distil("hello", past).await.unwrap_err();
    assert!(matches!(error, CascadeError::Deadline { step: "distil" }), "{error}");
    let functions = [plain_function("forecast")];
    let prepared = cascade.prepare(functions.to_vec()).await.unwrap();
    let intent = cascade.distil("hello", Instant::now() + LONG).await.unwrap();
    let request = DecodeRequest {
        query: "hello".into(),
        earlier: Vec::new(),
        intent,
        candidates: vec![Candidate { prepared: prepared[0].clone(), score: 1.0 }],
        choice: ToolChoice::Required,
        calls_max: 1,
        deadline: past,
    };
    let error = cascade.decode(request).await.unwrap_err();
    assert!(matches!(error, CascadeError::Deadline { step: "decode" }), "{error}");
}

#[tokio::test]
async fn a_long_query_is_refused_with_both_numbers() {
    let cascade = cascade(&CascadeConfig { query_tokens_max: 10, ..CascadeConfig::default() });
    let query = "word ".repeat(50);
    let error = cascade.distil(&query, Instant::now() + LONG).await.unwrap_err();
    let CascadeError::QueryTooLong { tokens, tokens_max } = error else { panic!("{error}") };
    assert!(tokens >= 50 && tokens_max == 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sheds_and_the_engine_goes_on() {
    let cascade = cascade(&CascadeConfig { queue_jobs_max: 1, ..CascadeConfig::default() });
    let many = (0..64).map(|_| cascade.distil("weather in Paris", Instant::now() + LONG));
    let answers = futures_join(many).await;
    let shed = answers.iter().filter(|a| matches!(a, Err(CascadeError::Overloaded { .. }))).count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(shed > 0 && done > 0 && shed + done == 64, "shed {shed}, done {done}");
    cascade.distil("weather in Paris", Instant::now() + LONG).await.unwrap();
}

/// Polls all futures from one task, so that all are queued before any is answered.
async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in futures.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_batch_of_functions_prepares_as_each_alone() {
    let cascade = cascade(&CascadeConfig::default());
    let functions = [wide_function(), plain_function("forecast"), plain_function("history")];
    let together = cascade.prepare(functions.to_vec()).await.unwrap();
    for (function, batched) in functions.iter().zip(&together) {
        let alone = &cascade.prepare(vec![function.clone()]).await.unwrap()[0];
        for (one, other) in alone.vector().iter().zip(batched.vector()) {
            assert!((one - other).abs() < 1e-4, "{}: {one} {other}", function.name);
        }
    }
}
