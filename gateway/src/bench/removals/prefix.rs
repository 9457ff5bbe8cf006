//! The large model reads every function of the library before the query, at each request, as the
//! paper has it; beside it the query alone, as it serves. What it then says is of no interest: it was
//! not trained to read them, and time does not depend on that.

use std::time::Instant;

use hyfunc_cascade::Cascade;
use tokio::task::spawn_blocking;

use super::{DEADLINE, OF, Scene};
use crate::app;
use crate::bench::effort::{Effort, Turns};
use crate::bench::floor::{Shapes, Work};
use crate::bench::row::Row;
use crate::bench::samples::Samples;
use crate::bench::{Bench, BenchError};
use crate::config::ModelsConfig;

const ALONE: &str = "distil, the query alone";
const BEHIND: &str = "distil, the library read before it";

/// Both rows.
pub(super) async fn rows(
    scene: &Scene,
    models: &ModelsConfig,
    shapes: &Shapes,
    bench: &Bench,
) -> Result<Vec<Row>, BenchError> {
    let library_tokens = shapes.query_tokens(&scene.library);
    let mut models = models.clone();
    models.query_tokens_max += library_tokens;
    let loaded = spawn_blocking(move || app::cascade(&models)).await;
    let cascade = loaded.map_err(|_| BenchError::Panicked)??;
    let alone = row(ALONE, &cascade, scene, "", bench.effort).await?;
    let mut behind = row(BEHIND, &cascade, scene, &scene.library, bench.effort).await?;
    let mut more = Work::default();
    for asked in &scene.asked {
        more += reading(shapes, library_tokens, shapes.query_tokens(&asked.request.query));
    }
    behind.figure("predicted_more_us", more.mean(scene.asked.len(), &bench.ceilings).us);
    behind.figure("library_tokens", library_tokens as f64);
    behind.beside(&alone, ALONE);
    Ok(vec![alone, behind])
}

/// What the library costs on top of a query.
fn reading(shapes: &Shapes, library_tokens: usize, query_tokens: usize) -> Work {
    let (with, without) =
        (shapes.distil(library_tokens + query_tokens), shapes.distil(query_tokens));
    Work { bytes: with.bytes - without.bytes, operations: with.operations - without.operations }
}

async fn row(
    name: &'static str,
    cascade: &Cascade,
    scene: &Scene,
    before: &str,
    effort: Effort,
) -> Result<Row, BenchError> {
    distil(cascade, scene, before, effort.warm_up()).await?;
    let samples = distil(cascade, scene, before, effort).await?;
    Ok(Row::timed(name, samples.times_in_turn()).at(1, OF))
}

/// Distils one query after another, each behind the same text.
async fn distil(
    cascade: &Cascade,
    scene: &Scene,
    before: &str,
    effort: Effort,
) -> Result<Samples, BenchError> {
    let turns = Turns::new(effort);
    let mut samples = Samples::default();
    let mut queries = scene.asked.iter().map(|asked| &asked.request.query).cycle();
    while turns.take() {
        let Some(query) = queries.next() else { break };
        let text = format!("{before}{query}");
        let began = Instant::now();
        cascade.distil(&text, began + DEADLINE).await?;
        samples.add(began.elapsed());
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_costs_its_tokens_and_none_costs_nothing() {
        let shapes = Shapes::read("").unwrap();
        assert_eq!(reading(&shapes, 0, 12), Work::default());
        let (small, large) = (reading(&shapes, 100, 12), reading(&shapes, 200, 12));
        assert!(small.operations > 0.0 && small.bytes > 0.0, "{small:?}");
        // Tokens meet each other, too.
        assert!(large.operations > 2.0 * small.operations, "{small:?}, {large:?}");
    }
}
