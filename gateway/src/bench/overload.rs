//! More requests than can be answered: what is answered all the same, what is refused, and how soon.

mod offer;

use std::sync::Arc;

use super::client::{self, Load};
use super::gateway::{self, Serving};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::{Bench, BenchError, Part, machine, progress};
use crate::app::App;
use crate::models::Models;
use crate::open_files;
use offer::{Offer, Offered};

/// Clients that each wait for their answer: as many as keep the models at work.
const CAPACITY_CONNECTIONS: usize = 16;

/// Percent of the capacity that are asked for, whether or not earlier requests are done.
const OFFERED_PERCENT: [u32; 4] = [80, 100, 200, 300];

/// Connections of those who do not wait; a request that finds none leaves late.
const CONNECTIONS_MAX: usize = 1024;

/// Files that a process needs beside two for each connection.
const FILES_SPARE: usize = 64;

/// What the rows stand beside.
const CAPACITY: &str = "capacity";

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    open_files::allow((2 * CONNECTIONS_MAX + FILES_SPARE) as u64);
    let connections_max = connections(machine::files_max());
    let mut config = gateway::config(bench.config.clone(), connections_max);
    // Refusals are what is measured: as many wait as the operator lets wait.
    config.server.queue_max = bench.config.server.queue_max;
    let bar = progress::bar(Part::Overload, 1 + OFFERED_PERCENT.len());
    let plugins = gateway::plugins(&config).await?;
    let models = Arc::new(gateway::cascade(&config).await?);
    let model = Models::info(models.as_ref()).id;
    let app = App::assemble(config.clone(), models, &plugins).await?;
    let utterances = gateway::utterances(&app.pipeline().shelf.snapshot())?;
    let bodies: Vec<_> =
        utterances.iter().map(|query| gateway::body(&model, query, false)).collect();
    let serving = Serving::start(app).await?;
    bar.set_message(CAPACITY);
    let load = Load {
        address: serving.address(),
        bodies: bodies.clone(),
        connections: CAPACITY_CONNECTIONS,
        effort: bench.effort,
    };
    let loaded = client::run(load).await?;
    let capacity = Row::timed(CAPACITY, loaded.whole.times(loaded.elapsed))
        .at(CAPACITY_CONNECTIONS, "connections");
    let per_second = capacity.times.map_or(1.0, |times| times.per_second);
    bar.inc(1);
    let mut rows = vec![capacity.clone()];
    for percent in OFFERED_PERCENT {
        bar.set_message(format!("{percent} % of it"));
        let offer = Offer {
            address: serving.address(),
            bodies: bodies.clone(),
            per_second: per_second * f64::from(percent) / 100.0,
            effort: bench.effort,
            connections_max,
        };
        let asked_per_second = offer.per_second;
        let mut row = row(percent, asked_per_second, &offer::run(offer).await?);
        row.beside(&capacity, CAPACITY);
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    serving.stop().await;
    Ok(report(rows, config.server.queue_max))
}

/// Connections for which there are files, both ends of each being of this process; at least one.
fn connections(files_max: Option<usize>) -> usize {
    let most = files_max.map_or(usize::MAX, |files| files.saturating_sub(FILES_SPARE) / 2);
    CONNECTIONS_MAX.min(most).max(1)
}

fn row(percent: u32, asked_per_second: f64, offered: &Offered) -> Row {
    let times = offered.answered.times(offered.elapsed);
    let mut row = Row::timed(format!("{percent} % of it offered"), times);
    row.figure("offered_per_second", asked_per_second);
    if let Some(late) = offered.late.times(offered.elapsed) {
        row.figure("late_p99_us", late.p99_us);
    }
    let refused = offered.refused.times(offered.elapsed);
    row.figure("refused", refused.map_or(0.0, |refused| refused.samples as f64));
    if let Some(refused) = refused {
        row.figure("refused_p50_us", refused.p50_us);
        row.figure("refused_without_retry_after", offered.without_retry_after as f64);
    }
    row
}

fn report(rows: Vec<Row>, queue_max: usize) -> PartReport {
    let pictures = vec![
        Picture::bars("Answered a second", Scale::Rate, &rows, |row| Some(row.times?.per_second)),
        Picture::bars("99 of 100 answers took at most", Scale::Time, &rows, |row| {
            Some(row.times?.p99_us)
        }),
    ];
    PartReport {
        part: Part::Overload,
        about: "chat completions over loopback sockets of this process, by a client that does not wait \
                for answers before it asks again"
            .into(),
        notes: vec![
            format!(
                "capacity: clients that each wait for their answer; at most {queue_max} requests are at \
                 work or wait (server.queue_max), others are refused"
            ),
            "times are of what is answered, from the moment at which a request was due; its rate is \
             over all the time until the last answer; late: by how much requests left after that \
             moment, for want of a connection or of time of this client, which shares the cores"
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
    fn connections_are_as_many_as_there_are_files_for() {
        for (files_max, wanted) in [
            (None, CONNECTIONS_MAX),
            (Some(1 << 20), CONNECTIONS_MAX),
            (Some(2 * CONNECTIONS_MAX + FILES_SPARE), CONNECTIONS_MAX),
            (Some(1024), 480),
            (Some(FILES_SPARE), 1),
            (Some(0), 1),
        ] {
            assert_eq!(connections(files_max), wanted, "{files_max:?}");
        }
    }
}
