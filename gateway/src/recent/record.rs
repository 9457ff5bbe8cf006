//! What is remembered of one request.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyfunc_cascade::{Decoded, Piece, TokenCounts};
use hyfunc_sandbox::CallTimings;
use serde_json::Value as Json;

use super::allowance::Allowance;
use crate::clock;
use crate::error::RequestError;
use crate::http::{code_of, status_of};
use crate::pipeline::{Arrival, DecidedCall, Found, Origin, Ran, Timings, Worded};

/// Most candidates of one request that are remembered.
const CANDIDATES_MAX: usize = 32;

/// Which way a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Decided and run.
    Answer,
    /// Decided only.
    Route,
    /// One function, called by its name.
    Function,
}

impl Kind {
    /// As clients see it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Answer => "answer",
            Kind::Route => "route",
            Kind::Function => "function",
        }
    }
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Some step is at work.
    AtWork,
    /// The client has its answer; a stream may still go on.
    Answered,
    /// The client got an error.
    Failed {
        /// The status of HTTP that goes with the error.
        http: u16,
        /// The code that clients see.
        code: &'static str,
        /// What clients read, where content is kept.
        message: Option<String>,
    },
    /// The client left before it had an answer.
    HungUp,
}

impl Status {
    /// As clients see it.
    pub fn name(&self) -> &'static str {
        match self {
            Status::AtWork => "at_work",
            Status::Answered => "answered",
            Status::Failed { .. } => "failed",
            Status::HungUp => "hung_up",
        }
    }
}

/// One request. Options of content are `None` where content is not kept, or did not fit.
#[derive(Debug)]
pub struct Record {
    /// As in `x-request-id`.
    pub request_id: String,
    /// Its trace, when it is exported or the caller sent one: 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// Public part of the key of whoever asked.
    pub owner: Option<String>,
    /// Which way it went.
    pub kind: Kind,
    /// When its head was read, in milliseconds since 1970.
    pub received_ms: u64,
    /// Where it stands.
    pub status: Status,
    /// From its head to its end; `None` until then.
    pub took: Option<Duration>,
    /// Steps that are done.
    pub timings: Timings,
    /// What was asked.
    pub query: Option<String>,
    /// Probability of any call, 0 to 1.
    pub p_call: Option<f32>,
    /// What could have been called, best first.
    pub candidates: Vec<CandidateRecord>,
    /// Tokens by how they came about.
    pub counts: Option<TokenCounts>,
    /// What was called.
    pub calls: Vec<CallRecord>,
    /// What came of asking the chat model, where it was asked; not what it said.
    pub upstream: Option<Worded>,
    began: Instant,
    allowance: Allowance,
}

/// A function that could have been called.
#[derive(Debug)]
pub struct CandidateRecord {
    /// Its name.
    pub name: String,
    /// The plugin that has it, or `client`.
    pub origin: String,
    /// The retriever's score.
    pub score: f32,
    /// Probability of a call, 0 to 1.
    pub p_call: Option<f32>,
}

/// A call.
#[derive(Debug)]
pub struct CallRecord {
    /// As in the answer.
    pub id: String,
    /// Its function; that of a client is content.
    pub function: Option<String>,
    /// Probability of this call, 0 to 1; `None` when a client wrote it.
    pub score: Option<f32>,
    /// As JSON.
    pub arguments: Option<Json>,
    /// The filled template.
    pub pieces: Option<Vec<Piece>>,
    /// What came of it; `None` when it did not run here, or not yet.
    pub ran: Option<RanRecord>,
}

/// What came of a call.
#[derive(Debug)]
pub struct RanRecord {
    /// Its result.
    pub result: Option<Json>,
    /// Why it has none.
    pub failure: Option<CallFailure>,
    /// Waiting, instantiating, running.
    pub timings: Option<CallTimings>,
    /// From the decision to the outcome.
    pub took: Duration,
}

/// Why a call has no result.
#[derive(Debug)]
pub struct CallFailure {
    /// One of few.
    pub kind: &'static str,
    /// For people.
    pub message: Option<String>,
}

impl Record {
    pub(super) fn new(
        arrival: &Arrival,
        trace_id: Option<String>,
        kind: Kind,
        allowance: Allowance,
    ) -> Self {
        let waited = arrival.began.elapsed();
        let received = SystemTime::now().checked_sub(waited).unwrap_or(UNIX_EPOCH);
        let received = received.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            request_id: arrival.id.clone(),
            trace_id,
            owner: arrival.principal.id().map(str::to_owned),
            kind,
            received_ms: clock::millis(received),
            status: Status::AtWork,
            took: None,
            timings: Timings::default(),
            query: None,
            p_call: None,
            candidates: Vec::new(),
            counts: None,
            calls: Vec::new(),
            upstream: None,
            began: arrival.began,
            allowance,
        }
    }

    /// Whether content did not fit into `recent.request_bytes_max`.
    pub fn is_short(&self) -> bool {
        self.allowance.is_short()
    }

    pub(super) fn is_called(&self, id: &str) -> bool {
        let is_trace = |trace_id: &str| trace_id.eq_ignore_ascii_case(id);
        self.request_id == id || self.trace_id.as_deref().is_some_and(is_trace)
    }

    pub(super) fn ask(&mut self, query: &str) {
        self.query = self.allowance.keep_text(query);
    }

    pub(super) fn decide(
        &mut self,
        p_call: f32,
        candidates: &[Found],
        decoded: &Decoded,
        calls: &[DecidedCall],
    ) {
        self.p_call = Some(p_call);
        self.counts = Some(decoded.counts);
        for (at, found) in candidates.iter().take(CANDIDATES_MAX).enumerate() {
            let p_call = decoded.scores.get(at).copied();
            let kept = self.allowance.keep(found.name().len(), || candidate(found, p_call));
            self.candidates.extend(kept);
        }
        for (call, decoded) in calls.iter().zip(&decoded.calls) {
            self.call(call, Some(decoded.score));
            let pieces = self.allowance.keep_pieces(&decoded.pieces);
            if let Some(record) = self.calls.last_mut() {
                record.pieces = pieces;
            }
        }
    }

    pub(super) fn call(&mut self, call: &DecidedCall, score: Option<f32>) {
        let name = &call.function.name;
        let function = match &call.origin {
            Origin::Library(_) => Some(name.clone()),
            Origin::Client => self.allowance.keep_text(name),
        };
        let arguments = self.allowance.keep_json(&call.arguments_json);
        let id = call.id.clone();
        self.calls.push(CallRecord { id, function, score, arguments, pieces: None, ran: None });
    }

    pub(super) fn run(&mut self, call: &DecidedCall, ran: &Ran) {
        let Some(record) = self.calls.iter_mut().find(|record| record.id == call.id) else {
            return;
        };
        let allowance = &mut self.allowance;
        let (result, failure) = match &ran.result {
            Ok(result) => (allowance.keep_json(result), None),
            Err(failure) => {
                let message = allowance.keep_text(&failure.message);
                (None, Some(CallFailure { kind: failure.kind, message }))
            }
        };
        record.ran = Some(RanRecord { result, failure, timings: ran.timings, took: ran.took });
    }

    pub(super) fn answer(&mut self) {
        if self.status == Status::AtWork {
            self.status = Status::Answered;
        }
    }

    pub(super) fn fail(&mut self, error: &RequestError) {
        let keeps_content = self.allowance.keeps_content();
        self.status = Status::Failed {
            http: status_of(error),
            code: code_of(error),
            message: keeps_content.then(|| error.message()),
        };
    }

    pub(super) fn end(&mut self) {
        if self.status == Status::AtWork {
            self.status = Status::HungUp;
        }
        self.took = Some(self.began.elapsed());
    }
}

fn candidate(found: &Found, p_call: Option<f32>) -> CandidateRecord {
    let origin = match &found.origin {
        Origin::Library(entry) => entry.plugin.name(),
        Origin::Client => "client",
    };
    CandidateRecord {
        name: found.name().to_owned(),
        origin: origin.to_owned(),
        score: found.score,
        p_call,
    }
}
