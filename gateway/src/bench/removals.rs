//! What each removal of work gains: the engine's decode as it is, and without one of its parts.

mod prefix;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{
    Ablation, Candidate, Cascade, CascadeError, DecodeRequest, Decoded, PieceKind, ToolChoice,
    prompt,
};
use tokio::task::spawn_blocking;

use super::effort::{Effort, Turns};
use super::floor::{Shapes, Work};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::{Samples, together};
use super::{Bench, BenchError, Part, gateway, progress};
use crate::app;
use crate::config::Config;
use crate::library::Library;

/// Requests at once where batching is measured: alone, there is nothing to batch.
const AT_ONCE: usize = 8;

/// What rows are counted in.
const OF: &str = "at once";

/// What everything stands beside.
const WHOLE: &str = "whole engine";

/// Far beyond any request.
const DEADLINE: Duration = Duration::from_secs(60);

/// The engine without one part.
struct Removal {
    name: &'static str,
    ablate: Ablation,
    at_once: usize,
    /// What a request then costs on top, at least.
    more: fn(&Scene, &Shapes, &Asked) -> Work,
}

/// A part at a time. `true` leaves it out.
fn removals() -> [Removal; 4] {
    let none = Ablation::default();
    [
        Removal {
            name: "without kept blocks",
            ablate: Ablation { kept_blocks: true, ..none },
            at_once: 1,
            more: |_, shapes, asked| shapes.blocks(&asked.blocks()),
        },
        Removal {
            name: "without parallel slots",
            ablate: Ablation { parallel_slots: true, ..none },
            at_once: 1,
            more: |_, shapes, asked| shapes.forwards(asked.slots() as f64),
        },
        Removal {
            name: "without bulk copy",
            ablate: Ablation { bulk_copy: true, ..none },
            at_once: 1,
            more: |_, shapes, asked| shapes.forwards(asked.copied(shapes) as f64),
        },
        Removal {
            name: "without batching",
            ablate: Ablation { batching: true, ..none },
            at_once: AT_ONCE,
            more: |scene, shapes, asked| {
                let (at_once, threads) = (AT_ONCE as f64, scene.threads as f64);
                // Those before it on its thread read the weights each for itself.
                shapes.forwards(asked.forwards() as f64 * (at_once / threads - 1.0).max(0.0))
            },
        },
    ]
}

/// A request, and what the whole engine decides about it.
struct Asked {
    request: DecodeRequest,
    decoded: Decoded,
}

impl Asked {
    /// Tokens of its candidates' blocks.
    fn blocks(&self) -> Vec<usize> {
        self.request.candidates.iter().map(|of| of.prepared.block_tokens()).collect()
    }

    /// Parameters of its calls beyond the first of each.
    fn slots(&self) -> usize {
        let of = |candidate: usize| &self.request.candidates[candidate].prepared;
        let parameters =
            self.decoded.calls.iter().map(|call| {
                of(call.candidate).function().parameters.fields.len().saturating_sub(1)
            });
        parameters.sum()
    }

    /// Tokens of the longest value that each of its calls copies.
    fn copied(&self, shapes: &Shapes) -> usize {
        let longest = self.decoded.calls.iter().map(|call| {
            let copied = call.pieces.iter().filter(|piece| piece.kind == PieceKind::Copied);
            copied.map(|piece| shapes.query_tokens(&piece.text)).max().unwrap_or(0)
        });
        longest.sum()
    }

    /// The query, and for each call a round and the question for one more.
    fn forwards(&self) -> usize {
        1 + 2 * self.decoded.calls.len()
    }
}

/// Requests that every engine is asked.
struct Scene {
    asked: Vec<Asked>,
    /// What the large model reads of each function, all of them behind each other.
    library: String,
    threads: usize,
}

impl Scene {
    async fn new(config: &Config, whole: &Cascade) -> Result<Self, BenchError> {
        let plugins = gateway::plugins(config).await?;
        let library = Library::build(&plugins, whole).await?;
        let mut asked = Vec::new();
        for query in gateway::utterances(&library)? {
            let deadline = Instant::now() + DEADLINE;
            let intent = whole.distil(&query, deadline).await?;
            let found =
                library.search(&intent.query_vector, &query, config.retrieval.candidates_max)?;
            let candidates = found
                .into_iter()
                .map(|(entry, hit)| Candidate {
                    prepared: Arc::clone(&entry.prepared),
                    score: hit.score,
                })
                .collect();
            let choice = ToolChoice::Auto;
            let calls_max = config.request.calls_max;
            let request = DecodeRequest {
                query,
                earlier: Vec::new(),
                intent,
                candidates,
                choice,
                calls_max,
                deadline,
            };
            let decoded = whole.decode(request.clone()).await?;
            asked.push(Asked { request, decoded });
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = match config.models.threads {
            0 => cores,
            threads => threads,
        };
        let read = library.entries().iter().map(|entry| prompt::function_text(entry.function()));
        let library = read.map(|text| text + " . ").collect();
        Ok(Self { asked, library, threads })
    }

    fn request(&self, at: usize) -> DecodeRequest {
        let request = self.asked[at % self.asked.len()].request.clone();
        DecodeRequest { deadline: Instant::now() + DEADLINE, ..request }
    }
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let config = gateway::config(bench.config.clone(), AT_ONCE);
    let shapes = Shapes::read(&config.models.dir)?;
    let whole = gateway::cascade(&config).await?;
    let scene = Arc::new(Scene::new(&config, &whole).await?);
    let bar = progress::bar(Part::Removals, removals().len() + 3);
    let mut rows = Vec::new();
    for at_once in [1, AT_ONCE] {
        bar.set_message(format!("{WHOLE}, {at_once} {OF}"));
        rows.push(row(WHOLE, &whole, &scene, at_once, bench.effort).await?);
        bar.inc(1);
    }
    for removal in removals() {
        bar.set_message(removal.name);
        let models = config.models.clone();
        let without = spawn_blocking(move || app::cascade_without(&models, removal.ablate)).await;
        let without = without.map_err(|_| BenchError::Panicked)??;
        let mut own = row(removal.name, &without, &scene, removal.at_once, bench.effort).await?;
        let mut more = Work::default();
        for asked in &scene.asked {
            more += (removal.more)(&scene, &shapes, asked);
        }
        own.figure("predicted_more_us", more.mean(scene.asked.len(), &bench.ceilings).us);
        let whole = rows.iter().find(|whole| whole.name == WHOLE && whole.at == own.at);
        if let Some(whole) = whole {
            own.beside(whole, WHOLE);
        }
        rows.push(own);
        bar.inc(1);
    }
    bar.set_message("library read before every query");
    rows.extend(prefix::rows(&scene, &config.models, &shapes, bench).await?);
    bar.finish_and_clear();
    Ok(report(&scene, rows))
}

async fn row(
    name: &'static str,
    cascade: &Cascade,
    scene: &Arc<Scene>,
    at_once: usize,
    effort: Effort,
) -> Result<Row, BenchError> {
    decode(cascade, scene, at_once, effort.warm_up()).await?;
    let (samples, elapsed) = decode(cascade, scene, at_once, effort).await?;
    Ok(Row::timed(name, samples.times(elapsed)).at(at_once, OF))
}

/// Decodes, so many requests at once.
async fn decode(
    cascade: &Cascade,
    scene: &Arc<Scene>,
    at_once: usize,
    effort: Effort,
) -> Result<(Samples, Duration), BenchError> {
    let turns = Arc::new(Turns::new(effort));
    together(at_once, |client| {
        let (cascade, scene, turns) = (cascade.clone(), Arc::clone(scene), Arc::clone(&turns));
        async move {
            let mut samples = Samples::default();
            let mut at = client;
            while turns.take() {
                let request = scene.request(at);
                let began = Instant::now();
                cascade.decode(request).await?;
                samples.add(began.elapsed());
                at += 1;
            }
            Ok::<_, CascadeError>(samples)
        }
    })
    .await
}

fn report(scene: &Scene, rows: Vec<Row>) -> PartReport {
    let bars = Picture::bars("Half of them took at most", Scale::Time, &rows, |row| {
        Some(row.times.as_ref()?.p50_us)
    });
    PartReport {
        part: Part::Removals,
        about: format!(
            "decode alone, {} requests from the functions' docs; results are the same in every row of \
             it; then distil alone",
            scene.asked.len()
        ),
        notes: vec![
            "predicted: bytes and operations that a request costs on top, at the ceilings above; \
             measured stands beside it as the difference of the medians"
                .into(),
            "the tiny large model never reads the library at a request; here it does before the query, \
             as the paper's does, only to see what that takes"
                .into(),
        ],
        rows,
        pictures: vec![bars],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_removal_leaves_out_one_part() {
        let mut seen = Vec::new();
        for removal in removals() {
            let Ablation { kept_blocks, parallel_slots, bulk_copy, batching } = removal.ablate;
            let parts = [kept_blocks, parallel_slots, bulk_copy, batching];
            assert_eq!(parts.iter().filter(|part| **part).count(), 1, "{}", removal.name);
            seen.push(parts);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4, "all parts, each once");
    }
}
