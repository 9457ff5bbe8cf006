//! The HTTP surface: routes, ordered layers, wire formats, and the one error table.

mod access;
mod admin;
mod body;
mod chat;
mod content;
mod cors;
mod docs;
mod ending;
mod error;
mod fields;
mod file;
mod follow;
#[cfg(test)]
mod foreign;
mod functions;
mod health;
mod layers;
mod live;
mod mcp;
mod models;
mod once;
mod openai;
pub mod openapi;
mod origin;
mod playground;
mod plugins;
mod recent;
mod responses;
mod route;
mod routes;
pub mod server;
mod sse;
mod stall;
pub mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;

pub use admin::admin_router;
pub use error::{code_of, retry_after_ms, status_of};
pub use once::{Answers, nothing_kept};

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
    /// Answers for whoever asks again under the same key.
    pub replays: Arc<Answers>,
}

impl FromRef<Shared> for Arc<Pipeline> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.pipeline)
    }
}

/// Every endpoint, under every layer.
pub fn router(shared: Shared) -> Router {
    let routes = routes::public(&shared)
        .fallback(layers::no_route)
        .method_not_allowed_fallback(layers::no_method);
    let routes = layers::around(routes, shared.clone());
    let origins = &shared.pipeline.config.server.cors_origins;
    // Outermost: a page may read refusals, too.
    let routes = if origins.is_empty() { routes } else { routes.layer(cors::layer(origins)) };
    routes.with_state(shared)
}
