//! `[upstream]`: the chat model for what no function answers.

use hyper::Uri;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[upstream]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct UpstreamConfig {
    pub url: String,
    pub model: String,
    pub key_file: String,
    pub key_env: String,
    pub phrase: bool,
    pub instructions: String,
    pub deadline_ms: u64,
    pub first_byte_ms: u64,
    pub reply_bytes_max: usize,
    pub concurrent_max: usize,
}

/// Without the last sentence, models say that they did what nothing here can do.
const INSTRUCTIONS: &str = "You answer in plain words for a gateway that calls functions. Answer \
    briefly, in the language of the request. You cannot call functions and have done nothing: \
    never say that you did.";

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            key_file: String::new(),
            key_env: String::new(),
            phrase: false,
            instructions: INSTRUCTIONS.into(),
            deadline_ms: 20_000,
            first_byte_ms: 10_000,
            reply_bytes_max: 64 * 1024,
            concurrent_max: 32,
        }
    }
}

impl UpstreamConfig {
    /// Whether there is a chat model at all.
    pub fn is_set(&self) -> bool {
        !self.url.is_empty()
    }
}

/// Checks what can be known without asking the model.
pub(super) fn check(config: &UpstreamConfig) -> Result<(), ConfigError> {
    let bad = |key: &'static str, reason: &str| {
        Err(ConfigError::Value { key, reason: reason.to_owned() })
    };
    for (key, value) in [
        ("upstream.deadline_ms", config.deadline_ms),
        ("upstream.first_byte_ms", config.first_byte_ms),
        ("upstream.reply_bytes_max", config.reply_bytes_max as u64),
        ("upstream.concurrent_max", config.concurrent_max as u64),
    ] {
        if value == 0 {
            return bad(key, "must be at least 1");
        }
    }
    if !config.is_set() {
        return if config.phrase {
            bad("upstream.phrase", "there is no chat model to do it; set upstream.url, too")
        } else {
            Ok(())
        };
    }
    if let Err(reason) = check_url(&config.url) {
        return bad("upstream.url", reason);
    }
    if config.model.trim().is_empty() {
        return bad("upstream.model", "name the model that upstream.url serves");
    }
    if !config.key_file.is_empty() && !config.key_env.is_empty() {
        return bad("upstream.key_env", "upstream.key_file is set, too; leave one of them empty");
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), &'static str> {
    const WANTED: &str = "write it as http://127.0.0.1:11434/v1 or https://api.example.com/v1";
    let Ok(uri) = url.parse::<Uri>() else { return Err(WANTED) };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(WANTED);
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(WANTED);
    };
    if authority.as_str().contains('@') {
        return Err("must hold no user name or password; the key has a file of its own: \
                    upstream.key_file");
    }
    if uri.query().is_some() {
        return Err("must end with its path; the gateway adds /chat/completions");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut UpstreamConfig)) -> Result<(), String> {
        let mut config = UpstreamConfig {
            url: "http://127.0.0.1:1/v1".into(),
            model: "m".into(),
            ..UpstreamConfig::default()
        };
        change(&mut config);
        check(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn without_an_address_there_is_no_chat_model() {
        assert!(check(&UpstreamConfig::default()).is_ok());
        assert!(!UpstreamConfig::default().is_set());
    }

    #[test]
    fn what_cannot_be_an_upstream_is_refused_with_a_way_out() {
        for url in ["http://127.0.0.1:1/v1", "https://api.example.com/v1/", "http://[::1]:8000"] {
            assert_eq!(with(|config| config.url = url.into()), Ok(()), "{url}");
        }
        for (url, words) in [
            ("127.0.0.1:8000", "write it as"),
            ("ftp://example.com", "write it as"),
            ("/v1", "write it as"),
            ("http://", "write it as"),
            ("https://me:secret@example.com/v1", "upstream.key_file"),
            ("http://example.com/v1?key=secret", "adds /chat/completions"),
        ] {
            let error = with(|config| config.url = url.into()).unwrap_err();
            assert!(error.contains("upstream.url") && error.contains(words), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let zero_phrase = |config: &mut UpstreamConfig| {
            *config = UpstreamConfig { phrase: true, ..UpstreamConfig::default() };
        };
        assert!(with(zero_phrase).unwrap_err().contains("set upstream.url"));
        assert!(with(|config| config.model = " ".into()).unwrap_err().contains("upstream.model"));
        let two_keys = |config: &mut UpstreamConfig| {
            config.key_file = "a".into();
            config.key_env = "b".into();
        };
        assert!(with(two_keys).unwrap_err().contains("leave one of them empty"));
        assert!(with(|config| config.deadline_ms = 0).unwrap_err().contains("at least 1"));
        assert!(with(|config| config.concurrent_max = 0).unwrap_err().contains("at least 1"));
    }
}
