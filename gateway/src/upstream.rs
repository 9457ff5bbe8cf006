//! An optional chat model, behind any address that speaks OpenAI's chat completions.
//!
//! It says in words what no function answers and, where that is wanted, what functions gave. It
//! is asked for words alone: it sees the conversation and results, never functions or a client's
//! key. Whatever it does wrong is an [`UpstreamError`], which the answer tells politely.

mod client;
mod error;
mod events;
mod key;
mod prompt;
mod speech;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Uri};
use opentelemetry::Context;
use serde_json::{Map, Value as Json};
use tokio::sync::Semaphore;

pub use error::{OpenError, UpstreamError};
pub use prompt::{Role, Turn};
pub use speech::{Speech, Tokens};

use crate::config::UpstreamConfig;
use crate::telemetry::Metrics;
use client::Client;

/// What is left of a request's deadline to tell of a chat model that was too slow, in
/// milliseconds; of a short deadline, a quarter.
const RESERVE_MS: u64 = 200;

/// The chat model, and who may ask it now.
pub struct Upstream {
    client: Client,
    endpoint: Uri,
    key: Option<HeaderValue>,
    places: Arc<Semaphore>,
}

impl Upstream {
    /// Reads the key and sets up TLS; `None` where no address is configured. Asks nothing yet: a
    /// chat model that is down must not keep the gateway from starting.
    ///
    /// # Errors
    /// A key that cannot be read or sent, or an address that cannot be extended.
    pub fn open(config: &UpstreamConfig) -> Result<Option<Arc<Self>>, OpenError> {
        if !config.is_set() {
            return Ok(None);
        }
        let endpoint = format!("{}/chat/completions", config.url.trim_end_matches('/'));
        let endpoint: Uri =
            endpoint.parse().map_err(|_| OpenError::Address { url: config.url.clone() })?;
        let key = key::read(config)?;
        let is_plain = endpoint.scheme_str() == Some("http");
        if is_plain && key.is_some() && !is_local(&endpoint) {
            tracing::warn!(
                "the key for upstream.url goes over the network unencrypted: use https, or a \
                 proxy on this machine"
            );
        }
        Ok(Some(Arc::new(Self {
            client: Client::new(&endpoint)?,
            endpoint,
            key,
            places: Arc::new(Semaphore::new(config.concurrent_max)),
        })))
    }
}

fn is_local(endpoint: &Uri) -> bool {
    let host = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The chat model as one request may use it.
#[derive(Clone)]
pub struct Voice {
    upstream: Arc<Upstream>,
    config: UpstreamConfig,
    metrics: Metrics,
    /// Whether spans hold what is asked.
    captures: bool,
}

/// What is asked of a chat model.
pub struct Asked<'a> {
    /// The conversation.
    pub turns: &'a [Turn],
    /// What it is told besides, before the conversation.
    pub task: Option<&'a str>,
    /// Most tokens of its answer.
    pub tokens_max: Option<usize>,
    /// Whatever else of chat completions the client sent for it, which was checked before.
    pub settings: &'a Map<String, Json>,
    /// When the request's own answer is of no more use.
    pub deadline: Instant,
    /// The caller's trace.
    pub caller: &'a Context,
}

impl Voice {
    /// The chat model within the limits that hold now.
    pub fn new(
        upstream: &Arc<Upstream>,
        config: &UpstreamConfig,
        metrics: &Metrics,
        captures: bool,
    ) -> Self {
        Self {
            upstream: Arc::clone(upstream),
            config: config.clone(),
            metrics: metrics.clone(),
            captures,
        }
    }

    /// Whether results of functions are its business, too.
    pub fn phrases(&self) -> bool {
        self.config.phrase
    }

    /// Begins an answer. Nothing is sent before its first word is asked for.
    pub fn speak(&self, asked: &Asked<'_>) -> Speech {
        Speech::new(self, asked)
    }

    /// When its answer must be whole.
    fn deadline(&self, began: Instant, request: Instant) -> Instant {
        let left = request.saturating_duration_since(began);
        let reserve = Duration::from_millis(RESERVE_MS).min(left / 4);
        let own = began + Duration::from_millis(self.config.deadline_ms);
        own.min(began + (left - reserve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> UpstreamConfig {
        UpstreamConfig { url: url.into(), model: "m".into(), ..UpstreamConfig::default() }
    }

    #[test]
    fn the_path_is_added_once_whatever_the_address_ends_with() {
        for (url, endpoint) in [
            ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/chat/completions"),
            ("http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1/chat/completions"),
            ("https://example.com", "https://example.com/chat/completions"),
        ] {
            let upstream = Upstream::open(&config(url)).unwrap().unwrap();
            assert_eq!(upstream.endpoint.to_string(), endpoint);
        }
        assert!(Upstream::open(&UpstreamConfig::default()).unwrap().is_none());
    }

    #[test]
    fn a_slow_chat_model_leaves_time_to_tell_of_it() {
        let upstream = Upstream::open(&config("http://127.0.0.1:1")).unwrap().unwrap();
        let voice = Voice::new(&upstream, &config("x"), &Metrics::default(), false);
        let began = Instant::now();
        for (request_ms, own_ms) in [(30_000, 20_000), (10_000, 9_800), (400, 300), (0, 0)] {
            let request = began + Duration::from_millis(request_ms);
            let own = began + Duration::from_millis(own_ms);
            assert_eq!(voice.deadline(began, request), own, "{request_ms}");
        }
    }
}
