//! What comes of the calls of one answer: all at work at once, taken in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::{Instrument as _, Span};

use super::sandboxed::{Ran, run_owned};
use super::{Arrival, DecidedCall, Origin, Pipeline, Step};
use crate::admission::Permit;
use crate::error::RequestError;
use crate::telemetry::{self, names};

/// What came of a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// The client runs it, or only wants to know of it.
    NotRun,
    /// It ran here.
    Ran(Box<Ran>),
}

enum Pending {
    NotRun,
    Running(Task),
    Done(Box<Ran>),
}

/// A task that ends with whoever waits for it.
struct Task(JoinHandle<Result<Ran, RequestError>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What comes of the calls, in their order. Dropping it ends those that still run.
pub struct Outcomes {
    /// All calls of the answer.
    pub calls: Vec<Arc<DecidedCall>>,
    pending: VecDeque<Pending>,
    arrival: Arrival,
    /// Held until the last outcome, so that a stream counts as work.
    _permit: Permit,
    /// Stays open until the last outcome.
    _span: Span,
}

impl Outcomes {
    pub(super) fn start(
        pipeline: &Pipeline,
        arrival: &Arrival,
        calls: Vec<DecidedCall>,
        permit: Permit,
        runs: bool,
    ) -> Self {
        let calls: Vec<_> = calls.into_iter().map(Arc::new).collect();
        let pending = calls
            .iter()
            .map(|call| match &call.origin {
                Origin::Client => Pending::NotRun,
                Origin::Library(_) if !runs => Pending::NotRun,
                Origin::Library(_) => {
                    let work = run_owned(pipeline, arrival.clone(), Arc::clone(call));
                    Pending::Running(Task(tokio::spawn(work.in_current_span())))
                }
            })
            .collect();
        telemetry::count(names::CALLS, calls.len());
        let span = Span::current();
        Self { calls, pending, arrival: arrival.clone(), _permit: permit, _span: span }
    }

    /// The next outcome; `None` after the last.
    ///
    /// # Errors
    /// The request's deadline passed, or the call's task panicked.
    pub async fn next(&mut self) -> Option<Result<CallOutcome, RequestError>> {
        let pending = self.pending.front_mut()?;
        let outcome = match pending {
            Pending::NotRun => Ok(CallOutcome::NotRun),
            Pending::Running(task) => wait(task, &self.arrival).await.map(CallOutcome::Ran),
            Pending::Done(_) => match self.pending.pop_front() {
                Some(Pending::Done(ran)) => return Some(Ok(CallOutcome::Ran(ran))),
                _ => return None,
            },
        };
        if let Err(error) = &outcome {
            // A stream has begun: nobody else hears of it.
            self.arrival.note.failed(error);
        }
        self.pending.pop_front();
        Some(outcome)
    }

    /// Waits for all of them.
    pub(super) async fn settle(&mut self) -> Result<(), RequestError> {
        for pending in &mut self.pending {
            if let Pending::Running(task) = pending {
                *pending = Pending::Done(wait(task, &self.arrival).await?);
            }
        }
        Ok(())
    }
}

async fn wait(task: &mut Task, arrival: &Arrival) -> Result<Box<Ran>, RequestError> {
    match tokio::time::timeout_at(arrival.deadline.into(), &mut task.0).await {
        Err(_) => Err(arrival.late(Step::Dispatch)),
        Ok(Err(_)) => Err(RequestError::Panicked),
        Ok(Ok(ran)) => ran.map(Box::new),
    }
}
