//! W3C trace context: read from a request's head, written for plugins and for the answer.

use std::collections::HashMap;

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// The caller's context; an invalid or absent `traceparent` gives one without a trace.
pub fn incoming(headers: &HeaderMap) -> Context {
    if !headers.contains_key(TRACEPARENT) {
        return Context::new();
    }
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

/// The context that a message names; `None` without a valid `traceparent`.
pub fn incoming_text(traceparent: &str, tracestate: Option<&str>) -> Option<Context> {
    let mut carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    carrier.extend(tracestate.map(|state| (TRACESTATE.to_owned(), state.to_owned())));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

/// The `traceparent` to hand on: of the span if it is exported, else the caller's own.
pub fn outgoing(span: &Span, caller: &Context) -> Option<String> {
    let own = span.context();
    let context = if own.span().span_context().is_valid() { &own } else { caller };
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The trace of [`outgoing`], as 32 hexadecimal digits.
pub fn trace_id(span: &Span, caller: &Context) -> Option<String> {
    outgoing(span, caller)?.split('-').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_exporter_the_callers_context_passes_through() {
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (header, handed_on) in [
            (Some(sent), Some(sent)),
            (Some("00-zz-b7ad6b7169203331-01"), None),
            (Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"), None),
            (None, None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(TRACEPARENT, header.parse().unwrap());
            }
            let context = incoming(&headers);
            assert_eq!(outgoing(&Span::none(), &context).as_deref(), handed_on, "{header:?}");
            let named = header.and_then(|header| incoming_text(header, Some("a=b")));
            let named = named.and_then(|context| outgoing(&Span::none(), &context));
            assert_eq!(named.as_deref(), handed_on, "{header:?} in a message");
        }
    }
}
