//! Making a library ready: time and memory of all its functions, and of one more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{Cascade, Prepared};
use hyfunc_functions::Function;
use hyfunc_retrieval::{Entry, Index};
use tokio::task::spawn_blocking;

use super::effort::{Effort, Turns};
use super::machine::resident_bytes;
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, gateway, progress, synthetic, units};
use crate::library::index_of;

/// Functions where nobody says otherwise.
const FUNCTIONS: &[usize] = &[100, 1_000, 10_000];

/// Functions that the models are given at once, so that progress can be seen.
const CHUNK: usize = 256;

/// What rows are counted in.
const OF: &str = "functions";

const BUILD: &str = "build the library";
const ADD: &str = "add one function";

/// A library that is ready, and what that took.
struct Built {
    functions: usize,
    prepared: Vec<Arc<Prepared>>,
    index: Arc<Index>,
    preparing: Duration,
    indexing: Duration,
    /// Growth of the process.
    resident_bytes: Option<u64>,
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let sizes: &[usize] = if bench.functions.is_empty() { FUNCTIONS } else { &bench.functions };
    // Everything is made here and now: nothing comes from an earlier start.
    let mut config = bench.config.clone();
    config.models.prepared_dir = String::new();
    let cascade = gateway::cascade(&config).await?;
    // The first function of all pays for what is made only once.
    cascade.prepare_library(synthetic::functions(1)).await?;
    let bar = progress::bar(Part::Load, sizes.iter().sum());
    let mut rows = Vec::new();
    for &count in sizes {
        bar.set_message(format!("{BUILD} of {} {OF}", units::whole(count)));
        let functions = synthetic::functions(count);
        let built = build(&cascade, functions, |done| bar.inc(done as u64)).await?;
        rows.push(built.row());
        bar.set_message(format!("{ADD} to {}", units::whole(count)));
        add(&cascade, &built, bench.effort.warm_up()).await?;
        let samples = add(&cascade, &built, bench.effort).await?;
        rows.push(Row::timed(ADD, samples.times_in_turn()).at(built.functions, OF));
    }
    bar.finish_and_clear();
    Ok(report(rows))
}

/// Embeds functions, compiles their templates, reads their blocks and indexes them.
async fn build(
    cascade: &Cascade,
    functions: Vec<Arc<Function>>,
    mut done: impl FnMut(usize),
) -> Result<Built, BenchError> {
    let before = resident_bytes();
    let began = Instant::now();
    let mut prepared = Vec::with_capacity(functions.len());
    for chunk in functions.chunks(CHUNK) {
        prepared.extend(cascade.prepare_library(chunk.to_vec()).await?);
        done(chunk.len());
    }
    let preparing = began.elapsed();
    let began = Instant::now();
    let work = spawn_blocking(move || (index_of(prepared.iter()), prepared)).await;
    let (index, prepared) = work.map_err(|_| BenchError::Panicked)?;
    let index = Arc::new(index?);
    let indexing = began.elapsed();
    let grown = |before: u64| Some(resident_bytes()?.saturating_sub(before));
    Ok(Built {
        functions: functions.len(),
        prepared,
        index,
        preparing,
        indexing,
        resident_bytes: before.and_then(grown),
    })
}

impl Built {
    fn row(&self) -> Row {
        let mut row = Row::timed(BUILD, None).at(self.functions, OF);
        let whole = self.preparing + self.indexing;
        row.figure("build_ms", milliseconds(whole));
        row.figure("prepare_ms", milliseconds(self.preparing));
        row.figure("index_ms", milliseconds(self.indexing));
        row.figure("functions_per_second", self.functions as f64 / whole.as_secs_f64().max(1e-9));
        if let Some(bytes) = self.resident_bytes {
            row.figure("resident_bytes", bytes as f64);
        }
        let blocks: usize = self.prepared.iter().map(|prepared| prepared.block_bytes()).sum();
        row.figure("block_bytes", blocks as f64);
        row
    }
}

/// One more function, again and again, each time to the library as it was: prepared, and put into a
/// clone of the index, which is what requests at work keep their snapshot for.
async fn add(cascade: &Cascade, built: &Built, effort: Effort) -> Result<Samples, BenchError> {
    let newcomer = Arc::new(synthetic::function(built.functions));
    let id = u32::try_from(built.functions).unwrap_or(u32::MAX);
    let turns = Turns::new(effort);
    let mut samples = Samples::default();
    while turns.take() {
        let began = Instant::now();
        let prepared = cascade.prepare_library(vec![Arc::clone(&newcomer)]).await?;
        let base = Arc::clone(&built.index);
        let grown = spawn_blocking(move || {
            let mut index = Index::clone(&base);
            for prepared in prepared {
                let (vector, text) = (prepared.vector().to_vec(), prepared.text().to_owned());
                index.insert(Entry { id, vector, text })?;
            }
            Ok::<_, BenchError>(index)
        });
        let grown = grown.await.map_err(|_| BenchError::Panicked)??;
        samples.add(began.elapsed());
        drop(grown);
    }
    Ok(samples)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn report(rows: Vec<Row>) -> PartReport {
    let figure = |row: &Row, name: &str| {
        row.figures.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    };
    let built = |row: &Row| row.name == BUILD;
    let builds: Vec<Row> = rows.iter().filter(|row| built(row)).cloned().collect();
    let adds: Vec<Row> = rows.iter().filter(|row| !built(row)).cloned().collect();
    let pictures = vec![
        Picture::lines("Building the library", Scale::Time, &builds, |row| {
            Some(figure(row, "build_ms")? * 1e3)
        }),
        Picture::lines("Memory of the library", Scale::Bytes, &builds, |row| {
            figure(row, "resident_bytes")
        }),
        Picture::lines(
            "Adding one function, half of the times at most",
            Scale::Time,
            &adds,
            |row| Some(row.times.as_ref()?.p50_us),
        ),
    ];
    PartReport {
        part: Part::Load,
        about: "made-up functions as of a catalogue, the same every run: embedded, compiled into \
                templates, read into blocks by the models that serve, and indexed"
            .into(),
        notes: vec![
            "resident: by how much the process grew; memory that an earlier, smaller library left \
             behind is used again and not counted. block: the keys and values of all blocks; no \
             more of them than models.blocks_bytes_max stay in memory, the rest is read when it is \
             asked for"
                .into(),
            "adding one prepares it and puts it into a clone of the index, since requests at work \
             keep the index that they began with"
                .into(),
        ],
        rows,
        pictures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_was_built_tells_its_time_and_memory() {
        let built = Built {
            functions: 1_000,
            prepared: Vec::new(),
            index: Arc::new(index_of([].iter()).unwrap()),
            preparing: Duration::from_millis(1_500),
            indexing: Duration::from_millis(500),
            resident_bytes: Some(5_000_000),
        };
        let row = built.row();
        assert_eq!(row.label(), "build the library, 1,000 functions");
        for (name, value) in [
            ("build_ms", 2_000.0),
            ("prepare_ms", 1_500.0),
            ("index_ms", 500.0),
            ("functions_per_second", 500.0),
            ("resident_bytes", 5_000_000.0),
            ("block_bytes", 0.0),
        ] {
            assert!(row.figures.contains(&(name, value)), "{name}: {:?}", row.figures);
        }
        let unknown = Built { resident_bytes: None, ..built };
        assert!(unknown.row().figures.iter().all(|(name, _)| *name != "resident_bytes"));
    }

    #[test]
    fn every_size_is_a_point_of_the_pictures() {
        let rows = [100, 1_000].map(|count| {
            let mut row = Row::timed(BUILD, None).at(count, OF);
            row.figure("build_ms", count as f64);
            row
        });
        let report = report(rows.to_vec());
        let Picture::Lines { series, .. } = &report.pictures[0] else { panic!("lines are drawn") };
        assert_eq!(series[0].points, [(100.0, 100_000.0), (1_000.0, 1_000_000.0)]);
    }
}
