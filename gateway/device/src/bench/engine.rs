//! Requests over both models: one at a time with a look at the clock after each step, or many at
//! once, whose rows are one forward.

use std::time::{Duration, Instant};

use hyfunc_kernels::Probe;
use hyfunc_kernels::model::Sequence;
use hyfunc_measured::{Ceilings, Limit, Work};

use super::Shapes;
use super::cascade::{Cascade, Index};
use super::request::{Menu, Order, Phase, Request, tokens};
use super::work::{Forward, product};
use crate::error::DeviceError;

/// What the large model does of a request.
pub(super) const QUERY: &str = "large model reads the query";
/// The functions are found.
pub(super) const RETRIEVE: &str = "retrieve";
/// The state becomes an input of the small model.
pub(super) const SOFT: &str = "soft token";

/// What the tokens of schemas are made from: no turn is as large.
const SCHEMAS: usize = 1 << 29;

/// A step that was done.
pub(super) struct Timed {
    pub name: &'static str,
    pub took: Duration,
    pub work: Work,
}

/// Both models, and the schemas that the small one has read.
pub(super) struct Engine<M: Probe> {
    pub cascade: Cascade<M>,
    pub menu: Menu,
    sets: Vec<Sequence>,
    turns: usize,
}

/// Many requests at once.
pub(super) struct Crowd {
    /// From the beginning of each to its end.
    pub samples: Vec<Duration>,
    /// From the beginning of the first to the end of the last.
    pub elapsed: Duration,
}

impl<M: Probe> Engine<M> {
    /// Lets the small model read every set of schemas; gives the time of each.
    pub fn new(mut cascade: Cascade<M>) -> Result<(Self, Vec<Duration>), DeviceError> {
        let (mut sets, mut took) = (Vec::new(), Vec::new());
        for set in 0..cascade.shapes.sets {
            let count = cascade.shapes.schemas_tokens();
            let schemas = tokens(SCHEMAS + set, count, cascade.shapes.small.vocabulary);
            let (sequence, time) = cascade.read_small(&schemas)?;
            sets.push(sequence);
            took.push(time);
        }
        let menu = Menu::new(&cascade.shapes);
        Ok((Self { cascade, menu, sets, turns: 0 }, took))
    }

    /// Schemas that were read.
    pub fn schemas(&self) -> Sequence {
        self.sets.first().cloned().unwrap_or_default()
    }

    /// Requests that there were: what the next one's tokens are made from.
    pub fn turn(&mut self) -> usize {
        self.turns += 1;
        self.turns
    }

    /// One request, alone: its steps in order.
    pub fn one(&mut self, order: Order, index: &mut Index<M>) -> Result<Vec<Timed>, DeviceError> {
        let mut steps = Vec::new();
        let mut request = Request::new(self.turn(), order);
        self.distil(&mut [&mut request], index, &mut steps)?;
        while !request.is_done() {
            self.decode(&mut [&mut request], &mut steps)?;
        }
        Ok(steps)
    }

    /// So many at once; where one ends, another begins.
    pub fn many(
        &mut self,
        at_once: usize,
        index: &mut Index<M>,
        limit: Limit,
    ) -> Result<Crowd, DeviceError> {
        let began = Instant::now();
        let (mut samples, mut live, mut started) = (Vec::new(), Vec::new(), 0);
        loop {
            while live.len() < at_once
                && (started < at_once || limit.allows(started, began.elapsed()))
            {
                live.push(Request::new(self.turn(), Order::Together));
                started += 1;
            }
            if live.is_empty() {
                return Ok(Crowd { samples, elapsed: began.elapsed() });
            }
            self.forwards(&mut live, index)?;
            live.retain(|request| {
                let is_done = request.is_done();
                if is_done {
                    samples.push(request.began.elapsed());
                }
                !is_done
            });
        }
    }

    /// A forward of each model for whoever waits for it, the oldest first, up to what it reads.
    fn forwards(&mut self, live: &mut [Request], index: &mut Index<M>) -> Result<(), DeviceError> {
        // Nobody looks at them.
        let mut steps = Vec::new();
        let together = self.cascade.shapes.queries_together();
        let tokens_max = self.cascade.shapes.batch_tokens_max;
        let waiting = live.iter_mut().filter(|request| request.waits()).take(together);
        let mut waiting: Vec<&mut Request> = waiting.collect();
        if !waiting.is_empty() {
            self.distil(&mut waiting, index, &mut steps)?;
        }
        let mut tokens = 0;
        let ready = live.iter_mut().filter(|request| !request.waits()).take_while(|request| {
            tokens += request.tokens();
            tokens <= tokens_max
        });
        let mut ready: Vec<&mut Request> = ready.collect();
        self.decode(&mut ready, &mut steps)
    }

    /// The large model reads them together; functions are found and soft tokens made one by one.
    fn distil(
        &mut self,
        requests: &mut [&mut Request],
        index: &mut Index<M>,
        steps: &mut Vec<Timed>,
    ) -> Result<(), DeviceError> {
        let began = Instant::now();
        let queries = requests.iter().map(|request| request.query(&self.cascade.shapes));
        let mut queries: Vec<_> = queries.map(|query| (Sequence::new(), query)).collect();
        let states = self.cascade.distil(&mut queries)?;
        let took = began.elapsed();
        let read = query(&self.cascade.shapes, requests.len());
        steps.push(Timed { name: QUERY, took, work: read.work(&self.cascade.shapes.large) });
        for (request, state) in requests.iter_mut().zip(states) {
            let began = Instant::now();
            let found = self.cascade.retrieve(&state, index)?;
            let (took, work) = (began.elapsed(), retrieval(&self.cascade.shapes, index.functions));
            steps.push(Timed { name: RETRIEVE, took, work });
            let began = Instant::now();
            let soft = self.cascade.soft_token(&state)?;
            let (took, work) = (began.elapsed(), projection(&self.cascade.shapes));
            steps.push(Timed { name: SOFT, took, work });
            let set = found.iter().map(|id| *id as usize).sum::<usize>() % self.sets.len().max(1);
            let schemas = self.sets.get(set).cloned().unwrap_or_default();
            request.distilled(&self.cascade.shapes, soft, schemas);
        }
        Ok(())
    }

    /// The small model reads what they ask, all of it in one forward.
    fn decode(
        &mut self,
        requests: &mut [&mut Request],
        steps: &mut Vec<Timed>,
    ) -> Result<(), DeviceError> {
        let began = Instant::now();
        let Some(first) = requests.first() else { return Ok(()) };
        let (name, forward) = first.step(&self.cascade.shapes);
        let rows: Vec<usize> = requests.iter().map(|request| request.rows()).collect();
        let asked = requests.iter_mut().flat_map(|request| request.asked(&self.menu));
        let chosen = self.cascade.choose(&mut asked.collect::<Vec<_>>())?;
        let work = forward.work(&self.cascade.shapes.small);
        steps.push(Timed { name, took: began.elapsed(), work });
        let mut chosen = chosen.as_slice();
        for (request, rows) in requests.iter_mut().zip(rows) {
            let (own, others) = chosen.split_at(rows.min(chosen.len()));
            request.advance(&self.cascade.shapes, &self.menu, own);
            chosen = others;
        }
        Ok(())
    }
}

/// What the large model does of so many requests.
pub(super) fn query(shapes: &Shapes, rows: usize) -> Forward {
    Forward { rows, tokens: shapes.query_tokens, ..Forward::default() }
}

fn retrieval(shapes: &Shapes, functions: usize) -> Work {
    let mut work = product(shapes.large.hidden, shapes.index_width);
    work += product(shapes.index_width, functions);
    work
}

fn projection(shapes: &Shapes) -> Work {
    product(shapes.large.hidden, shapes.small.hidden)
}

/// All of a request: what it takes at least.
pub(super) fn whole(shapes: &Shapes, functions: usize, order: Order) -> Work {
    let mut work = query(shapes, 1).work(&shapes.large);
    work += retrieval(shapes, functions);
    work += projection(shapes);
    for phase in Phase::all(order, shapes) {
        work += phase.forward(order, shapes).work(&shapes.small);
    }
    work
}

/// Requests a second at most, where so many share every forward: weights, projections and the index
/// are read once for all of them, everything else is done for each.
pub(super) fn most_per_second(
    shapes: &Shapes,
    functions: usize,
    at_once: usize,
    ceilings: &Ceilings,
) -> f64 {
    let order = Order::Together;
    let one = whole(shapes, functions, order);
    let mut shared = query(shapes, 1).weights_bytes(&shapes.large);
    shared += retrieval(shapes, functions).bytes + projection(shapes).bytes;
    for phase in Phase::all(order, shapes) {
        shared += phase.forward(order, shapes).weights_bytes(&shapes.small);
    }
    let count = at_once as f64;
    let bytes = shared + count * (one.bytes - shared);
    count * 1e6 / ceilings.floor_us(Work { bytes, operations: count * one.operations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_the_paper_takes_about_five_milliseconds_at_least() {
        let shapes = Shapes::paper();
        let ceilings = Ceilings { copied_bytes: 4.8e12, operations: Some(790e12) };
        for (order, from_ms, to_ms) in [(Order::Together, 4.0, 4.6), (Order::InTurn, 7.0, 8.5)] {
            let ms = ceilings.floor_us(whole(&shapes, 200, order)) / 1e3;
            assert!((from_ms..to_ms).contains(&ms), "{order:?}: {ms}");
        }
        // Ten thousand functions are found in three microseconds.
        let more = |functions| ceilings.floor_us(whole(&shapes, functions, Order::Together));
        assert!((1.0..3.5).contains(&(more(10_000) - more(20))));
    }

    #[test]
    fn many_requests_share_the_weights_and_compute_for_themselves() {
        let shapes = Shapes::paper();
        let ceilings = Ceilings { copied_bytes: 4.8e12, operations: Some(790e12) };
        let most = |at_once| most_per_second(&shapes, 200, at_once, &ceilings);
        let alone = 1e6 / ceilings.floor_us(whole(&shapes, 200, Order::Together));
        assert!((most(1) / alone - 1.0).abs() < 1e-9, "{} {alone}", most(1));
        assert!(most(8) > 2.0 * most(1) && most(64) < 64.0 * most(1));
        // What each computes, 1.2 T operations, allows no more.
        assert!(most(1 << 20) < 790e12 / 1.2e12);
    }
}
