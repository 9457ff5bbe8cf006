//! What can be wrong with a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::suggest::hint;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}; check --config and HYFUNC_CONFIG", path = .path.display())]
    Read {
        /// Path as given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {reason}", path = .path.display())]
    Toml {
        /// Path as given.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A key that nothing reads.
    #[error("unknown setting `{name}` from {from}{}; `hyfunc config` lists all", hint(.suggestion))]
    Unknown {
        /// As written.
        name: String,
        /// File, environment or flag.
        from: String,
        /// The nearest known name, in the same spelling.
        suggestion: Option<String>,
    },
    /// A value of another type.
    #[error("`{key}` from {from} must be {wanted}, found {found}")]
    Kind {
        /// `section.key`.
        key: String,
        /// File, environment or flag.
        from: String,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A value out of its bounds.
    #[error("`{key}`: {reason}")]
    Value {
        /// `section.key`.
        key: &'static str,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A running gateway was given very many.
    #[error("this gateway was given a thousand configurations already; start it anew")]
    Worn,
    /// Listening beyond loopback without keys.
    #[error(
        "{address} can be reached from other machines, and there are no keys: anyone could call \
         every function; make a key with `hyfunc key create NAME --file keys.toml` and serve with \
         --keys keys.toml (keys.file), or use 127.0.0.1, or set server.allow_public = true \
         (--allow-public) behind a proxy that checks who calls"
    )]
    Public {
        /// Address as configured.
        address: SocketAddr,
    },
}
