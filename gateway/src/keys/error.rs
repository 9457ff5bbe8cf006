//! Why a request is not let in, and why keys cannot be used.

use std::path::PathBuf;

use super::role::Role;
use crate::config::LimitError;

/// Why a request is not let in. Says nothing of keys, functions or requests of others.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No key was sent.
    #[error(
        "this needs a key: send the header `Authorization: Bearer KEY`; whoever runs this gateway \
         makes keys with `hyfunc key create`"
    )]
    NoKey,
    /// What was sent has not the form of a key.
    #[error("the header `Authorization` holds no key; write it as `Bearer KEY`")]
    NotAKey,
    /// A key that never was, or is no more.
    #[error("this key is not valid here; check that all of it was copied, or ask for another one")]
    UnknownKey,
    /// A key whose time is over.
    #[error("this key expired at {at}; ask whoever runs this gateway for another one")]
    Expired {
        /// When, as RFC 3339.
        at: String,
    },
    /// A role that the key lacks.
    #[error("this key lacks the role `{role}` that this needs; use another key")]
    Role {
        /// The role that is needed.
        role: Role,
    },
    /// A function outside of the key's scopes, whether it exists or not.
    #[error(
        "this key may not call `{function}`: no scope of the key covers it; GET /v1/functions \
         lists what it may call"
    )]
    Scope {
        /// As asked for.
        function: String,
    },
    /// More requests than the key has a minute.
    #[error("this key may send {per_minute} requests a minute; try again in {retry_after_ms} ms")]
    KeyRate {
        /// The limit.
        per_minute: u32,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// More calls than the function has a minute.
    #[error(
        "`{function}` may be called {per_minute} times a minute, by all together; try again in \
         {retry_after_ms} ms"
    )]
    FunctionRate {
        /// Its name.
        function: String,
        /// The limit.
        per_minute: u32,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// More requests at once than the key may have.
    #[error(
        "{concurrent_max} requests of this key are at work already, as many as it may have; try \
         again in {retry_after_ms} ms"
    )]
    Concurrency {
        /// The limit.
        concurrent_max: u32,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
}

impl AccessError {
    /// When to come back, in milliseconds, where waiting helps.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::KeyRate { retry_after_ms, .. }
            | Self::FunctionRate { retry_after_ms, .. }
            | Self::Concurrency { retry_after_ms, .. } => Some(*retry_after_ms),
            Self::NoKey
            | Self::NotAKey
            | Self::UnknownKey
            | Self::Expired { .. }
            | Self::Role { .. }
            | Self::Scope { .. } => None,
        }
    }

    /// Whether another key, or one at all, would help before anything else.
    pub fn is_about_who(&self) -> bool {
        matches!(self, Self::NoKey | Self::NotAKey | Self::UnknownKey | Self::Expired { .. })
    }
}

/// Why keys cannot be read, made or removed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Nobody said where keys are.
    #[error("no file of keys is named: add --file keys.toml, or set keys.file")]
    NoFile,
    /// There is no such file.
    #[error(
        "there are no keys at {path}; make one with `hyfunc key create NAME --file {path}`",
        path = .path.display()
    )]
    Missing {
        /// Path as configured.
        path: PathBuf,
    },
    /// A file without keys lets nobody in.
    #[error(
        "{path} holds no key, so nobody could use the gateway; make one with \
         `hyfunc key create NAME --file {path}`",
        path = .path.display()
    )]
    Empty {
        /// Path as configured.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot use the keys at {path}: {source}; check keys.file and its folder", path = .path.display())]
    File {
        /// Path as configured.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a file of keys.
    #[error("{path} is no file of keys: {reason}", path = .path.display())]
    Broken {
        /// Path as configured.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A key of the file that cannot be used.
    #[error("the key `{name}`: {reason}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A scope that covers nothing.
    #[error(
        "`{pattern}` is no scope: write names of functions, as units_*, or plugins, as plugin:NAME"
    )]
    Scope {
        /// As written.
        pattern: String,
    },
    /// A limit of functions that cannot be read.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A name that is taken.
    #[error("there is a key `{name}` already; revoke it first, or choose another name")]
    Taken {
        /// As typed.
        name: String,
    },
    /// No such key.
    #[error("no key has the name or id `{name}`{}; `hyfunc key list` lists all", crate::suggest::hint(.suggestion))]
    Unknown {
        /// As typed.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// The system gives no random bytes.
    #[error("the system gives no randomness to make a key of: {reason}")]
    Randomness {
        /// What it said.
        reason: String,
    },
}
