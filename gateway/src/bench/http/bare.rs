//! A bare axum handler: it parses the same JSON, writes the same JSON, and does nothing between.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json as JsonBody, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bench::BenchError;
use crate::bench::gateway::PATH;

/// The handler's server; it ends when this is dropped.
pub(super) struct Bare {
    address: SocketAddr,
    served: JoinHandle<()>,
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Bare {
    /// Starts to listen; every chat completion gets this answer.
    pub async fn start(answer: Json) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(BenchError::Client)?;
        let address = listener.local_addr().map_err(BenchError::Client)?;
        // As the gateway does, or small answers would wait for more to send.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let router = axum::Router::new().route(PATH, post(tell)).with_state(Arc::new(answer));
        let served = tokio::spawn(async move {
            // It ends only when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, served })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn tell(State(answer): State<Arc<Json>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Json>(&body) {
        Ok(request) if request["messages"].is_array() => JsonBody(&*answer).into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}
