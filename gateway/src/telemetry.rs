//! Every span, metric and attribute name, and where they go.
//!
//! Names follow OpenTelemetry's GenAI conventions where those have one; the rest begin with
//! `hyfunc.`. Attributes of metrics have few values: steps, codes, names of functions.

mod export;
mod metrics;
pub mod names;
mod propagate;
mod spans;

pub use export::{Telemetry, TelemetryError, layer, start};
pub use metrics::Metrics;
pub use propagate::{incoming, incoming_text, outgoing, trace_id};
pub use spans::{
    chat_span, count, fail, follow_span, mcp_span, publish_span, server_span, step_span,
    tell_client, tool_span, upstream_span, wrote,
};
