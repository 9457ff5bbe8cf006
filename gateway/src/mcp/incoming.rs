//! What is known of an MCP request besides what it asks: id, deadline, trace.

use axum::http::request::Parts;
use opentelemetry::Context;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::pipeline::Arrival;
use crate::telemetry::{self, names};

/// Characters of a client's own id that a span keeps.
const ID_CHARS_MAX: usize = 64;

/// The span of the HTTP request that carries a message. rmcp answers in tasks of its own, so the
/// present span is not it.
#[derive(Clone, Debug)]
pub struct Carrier(pub Span);

/// A request before it is read.
pub struct Incoming {
    /// Id, deadline and the caller's trace.
    pub arrival: Arrival,
    /// Around everything that is done for it.
    pub span: Span,
}

impl Incoming {
    /// Over HTTP the carrier decides id and deadline; over standard input, nobody else does.
    /// The trace that `_meta.traceparent` names comes before the carrier's.
    pub fn read(
        context: &RequestContext<RoleServer>,
        method: &'static str,
        tool: Option<&str>,
        deadline_ms: u64,
    ) -> Self {
        let carried = context.extensions.get::<Parts>().map(|head| &head.extensions);
        let carrier = carried.and_then(|carried| carried.get::<Carrier>());
        let carrier = carrier.map_or_else(Span::none, |carrier| carrier.0.clone());
        let traceparent = context.meta.get_traceparent();
        let caller = traceparent.and_then(|traceparent| {
            telemetry::incoming_text(traceparent, context.meta.get_tracestate())
        });

        let span = telemetry::mcp_span(method, tool, &carrier, caller.as_ref());
        let id: String = context.id.to_string().chars().take(ID_CHARS_MAX).collect();
        span.set_attribute(names::JSONRPC_ID, id);
        if let Some(version) = context.protocol_version() {
            span.set_attribute(names::MCP_VERSION, version.to_string());
        }

        let arrival = carried.and_then(|carried| carried.get::<Arrival>()).cloned();
        let mut arrival = arrival.unwrap_or_else(|| {
            let id = format!("req_{}", uuid::Uuid::now_v7().simple());
            Arrival::now(id, deadline_ms, Context::new())
        });
        if let Some(caller) = caller {
            arrival.caller = caller;
        }
        Self { arrival, span }
    }
}
