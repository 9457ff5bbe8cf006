//! What browsers are told of pages of other sites, where an operator named some: nothing otherwise,
//! so that no page may read an answer.
//!
//! No cookie says who asks, so that nothing is added to a request of such a page that its own code
//! does not know: it may send any header, and reads those that clients need.

use std::time::Duration;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember what it was told, in seconds.
const REMEMBERED_S: u64 = 600;

/// Headers of answers that a page may read beside the few that it always may.
const EXPOSED: [HeaderName; 6] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceresponse"),
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("idempotency-replayed"),
    RETRY_AFTER,
    WWW_AUTHENTICATE,
];

/// The layer for these origins, each as a browser writes it.
pub fn layer(origins: &[String]) -> CorsLayer {
    // What is no header's value was refused with the configuration.
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .allow_private_network(true)
        .max_age(Duration::from_secs(REMEMBERED_S))
}
