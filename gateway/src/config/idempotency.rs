//! `[idempotency]`: answers that are given again.

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// `[idempotency]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct IdempotencyConfig {
    pub keys_max: usize,
    pub answer_bytes_max: usize,
    pub bytes_max: usize,
    pub keep_ms_max: u64,
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        Self {
            keys_max: 256,
            answer_bytes_max: 1 << 20,
            bytes_max: 16 << 20,
            keep_ms_max: 24 * 60 * 60 * 1_000,
        }
    }
}

/// Most keys of one owner: they are searched one by one.
const KEYS_LIMIT: usize = 4096;

/// Bounds and relations.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let bad = |key: &'static str, reason: String| Err(ConfigError::Value { key, reason });
    let IdempotencyConfig { keys_max, answer_bytes_max, bytes_max, keep_ms_max } =
        &config.idempotency;
    if !(1..=KEYS_LIMIT).contains(keys_max) {
        return bad("idempotency.keys_max", format!("must be 1 to {KEYS_LIMIT}"));
    }
    if *answer_bytes_max == 0 {
        return bad("idempotency.answer_bytes_max", "must be at least 1".into());
    }
    if *keep_ms_max == 0 {
        return bad("idempotency.keep_ms_max", "must be at least 1".into());
    }
    if bytes_max < answer_bytes_max {
        return bad(
            "idempotency.bytes_max",
            "must not be less than idempotency.answer_bytes_max".into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_keep_nothing_is_refused_by_its_key() {
        type Change = fn(&mut IdempotencyConfig);
        let cases: [(Change, &str); 5] = [
            (|config| config.keys_max = 0, "idempotency.keys_max"),
            (|config| config.keys_max = KEYS_LIMIT + 1, "idempotency.keys_max"),
            (|config| config.answer_bytes_max = 0, "idempotency.answer_bytes_max"),
            (|config| config.keep_ms_max = 0, "idempotency.keep_ms_max"),
            (|config| config.bytes_max = 1, "idempotency.bytes_max"),
        ];
        for (change, key) in cases {
            let mut config = Config::default();
            change(&mut config.idempotency);
            assert!(check(&config).unwrap_err().to_string().contains(key), "{key}");
        }
        assert!(check(&Config::default()).is_ok());
    }
}
