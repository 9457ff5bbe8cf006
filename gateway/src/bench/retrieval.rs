//! Finding ten functions of many: the exact scan, the graph and the words, over the same functions
//! and requests.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::prompt;
use hyfunc_functions::Function;
use hyfunc_retrieval::{Bm25, Bm25Config, Exact, Hnsw, HnswConfig, IndexConfig, Scored};
use indicatif::ProgressBar;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::spawn_blocking;

use super::effort::{Effort, Turns};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, progress, synthetic, units};

/// Functions where nobody says otherwise.
const FUNCTIONS: &[usize] = &[1_024, 4_096, 16_384];
/// Functions found for a request.
const FOUND: usize = 10;
/// Width of a vector.
const DIMS: usize = 256;
/// Functions that lie around one centre, as functions of one topic do.
const CLUSTER: usize = 32;
/// How far they lie from it, beside the centre's own extent of 1.
const SPREAD: f32 = 0.4;
/// How far a request lies from the function that it wants.
const BLUR: f32 = 0.5;
/// Different requests, in turn.
const REQUESTS: usize = 256;
/// Seed of everything random.
const SEED: u64 = 0x7365_6172_6368;

/// What rows are counted in.
const OF: &str = "functions";

/// The three ways, in the order of their rows.
const EXACT: &str = "exact scan";
const GRAPH: &str = "HNSW graph";
const WORDS: &str = "BM25";

/// Somebody who wants a function.
struct Request {
    wanted: u32,
    vector: Vec<f32>,
    text: String,
}

/// The same functions in three indices.
struct Shelf {
    rows: Exact,
    graph: Hnsw,
    words: Bm25,
    requests: Vec<Request>,
    /// How long each took to build.
    built: [Duration; 3],
}

impl Shelf {
    fn build(functions: &[Arc<Function>]) -> Result<Self, BenchError> {
        let mut rng = StdRng::seed_from_u64(SEED ^ functions.len() as u64);
        let vectors = clustered(functions.len(), &mut rng);
        let began = Instant::now();
        let mut rows = Exact::new();
        for (id, vector) in (0..).zip(&vectors) {
            rows.insert(id, vector)?;
        }
        let exact = began.elapsed();
        let began = Instant::now();
        let graph = Hnsw::build(&rows, HnswConfig::default())?;
        let linked = began.elapsed();
        let texts: Vec<String> = functions.iter().map(|f| prompt::function_text(f)).collect();
        let began = Instant::now();
        let mut words = Bm25::new(Bm25Config::default())?;
        for (id, text) in (0..).zip(&texts) {
            words.insert(id, text)?;
        }
        let worded = began.elapsed();
        let requests = (0..REQUESTS)
            .map(|_| {
                let wanted = rng.random_range(0..functions.len());
                let vector = near(&vectors[wanted], BLUR, &mut rng);
                let text = synthetic::request(&functions[wanted], &mut rng);
                Request { wanted: wanted as u32, vector, text }
            })
            .collect();
        Ok(Self { rows, graph, words, requests, built: [exact, linked, worded] })
    }

    fn find(&self, way: &str, request: &Request) -> Result<Vec<Scored>, BenchError> {
        Ok(match way {
            EXACT => self.rows.search(&request.vector, FOUND)?,
            // As the index does: where the graph gives up, the scan answers.
            GRAPH => match self.graph.search(&request.vector, FOUND)? {
                Some(found) => found,
                None => self.rows.search(&request.vector, FOUND)?,
            },
            _ => self.words.search(&request.text, FOUND)?,
        })
    }

    /// How well one way finds: of the exact scan's ten, and of the functions that are wanted.
    fn recall(&self, way: &str) -> Result<(f64, f64), BenchError> {
        let (mut same, mut all, mut wanted) = (0, 0, 0);
        for request in &self.requests {
            let truth = self.find(EXACT, request)?;
            let found: HashSet<u32> =
                self.find(way, request)?.iter().map(|scored| scored.id).collect();
            same += truth.iter().filter(|scored| found.contains(&scored.id)).count();
            all += truth.len();
            wanted += usize::from(found.contains(&request.wanted));
        }
        Ok((share(same, all), share(wanted, self.requests.len())))
    }

    /// The time of one way, request after request.
    fn time(&self, way: &str, effort: Effort) -> Result<Samples, BenchError> {
        self.samples(way, effort.warm_up())?;
        self.samples(way, effort)
    }

    fn samples(&self, way: &str, effort: Effort) -> Result<Samples, BenchError> {
        let turns = Turns::new(effort);
        let mut samples = Samples::default();
        for request in self.requests.iter().cycle() {
            if !turns.take() {
                break;
            }
            let began = Instant::now();
            std::hint::black_box(self.find(way, request)?);
            samples.add(began.elapsed());
        }
        Ok(samples)
    }
}

/// Vectors around centres.
fn clustered(len: usize, rng: &mut StdRng) -> Vec<Vec<f32>> {
    let centres: Vec<Vec<f32>> = (0..(len / CLUSTER).max(1))
        .map(|_| (0..DIMS).map(|_| rng.random_range(-1.0..1.0)).collect())
        .collect();
    (0..len).map(|at| near(&centres[at % centres.len()], SPREAD, rng)).collect()
}

fn near(centre: &[f32], spread: f32, rng: &mut StdRng) -> Vec<f32> {
    centre.iter().map(|x| x + spread * rng.random_range(-1.0f32..1.0)).collect()
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let sizes =
        if bench.functions.is_empty() { FUNCTIONS.to_vec() } else { bench.functions.clone() };
    let effort = bench.effort;
    let bar = progress::bar(Part::Retrieval, 3 * sizes.len());
    let measured = spawn_blocking(move || {
        let mut rows = Vec::new();
        for functions in sizes {
            rows.extend(at_size(functions, effort, &bar)?);
        }
        bar.finish_and_clear();
        Ok::<_, BenchError>(rows)
    });
    let rows = measured.await.map_err(|_| BenchError::Panicked)??;
    let picture = Picture::lines("Half of the searches took at most", Scale::Time, &rows, |row| {
        Some(row.times.as_ref()?.p50_us)
    });
    Ok(PartReport {
        part: Part::Retrieval,
        about: format!(
            "the {FOUND} best of so many made-up functions, the same every run: vectors of {DIMS} \
             numbers around centres, texts as the library has them, {REQUESTS} requests in turn"
        ),
        notes: vec![
            "recall at 10: share of the exact scan's ten; found at 10: share of the functions that \
             the requests were made for"
                .into(),
            crossover(&rows),
        ],
        rows,
        pictures: vec![picture],
    })
}

fn at_size(count: usize, effort: Effort, bar: &ProgressBar) -> Result<Vec<Row>, BenchError> {
    bar.set_message(format!("building over {} {OF}", units::whole(count)));
    let functions = synthetic::functions(count);
    let shelf = Shelf::build(&functions)?;
    let mut rows: Vec<Row> = Vec::new();
    for (way, built) in [EXACT, GRAPH, WORDS].into_iter().zip(shelf.built) {
        bar.set_message(format!("{way}, {} {OF}", units::whole(count)));
        let samples = shelf.time(way, effort)?;
        let mut row = Row::timed(way, samples.times_in_turn()).at(functions.len(), OF);
        let (same, wanted) = shelf.recall(way)?;
        if way != WORDS {
            row.figure("recall_at_10", same);
        }
        row.figure("found_at_10", wanted);
        row.figure("build_ms", built.as_secs_f64() * 1e3);
        if let (GRAPH, Some(exact)) = (way, rows.first()) {
            row.beside(exact, EXACT);
        }
        rows.push(row);
        bar.inc(1);
    }
    Ok(rows)
}

/// From how many functions on the graph was the faster one, beside the size from which it serves.
fn crossover(rows: &[Row]) -> String {
    let default = units::whole(IndexConfig::default().hnsw_functions_min);
    let p50 = |way: &'static str| {
        rows.iter()
            .filter(move |row| row.name == way)
            .filter_map(|row| Some((row.at?.count, row.times.as_ref()?.p50_us)))
    };
    let faster = p50(EXACT).zip(p50(GRAPH)).find(|(scan, graph)| graph.1 < scan.1);
    match faster {
        Some(((count, _), _)) => format!(
            "of these sizes the graph is the faster one first at {}; by default it serves from \
             {default} on",
            units::whole(count)
        ),
        None => format!(
            "the scan is the faster one at every one of these sizes; by default the graph serves \
             from {default} on"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Times;

    #[test]
    fn the_scan_is_the_truth_and_the_others_find_most_of_what_is_wanted() {
        let shelf = Shelf::build(&synthetic::functions(512)).unwrap();
        let (same, wanted) = shelf.recall(EXACT).unwrap();
        assert_eq!(same, 1.0);
        assert!(wanted > 0.9, "{wanted}");
        let (same, wanted) = shelf.recall(GRAPH).unwrap();
        assert!(same > 0.95 && wanted > 0.9, "{same} {wanted}");
        let (_, wanted) = shelf.recall(WORDS).unwrap();
        assert!(wanted > 0.3, "{wanted}");
    }

    #[test]
    fn recall_counts_what_is_missing() {
        let mut shelf = Shelf::build(&synthetic::functions(64)).unwrap();
        for id in 0..32 {
            shelf.graph.remove(id);
        }
        let (same, wanted) = shelf.recall(GRAPH).unwrap();
        assert!(same < 0.9 && wanted < 0.9, "half of the functions are gone: {same} {wanted}");
    }

    #[test]
    fn the_crossover_is_the_first_size_at_which_the_graph_is_faster() {
        let row = |way: &str, count, p50_us| {
            let times =
                Times { samples: 1, p50_us, p95_us: p50_us, p99_us: p50_us, per_second: 1.0 };
            Row::timed(way, Some(times)).at(count, OF)
        };
        let rows = |graph: [f64; 2]| {
            vec![
                row(EXACT, 1_024, 10.0),
                row(GRAPH, 1_024, graph[0]),
                row(EXACT, 4_096, 40.0),
                row(GRAPH, 4_096, graph[1]),
            ]
        };
        assert!(crossover(&rows([20.0, 30.0])).contains("first at 4,096"));
        assert!(crossover(&rows([5.0, 6.0])).contains("first at 1,024"));
        assert!(crossover(&rows([20.0, 50.0])).contains("at every one"));
        assert!(crossover(&[]).contains("8,192"));
    }
}
