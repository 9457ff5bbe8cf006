//! The steps, their clock and their one deadline.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use hyfunc_cascade::CascadeError;
use serde::{Serialize, Serializer};
use tracing::Instrument as _;

use super::Arrival;
use crate::error::RequestError;
use crate::telemetry::{self, Metrics};

/// A step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes → request.
    Accept,
    /// Query → intent.
    Distil,
    /// Vector → candidates.
    Retrieve,
    /// Candidates → calls.
    Decode,
    /// Calls → outcomes.
    Dispatch,
    /// Outcomes → the client's format.
    Respond,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 6] =
        [Step::Accept, Step::Distil, Step::Retrieve, Step::Decode, Step::Dispatch, Step::Respond];

    /// As in spans, metrics, timings and errors.
    pub fn name(self) -> &'static str {
        match self {
            Step::Accept => "accept",
            Step::Distil => "distil",
            Step::Retrieve => "retrieve",
            Step::Decode => "decode",
            Step::Dispatch => "dispatch",
            Step::Respond => "respond",
        }
    }

    /// What to do when the deadline passes here.
    pub fn advice(self) -> &'static str {
        match self {
            Step::Accept => "send the body faster, or try again when the gateway is less busy",
            Step::Distil => "shorten the message, or allow more time",
            Step::Retrieve => "send fewer tools, or allow more time",
            Step::Decode => "ask for less at once, or allow more time",
            Step::Dispatch => "the function was too slow: call it alone, or allow more time",
            Step::Respond => "read the answer faster, or allow more time",
        }
    }

    /// An error of the models in this step; their deadline is the request's own.
    pub(super) fn failed(self, source: CascadeError, arrival: &Arrival) -> RequestError {
        match source {
            CascadeError::Deadline { .. } => arrival.late(self),
            source => RequestError::Models { step: self, source },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long each step took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings([Option<Duration>; 6]);

impl Timings {
    /// Adds the time of a step; a step may be done again.
    pub fn add(&mut self, step: Step, took: Duration) {
        let before = self.0[step as usize].unwrap_or_default();
        self.0[step as usize] = Some(before + took);
    }

    /// Steps that are done, with their microseconds.
    pub fn micros(&self) -> impl Iterator<Item = (Step, u64)> {
        Step::ALL
            .into_iter()
            .zip(self.0)
            .filter_map(|(step, took)| Some((step, u64::try_from(took?.as_micros()).ok()?)))
    }
}

/// `{"accept": 12, …}` in microseconds.
impl Serialize for Timings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.micros().map(|(step, micros)| (step.name(), micros)))
    }
}

/// One request's way through the steps.
pub(super) struct Trip<'a> {
    arrival: &'a Arrival,
    metrics: &'a Metrics,
    timings: Timings,
}

impl<'a> Trip<'a> {
    pub(super) fn new(arrival: &'a Arrival, metrics: &'a Metrics) -> Self {
        Self { arrival, metrics, timings: Timings::default() }
    }

    pub(super) fn timings(&self) -> Timings {
        self.timings
    }

    /// Does the work of one step under its span and the request's deadline.
    pub(super) async fn step<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let span = telemetry::step_span(step);
        if let Some(watcher) = &self.arrival.watcher {
            // Nobody reads any more, or too slowly: the step does not wait for that.
            let _ = watcher.try_send(step);
        }
        let began = Instant::now();
        let result = if began >= self.arrival.deadline {
            Err(self.arrival.late(step))
        } else {
            let limited = tokio::time::timeout_at(self.arrival.deadline.into(), work);
            let result = limited.instrument(span.clone()).await;
            result.unwrap_or_else(|_| Err(self.arrival.late(step)))
        };
        let took = began.elapsed();
        self.timings.add(step, took);
        self.metrics.step(step, took);
        self.arrival.note.step(step, took);
        if let Err(error) = &result {
            telemetry::fail(&span, crate::http::code_of(error), error.to_string());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_in_order_and_timings_keep_it() {
        let mut timings = Timings::default();
        for (at, step) in Step::ALL.into_iter().enumerate().rev() {
            assert_eq!(step as usize, at);
            timings.add(step, Duration::from_micros(at as u64));
        }
        let names: Vec<_> = timings.micros().map(|(step, micros)| (step.name(), micros)).collect();
        assert_eq!(
            names,
            [
                ("accept", 0),
                ("distil", 1),
                ("retrieve", 2),
                ("decode", 3),
                ("dispatch", 4),
                ("respond", 5)
            ]
        );
        let written = serde_json::to_string(&timings).unwrap();
        let inner = r#""accept":0,"distil":1,"retrieve":2,"decode":3,"dispatch":4,"respond":5"#;
        assert_eq!(written, format!("{{{inner}}}"));
        assert_eq!(serde_json::to_string(&Timings::default()).unwrap(), "{}");
    }
}
