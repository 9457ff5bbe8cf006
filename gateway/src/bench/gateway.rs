//! Gateways to be measured: the bundled plugins that need no network, around any models.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use hyfunc_cascade::Cascade;
use hyfunc_sandbox::Plugin;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tower::ServiceExt as _;

use super::BenchError;
use crate::app::{self, App};
use crate::config::{Config, PluginsConfig};
use crate::library::Library;

/// Where chat completions are asked for.
pub(super) const PATH: &str = "/v1/chat/completions";

/// Connections beyond those that are measured: of a client that is just going, for one.
const CONNECTIONS_SPARE: usize = 16;

/// Bytes of an answer; ours have some thousands.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The same for everybody: a free loopback port, the bundled plugins, nothing kept on disk, and a
/// place for every connection, since a refusal would be measured as a fast answer.
pub(super) fn config(mut config: Config, connections: usize) -> Config {
    config.server.address = "127.0.0.1:0".into();
    let places = connections + CONNECTIONS_SPARE;
    config.server.connections_max = config.server.connections_max.max(places);
    config.server.queue_max = config.server.queue_max.max(places);
    config.plugins = PluginsConfig::default();
    config.library.dir = String::new();
    config.models.prepared_dir = String::new();
    config.admin.address = String::new();
    config.sandbox.keyvalue_dir = String::new();
    config.for_own_use()
}

/// The bundled plugins without those that would go to the network.
pub(super) async fn plugins(config: &Config) -> Result<Vec<Plugin>, BenchError> {
    let mut plugins = app::load_plugins(config).await?;
    plugins.retain(|plugin| plugin.grants().http.hosts.is_empty());
    Ok(plugins)
}

/// The models that the configuration names.
pub(super) async fn cascade(config: &Config) -> Result<Cascade, BenchError> {
    let models = config.models.clone();
    let loaded = spawn_blocking(move || app::cascade(&models)).await;
    Ok(loaded.map_err(|_| BenchError::Panicked)??)
}

/// What people say in the docs of the library's functions.
pub(super) fn utterances(library: &Library) -> Result<Vec<String>, BenchError> {
    let examples = library.entries().iter().flat_map(|entry| &entry.function().examples);
    let utterances: Vec<String> = examples.map(|example| example.utterance.clone()).collect();
    if utterances.is_empty() { Err(BenchError::NoExamples) } else { Ok(utterances) }
}

/// The body of a chat completion.
pub(super) fn body(model: &str, query: &str, stream: bool) -> Bytes {
    let messages = json!([{"role": "user", "content": query}]);
    json!({"model": model, "messages": messages, "stream": stream}).to_string().into()
}

/// A chat completion without a socket: the answer's bytes.
pub(super) async fn ask(router: Router, body: Bytes) -> Result<Bytes, BenchError> {
    let request = Request::post(PATH)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a path and a header of our own");
    exchange(router, request).await
}

/// An exchange without a socket: the answer's bytes.
pub(super) async fn exchange(router: Router, request: Request<Body>) -> Result<Bytes, BenchError> {
    let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    let status = response.status();
    let read = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = read.map_err(|error| BenchError::Exchange { reason: error.to_string() })?;
    if status.is_success() {
        return Ok(bytes);
    }
    let body = String::from_utf8_lossy(&bytes).into_owned();
    Err(BenchError::Refused { status: status.as_u16(), body })
}

/// A gateway that listens until it is stopped.
pub(super) struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<bool>,
}

impl Serving {
    /// Starts to listen.
    pub async fn start(app: App) -> Result<Self, BenchError> {
        let serving = app.listen().await?;
        let address = serving.address();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serving.run(async move {
            // A dropped sender stops it as well.
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, served })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and waits until it is gone.
    pub async fn stop(self) {
        drop(self.stop);
        // Whether the last connection went down in time is of no interest here.
        let _ = self.served.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_a_place_and_nothing_of_the_user_is_touched() {
        let mut own = Config::default();
        own.server.address = "127.0.0.1:8080".into();
        own.server.queue_max = 4;
        own.plugins.files = vec!["mine.wasm".into()];
        own.sandbox.keyvalue_dir = "/home/me/kept".into();
        own.library.dir = "/home/me/library".into();
        own.admin.address = "127.0.0.1:8081".into();
        let config = config(own.clone(), 2_000);
        assert_eq!(config.server.address, "127.0.0.1:0");
        assert!(config.server.connections_max > 2_000 && config.server.queue_max > 2_000);
        assert!(config.plugins.files.is_empty() && config.plugins.bundled);
        assert!(config.sandbox.keyvalue_dir.is_empty());
        assert!(config.library.dir.is_empty() && config.admin.address.is_empty());
        assert!(config.models.prepared_dir.is_empty());
        assert_eq!(config.server.concurrent_max, own.server.concurrent_max);
    }

    #[test]
    fn a_body_is_a_chat_completion() {
        let body: serde_json::Value = serde_json::from_slice(&body("m", "hi", true)).unwrap();
        assert_eq!(body["messages"][0]["content"], "hi");
        assert_eq!((&body["model"], &body["stream"]), (&"m".into(), &true.into()));
    }
}
