//! What of a configuration may change while the gateway runs.

use toml::{Table, Value};

use super::check::check;
use super::effective::{Source, Values};
use super::layers::{assemble, flatten};
use super::{Config, ConfigError};

/// Keys that are read anew for every request: limits and thresholds. All others are part of what
/// was built at start.
pub const LIVE: &[&str] = &[
    "server.concurrent_max",
    "server.queue_max",
    "server.retry_after_ms",
    "request.json_depth_max",
    "request.deadline_ms",
    "request.messages_max",
    "request.query_bytes_max",
    "request.tools_max",
    "request.tool_properties_max",
    "request.properties_max",
    "request.calls_max",
    "request.reply_bytes_max",
    "retrieval.candidates_max",
    "retrieval.threshold",
    "telemetry.capture_content",
    "idempotency.keys_max",
    "idempotency.answer_bytes_max",
    "idempotency.bytes_max",
    "idempotency.keep_ms_max",
    "mcp.page_tools_max",
    "mcp.sessions_max",
    "follow.references",
    "follow.interval_ms",
    "follow.look_ms_max",
    "follow.jitter",
    "follow.backoff_ms_max",
    "follow.verify",
    "follow.policies",
    "follow.keys",
    "follow.trusted_root",
    "follow.identities",
    "follow.authority",
    "follow.plain_http",
    "follow.on_missing",
    "follow.allow_downgrade",
    "upstream.model",
    "upstream.phrase",
    "upstream.instructions",
    "upstream.deadline_ms",
    "upstream.first_byte_ms",
    "upstream.reply_bytes_max",
];

/// What comes of reading a configuration again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// What is in force from now on.
    pub config: Config,
    /// Keys that have another value now.
    pub changed: Vec<String>,
    /// Keys that were changed, too, and keep their values until the gateway is started anew.
    pub waiting: Vec<String>,
}

/// Takes over what may change.
///
/// # Errors
/// The new values do not go with those that stay.
pub fn reload(now: &Config, read: &Config) -> Result<Reload, ConfigError> {
    let mut changed = Vec::new();
    let mut waiting = Vec::new();
    let mut values = Values::new();
    for ((key, now), (_, read)) in values_of(now).into_iter().zip(values_of(read)) {
        let is_live = LIVE.contains(&key.as_str());
        if now != read {
            let list = if is_live { &mut changed } else { &mut waiting };
            list.push(key.clone());
        }
        values.insert(key, (if is_live { read } else { now }, Source::Default));
    }
    let config = assemble(&values)?;
    check(&config)?;
    Ok(Reload { config, changed, waiting })
}

/// Every key with its value, always in the same order.
fn values_of(config: &Config) -> Vec<(String, Value)> {
    flatten(Table::try_from(config).expect("a configuration is plain TOML"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn every_live_key_is_a_key() {
        for live in LIVE {
            assert!(KEYS.iter().any(|key| key.path == *live), "{live}");
        }
    }

    #[test]
    fn limits_change_and_the_rest_waits_for_a_restart() {
        let now = Config::default();
        let mut read = now.clone();
        read.request.calls_max = 3;
        read.retrieval.threshold = 0.5;
        read.server.address = "127.0.0.1:1".into();
        read.plugins.files = vec!["a.wasm".into()];
        let reload = reload(&now, &read).unwrap();
        let mut changed = reload.changed.clone();
        changed.sort_unstable();
        assert_eq!(changed, ["request.calls_max", "retrieval.threshold"]);
        let mut waiting = reload.waiting.clone();
        waiting.sort_unstable();
        assert_eq!(waiting, ["plugins.files", "server.address"]);
        let mut wanted = now;
        wanted.request.calls_max = 3;
        wanted.retrieval.threshold = 0.5;
        assert_eq!(reload.config, wanted);
    }

    #[test]
    fn nothing_new_changes_nothing() {
        let now = Config::default();
        let same = reload(&now, &now).unwrap();
        assert_eq!((same.config, same.changed.len(), same.waiting.len()), (now, 0, 0));
    }

    #[test]
    fn what_does_not_go_with_what_stays_is_refused() {
        let now = Config::default();
        let mut read = now.clone();
        read.request.body_bytes_max *= 2;
        read.request.query_bytes_max = read.request.body_bytes_max;
        let error = reload(&now, &read).unwrap_err().to_string();
        assert!(error.contains("request.query_bytes_max"), "{error}");
    }
}
