//! The format of an evaluation: a bare query in, decided calls out.

use axum::body::Bytes;
use hyfunc_cascade::{Earlier, TokenCounts};
use hyfunc_training::eval::confidence;

use super::{Call, Gold};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, Pipeline, Request, Timings, Wire};

/// What was decided about one request.
#[derive(Default)]
pub(super) struct Routed {
    /// The calls, in their order.
    pub calls: Vec<Call>,
    /// Names of the candidates, best first.
    pub candidates: Vec<String>,
    /// How long the steps took.
    pub timings: Timings,
    /// Tokens by how they came about.
    pub counts: TokenCounts,
    /// How sure the models were, 0 to 1.
    pub confidence: f32,
}

/// The body is the query; what was said before it is at hand.
struct Bare {
    earlier: Vec<Earlier>,
}

impl Wire for Bare {
    type Form = ();
    type Reply = Routed;
    const RUNS: bool = false;

    fn accept(&self, body: &[u8], limits: &RequestConfig) -> Result<(Request, ()), RequestError> {
        let query = std::str::from_utf8(body)
            .map_err(|error| RequestError::NotUtf8 { at: error.valid_up_to() })?;
        let request = Request {
            query: query.to_owned(),
            earlier: self.earlier.clone(),
            calls_max: limits.calls_max,
            ..Request::default()
        };
        Ok((request, ()))
    }

    fn waits((): &()) -> bool {
        true
    }

    async fn respond(&self, (): (), answer: Answer) -> Result<Routed, RequestError> {
        let decided = answer.outcomes.calls.iter();
        Ok(Routed {
            calls: decided
                .map(|call| Call {
                    name: call.function.name.clone(),
                    arguments: call.arguments_json.clone(),
                })
                .collect(),
            candidates: answer.candidates.iter().map(|found| found.name().to_owned()).collect(),
            timings: answer.timings,
            counts: answer.decoded.counts,
            confidence: confidence(&answer.decoded),
        })
    }
}

/// Sends one request through the pipeline; nothing is run.
///
/// # Errors
/// Whatever the gateway would refuse.
pub(super) async fn route(pipeline: &Pipeline, gold: &Gold) -> Result<Routed, RequestError> {
    let deadline_ms = pipeline.config.request.deadline_ms;
    let arrival = Arrival::now(gold.id.clone(), deadline_ms, opentelemetry::Context::new());
    let body = std::future::ready(Ok(Bytes::copy_from_slice(gold.query.as_bytes())));
    pipeline.run(&Bare { earlier: gold.conversation() }, arrival, body).await
}
