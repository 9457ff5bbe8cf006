//! One call in its own sandbox; a failed tool is an answer, not an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_functions::{Type, Value, json};
use hyfunc_sandbox::{Attempt, CallContext, CallError, CallTimings, LogLine, OutcomeResult};
use serde_json::Value as Json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Arrival, DecidedCall, Origin, Pipeline, Step};
use crate::error::RequestError;
use crate::http::code_of;
use crate::keys::AccessError;
use crate::library::Entry;
use crate::telemetry::{self, Metrics, names};

/// Kind of a call that was one too many.
const RATE_LIMITED: &str = "rate_limited";

/// A call that ran here.
#[derive(Debug)]
pub struct Ran {
    /// What the function returned, typed: for its reply.
    pub value: Option<Value>,
    /// The result as JSON, or why there is none.
    pub result: Result<Json, Failure>,
    /// Waiting, instantiating, running; absent when the sandbox gave up.
    pub timings: Option<CallTimings>,
    /// What it wrote, until its end.
    pub logs: Vec<LogLine>,
    /// From the decision to the outcome.
    pub took: Duration,
}

/// Why a call has no result.
#[derive(Clone, Debug)]
pub struct Failure {
    /// One of few: `tool_error`, or the sandbox's kind.
    pub kind: &'static str,
    /// For people.
    pub message: String,
    /// What the function itself gave as its error.
    pub detail: Option<Json>,
    /// What the sandbox said, when it was the sandbox.
    pub source: Option<CallError>,
}

/// Runs one call of the library.
///
/// # Errors
/// The function was called too often, or the request's own deadline passed; all else is in the
/// outcome.
pub(super) async fn run(
    pipeline: &Pipeline,
    arrival: &Arrival,
    call: &DecidedCall,
) -> Result<Ran, RequestError> {
    admit(pipeline, arrival, call)?;
    execute(pipeline, arrival.clone(), Arc::new(call.clone())).await
}

/// The same as a future that borrows nothing, for a task of its own. That its function was called
/// too often is in the outcome: the other calls of the answer go on.
pub(super) fn run_owned(
    pipeline: &Pipeline,
    arrival: Arrival,
    call: Arc<DecidedCall>,
) -> impl Future<Output = Result<Ran, RequestError>> + Send + use<> {
    let refused = admit(pipeline, &arrival, &call).err();
    let work = execute(pipeline, arrival.clone(), Arc::clone(&call));
    async move {
        let Some(refused) = refused else { return work.await };
        let ran = failed(CallFailure::TooOften(refused), Duration::ZERO);
        arrival.note.ran(&call, &ran);
        Ok(ran)
    }
}

/// Counts the call; one too many is not run, and stands in the audit log all the same.
fn admit(pipeline: &Pipeline, arrival: &Arrival, call: &DecidedCall) -> Result<(), AccessError> {
    let Origin::Library(entry) = &call.origin else { return Ok(()) };
    pipeline.keys.call(&call.function.name).inspect_err(|_| {
        pipeline.audit.begin(arrival, call, entry.plugin.name()).end(RATE_LIMITED);
    })
}

fn execute(
    pipeline: &Pipeline,
    arrival: Arrival,
    call: Arc<DecidedCall>,
) -> impl Future<Output = Result<Ran, RequestError>> + Send + use<> {
    let metrics = pipeline.metrics.clone();
    let capture = pipeline.config.telemetry.capture_content;
    let audit = pipeline.audit.clone();
    let places = pipeline.keys.places(&call.function.name);
    async move {
        let Origin::Library(entry) = &call.origin else {
            return Ok(failed(CallFailure::NotOurs, Duration::ZERO));
        };
        let span = telemetry::tool_span(&call.function.name, entry.plugin.name(), &call.id);
        if capture {
            span.set_attribute(names::TOOL_ARGUMENTS, call.arguments_json.to_string());
        }
        let line = audit.begin(&arrival, &call, entry.plugin.name());
        let work = async {
            let _place = place(places, &arrival).await?;
            in_sandbox(entry, &arrival, &call, &span).await
        };
        let ran = work.instrument(span.clone()).await;
        line.end(match &ran {
            Ok(ran) => ran.result.as_ref().err().map_or("ok", |failure| failure.kind),
            Err(error) => code_of(error),
        });
        let ran = ran?;
        report(&metrics, &span, &call, &ran, capture);
        arrival.note.ran(&call, &ran);
        Ok(ran)
    }
}

/// Waits for a turn among the calls of the function that run at once, where these are limited.
async fn place(
    places: Option<Arc<Semaphore>>,
    arrival: &Arrival,
) -> Result<Option<OwnedSemaphorePermit>, RequestError> {
    let Some(places) = places else { return Ok(None) };
    match timeout_at(arrival.deadline.into(), places.acquire_owned()).await {
        Ok(place) => Ok(Some(place.expect("nobody closes it"))),
        Err(_) => Err(arrival.late(Step::Dispatch)),
    }
}

async fn in_sandbox(
    entry: &Entry,
    arrival: &Arrival,
    call: &DecidedCall,
    span: &Span,
) -> Result<Ran, RequestError> {
    let began = Instant::now();
    let context = CallContext {
        request_id: arrival.id.clone(),
        deadline: arrival.deadline,
        traceparent: telemetry::outgoing(span, &arrival.caller),
        tenant: arrival.tenant.clone(),
    };
    let Attempt { result, timings, logs, .. } =
        entry.plugin.attempt(&entry.export, &call.arguments, context).await;
    let took = began.elapsed();
    // Before all else: lines of a call that ended with its request have no other place.
    telemetry::wrote(span, &logs);
    let result = match result {
        Ok(result) => result,
        // The sandbox's own, shorter deadline is the tool's fault; this one is the request's.
        Err(CallError::Deadline { .. }) if Instant::now() >= arrival.deadline => {
            return Err(arrival.late(Step::Dispatch));
        }
        Err(error) => return Ok(Ran { logs, ..failed(CallFailure::Sandbox(error), took) }),
    };
    let (ok, err) = payloads(call.function.returns.as_ref());
    let (value, result) = match result {
        OutcomeResult::Value(value) => {
            let json = value.as_ref().map_or(Json::Null, |value| as_json(ok, value));
            (value, Ok(json))
        }
        OutcomeResult::ToolError(error) => {
            let detail = error.as_ref().map(|error| as_json(err, error));
            (None, Err(tool_error(detail)))
        }
    };
    Ok(Ran { value, result, timings: Some(timings), logs, took })
}

/// Types of what a function gives when it succeeds and when it fails.
pub fn payloads(returns: Option<&Type>) -> (Option<&Type>, Option<&Type>) {
    match returns {
        Some(Type::Result { ok, err }) => (ok.as_deref(), err.as_deref()),
        plain => (plain, None),
    }
}

fn as_json(ty: Option<&Type>, value: &Value) -> Json {
    json::to_json(ty.unwrap_or(&Type::Any), value)
}

enum CallFailure {
    Sandbox(CallError),
    TooOften(AccessError),
    NotOurs,
}

fn failed(failure: CallFailure, took: Duration) -> Ran {
    let failure = match failure {
        CallFailure::Sandbox(error) => Failure {
            kind: error.kind(),
            message: error.to_string(),
            detail: None,
            source: Some(error),
        },
        CallFailure::TooOften(error) => {
            Failure { kind: RATE_LIMITED, message: error.to_string(), detail: None, source: None }
        }
        CallFailure::NotOurs => Failure {
            kind: "not_ours",
            message: "this function runs at the client that sent it".into(),
            detail: None,
            source: None,
        },
    };
    Ran { value: None, result: Err(failure), timings: None, logs: Vec::new(), took }
}

fn tool_error(detail: Option<Json>) -> Failure {
    let message = match &detail {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "it gave no reason".into(),
    };
    Failure { kind: "tool_error", message, detail, source: None }
}

fn report(metrics: &Metrics, span: &Span, call: &DecidedCall, ran: &Ran, capture: bool) {
    let kind = ran.result.as_ref().err().map(|failure| failure.kind);
    metrics.call(&call.function.name, ran.took, kind);
    match &ran.result {
        Ok(json) if capture => span.set_attribute(names::TOOL_RESULT, json.to_string()),
        Ok(_) => {}
        Err(failure) => telemetry::fail(span, failure.kind, failure.message.clone()),
    }
}
