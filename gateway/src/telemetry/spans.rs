//! The spans of a request: the server's, `chat`, the six steps, and one a call.

use hyfunc_sandbox::LogLine;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tracing::{Metadata, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::names;
use crate::pipeline::Step;

/// Names of the spans inside a request.
const INSIDE: [&str; 3] = ["chat", "step", "execute_tool"];

/// The span of an HTTP request, under the caller's trace when it sent one.
pub fn server_span(method: &str, route: &str, request_id: &str, parent: Context) -> Span {
    let span = info_span!(
        "http",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        request_id,
    );
    // Without an exporter there is no layer to hold a parent: nothing is lost.
    let _ = span.set_parent(parent);
    span.set_attribute(names::HTTP_METHOD, method.to_owned());
    span.set_attribute(names::HTTP_ROUTE, route.to_owned());
    span.set_attribute(names::REQUEST_ID, request_id.to_owned());
    span
}

/// The span of one MCP request: below the HTTP request that carried it, or below the span that the
/// message itself names, with a link to the carrier.
pub fn mcp_span(
    method: &'static str,
    tool: Option<&str>,
    carrier: &Span,
    caller: Option<&Context>,
) -> Span {
    let name = tool.map_or_else(|| method.to_owned(), |tool| format!("{method} {tool}"));
    let span = info_span!(parent: carrier, "mcp", otel.name = name, otel.kind = "server", method);
    if let Some(caller) = caller {
        // As above: without an exporter nothing is lost.
        let _ = span.set_parent(caller.clone());
        span.add_link(carrier.context().span().span_context().clone());
    }
    span.set_attribute(names::MCP_METHOD, method);
    if let Some(tool) = tool {
        span.set_attribute(names::OPERATION, "execute_tool");
        span.set_attribute(names::TOOL_NAME, tool.to_owned());
    }
    span
}

/// The span around the six steps.
pub fn chat_span(model: &str) -> Span {
    let span = info_span!("chat", otel.name = format!("chat {model}"), otel.kind = "internal");
    span.set_attribute(names::OPERATION, "chat");
    span.set_attribute(names::PROVIDER, names::PROVIDER_HYFUNC);
    span.set_attribute(names::REQUEST_MODEL, model.to_owned());
    span.set_attribute(names::RESPONSE_MODEL, model.to_owned());
    span
}

/// For whom a request is, and what its client will look for it by.
pub fn tell_client(span: &Span, user: Option<&str>, metadata: &[(String, String)]) {
    if let Some(user) = user {
        span.set_attribute(names::USER, user.to_owned());
    }
    for (key, value) in metadata {
        span.set_attribute(format!("{}.{key}", names::METADATA), value.clone());
    }
}

/// The span of one answer of a chat model elsewhere.
pub fn upstream_span(model: &str, host: &str, port: u16) -> Span {
    let span = info_span!("chat", otel.name = format!("chat {model}"), otel.kind = "client");
    span.set_attribute(names::OPERATION, "chat");
    span.set_attribute(names::PROVIDER, names::PROVIDER_UPSTREAM);
    span.set_attribute(names::REQUEST_MODEL, model.to_owned());
    span.set_attribute(names::SERVER_ADDRESS, host.to_owned());
    span.set_attribute(names::SERVER_PORT, i64::from(port));
    span
}

/// The span of one step.
pub fn step_span(step: Step) -> Span {
    let span = info_span!("step", otel.name = step.name(), step = step.name());
    span.set_attribute(names::STEP, step.name());
    if step == Step::Retrieve {
        span.set_attribute(names::OPERATION, "retrieval");
        span.set_attribute(names::DATA_SOURCE, names::LIBRARY);
    }
    span
}

/// The span of one call in its sandbox.
pub fn tool_span(function: &str, plugin: &str, call_id: &str) -> Span {
    let span = info_span!(
        "execute_tool",
        otel.name = format!("execute_tool {function}"),
        otel.kind = "internal",
        function,
    );
    span.set_attribute(names::OPERATION, "execute_tool");
    span.set_attribute(names::TOOL_NAME, function.to_owned());
    span.set_attribute(names::TOOL_TYPE, "function");
    span.set_attribute(names::TOOL_CALL_ID, call_id.to_owned());
    span.set_attribute(names::PLUGIN, plugin.to_owned());
    span
}

/// The span of one change of the library.
pub fn publish_span(change: &'static str, plugin: &str) -> Span {
    // Not every name that is asked for is a plugin's: names of spans should be few.
    let span = info_span!("library", otel.name = change, plugin);
    span.set_attribute(names::CHANGE, change);
    span.set_attribute(names::PLUGIN, plugin.to_owned());
    span
}

/// The span of one look at a registry that is followed.
pub fn follow_span(reference: &str) -> Span {
    let span = info_span!("follow", otel.name = "follow", otel.kind = "client", reference);
    span.set_attribute(names::FOLLOW_REFERENCE, reference.to_owned());
    span
}

/// Whether log lines tell of it: of everything but the spans inside a request, which is named by its
/// own. Those would be written out at every request, for lines that hardly ever come.
pub fn is_for_lines(metadata: &Metadata<'_>) -> bool {
    !(metadata.is_span() && INSIDE.contains(&metadata.name()))
}

/// Marks a span as failed. `kind` is one of few: it becomes `error.type`.
pub fn fail(span: &Span, kind: &'static str, message: String) {
    span.set_attribute(names::ERROR_TYPE, kind);
    span.set_status(Status::error(message));
}

/// Writes what a plugin logged into the span of its call, a line an event. The sandbox bounds the
/// lines (`sandbox.log_bytes_max`); of more events than OpenTelemetry keeps a span (128), it counts
/// the rest as dropped.
pub fn wrote(span: &Span, lines: &[LogLine]) {
    for line in lines {
        let attributes = vec![
            KeyValue::new(names::LOG_LEVEL, line.level.name()),
            KeyValue::new(names::LOG_CONTEXT, line.context.clone()),
            KeyValue::new(names::LOG_MESSAGE, line.message.clone()),
        ];
        span.add_event(names::LOG, attributes);
    }
}

/// Writes a number into the current span.
pub fn count(name: &'static str, value: usize) {
    Span::current().set_attribute(name, i64::try_from(value).unwrap_or(i64::MAX));
}
