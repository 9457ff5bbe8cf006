//! A checkpoint behind the engine's queue and within its room: whoever comes when, leaves or is late, the
//! others get what each gets alone.

#[path = "../../stock/tests/support/brief.rs"]
mod brief;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{
    Candidate, CascadeError, DecodeRequest, Decoded, Intent, ModelInfo, Prepared, ToolChoice,
};
use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::{Function, Spelling};
use hyfunc_stock::{Decoder, Stock, StockConfig, Vocabulary};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::Model;
use super::bounded::{Bounded, Room};
use brief::Brief;

/// Requests of one schedule; the model has random weights, and computes what any would.
const AT_ONCE: usize = 16;

/// 2 layers of 2 heads of 16, keys and values, in f32.
const TOKEN_BYTES: usize = 2 * 2 * 2 * 16 * 4;

/// Room for the longest request that the checkpoint reads.
const ONE: usize = 512 * TOKEN_BYTES;

/// An hour that no test lasts.
const LONG: Duration = Duration::from_secs(3600);

/// What becomes of whoever asks.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stays,
    Leaves,
    Hurries(Duration),
}

impl Fate {
    fn drawn(rng: &mut StdRng) -> Self {
        match rng.random_range(0..6) {
            0 => Self::Leaves,
            1 => Self::Hurries(Duration::ZERO),
            2 => Self::Hurries(Duration::from_micros(rng.random_range(0..200_000))),
            _ => Self::Stays,
        }
    }
}

fn functions() -> Vec<Arc<Function>> {
    let weather = json!({"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 16},
    }});
    let light = json!({"type": "object", "required": ["on"], "properties": {
        "on": {"type": "boolean"},
        "colour": {"enum": ["white", "pink"]},
    }});
    [("weather", weather), ("light", light), ("now", json!({}))]
        .map(|(name, schema)| Arc::new(function_from_schema(name, "", &schema).unwrap()))
        .into()
}

fn started(room_bytes: usize, prefix_bytes_max: usize, threads: usize) -> Stock {
    let folder = Path::new("checkpoint/tests/parity/qwen3");
    let opened = Checkpoint::open(folder, &Options::default()).unwrap();
    let room = Room::new(&*opened.model, room_bytes).unwrap();
    let vocabulary = Vocabulary::new(opened.tokenizer).unwrap();
    let model = Bounded { model: Model(opened.model), room };
    let settings = StockConfig { value_tokens_max: 8, prefix_bytes_max, ..StockConfig::default() };
    assert_eq!(settings.spelling, Spelling::Hermes);
    let decoder = Decoder::new(model, vocabulary, Box::new(Brief), settings).unwrap();
    let info = ModelInfo {
        id: opened.id,
        parameters_large: 0,
        parameters_small: 0,
        digest: String::new(),
        retrieval_threshold: 0.0,
    };
    Stock::start(decoder, None, info, (threads, 2 * AT_ONCE)).unwrap()
}

/// A query over the functions in one of their orders: as many prompts to keep.
fn request(prepared: &[Arc<Prepared>], at: usize) -> DecodeRequest {
    let mut candidates: Vec<Candidate> =
        prepared.iter().map(|one| Candidate { prepared: Arc::clone(one), score: 0.5 }).collect();
    candidates.rotate_left(at % prepared.len());
    candidates.truncate(1 + at / 3 % prepared.len());
    DecodeRequest {
        query: format!("the weather in Bologna for {at} days"),
        earlier: Vec::new(),
        intent: Intent { soft_token: Vec::new(), query_vector: vec![1.0], p_call: 1.0 },
        candidates,
        choice: if at.is_multiple_of(5) { ToolChoice::Auto } else { ToolChoice::Required },
        calls_max: 2,
        deadline: Instant::now() + LONG,
    }
}

/// What can be seen of an answer.
fn seen(answer: &Result<Decoded, CascadeError>) -> String {
    match answer {
        Ok(decoded) => {
            let calls = decoded.calls.iter().map(|call| (call.candidate, &call.arguments));
            format!("{:?} {:?}", calls.collect::<Vec<_>>(), decoded.counts)
        }
        Err(error) => error.to_string(),
    }
}

/// All at once, in the order and with the fates of a seed; whoever got no answer is left out.
async fn at_once(
    stock: &Stock,
    prepared: &[Arc<Prepared>],
    rng: &mut StdRng,
) -> Vec<(usize, String)> {
    let mut absent: Vec<usize> = (0..AT_ONCE).collect();
    let mut asked = Vec::new();
    while !absent.is_empty() {
        let at = absent.swap_remove(rng.random_range(0..absent.len()));
        let fate = Fate::drawn(rng);
        let mut request = request(prepared, at);
        if let Fate::Hurries(time) = fate {
            request.deadline = Instant::now() + time;
        }
        let stock = stock.clone();
        let answer = tokio::spawn(async move { stock.decode(request).await });
        asked.push((at, fate, answer));
        if rng.random_range(0..4) == 0 {
            // Some are under way, others come later.
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..20))).await;
            if let Some((_, Fate::Leaves, answer)) = asked.last() {
                answer.abort();
            }
        }
    }
    let mut answers = Vec::new();
    for (at, fate, answer) in asked {
        if matches!(fate, Fate::Leaves) {
            answer.abort();
        }
        match (answer.await, fate) {
            (Err(error), Fate::Leaves) => assert!(error.is_cancelled(), "{error}"),
            (Ok(Err(CascadeError::Deadline { step: "decode" })), Fate::Hurries(_)) => {}
            (Ok(answer), _) => answers.push((at, seen(&answer))),
            (Err(error), fate) => panic!("{fate:?}: {error}"),
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stays_gets_what_it_gets_alone_however_little_room_there_is() {
    let quiet = started(64 * ONE, 0, 1);
    let prepared = quiet.prepare(functions()).await.unwrap();
    let mut alone = Vec::new();
    for at in 0..AT_ONCE {
        alone.push(seen(&quiet.decode(request(&prepared, at)).await));
    }
    let calls = alone.iter().filter(|seen| seen.starts_with("[(")).count();
    assert!(calls > AT_ONCE / 2, "{alone:?}");
    // Room for one request, for some and for all; and none, two or all prompts are kept there.
    let kept = 2 * 70 * TOKEN_BYTES;
    for (seed, (room, kept, threads)) in
        [(ONE, 0, 2), (ONE, kept, 4), (3 * ONE, kept, 4), (64 * ONE, 64 * ONE, 3)]
            .into_iter()
            .enumerate()
    {
        let stock = started(room, kept, threads);
        let mut rng = StdRng::seed_from_u64(seed as u64);
        let mut answered = 0;
        for round in 0..2 {
            for (at, found) in at_once(&stock, &prepared, &mut rng).await {
                assert_eq!(found, alone[at], "seed {seed}, round {round}: request {at}");
                answered += 1;
            }
        }
        assert!(answered >= AT_ONCE / 2, "seed {seed}: {answered}");
        assert!(stock.is_alive(), "seed {seed}");
    }
}
