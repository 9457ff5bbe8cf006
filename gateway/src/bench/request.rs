//! One request at a time through every step: the models that serve, the library's own examples.
//!
//! Requests go through the router as they come off a socket, without one; each step's time is what
//! the gateway itself tells in its answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;

use super::effort::{Effort, Turns};
use super::floor::{Shapes, Work};
use super::gateway;
use super::picture::{Picture, Span};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, progress};
use crate::app::App;
use crate::library::Library;
use crate::pipeline::Step;

/// The steps that an answer tells of; the last one is at work while it is written.
const STEPS: [Step; 5] = [Step::Accept, Step::Distil, Step::Retrieve, Step::Decode, Step::Dispatch];

/// How tokens come about, as an answer counts them.
const TOKENS: [(&str, &str); 5] = [
    ("prompt", "prompt_tokens"),
    ("injected", "injected_tokens"),
    ("chosen", "chosen_tokens"),
    ("sampled", "sampled_tokens"),
    ("copied", "copied_tokens"),
];

/// An answer, as far as it tells of its own making.
#[derive(Deserialize)]
struct Answer {
    hyfunc: Own,
}

#[derive(Deserialize)]
struct Own {
    candidates: Vec<Named>,
    calls: Vec<Called>,
    tokens: BTreeMap<String, Json>,
    timings_us: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Called {
    arguments: Json,
    #[serde(default)]
    result: Json,
    pieces: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    kind: String,
}

impl Called {
    /// Questions that a model answered; the rest of a template is fixed.
    fn decisions(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.kind != "injected").count()
    }
}

/// A request that is asked again and again.
struct Asked {
    body: Bytes,
    query_tokens: usize,
}

/// What is known before anything is asked.
struct Scene {
    shapes: Shapes,
    router: Router,
    asked: Vec<Asked>,
    /// Tokens of every function's block.
    blocks: HashMap<String, usize>,
}

impl Scene {
    fn new(app: &App, shapes: Shapes) -> Result<Self, BenchError> {
        let library = app.pipeline().shelf.snapshot();
        let model = app.pipeline().models.info().id;
        let asked = gateway::utterances(&library)?
            .iter()
            .map(|query| Asked {
                body: gateway::body(&model, query, false),
                query_tokens: shapes.query_tokens(query),
            })
            .collect();
        let blocks = blocks(&library, &shapes);
        Ok(Self { shapes, router: app.router(), asked, blocks })
    }

    /// Asks one of the requests, whichever is due.
    async fn ask(&self, at: usize) -> Result<(Duration, &Asked, Own), BenchError> {
        let asked = &self.asked[at % self.asked.len()];
        let router = self.router.clone();
        let began = Instant::now();
        let bytes = gateway::ask(router, asked.body.clone()).await?;
        let took = began.elapsed();
        let answer: Answer = serde_json::from_slice(&bytes).map_err(BenchError::Format)?;
        Ok((took, asked, answer.hyfunc))
    }
}

fn blocks(library: &Library, shapes: &Shapes) -> HashMap<String, usize> {
    let entries = library.entries().iter();
    entries
        .map(|entry| (entry.function().name.clone(), shapes.block_tokens(entry.function())))
        .collect()
}

/// What many requests came to.
#[derive(Default)]
struct Trips {
    steps: [Samples; STEPS.len()],
    floors: [Work; STEPS.len()],
    whole: Samples,
    requests: usize,
    /// Of these, those that called anything.
    calling: usize,
    sums: BTreeMap<&'static str, f64>,
}

impl Trips {
    fn add(&mut self, scene: &Scene, asked: &Asked, took: Duration, own: &Own) {
        self.requests += 1;
        self.calling += usize::from(!own.calls.is_empty());
        self.whole.add(took);
        for (at, step) in STEPS.into_iter().enumerate() {
            // A request that calls nothing has nothing to dispatch.
            let is_idle = step == Step::Dispatch && own.calls.is_empty();
            if let Some(micros) = own.timings_us.get(step.name()).filter(|_| !is_idle) {
                self.steps[at].add(Duration::from_micros(*micros));
            }
        }
        for (floor, work) in self.floors.iter_mut().zip(floors(scene, asked, own)) {
            *floor += work;
        }
        for (name, sum) in TOKENS {
            self.sum(sum, own.tokens.get(name).and_then(Json::as_f64).unwrap_or_default());
        }
        self.sum("body_bytes", asked.body.len() as f64);
        self.sum("query_tokens", asked.query_tokens as f64);
        self.sum("candidates", own.candidates.len() as f64);
        self.sum("calls", own.calls.len() as f64);
    }

    fn sum(&mut self, name: &'static str, value: f64) {
        *self.sums.entry(name).or_default() += value;
    }

    fn mean(&self, name: &'static str) -> f64 {
        self.sums.get(name).copied().unwrap_or(0.0) / self.requests.max(1) as f64
    }

    /// Requests over which a step's floor is the mean.
    fn over(&self, step: Step) -> usize {
        if step == Step::Dispatch { self.calling } else { self.requests }
    }
}

/// What one request must do at least, step by step.
fn floors(scene: &Scene, asked: &Asked, own: &Own) -> [Work; STEPS.len()] {
    let shapes = &scene.shapes;
    let block = |named: &Named| scene.blocks.get(&named.name).copied().unwrap_or(0);
    let blocks: Vec<usize> = own.candidates.iter().map(block).collect();
    let decisions: Vec<usize> = own.calls.iter().map(Called::decisions).collect();
    let bytes = |of: fn(&Called) -> &Json| {
        own.calls.iter().map(|call| of(call).to_string().len()).sum::<usize>()
    };
    [
        shapes.accept(asked.body.len()),
        shapes.distil(asked.query_tokens),
        shapes.retrieve(scene.blocks.len()),
        shapes.decode(asked.query_tokens, &blocks, &decisions),
        shapes.dispatch(bytes(|call| &call.arguments), bytes(|call| &call.result)),
    ]
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let config = gateway::config(bench.config.clone(), 1);
    let shapes = Shapes::read(&config.models.dir)?;
    let (models, plugins) = tokio::try_join!(gateway::cascade(&config), gateway::plugins(&config))?;
    let app = App::assemble(config, Arc::new(models), &plugins).await?;
    let scene = Scene::new(&app, shapes)?;
    let bar = progress::bar(Part::Request, 2);
    trips(&scene, bench.effort.warm_up()).await?;
    bar.inc(1);
    let trips = trips(&scene, bench.effort).await?;
    bar.finish_and_clear();
    Ok(report(bench, &scene, &trips))
}

async fn trips(scene: &Scene, effort: Effort) -> Result<Trips, BenchError> {
    let turns = Turns::new(effort);
    let mut trips = Trips::default();
    while turns.take() {
        let (took, asked, own) = scene.ask(trips.requests).await?;
        trips.add(scene, asked, took, &own);
    }
    Ok(trips)
}

fn report(bench: &Bench, scene: &Scene, trips: &Trips) -> PartReport {
    let mut rows = Vec::new();
    for (at, step) in STEPS.into_iter().enumerate() {
        let mut row = Row::timed(step.name(), trips.steps[at].times_in_turn());
        row.floor = Some(trips.floors[at].mean(trips.over(step), &bench.ceilings));
        for &name in figures(step) {
            row.figure(name, trips.mean(name));
        }
        if step == Step::Retrieve {
            row.figure("functions", scene.blocks.len() as f64);
        }
        rows.push(row);
    }
    let picture = Picture::Timeline {
        title: "Half of the requests took at most: each step, and its floor below it".into(),
        spans: rows.iter().filter_map(span).collect(),
    };
    let mut whole = Row::timed("whole", trips.whole.times_in_turn());
    let mut work = Work::default();
    trips.floors.iter().for_each(|floor| work += *floor);
    whole.floor = Some(work.mean(trips.requests, &bench.ceilings));
    rows.push(whole);
    PartReport {
        part: Part::Request,
        about: format!(
            "one request at a time, {} requests from the docs of {} functions; steps as the answer \
             tells them, the whole as its client sees it without a socket",
            scene.asked.len(),
            scene.blocks.len()
        ),
        notes: vec![
            "a floor is what the method must read and compute, at the ceilings above; figures are \
             means over requests"
                .into(),
            format!("dispatch: the {} of {} requests with a call", trips.calling, trips.requests),
        ],
        rows,
        pictures: vec![picture],
    }
}

/// Means that belong to a step.
fn figures(step: Step) -> &'static [&'static str] {
    match step {
        Step::Accept => &["body_bytes"],
        Step::Distil => &["query_tokens"],
        Step::Retrieve => &["candidates"],
        Step::Decode => &[
            "prompt_tokens",
            "injected_tokens",
            "chosen_tokens",
            "sampled_tokens",
            "copied_tokens",
        ],
        Step::Dispatch => &["calls"],
        Step::Respond => &[],
    }
}

fn span(row: &Row) -> Option<Span> {
    let floor_us = row.floor.as_ref().map_or(0.0, |floor| floor.us);
    Some(Span { name: row.name.clone(), us: row.times.as_ref()?.p50_us, floor_us })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(calls: Json) -> Own {
        let answer = json!({"choices": [], "hyfunc": {
            "request_id": "r", "p_call": 0.5, "candidates": [{"name": "f", "score": 0.5}],
            "calls": calls, "tokens": {"prompt": 9, "copied": 2},
            "timings_us": {"accept": 1, "distil": 2, "retrieve": 3, "decode": 4, "dispatch": 5},
        }});
        serde_json::from_value::<Answer>(answer).unwrap().hyfunc
    }

    fn scene() -> Scene {
        Scene {
            shapes: Shapes::read("").unwrap(),
            router: Router::new(),
            asked: vec![Asked { body: Bytes::from_static(b"{}"), query_tokens: 5 }],
            blocks: HashMap::from([("f".to_owned(), 12)]),
        }
    }

    #[test]
    fn what_is_fixed_is_no_decision() {
        let calls = json!([{"function": "f", "arguments": {"n": 1}, "result": 2, "pieces": [
            {"kind": "injected", "text": "<call>f"}, {"kind": "chosen", "text": "yes"},
            {"kind": "copied", "text": "1"}, {"kind": "sampled", "text": "x"},
        ]}]);
        assert_eq!(own(calls).calls[0].decisions(), 3);
    }

    #[test]
    fn a_request_without_a_call_dispatches_nothing() {
        let (scene, took) = (scene(), Duration::from_micros(200));
        let mut trips = Trips::default();
        trips.add(&scene, &scene.asked[0], took, &own(json!([])));
        let called = json!([{"arguments": {"n": 1}, "result": 2, "pieces": []}]);
        trips.add(&scene, &scene.asked[0], took, &own(called));
        let samples = |step: Step| trips.steps[step as usize].times_in_turn().unwrap().samples;
        assert_eq!((samples(Step::Decode), samples(Step::Dispatch)), (2, 1));
        assert_eq!((trips.over(Step::Decode), trips.over(Step::Dispatch)), (2, 1));
        assert_eq!((trips.mean("prompt_tokens"), trips.mean("calls")), (9.0, 0.5));
        // `{"n":1}` goes in and `2` comes out, each of it twice.
        assert_eq!(trips.floors[Step::Dispatch as usize].bytes, 16.0);
    }
}
