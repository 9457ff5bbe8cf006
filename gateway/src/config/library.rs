//! `[library]` and `[admin]`: plugins that are published, and where.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// `[library]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct LibraryConfig {
    pub dir: String,
    pub plugins_max: usize,
    pub component_bytes_max: usize,
    pub compile_ms_max: u64,
    pub compile_memory_bytes_max: usize,
    pub compiler: String,
}

impl Default for LibraryConfig {
    fn default() -> Self {
        Self {
            dir: String::new(),
            plugins_max: 1_000,
            component_bytes_max: 32 << 20,
            compile_ms_max: 60_000,
            compile_memory_bytes_max: 2 << 30,
            compiler: String::new(),
        }
    }
}

/// `[admin]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct AdminConfig {
    pub address: String,
    pub allow_public: bool,
}

/// Below this, the compiler does not even start.
const COMPILE_MEMORY_BYTES_MIN: usize = 256 << 20;

/// Checks both sections.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let Config { library, admin, .. } = config;
    let bad = |key: &'static str, reason: String| Err(ConfigError::Value { key, reason });
    for (key, value) in [
        ("library.plugins_max", library.plugins_max as u64),
        ("library.component_bytes_max", library.component_bytes_max as u64),
        ("library.compile_ms_max", library.compile_ms_max),
    ] {
        if value == 0 {
            return bad(key, "must be at least 1".into());
        }
    }
    if library.compile_memory_bytes_max < COMPILE_MEMORY_BYTES_MIN {
        let reason = format!("must be at least {COMPILE_MEMORY_BYTES_MIN}");
        return bad("library.compile_memory_bytes_max", reason);
    }
    if !library.dir.is_empty() && config.sandbox.aot_dir.is_empty() {
        let reason = "needs sandbox.aot_dir: plugins are compiled in a process apart, which leaves \
                      them there";
        return bad("library.dir", reason.into());
    }
    if admin.address.is_empty() {
        return Ok(());
    }
    let Ok(address) = admin.address.parse::<SocketAddr>() else {
        let reason = format!(
            "`{}` is not an address with a port; write it as 127.0.0.1:8081 or [::1]:8081",
            admin.address
        );
        return bad("admin.address", reason);
    };
    if library.dir.is_empty() {
        let reason = "needs library.dir, a folder in which published plugins are kept";
        return bad("admin.address", reason.into());
    }
    if !address.ip().is_loopback() && !admin.allow_public {
        let reason = format!(
            "{address} can be reached from other machines: anyone could change what runs here; use \
             127.0.0.1, or set admin.allow_public = true behind a proxy that checks who calls"
        );
        return bad("admin.address", reason);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is set, and words that the error must hold; none where it is fine.
    #[test]
    fn what_cannot_be_is_refused_with_a_way_out() {
        type Change = fn(&mut Config);
        let rows: [(Change, Option<&str>); 10] = [
            (|_| (), None),
            (|config| config.library.dir = "x".into(), None),
            (|config| config.admin.address = "127.0.0.1:0".into(), Some("needs library.dir")),
            (|config| config.admin.address = "localhost".into(), Some("127.0.0.1:8081")),
            (|config| config.library.plugins_max = 0, Some("library.plugins_max")),
            (|config| config.library.component_bytes_max = 0, Some("at least 1")),
            (|config| config.library.compile_ms_max = 0, Some("library.compile_ms_max")),
            (|config| config.library.compile_memory_bytes_max = 1, Some("268435456")),
            (
                |config| {
                    config.library.dir = "x".into();
                    config.sandbox.aot_dir = String::new();
                },
                Some("needs sandbox.aot_dir"),
            ),
            (
                |config| {
                    config.library.dir = "x".into();
                    config.admin.address = "0.0.0.0:8081".into();
                },
                Some("admin.allow_public = true"),
            ),
        ];
        for (change, words) in rows {
            let mut config = Config::default();
            change(&mut config);
            match (check(&config), words) {
                (Ok(()), None) => {}
                (Err(error), Some(words)) => {
                    assert!(error.to_string().contains(words), "{error} should hold: {words}");
                }
                (checked, words) => panic!("{checked:?}, not {words:?}"),
            }
        }
    }

    #[test]
    fn beyond_loopback_is_for_those_who_ask_by_name() {
        let mut config = Config::default();
        config.library.dir = "x".into();
        config.admin = AdminConfig { address: "0.0.0.0:8081".into(), allow_public: true };
        assert!(check(&config).is_ok());
    }
}
