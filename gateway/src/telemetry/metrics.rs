//! The instruments.

use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};

use super::names;
use crate::pipeline::Step;

/// Microseconds; steps and sandboxes take from tens of these to seconds.
const MICROSECONDS: &[f64] =
    &[10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 5e6];
/// Seconds, as the conventions advise.
const SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// What the gateway counts. Cheap to use when nothing is exported.
#[derive(Clone)]
pub struct Metrics {
    inference: Histogram<f64>,
    input_tokens: Counter<u64>,
    output_tokens: Counter<u64>,
    tool: Histogram<f64>,
    first_token: Histogram<f64>,
    mcp: Histogram<f64>,
    step: Histogram<f64>,
    call: Histogram<f64>,
    refused: Counter<u64>,
    published: Histogram<f64>,
    followed: Histogram<f64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(&global::meter(names::SCOPE))
    }
}

impl Metrics {
    /// The instruments of a meter.
    pub fn new(meter: &Meter) -> Self {
        let histogram = |name: &'static str, unit: &'static str, buckets: &[f64]| {
            meter.f64_histogram(name).with_unit(unit).with_boundaries(buckets.to_vec()).build()
        };
        let counter = |name: &'static str, unit: &'static str| {
            meter.u64_counter(name).with_unit(unit).build()
        };
        Self {
            inference: histogram(names::INFERENCE_DURATION, "s", SECONDS),
            input_tokens: counter(names::INFERENCE_INPUT_TOKENS, "{token}"),
            output_tokens: counter(names::INFERENCE_OUTPUT_TOKENS, "{token}"),
            tool: histogram(names::TOOL_DURATION, "s", SECONDS),
            first_token: histogram(names::FIRST_TOKEN, "s", SECONDS),
            mcp: histogram(names::MCP_DURATION, "s", SECONDS),
            step: histogram(names::STEP_DURATION, "us", MICROSECONDS),
            call: histogram(names::CALL_DURATION, "us", MICROSECONDS),
            refused: counter(names::REFUSED, "{request}"),
            published: histogram(names::PUBLISH_DURATION, "s", SECONDS),
            followed: histogram(names::FOLLOW_DURATION, "s", SECONDS),
        }
    }

    /// One answered request.
    pub fn answered(&self, model: &str, took: Duration, input_tokens: usize, output_tokens: usize) {
        let labels = [
            KeyValue::new(names::OPERATION, "chat"),
            KeyValue::new(names::REQUEST_MODEL, model.to_owned()),
        ];
        self.inference.record(took.as_secs_f64(), &labels);
        self.input_tokens.add(input_tokens as u64, &labels);
        self.output_tokens.add(output_tokens as u64, &labels);
    }

    /// The first piece of a streamed answer.
    pub fn first_token(&self, model: &str, took: Duration) {
        let labels = [KeyValue::new(names::REQUEST_MODEL, model.to_owned())];
        self.first_token.record(took.as_secs_f64(), &labels);
    }

    /// One request of MCP; `tool` is one that is known, `error` its kind.
    pub fn mcp(
        &self,
        method: &'static str,
        tool: Option<&str>,
        took: Duration,
        error: Option<&'static str>,
    ) {
        let mut labels = vec![KeyValue::new(names::MCP_METHOD, method)];
        labels.extend(tool.map(|tool| KeyValue::new(names::TOOL_NAME, tool.to_owned())));
        labels.extend(error.map(|kind| KeyValue::new(names::ERROR_TYPE, kind)));
        self.mcp.record(took.as_secs_f64(), &labels);
    }

    /// One step.
    pub fn step(&self, step: Step, took: Duration) {
        self.step.record(took.as_secs_f64() * 1e6, &[KeyValue::new(names::STEP, step.name())]);
    }

    /// One call of a function; `error` is its kind.
    pub fn call(&self, function: &str, took: Duration, error: Option<&'static str>) {
        let mut labels = vec![KeyValue::new(names::TOOL_NAME, function.to_owned())];
        labels.extend(error.map(|kind| KeyValue::new(names::ERROR_TYPE, kind)));
        self.tool.record(took.as_secs_f64(), &labels);
        self.call.record(took.as_secs_f64() * 1e6, &labels);
    }

    /// One change of the library, or one that failed.
    pub fn published(&self, change: &'static str, took: Duration, failed: bool) {
        let mut labels = vec![KeyValue::new(names::CHANGE, change)];
        labels.extend(failed.then(|| KeyValue::new(names::ERROR_TYPE, change)));
        self.published.record(took.as_secs_f64(), &labels);
    }

    /// One look at a registry that is followed.
    pub fn followed(&self, outcome: &'static str, took: Duration) {
        let labels = [KeyValue::new(names::FOLLOW_OUTCOME, outcome)];
        self.followed.record(took.as_secs_f64(), &labels);
    }

    /// One request that got an error.
    pub fn refused(&self, code: &'static str) {
        self.refused.add(1, &[KeyValue::new(names::ERROR_TYPE, code)]);
    }
}
