//! Calls and what came of them, as answers tell of them.

use std::time::Duration;

use hyfunc_sandbox::{CallTimings, LogLine};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::pieces::PiecesJson;
use crate::clock::micros;
use crate::pipeline::{DecidedCall, Failure, Ran};

/// A decided call and what came of it: result or error, reply, times in microseconds, log lines.
#[derive(Serialize)]
pub struct CallJson<'a> {
    id: &'a str,
    function: &'a str,
    arguments: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings_us: Option<SandboxJson>,
    #[serde(skip_serializing_if = "LogsJson::is_empty")]
    logs: LogsJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<PiecesJson<'a>>,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    kind: &'static str,
    message: &'a str,
    detail: Option<&'a Json>,
}

/// Where the time of a call went, in microseconds; without the parts where the sandbox gave up.
#[derive(Serialize)]
pub struct SandboxJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instantiate: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    total: u64,
}

struct LogsJson<'a>(&'a [LogLine]);

impl<'a> CallJson<'a> {
    /// A call that did not run here.
    pub fn decided(call: &'a DecidedCall) -> Self {
        Self {
            id: &call.id,
            function: &call.function.name,
            arguments: &call.arguments_json,
            result: None,
            error: None,
            reply: None,
            timings_us: None,
            logs: LogsJson(&[]),
            score: None,
            pieces: None,
        }
    }

    /// A call that ran here, and the sentence for it.
    pub fn ran(call: &'a DecidedCall, ran: &'a Ran, reply: &'a str) -> Self {
        Self {
            result: ran.result.as_ref().ok(),
            error: ran.result.as_ref().err().map(FailureJson::of),
            reply: Some(reply),
            timings_us: Some(SandboxJson::new(ran.timings.as_ref(), ran.took)),
            logs: LogsJson(&ran.logs),
            ..Self::decided(call)
        }
    }

    /// With how sure the models were of it, and how it was written.
    pub fn with_decision(self, decision: &'a hyfunc_cascade::DecodedCall) -> Self {
        let pieces = PiecesJson(&decision.pieces);
        Self { score: Some(decision.score.into()), pieces: Some(pieces), ..self }
    }
}

impl<'a> FailureJson<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self { kind: failure.kind, message: &failure.message, detail: failure.detail.as_ref() }
    }
}

impl SandboxJson {
    /// The parts, and from the decision to the outcome.
    pub fn new(parts: Option<&CallTimings>, took: Duration) -> Self {
        Self {
            queue: parts.map(|parts| parts.queue_us),
            instantiate: parts.map(|parts| parts.instantiate_us),
            run: parts.map(|parts| parts.run_us),
            total: micros(took),
        }
    }
}

impl LogsJson<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LogsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|line| line.message.as_str()))
    }
}
