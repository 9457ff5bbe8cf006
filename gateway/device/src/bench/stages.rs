//! What is measured, stage after stage.

use std::time::{Duration, Instant};

use hyfunc_kernels::Probe;
use hyfunc_kernels::model::Sequence;
use hyfunc_measured::{Ceilings, Finding, Limit, Wanted, Work};

use super::cascade::Index;
use super::engine::{self, Engine, RETRIEVE, Timed};
use super::request::{Order, tokens};
use super::work::Forward;
use crate::error::DeviceError;

/// What sizes of a library are of.
const FUNCTIONS: &str = "functions";
/// What numbers of requests are of.
const AT_ONCE: &str = "at once";
/// What the tokens of a library are made from: no turn is as large.
const LIBRARY: usize = 1 << 28;

/// Rows that grow from stage to stage.
#[derive(Default)]
struct Table {
    rows: Vec<(Finding, Work)>,
}

impl Table {
    /// One more time of a row.
    fn add(
        &mut self,
        name: &'static str,
        at: Option<(usize, &'static str)>,
        took: Duration,
        work: Work,
    ) {
        let same = |(row, _): &&mut (Finding, Work)| row.name == name && row.at == at;
        match self.rows.iter_mut().find(same) {
            Some((row, sum)) => {
                row.samples.push(took);
                *sum += work;
            }
            None => {
                let row = Finding { name, at, samples: vec![took], ..Finding::default() };
                // Behind the same at other sizes: rows stay in the order of a request.
                let last = self.rows.iter().rposition(|(row, _)| row.name == name);
                let place = last.map_or(self.rows.len(), |last| last + 1);
                self.rows.insert(place, (row, work));
            }
        }
    }

    /// Steps of a request.
    fn add_steps(&mut self, steps: Vec<Timed>, functions: usize) {
        for Timed { name, took, work } in steps {
            // Nothing else depends on the size of the library.
            let at = (name == RETRIEVE).then_some((functions, FUNCTIONS));
            self.add(name, at, took, work);
        }
    }

    /// With the mean work of each.
    fn findings(self) -> Vec<Finding> {
        let mean = |(row, sum): (Finding, Work)| {
            let count = row.samples.len().max(1) as f64;
            let work = Work { bytes: sum.bytes / count, operations: sum.operations / count };
            Finding { work: Some(work), ..row }
        };
        self.rows.into_iter().map(mean).collect()
    }
}

/// One request at a time: its steps over libraries of every size, and what stands beside them.
pub(super) fn requests<M: Probe>(
    engine: &mut Engine<M>,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Finding>, DeviceError> {
    let (mut together, mut in_turn) = (Table::default(), Table::default());
    let (mut whole, mut behind) = (Vec::new(), Vec::new());
    let mut turns = [0usize; 2];
    for &functions in &wanted.functions {
        tell(&format!("requests over {functions} functions"));
        let mut index = engine.cascade.index(functions)?;
        let orders = [(Order::Together, &mut together), (Order::InTurn, &mut in_turn)];
        for ((order, table), turns) in orders.into_iter().zip(&mut turns) {
            alone(engine, order, &mut index, wanted.limit.warm_up(), &mut Table::default())?;
            let found = alone(engine, order, &mut index, wanted.limit, table)?;
            *turns += found.samples.len();
            whole.push(found);
        }
        behind.extend(behind_library(engine, functions, wanted.limit)?);
    }
    let shown = wanted.functions.get(wanted.functions.len() / 2).copied();
    let mut rows = per_request(together.findings(), turns[0], shown);
    rows.extend(others(in_turn.findings(), turns[1]));
    rows.push(without_host(engine, wanted.limit)?);
    rows.extend(behind);
    rows.extend(whole);
    Ok(rows)
}

/// Requests one after another; the steps of each go into the table, the whole is what it gives.
fn alone<M: Probe>(
    engine: &mut Engine<M>,
    order: Order,
    index: &mut Index<M>,
    limit: Limit,
    table: &mut Table,
) -> Result<Finding, DeviceError> {
    let (functions, mut samples) = (index.functions, Vec::new());
    let all = Instant::now();
    while limit.allows(samples.len(), all.elapsed()) {
        let began = Instant::now();
        let steps = engine.one(order, index)?;
        samples.push(began.elapsed());
        table.add_steps(steps, functions);
    }
    let name = match order {
        Order::Together => "whole request",
        Order::InTurn => "whole request, one slot after another",
    };
    let work = Some(engine::whole(&engine.cascade.shapes, functions, order));
    let at = Some((functions, FUNCTIONS));
    Ok(Finding { name, at, samples, work, ..Finding::default() })
}

/// Says how often a request does each: where a step depends on the library, of one size alone.
fn per_request(rows: Vec<Finding>, turns: usize, shown: Option<usize>) -> Vec<Finding> {
    let of = |row: Finding| {
        let count = match row.at {
            None => Some(row.samples.len() as f64 / turns.max(1) as f64),
            Some((functions, _)) => (Some(functions) == shown).then_some(1.0),
        };
        Finding { per_request: count, ..row }
    };
    rows.into_iter().map(of).collect()
}

/// Of steps in another order, those that are others.
fn others(rows: Vec<Finding>, turns: usize) -> Vec<Finding> {
    let is_other = |row: &Finding| row.name.ends_with(ONE_SLOT);
    let of = |mut row: Finding| {
        let count = row.samples.len() as f64 / turns.max(1) as f64;
        row.figures.push(("in_a_request", count));
        row
    };
    rows.into_iter().filter(is_other).map(of).collect()
}

/// How the names of such steps end.
const ONE_SLOT: &str = "one slot";

/// The large model reads a query behind the library, which it has read before: where it is small
/// enough for that.
fn behind_library<M: Probe>(
    engine: &mut Engine<M>,
    functions: usize,
    limit: Limit,
) -> Result<Option<Finding>, DeviceError> {
    let shapes = engine.cascade.shapes.clone();
    let count = functions.saturating_mul(shapes.library_tokens);
    if count > shapes.library_tokens_max {
        return Ok(None);
    }
    let library = tokens(LIBRARY, count, shapes.large.vocabulary);
    let (library, read) = engine.cascade.read_large(&library)?;
    // What is compiled or allocated at first use.
    query(engine, &library)?;
    let (all, mut samples) = (Instant::now(), Vec::new());
    while limit.allows(samples.len(), all.elapsed()) {
        samples.push(query(engine, &library)?);
    }
    let forward = Forward { kept: count, ..engine::query(&shapes, 1) };
    Ok(Some(Finding {
        name: "large model reads the query behind its library",
        at: Some((functions, FUNCTIONS)),
        samples,
        work: Some(forward.work(&shapes.large)),
        figures: vec![
            ("library_tokens", count as f64),
            ("library_read_ms", read.as_secs_f64() * 1e3),
        ],
        ..Finding::default()
    }))
}

/// The large model reads another query behind a library.
fn query<M: Probe>(engine: &mut Engine<M>, library: &Sequence) -> Result<Duration, DeviceError> {
    let (count, vocabulary) =
        (engine.cascade.shapes.query_tokens, engine.cascade.shapes.large.vocabulary);
    let query = tokens(2 * engine.turn(), count, vocabulary);
    let began = Instant::now();
    engine.cascade.distil(&mut [(library.clone(), query)])?;
    Ok(began.elapsed())
}

/// A step of all slots where the next one begins without a word from the host.
fn without_host<M: Probe>(engine: &mut Engine<M>, limit: Limit) -> Result<Finding, DeviceError> {
    let shapes = engine.cascade.shapes.clone();
    let steps = shapes.value_tokens;
    let mut sequences = vec![engine.schemas(); shapes.slots];
    let Engine { cascade, menu, .. } = engine;
    let mut values = || -> Result<Duration, DeviceError> {
        let began = Instant::now();
        cascade.step(&mut sequences, steps, &menu.values)?;
        Ok(began.elapsed() / u32::try_from(steps).unwrap_or(u32::MAX).max(1))
    };
    values()?;
    let (all, mut samples) = (Instant::now(), Vec::new());
    while limit.allows(samples.len(), all.elapsed()) {
        samples.push(values()?);
    }
    let (kept, rows, head_rows) = (shapes.schemas_tokens(), shapes.slots, shapes.value_rows);
    let forward = Forward { kept, rows, own: 0, tokens: 1, head_rows };
    let name = "value step, all slots, without the host";
    let work = Some(forward.work(&shapes.small));
    Ok(Finding { name, samples, work, ..Finding::default() })
}

/// Many requests at once.
pub(super) fn loads<M: Probe>(
    engine: &mut Engine<M>,
    wanted: &Wanted,
    ceilings: &Ceilings,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Finding>, DeviceError> {
    let Some(&functions) = wanted.functions.get(wanted.functions.len() / 2) else {
        return Ok(Vec::new());
    };
    let mut index = engine.cascade.index(functions)?;
    let mut rows = Vec::new();
    for &at_once in &wanted.concurrency {
        tell(&format!("{at_once} requests at once"));
        engine.many(at_once, &mut index, wanted.limit.warm_up())?;
        let crowd = engine.many(at_once, &mut index, wanted.limit)?;
        let most = engine::most_per_second(&engine.cascade.shapes, functions, at_once, ceilings);
        rows.push(Finding {
            name: "requests",
            at: Some((at_once, AT_ONCE)),
            samples: crowd.samples,
            elapsed: Some(crowd.elapsed),
            figures: vec![("functions", functions as f64), ("floor_per_second", most)],
            ..Finding::default()
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_one_name_and_size_are_one_row_with_their_mean_work() {
        let mut table = Table::default();
        let timed = |name, millis, bytes| Timed {
            name,
            took: Duration::from_millis(millis),
            work: Work { bytes, operations: 2.0 * bytes },
        };
        table.add_steps(vec![timed(RETRIEVE, 1, 10.0), timed("other", 2, 4.0)], 20);
        let steps = vec![timed(RETRIEVE, 3, 20.0), timed("other", 4, 6.0), timed("other", 5, 8.0)];
        table.add_steps(steps, 200);
        let rows = table.findings();
        let [small, large, other] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((small.name, small.at), (RETRIEVE, Some((20, FUNCTIONS))));
        assert_eq!((large.name, large.at), (RETRIEVE, Some((200, FUNCTIONS))), "beside it");
        assert_eq!((other.at, other.samples.len()), (None, 3));
        assert_eq!(other.work, Some(Work { bytes: 6.0, operations: 12.0 }));
        let shown = per_request(rows, 2, Some(20));
        let counts: Vec<Option<f64>> = shown.iter().map(|row| row.per_request).collect();
        assert_eq!(counts, [Some(1.0), None, Some(1.5)], "over the size that is shown");
    }
}
