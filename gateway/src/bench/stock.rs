//! One call of a checkpoint, decoding alone: what its model is asked, each beside the bytes that it
//! must read.
//!
//! A function of four integers of five digits each: every value has the same length whatever the
//! weights, random ones included, so that runs and programs can be put beside each other.

mod memory;
mod removals;
mod timed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{PieceKind, TokenCounts, ToolChoice};
use hyfunc_checkpoint::Footprint;
use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use hyfunc_stock::{Causal as _, Decoder, Reply, StockRequest, Vocabulary};
use serde_json::{Map, Value as Json, json};
use tokio::task::spawn_blocking;

use self::timed::{Asked, Timed, What};
use super::effort::{Effort, Turns};
use super::machine::resident_bytes;
use super::picture::{Picture, Span};
use super::report::PartReport;
use super::row::{Floor, Row};
use super::samples::Samples;
use super::{Bench, BenchError, Part, progress};
use crate::config::ModelsConfig;
use crate::stock::{self, Model, Template};
use crate::threads;

/// The function that is called.
const FUNCTION: &str = "trips_book";
/// Its parameters, all of them required.
const SLOTS: [&str; 4] = ["guests", "nights", "budget", "rooms"];
/// Digits of each value; a token each with most tokenizers.
const DIGITS: usize = 5;
/// The words of each request, but for those that tell requests apart. No digit stands in them, so that
/// no value is copied from there.
const QUERY: &str = "please book the long trip by train and ship that we talked about last week for \
everybody who wants to come along, and let me know what it costs in all; the request has the number";
/// Of requests.
const NUMBERS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// The row that the others are parts of.
const WHOLE: &str = "whole call";

/// Far beyond any call.
const DEADLINE: Duration = Duration::from_secs(600);

/// What a model is asked in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Prefill,
    Chunk,
    Token,
    HeadAll,
    HeadFew,
}

const STEPS: [Step; 5] = [Step::Prefill, Step::Chunk, Step::Token, Step::HeadAll, Step::HeadFew];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Prefill => "prefill",
            Step::Chunk => "injected chunk",
            Step::Token => "one token",
            Step::HeadAll => "head, every token",
            Step::HeadFew => "head, few tokens",
        }
    }

    /// Which one it is; `began` says whether anything was asked behind the prompt.
    fn of(what: What, began: bool, head_rows_max: usize) -> Self {
        match what {
            What::Read { .. } if !began => Step::Prefill,
            What::Read { tokens: 1, .. } => Step::Token,
            What::Read { .. } => Step::Chunk,
            What::Head { ids: Some(ids), .. } if ids <= head_rows_max => Step::HeadFew,
            What::Head { .. } => Step::HeadAll,
        }
    }
}

/// What steps of one kind took, and must read and compute.
#[derive(Default)]
struct Tally {
    samples: Samples,
    count: usize,
    /// Tokens that were read, or positions that the head was asked about.
    tokens: usize,
    bytes: f64,
    operations: f64,
}

impl Tally {
    /// Means of a step; a floor is of memory alone.
    fn floor(&self, bytes_per_second: f64) -> Floor {
        let count = self.count.max(1) as f64;
        let bytes = self.bytes / count;
        Floor { bytes, operations: self.operations / count, us: bytes / bytes_per_second * 1e6 }
    }
}

/// Calls, added up.
#[derive(Default)]
struct Calls {
    count: usize,
    whole: Samples,
    /// What was not spent in the model: masks, templates, tokens.
    rest: Samples,
    steps: [Tally; STEPS.len()],
    tokens: TokenCounts,
    forwards: usize,
}

impl Calls {
    fn per_call(&self, count: usize) -> f64 {
        count as f64 / self.count.max(1) as f64
    }
}

/// A decoder whose model takes notes, and what it is asked for.
struct Scene {
    id: String,
    timed: Timed,
    decoder: Decoder<Timed>,
    functions: Vec<Arc<Function>>,
    footprint: Footprint,
}

impl Scene {
    fn open(config: &ModelsConfig) -> Result<Self, BenchError> {
        let checkpoint = stock::checkpoint(config)?;
        let settings = stock::settings(config, &checkpoint);
        let timed = Timed::new(Model(checkpoint.model));
        let vocabulary = Vocabulary::new(checkpoint.tokenizer)?;
        let chat = Box::new(Template(checkpoint.chat));
        let decoder = Decoder::new(timed.clone(), vocabulary, chat, settings)?;
        let functions = vec![Arc::new(function()?)];
        let footprint = timed.footprint();
        Ok(Self { id: checkpoint.id, timed, decoder, functions, footprint })
    }

    /// Calls, each by the query of its turn.
    fn calls(&self, effort: Effort, query: fn(usize) -> String) -> Result<Calls, BenchError> {
        let turns = Turns::new(effort);
        let mut calls = Calls::default();
        while turns.take() {
            self.call(&mut calls, query)?;
        }
        Ok(calls)
    }

    fn call(&self, calls: &mut Calls, query: fn(usize) -> String) -> Result<(), BenchError> {
        let request = StockRequest {
            query: query(calls.count),
            earlier: Vec::new(),
            functions: self.functions.clone(),
            choice: ToolChoice::Required,
            calls_max: 1,
            deadline: Instant::now() + DEADLINE,
        };
        self.timed.take();
        let began = Instant::now();
        let reply = self.decoder.decode(&request, &|| false)?;
        let took = began.elapsed();
        if value_digits(&reply) != SLOTS.len() * DIGITS {
            return Err(BenchError::Unanswered { name: FUNCTION });
        }
        let asked = self.timed.take();
        self.add(calls, &reply, took, &asked);
        Ok(())
    }

    fn add(&self, calls: &mut Calls, reply: &Reply, took: Duration, asked: &[Asked]) {
        let head_rows_max = self.timed.head_rows_max();
        let mut has_begun = false;
        let mut in_model = Duration::ZERO;
        for Asked { what, took } in asked {
            let step = Step::of(*what, has_begun, head_rows_max);
            has_begun |= matches!(what, What::Head { .. });
            in_model += *took;
            let (bytes, operations) = work(*what, step, &self.footprint, self.timed.vocab_size());
            let tally = &mut calls.steps[step as usize];
            tally.samples.add(*took);
            tally.count += 1;
            tally.bytes += bytes;
            tally.operations += operations;
            tally.tokens += match what {
                What::Read { tokens, .. } => *tokens,
                What::Head { positions, .. } => *positions,
            };
        }
        calls.count += 1;
        calls.whole.add(took);
        calls.rest.add(took.saturating_sub(in_model));
        calls.tokens += reply.decoded.counts;
        calls.forwards += reply.forwards;
    }
}

/// What a step must read, in bytes, and compute, in multiplications and additions.
fn work(what: What, step: Step, held: &Footprint, vocab_size: usize) -> (f64, f64) {
    match what {
        What::Read { tokens, context } => (
            (held.layers_bytes + context * held.token_bytes) as f64,
            2.0 * held.layers_weights as f64 * tokens as f64,
        ),
        What::Head { positions, ids } => {
            let few = ids.filter(|_| step == Step::HeadFew);
            let share = few.map_or(1.0, |ids| ids as f64 / vocab_size.max(1) as f64);
            let operations = 2.0 * held.head_weights as f64 * positions as f64;
            (held.head_bytes as f64 * share, operations * share)
        }
    }
}

fn function() -> Result<Function, BenchError> {
    let least = 10_u64.pow(DIGITS as u32 - 1);
    let slot = json!({"type": "integer", "minimum": least, "maximum": 10 * least - 1});
    let slots: Map<String, Json> =
        SLOTS.iter().map(|name| ((*name).to_owned(), slot.clone())).collect();
    let parameters = json!({"type": "object", "properties": slots, "required": SLOTS});
    Ok(function_from_schema(FUNCTION, "Book a trip for a group", &parameters)?)
}

fn query(turn: usize) -> String {
    let digits = turn.to_string().into_bytes();
    let words = digits.iter().map(|digit| NUMBERS[usize::from(digit - b'0')]);
    words.fold(QUERY.to_owned(), |query, word| query + " " + word)
}

/// Digits of all values of the one call.
fn value_digits(reply: &Reply) -> usize {
    let pieces = reply.decoded.calls.iter().flat_map(|call| &call.pieces);
    let values =
        pieces.filter(|piece| matches!(piece.kind, PieceKind::Sampled | PieceKind::Copied));
    values.map(|piece| piece.text.len()).sum()
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let (config, effort) = (bench.config.models.clone(), bench.effort);
    if config.checkpoint.is_empty() {
        return Err(BenchError::NoCheckpoint);
    }
    spawn_blocking(move || measured(&config, effort)).await.map_err(|_| BenchError::Panicked)?
}

fn measured(config: &ModelsConfig, effort: Effort) -> Result<PartReport, BenchError> {
    let bar = progress::bar(Part::Stock, 4);
    // The floor is written down before anything is measured that it is held against.
    let threads = threads::of_tensors();
    let bytes_per_second = memory::read_bytes_per_second(threads);
    let (before, began) = (resident_bytes(), Instant::now());
    let mut scene = Scene::open(config)?;
    let load = began.elapsed();
    bar.inc(1);
    let mut first = Calls::default();
    scene.call(&mut first, query)?;
    scene.calls(effort.warm_up(), query)?;
    bar.inc(1);
    let calls = scene.calls(effort, query)?;
    bar.inc(1);
    let mut rows = rows(&calls, bytes_per_second);
    let whole = Row::timed(WHOLE, calls.whole.times_in_turn());
    rows.extend(removals::rows(&mut scene, &whole, effort)?);
    bar.finish_and_clear();
    rows.push(Row::timed("first call, functions not read before", first.whole.times_in_turn()));
    let mut loaded = Row::timed("load", None);
    loaded.figure("load_ms", load.as_secs_f64() * 1e3);
    for (name, bytes) in [
        ("layers_bytes", scene.footprint.layers_bytes),
        ("head_bytes", scene.footprint.head_bytes),
        ("embedding_bytes", scene.footprint.embedding_bytes),
    ] {
        loaded.figure(name, bytes as f64);
    }
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        loaded.figure("resident_bytes", after.saturating_sub(before) as f64);
    }
    loaded.figure("threads", threads as f64);
    loaded.figure("read_per_second_bytes", bytes_per_second);
    rows.push(loaded);
    Ok(PartReport {
        part: Part::Stock,
        about: format!(
            "one call of {FUNCTION} with {} values of {DIGITS} digits by {}, weights {}, one at a \
             time; the functions were read before, the query was not",
            SLOTS.len(),
            scene.id,
            config.weights
        ),
        notes: vec![
            "a floor is what must be read of the weights and of the keys and values, at what the \
             threads of a tensor operation read in this run; a chunk and a prefill compute besides"
                .into(),
            "the times of a step are of each time that it is done; `per call` says how often"
                .into(),
            "drafts gain where the checkpoint copies numbers from the query, as random weights do by \
             chance alone: sampled tokens and forwards say whether it did"
                .into(),
        ],
        pictures: vec![timeline(&calls, bytes_per_second)],
        rows,
    })
}

fn rows(calls: &Calls, bytes_per_second: f64) -> Vec<Row> {
    let per_call = |count: usize| calls.per_call(count);
    let mut rows = Vec::new();
    let mut whole = Row::timed(WHOLE, calls.whole.times_in_turn());
    let bytes: f64 = calls.steps.iter().map(|tally| tally.bytes).sum();
    let operations: f64 = calls.steps.iter().map(|tally| tally.operations).sum();
    let one = Tally { count: calls.count, bytes, operations, ..Tally::default() };
    whole.floor = Some(one.floor(bytes_per_second));
    for (name, count) in [
        ("prompt_tokens", calls.tokens.prompt),
        ("injected_tokens", calls.tokens.injected),
        ("chosen_tokens", calls.tokens.chosen),
        ("sampled_tokens", calls.tokens.sampled),
        ("forwards", calls.forwards),
    ] {
        whole.figure(name, per_call(count));
    }
    rows.push(whole);
    for (step, tally) in STEPS.into_iter().zip(&calls.steps) {
        if tally.count == 0 {
            continue;
        }
        let mut row = Row::timed(step.name(), tally.samples.times_in_turn());
        row.floor = Some(tally.floor(bytes_per_second));
        row.figure("per_call", per_call(tally.count));
        row.figure("tokens", tally.tokens as f64 / tally.count as f64);
        rows.push(row);
    }
    rows.push(Row::timed("masks, templates, tokens", calls.rest.times_in_turn()));
    rows
}

/// What a call spends on each step, all of its times together.
fn timeline(calls: &Calls, bytes_per_second: f64) -> Picture {
    let spans = STEPS.into_iter().zip(&calls.steps).filter_map(|(step, tally)| {
        let per_call = calls.per_call(tally.count);
        let us = tally.samples.times_in_turn()?.p50_us * per_call;
        let floor_us = tally.floor(bytes_per_second).us * per_call;
        Some(Span { name: step.name().to_owned(), us, floor_us })
    });
    Picture::Timeline {
        title: "A call: what each step takes in all, and its floor below it".into(),
        spans: spans.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Footprint = Footprint {
        embedding_bytes: 0,
        layers_bytes: 1_000,
        head_bytes: 300,
        token_bytes: 10,
        layers_weights: 900,
        head_weights: 100,
    };

    #[test]
    fn steps_are_told_apart_and_read_what_they_must() {
        let read = |tokens| What::Read { tokens, context: 5 };
        let head = |ids| What::Head { positions: 2, ids };
        for (what, began, step, bytes, operations) in [
            (read(40), false, Step::Prefill, 1_050.0, 72_000.0),
            (read(1), false, Step::Prefill, 1_050.0, 1_800.0),
            (read(7), true, Step::Chunk, 1_050.0, 12_600.0),
            (read(1), true, Step::Token, 1_050.0, 1_800.0),
            (head(None), true, Step::HeadAll, 300.0, 400.0),
            (head(Some(20)), true, Step::HeadAll, 300.0, 400.0),
            (head(Some(5)), true, Step::HeadFew, 15.0, 20.0),
        ] {
            assert_eq!(Step::of(what, began, 10), step, "{what:?}");
            assert_eq!(work(what, step, &HELD, 100), (bytes, operations), "{what:?}");
        }
    }

    #[test]
    fn a_floor_is_bytes_at_the_rate_of_the_run() {
        let tally = Tally { count: 2, bytes: 4e6, operations: 8.0, ..Tally::default() };
        assert_eq!(tally.floor(1e9), Floor { bytes: 2e6, operations: 4.0, us: 2_000.0 });
        assert_eq!(Tally::default().floor(1e9), Floor::default());
    }

    #[test]
    fn values_have_one_length_and_requests_no_digit() {
        let function = function().unwrap();
        assert_eq!(function.parameters.fields.len(), SLOTS.len());
        assert_eq!(function.name, FUNCTION);
        for turn in [0, 7, 123] {
            assert!(!query(turn).contains(|letter: char| letter.is_ascii_digit()));
        }
        assert!(query(120).ends_with("number one two zero"));
    }
}
