//! Throughput and latency over real sockets: the models that serve, and models of a fixed answer
//! beside a bare axum handler.

mod bare;
mod fixed;

use std::sync::Arc;

use axum::body::Bytes;
use hyfunc_functions::Function;
use hyfunc_functions::json::arguments_from_json;
use hyfunc_sandbox::Plugin;
use indicatif::ProgressBar;
use serde_json::Value as Json;

use super::client::{self, Load, Loaded};
use super::gateway::{self, Serving};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::{Bench, BenchError, Part, machine, progress};
use crate::app::App;
use crate::config::Config;
use crate::models::Models;
use crate::open_files;
use bare::Bare;
use fixed::{Fixed, FixedCall};

/// Connections at once where nobody says otherwise: of the models that serve, and of fixed answers.
const PRESET_CONNECTIONS: &[usize] = &[1, 8, 64];
const FIXED_CONNECTIONS: &[usize] = &[1, 64, 1024];

/// Files that a process needs beside two for each connection.
const FILES_SPARE: usize = 64;

/// What rows are counted in.
const CONNECTIONS: &str = "connections";

/// What stands beside fixed answers.
const BARE: &str = "bare axum";

/// The function that is called in a fixed answer.
const FUNCTION: &str = "units_convert";

/// What is measured, and with how many connections.
struct Plan {
    preset: Vec<usize>,
    fixed: Vec<usize>,
    notes: Vec<String>,
}

impl Plan {
    fn new(asked: &[usize], files_max: Option<usize>) -> Self {
        let own = |default: &[usize]| {
            if asked.is_empty() { default.to_vec() } else { asked.to_vec() }
        };
        let (mut preset, mut fixed) = (own(PRESET_CONNECTIONS), own(FIXED_CONNECTIONS));
        let mut notes = Vec::new();
        if let Some(files_max) = files_max {
            let fits = |connections: &usize| files(*connections) <= files_max;
            let largest = preset.iter().chain(&fixed).copied().max().unwrap_or(0);
            if !fits(&largest) {
                notes.push(format!(
                    "left out what needs more open files than the {files_max} allowed; raise the \
                     limit with `ulimit -n {}`",
                    files(largest)
                ));
            }
            preset.retain(fits);
            fixed.retain(fits);
        }
        Self { preset, fixed, notes }
    }

    fn largest(&self) -> usize {
        self.preset.iter().chain(&self.fixed).copied().max().unwrap_or(1)
    }

    /// Rows in all: the preset's, one streamed, and two pairs of fixed and bare.
    fn rows(&self) -> usize {
        self.preset.len() + 1 + 4 * self.fixed.len()
    }
}

/// Open files that so many connections take: both ends of each are of this process.
fn files(connections: usize) -> usize {
    2 * connections + FILES_SPARE
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let most = bench.concurrency.iter().chain(FIXED_CONNECTIONS).copied().max().unwrap_or(1);
    open_files::allow(files(most) as u64);
    let plan = Plan::new(&bench.concurrency, machine::files_max());
    let config = gateway::config(bench.config.clone(), plan.largest());
    let bar = progress::bar(Part::Http, plan.rows());
    let plugins = gateway::plugins(&config).await?;
    let mut rows = preset(bench, &config, &plugins, &plan, &bar).await?;
    for call in [None, Some(fixed_call(&plugins)?)] {
        rows.extend(fixed(bench, &config, &plugins, &plan, call, &bar).await?);
    }
    bar.finish_and_clear();
    let pictures = vec![
        Picture::lines("Requests a second", Scale::Rate, &rows, |row| {
            Some(row.times.as_ref()?.per_second)
        }),
        Picture::lines("Half of the requests took at most", Scale::Time, &rows, |row| {
            Some(row.times.as_ref()?.p50_us)
        }),
        Picture::lines("99 of 100 requests took at most", Scale::Time, &rows, |row| {
            Some(row.times.as_ref()?.p99_us)
        }),
    ];
    Ok(PartReport {
        part: Part::Http,
        about:
            "chat completions over loopback sockets of this process, connections kept; a client \
                thread beside the server takes its share of the cores, of every server alike"
                .into(),
        notes: [
            vec![
                "a fixed answer is decided without models: with no call, or with one that runs in \
                 its sandbox; the bare handler parses the same request and writes the same answer, \
                 and does nothing between"
                    .into(),
            ],
            plan.notes,
        ]
        .concat(),
        rows,
        pictures,
    })
}

/// The models that serve.
async fn preset(
    bench: &Bench,
    config: &Config,
    plugins: &[Plugin],
    plan: &Plan,
    bar: &ProgressBar,
) -> Result<Vec<Row>, BenchError> {
    let models = Arc::new(gateway::cascade(config).await?);
    let model = Models::info(models.as_ref()).id;
    let app = App::assemble(config.clone(), models, plugins).await?;
    let utterances = gateway::utterances(&app.pipeline().shelf.snapshot())?;
    let bodies = |stream: bool| -> Vec<Bytes> {
        utterances.iter().map(|query| gateway::body(&model, query, stream)).collect()
    };
    let (whole, streamed) = (bodies(false), bodies(true));
    let serving = Serving::start(app).await?;
    let load = |bodies: &[Bytes], connections: usize| Load {
        address: serving.address(),
        bodies: bodies.to_vec(),
        connections,
        effort: bench.effort,
    };
    let mut rows = Vec::new();
    for &connections in &plan.preset {
        bar.set_message(format!("{model}, {connections} {CONNECTIONS}"));
        let loaded = client::run(load(&whole, connections)).await?;
        rows.push(row(model.clone(), connections, &loaded));
        bar.inc(1);
    }
    bar.set_message(format!("{model}, streamed"));
    let connections = plan.preset.first().copied().unwrap_or(1);
    let loaded = client::run(load(&streamed, connections)).await?;
    let name = format!("{model}, first streamed byte");
    let mut first = Row::timed(name, loaded.first_byte.times(loaded.elapsed));
    if let Some(times) = loaded.whole.times(loaded.elapsed) {
        first.figure("last_byte_p50_us", times.p50_us);
    }
    rows.push(first.at(connections, CONNECTIONS));
    bar.inc(1);
    serving.stop().await;
    Ok(rows)
}

/// Models of one answer, and the bare handler that gives the same, in turn at each size.
async fn fixed(
    bench: &Bench,
    config: &Config,
    plugins: &[Plugin],
    plan: &Plan,
    call: Option<FixedCall>,
    bar: &ProgressBar,
) -> Result<Vec<Row>, BenchError> {
    let kind = if call.is_some() { "one call" } else { "no call" };
    let models = Arc::new(Fixed { call });
    let body = gateway::body(&models.info().id, "how many miles are 3 km?", false);
    let app = App::assemble(config.clone(), models, plugins).await?;
    let answer = gateway::ask(app.router(), body.clone()).await?;
    let answer: Json = serde_json::from_slice(&answer).map_err(BenchError::Format)?;
    let bare = Bare::start(answer).await?;
    let serving = Serving::start(app).await?;
    let mut rows = Vec::new();
    for &connections in &plan.fixed {
        let load = |address| Load {
            address,
            bodies: vec![body.clone()],
            connections,
            effort: bench.effort,
        };
        bar.set_message(format!("{BARE}, {kind}, {connections} {CONNECTIONS}"));
        let loaded = client::run(load(bare.address())).await?;
        let other = row(format!("{BARE}, {kind}"), connections, &loaded);
        bar.inc(1);
        bar.set_message(format!("fixed answer, {kind}, {connections} {CONNECTIONS}"));
        let loaded = client::run(load(serving.address())).await?;
        let mut own = row(format!("fixed answer, {kind}"), connections, &loaded);
        bar.inc(1);
        own.beside(&other, BARE);
        rows.extend([other, own]);
    }
    serving.stop().await;
    Ok(rows)
}

fn row(name: String, connections: usize, loaded: &Loaded) -> Row {
    let mut row = Row::timed(name, loaded.whole.times(loaded.elapsed)).at(connections, CONNECTIONS);
    if loaded.refused > 0 {
        row.figure("refused", loaded.refused as f64);
    }
    row
}

/// The call of a fixed answer: a bundled function with the arguments of its first example.
fn fixed_call(plugins: &[Plugin]) -> Result<FixedCall, BenchError> {
    let missing = || BenchError::NoFunction { name: FUNCTION };
    let mut functions = plugins.iter().flat_map(Plugin::functions);
    let function: &Function =
        functions.find(|function| function.name == FUNCTION).ok_or_else(missing)?;
    let example = function.examples.first().ok_or_else(missing)?;
    let arguments = Json::Object(example.arguments.clone());
    let arguments = arguments_from_json(&function.parameters, &arguments)?;
    Ok(FixedCall { function: FUNCTION.into(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_open_files_do_not_allow_is_left_out_and_said() {
        for (asked, files_max, preset, fixed, notes) in [
            (vec![], None, vec![1, 8, 64], vec![1, 64, 1024], 0),
            (vec![], Some(20_000), vec![1, 8, 64], vec![1, 64, 1024], 0),
            (vec![], Some(1024), vec![1, 8, 64], vec![1, 64], 1),
            (vec![], Some(64), vec![], vec![], 1),
            (vec![2, 3], None, vec![2, 3], vec![2, 3], 0),
            (vec![480, 481], Some(1024), vec![480], vec![480], 1),
        ] {
            let plan = Plan::new(&asked, files_max);
            assert_eq!((&plan.preset, &plan.fixed), (&preset, &fixed), "{asked:?} {files_max:?}");
            assert_eq!(plan.notes.len(), notes, "{:?}", plan.notes);
        }
        let plan = Plan::new(&[], Some(1024));
        assert!(plan.notes[0].contains("ulimit -n 2112"), "{:?}", plan.notes);
        assert_eq!((plan.largest(), plan.rows()), (64, 12));
    }
}
