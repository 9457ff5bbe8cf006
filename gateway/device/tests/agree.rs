//! The same requests through a checkpoint on the CPU and through the kernels, as host C++: the same
//! forwards in the same order, logits within rounding at each of them, and the same calls.
//!
//! Random weights have nothing to say, and what they choose hangs on the last bits. So both are given
//! the same answer in mind: where it goes on is decided by it, and what the engines compute is compared
//! on the way. One after another and all at once, which on the device is one forward for many.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../stock/tests/support/brief.rs"]
mod brief;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hyfunc_cascade::ToolChoice;
use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_device::{Decoder, DeviceError, Room, load};
use hyfunc_functions::oracle::{GoldCall, drive_plan};
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::template::PlanOptions;
use hyfunc_functions::{Function, PlanCursor, Spelling, Template, notation};
use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Float, Host};
use hyfunc_stock::{Causal, Decoder as Stock, StockConfig, StockRequest, Vocabulary};
use serde_json::json;

use brief::{Brief, OPENING};

const FAMILIES: [&str; 3] = ["llama", "qwen2", "qwen3"];
const LAYERS: usize = 2;
/// Tokens that all of the checkpoints read.
const CONTEXT: usize = 512;
/// Logit of a token that goes on with the answer in mind, and what each of its bytes adds: far above
/// any of a checkpoint.
const WANTED: f32 = 60.0;
const WANTED_BYTE: f32 = 8.0;
/// Of the token that ends the answer.
const END: usize = 1;

/// Requests of each case that come at once.
const OF_EACH: usize = 3;

/// What one forward read for one request.
struct Read {
    /// What was read before.
    before: Vec<u32>,
    tokens: Vec<u32>,
    /// Logits behind those that somebody asked about.
    rows: Vec<Vec<f32>>,
}

/// One of the two.
trait Engine: Send + Sync + 'static {
    type Cache: Clone + Send + 'static;

    fn begin(&self) -> Self::Cache;

    fn forget(&self, cache: &mut Self::Cache, tokens: usize);

    fn rows(
        &self,
        tokens: &[u32],
        cache: &mut Self::Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String>;
}

struct OnCpu(Box<dyn hyfunc_checkpoint::Causal>);

impl Engine for OnCpu {
    type Cache = hyfunc_checkpoint::Cache;

    fn begin(&self) -> Self::Cache {
        self.0.new_cache()
    }

    fn forget(&self, cache: &mut Self::Cache, tokens: usize) {
        cache.truncate(tokens);
    }

    fn rows(
        &self,
        tokens: &[u32],
        cache: &mut Self::Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.0.forward(tokens, cache, last).map_err(|error| error.to_string())
    }
}

impl Engine for Decoder<Host> {
    type Cache = hyfunc_device::Cache;

    fn begin(&self) -> Self::Cache {
        Causal::new_cache(self)
    }

    fn forget(&self, cache: &mut Self::Cache, tokens: usize) {
        Causal::truncate(self, cache, tokens);
    }

    fn rows(
        &self,
        tokens: &[u32],
        cache: &mut Self::Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.forward(tokens, cache, last).map_err(|error| error.to_string())
    }
}

/// An engine with an answer in mind to every query.
struct Minded<E: Engine> {
    engine: E,
    bytes: Vec<Vec<u8>>,
    minds: Vec<(&'static str, String)>,
    seen: Arc<Mutex<Vec<Read>>>,
}

impl<E: Engine> Minded<E> {
    /// What may come behind tokens.
    fn said(&self, before: &[u32], mut logits: Vec<f32>) -> Vec<f32> {
        let text: Vec<u8> =
            before.iter().flat_map(|id| self.bytes[*id as usize].iter().copied()).collect();
        let opening = OPENING.as_bytes();
        let opened = text.windows(opening.len()).rposition(|window| window == opening);
        let Some(at) = opened else { return logits };
        let (asked, answer) = (&text[..at], &text[at + opening.len()..]);
        let mind = self.minds.iter().find(|(query, _)| asked.ends_with(query.as_bytes()));
        let Some((_, mind)) = mind else { return logits };
        match mind.as_bytes().strip_prefix(answer) {
            Some([]) => logits[END] = WANTED,
            Some(rest) => {
                for (logit, bytes) in logits.iter_mut().zip(&self.bytes) {
                    if !bytes.is_empty() && rest.starts_with(bytes) {
                        *logit = WANTED + WANTED_BYTE * bytes.len() as f32;
                    }
                }
            }
            None => {}
        }
        logits
    }
}

impl<E: Engine> Causal for Minded<E> {
    type Cache = (E::Cache, Vec<u32>);

    fn context_tokens_max(&self) -> usize {
        CONTEXT
    }

    fn new_cache(&self) -> Self::Cache {
        (self.engine.begin(), Vec::new())
    }

    fn truncate(&self, cache: &mut Self::Cache, tokens: usize) {
        self.engine.forget(&mut cache.0, tokens);
        cache.1.truncate(tokens);
    }

    fn cache_bytes(&self, cache: &Self::Cache) -> usize {
        cache.1.len()
    }

    /// So that either is asked alike.
    fn head_rows_max(&self) -> usize {
        32
    }

    /// States are logits already.
    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Self::Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        let rows = self.engine.rows(tokens, &mut cache.0, last)?;
        let (before, read) = (cache.1.clone(), tokens.to_vec());
        self.seen.lock().unwrap().push(Read { before, tokens: read, rows: rows.clone() });
        cache.1.extend_from_slice(tokens);
        let first = cache.1.len() - rows.len();
        let said = rows.into_iter().enumerate();
        Ok(said.map(|(at, row)| self.said(&cache.1[..=first + at], row)).collect())
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        let Some(ids) = ids else { return Ok(states.to_vec()) };
        let pick =
            |state: &Vec<f32>| -> Vec<f32> { ids.iter().map(|id| state[*id as usize]).collect() };
        Ok(states.iter().map(pick).collect())
    }
}

fn functions() -> Vec<Arc<Function>> {
    let weather = json!({"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 16},
    }});
    let light = json!({"type": "object", "required": ["on"], "properties": {
        "on": {"type": "boolean"},
    }});
    [("weather", weather), ("light", light)]
        .map(|(name, schema)| Arc::new(function_from_schema(name, "", &schema).unwrap()))
        .into()
}

/// A query, and the calls that both have in mind.
fn cases() -> Vec<(&'static str, Vec<GoldCall>)> {
    let call = |name: &str, arguments| GoldCall { name: name.to_owned(), arguments };
    vec![
        (
            "the weather in the brown town for 12 days",
            vec![call("weather", json!({"city": "the brown town", "days": 12}))],
        ),
        (
            "light, and the weather in Bo",
            vec![call("light", json!({"on": true})), call("weather", json!({"city": "Bo"}))],
        ),
        ("hello", Vec::new()),
    ]
}

fn text_of(functions: &[Arc<Function>], calls: &[GoldCall]) -> String {
    if calls.is_empty() {
        return "no".to_owned();
    }
    let template = |function: &Arc<Function>| Arc::new(Template::new(function, Spelling::Hermes));
    let plan = PlanCursor::new(functions.iter().map(template).collect(), PlanOptions::default());
    let mut text = String::new();
    drive_plan(plan, calls, |step, answer| text += &notation::text(step, answer)).unwrap();
    text
}

/// The preset over an engine, and where is noted what it computes.
fn preset<E: Engine>(checkpoint: Checkpoint<E>) -> (Stock<Minded<E>>, Arc<Mutex<Vec<Read>>>) {
    let Checkpoint { model: engine, tokenizer, .. } = checkpoint;
    let vocabulary = Vocabulary::new(tokenizer).unwrap();
    let functions = functions();
    let mind = |(query, calls): (_, Vec<GoldCall>)| (query, text_of(&functions, &calls));
    let minds = cases().into_iter().map(mind).collect();
    let (bytes, seen) = (vocabulary.all_bytes().to_vec(), Arc::default());
    let minded = Minded { engine, bytes, minds, seen: Arc::clone(&seen) };
    let settings =
        StockConfig { spelling: Spelling::Hermes, value_tokens_max: 48, ..StockConfig::default() };
    (Stock::new(minded, vocabulary, Box::new(Brief), settings).unwrap(), seen)
}

/// What it answers to one query.
fn answer<E: Engine>(stock: &Stock<Minded<E>>, query: &str, calls: &[GoldCall]) -> String {
    let request = StockRequest {
        query: query.to_owned(),
        earlier: Vec::new(),
        functions: functions(),
        choice: ToolChoice::Auto,
        calls_max: 4,
        deadline: Instant::now() + Duration::from_secs(600),
    };
    let reply = stock.decode(&request, &|| false).unwrap();
    assert_eq!(reply.decoded.calls.len(), calls.len(), "{query}");
    let calls = reply.decoded.calls.iter().map(|call| (call.candidate, &call.arguments));
    format!("{query}: {:?}", calls.collect::<Vec<_>>())
}

/// What an engine answers, one query after another, and everything that was computed on the way.
fn answers<E: Engine>(checkpoint: Checkpoint<E>) -> (Vec<String>, Vec<Read>) {
    let (stock, seen) = preset(checkpoint);
    let mut told = Vec::new();
    // The first one again, behind a prompt that was kept.
    for (query, calls) in cases().into_iter().chain(cases().into_iter().take(1)) {
        told.push(answer(&stock, query, &calls));
    }
    assert!(stock.prefix_counts().hits > 0);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (told, seen)
}

/// The same with several requests of every case at once.
fn answers_at_once<E: Engine>(checkpoint: Checkpoint<E>) -> (Vec<String>, Vec<Read>) {
    let (stock, seen) = preset(checkpoint);
    let stock = &stock;
    let all: Vec<_> = (0..OF_EACH).flat_map(|_| cases()).collect();
    let told = thread::scope(|scope| {
        let asked: Vec<_> = all
            .iter()
            .map(|(query, calls)| scope.spawn(move || answer(stock, query, calls)))
            .collect();
        asked.into_iter().map(|told| told.join().unwrap()).collect()
    });
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (told, seen)
}

fn folder(name: &str) -> PathBuf {
    Path::new("../checkpoint/tests/parity").join(name)
}

fn on_cpu(name: &str) -> Checkpoint<OnCpu> {
    Checkpoint::open(&folder(name), &Options::default()).unwrap().map(OnCpu)
}

fn on_device(name: &str, cache_bytes_max: usize) -> Checkpoint<Decoder<Host>> {
    let room = Room { float: Float::F16, cache_bytes_max, batch_tokens_max: 32, splits_max: 1 };
    let opened: Result<_, DeviceError> =
        Checkpoint::open_as(&folder(name), &Options::default(), |blueprint| {
            load(Host::new(1), room, blueprint)
        });
    opened.unwrap()
}

#[track_caller]
fn close(name: &str, found: &Read, truth: &[Vec<f32>]) {
    let tolerance = Tolerance::logits(Float::F16, LAYERS);
    assert_eq!(found.rows.len(), truth.len(), "{name}");
    for (one, truth) in found.rows.iter().flatten().zip(truth.iter().flatten()) {
        let holds = tolerance.holds(*one, *truth);
        assert!(holds, "{name}: {one} for {truth} of {:?}", found.tokens);
    }
}

#[test]
fn the_same_requests_get_the_same_calls_and_logits_within_rounding() {
    for name in FAMILIES {
        let (wanted, truth) = answers(on_cpu(name));
        let (found, computed) = answers(on_device(name, 1 << 19));
        assert_eq!(found, wanted, "{name}");
        assert_eq!(computed.len(), truth.len(), "{name}: as many forwards");
        assert!(truth.len() > 50, "{name}: {} forwards", truth.len());
        for (at, (found, wanted)) in computed.iter().zip(&truth).enumerate() {
            assert_eq!(found.tokens, wanted.tokens, "{name}: forward {at}");
            close(name, found, &wanted.rows);
        }
    }
}

#[test]
fn requests_at_once_get_the_calls_and_logits_that_the_cpu_gives_one_after_another() {
    let name = "qwen3";
    let (wanted, truth) = answers(on_cpu(name));
    let (found, computed) = answers_at_once(on_device(name, 1 << 20));
    for (at, found) in found.iter().enumerate() {
        assert_eq!(found, &wanted[at % cases().len()], "{name}: request {at}");
    }
    assert_eq!(found.len(), OF_EACH * cases().len());
    // Who read what first is chance: what is behind the same tokens is the same.
    type Asked<'a> = (&'a [u32], &'a [u32]);
    let truth: BTreeMap<Asked<'_>, &[Vec<f32>]> =
        truth.iter().map(|read| ((&*read.before, &*read.tokens), &*read.rows)).collect();
    assert!(computed.len() > truth.len(), "{} forwards", computed.len());
    let mut left = truth.clone();
    for read in &computed {
        let key = (&*read.before, &*read.tokens);
        let rows = truth.get(&key).expect("the CPU read it, too");
        close(name, read, rows);
        left.remove(&key);
    }
    assert!(left.is_empty(), "{} were read on the CPU alone", left.len());
}
