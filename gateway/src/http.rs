//! The HTTP surface: routes, ordered layers, wire formats, and the one error table.

mod access;
mod admin;
mod body;
mod chat;
mod error;
mod fields;
#[cfg(test)]
mod foreign;
mod functions;
mod health;
mod layers;
mod mcp;
mod models;
mod openai;
mod origin;
mod playground;
mod plugins;
mod recent;
mod responses;
mod route;
pub mod server;
mod sse;
mod stall;
pub mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};

pub use admin::admin_router;
pub use error::{code_of, retry_after_ms, status_of};

use crate::mcp::Server;
use crate::pipeline::Pipeline;

/// What every handler holds.
#[derive(Clone)]
pub struct Shared {
    /// The way of a request.
    pub pipeline: Arc<Pipeline>,
    /// When the gateway was started, in seconds since 1970: `created` of its model.
    pub started_s: u64,
    /// The same for clients that speak MCP.
    pub mcp: Server,
}

impl FromRef<Shared> for Arc<Pipeline> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.pipeline)
    }
}

/// Every endpoint, under every layer.
pub fn router(shared: Shared) -> Router {
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/responses", post(responses::create))
        .route("/v1/route", post(route::route))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::show))
        .route("/v1/functions", get(functions::list))
        .route("/v1/functions/{name}", post(functions::call))
        .route("/mcp", mcp::methods(&shared))
        .route("/v1/recent", get(recent::list))
        .route("/v1/recent/{id}", get(recent::show))
        .route("/", get(playground::page))
        .route("/playground/{name}", get(playground::file))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(layers::no_route)
        .method_not_allowed_fallback(layers::no_method);
    layers::around(routes, shared.clone()).with_state(shared)
}
