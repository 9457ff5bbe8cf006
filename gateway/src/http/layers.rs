//! What is around every route, in order.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Shared;
use super::access::authorize;
use super::error::Refusal;
use super::origin;
use crate::error::RequestError;
use crate::pipeline::{Arrival, Pipeline};
use crate::telemetry::{self, names};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Milliseconds that the client gives us; never more than the configured ones.
const DEADLINE: HeaderName = HeaderName::from_static("x-hyfunc-deadline-ms");
/// The trace of the answer (W3C Trace Context, level 2).
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
/// Longest id of a client that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The layers, outermost first; one stack, since each that is put around by itself costs a request
/// a box of its own.
pub fn around(routes: Router<Shared>, shared: Shared) -> Router<Shared> {
    let layers = ServiceBuilder::new()
        // Id, deadline, trace and span, so that even a panic is answered with an id.
        .layer(from_fn_with_state(Arc::clone(&shared.pipeline), identify))
        // Who may, before anything is read or run, and inside the layer that gives the answer an id.
        .layer(from_fn_with_state(shared.pipeline, authorize))
        // A panic costs one request; it must be inside the layer that names and counts requests.
        .layer(CatchPanicLayer::custom(panicked));
    routes.layer(layers)
}

async fn identify(
    State(pipeline): State<Arc<Pipeline>>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let id = request_id(headers);
    let caller = telemetry::incoming(headers);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let span = telemetry::server_span(request.method().as_str(), route, &id, caller.clone());
    let traceresponse = telemetry::outgoing(&span, &caller);

    let local_only = pipeline.config.is_local_only();
    let checked = origin::check(headers, local_only, &pipeline.config.server.cors_origins)
        .and_then(|()| deadline_ms(headers, pipeline.config.request.deadline_ms));
    let mut response = match checked {
        Err(error) => error.into_response(),
        Ok(deadline_ms) => {
            request.extensions_mut().insert(Arrival::now(id.clone(), deadline_ms, caller));
            next.run(request).instrument(span.clone()).await
        }
    };

    span.set_attribute(names::HTTP_STATUS, i64::from(response.status().as_u16()));
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        pipeline.metrics.refused(refusal.code);
        if response.status().is_server_error() {
            let _in = span.enter();
            tracing::error!(code = refusal.code, "{}", refusal.message);
            telemetry::fail(&span, refusal.code, refusal.message);
        }
    }
    put(&mut response, REQUEST_ID, Some(id));
    put(&mut response, TRACERESPONSE, traceresponse);
    response
}

fn put(response: &mut Response, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(name, value);
    }
}

/// The client's id when it is short and plain, else one of ours.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.bytes().all(plain))
        .map_or_else(|| format!("req_{}", uuid::Uuid::now_v7().simple()), str::to_owned)
}

fn deadline_ms(headers: &HeaderMap, most: u64) -> Result<u64, RequestError> {
    let Some(value) = headers.get(DEADLINE) else { return Ok(most) };
    let asked = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    match asked.filter(|ms| *ms > 0) {
        Some(ms) => Ok(ms.min(most)),
        None => Err(RequestError::Field {
            param: DEADLINE.to_string(),
            reason: "send a whole number of milliseconds, at least 1".into(),
        }),
    }
}

/// `CatchPanicLayer` hands the payload over; the default hook has logged it with its place.
fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    RequestError::Panicked.into_response()
}

/// Nothing is at this path.
pub async fn no_route(method: Method, uri: Uri) -> RequestError {
    RequestError::NoRoute { method: method.to_string(), path: uri.path().to_owned() }
}

/// Something is at this path, but not for this method.
pub async fn no_method(method: Method, uri: Uri) -> RequestError {
    RequestError::Method { method: method.to_string(), path: uri.path().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn plain_ids_are_kept_and_others_replaced() {
        for (sent, kept) in [("abc-1.2:3_X", true), ("a b", false), ("", false), ("ä", false)] {
            assert_eq!(request_id(&with(REQUEST_ID, sent)) == sent, kept, "{sent}");
        }
        assert!(request_id(&with(REQUEST_ID, &"x".repeat(129))).starts_with("req_"));
    }

    #[test]
    fn a_client_may_ask_for_less_time_but_not_for_more() {
        for (sent, deadline) in
            [("5", Some(5)), ("999999", Some(100)), ("0", None), ("-1", None), ("soon", None)]
        {
            assert_eq!(deadline_ms(&with(DEADLINE, sent), 100).ok(), deadline, "{sent}");
        }
        assert_eq!(deadline_ms(&HeaderMap::new(), 100).ok(), Some(100));
    }
}
