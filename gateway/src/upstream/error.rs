//! What a chat model can do wrong: in full for the log, politely for people.

use std::path::PathBuf;

/// Why the chat model cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be extended by a path.
    #[error("upstream.url `{url}` is no base of an address; write it as http://127.0.0.1:11434/v1")]
    Address {
        /// As configured.
        url: String,
    },
    /// The file of the key cannot be read.
    #[error("cannot read the key for the chat model from {path}: {source}; check upstream.key_file", path = .path.display())]
    KeyFile {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The variable of the key is not set.
    #[error("the variable {name}, which upstream.key_env names, is not set; set it to the key")]
    KeyVariable {
        /// As configured.
        name: String,
    },
    /// What was read is no key.
    #[error("what upstream.key_file or upstream.key_env names is no key: it must be one word")]
    KeyShape,
    /// TLS cannot be set up.
    #[error(
        "cannot set up TLS for upstream.url: {reason}; use a proxy on this machine and http://"
    )]
    Tls {
        /// What the library said.
        reason: String,
    },
}

/// Why the chat model gave no answer, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nobody answers there.
    #[error("the chat model cannot be reached: {reason}; check upstream.url")]
    Unreachable {
        /// What the connection said.
        reason: String,
    },
    /// It does not know the key.
    #[error("the chat model answered {status}: check upstream.key_file or upstream.key_env")]
    Key {
        /// Its status.
        status: u16,
    },
    /// It has too much to do.
    #[error("the chat model is busy: it answered {status}")]
    Busy {
        /// Its status.
        status: u16,
    },
    /// Another status than 200.
    #[error("the chat model answered {status}{}", said(.identifiers))]
    Status {
        /// Its status.
        status: u16,
        /// Type, code and parameter of its error object; never its text, which may hold content.
        identifiers: Vec<String>,
    },
    /// An error in mid-stream.
    #[error("the chat model failed in mid-answer{}", said(.identifiers))]
    Failed {
        /// As above.
        identifiers: Vec<String>,
    },
    /// It did not begin in time.
    #[error("the chat model did not begin within {ms} ms (upstream.first_byte_ms)")]
    Unbegun {
        /// What it was given.
        ms: u128,
    },
    /// It did not end in time.
    #[error(
        "the chat model did not end within {ms} ms (upstream.deadline_ms, request.deadline_ms)"
    )]
    Unended {
        /// What it was given.
        ms: u128,
    },
    /// The connection ended before the answer.
    #[error("the chat model broke off: {reason}")]
    Cut {
        /// What the connection said.
        reason: String,
    },
    /// It does not speak the format.
    #[error("the chat model's answer cannot be read: {reason}; is upstream.url right?")]
    Unreadable {
        /// What was found.
        reason: String,
    },
    /// One event that never ends.
    #[error("one event of the chat model has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An answer without words.
    #[error("the chat model answered without a word")]
    Silent,
    /// As many answers as are allowed are being written.
    #[error("no place with the chat model (upstream.concurrent_max)")]
    NoPlace,
}

fn said(identifiers: &[String]) -> String {
    if identifiers.is_empty() { String::new() } else { format!(" ({})", identifiers.join(", ")) }
}

impl UpstreamError {
    /// One of few, for spans and clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "upstream_unreachable",
            Self::Key { .. } => "upstream_key_refused",
            Self::Busy { .. } | Self::NoPlace => "upstream_busy",
            Self::Status { .. } | Self::Failed { .. } => "upstream_failed",
            Self::Unbegun { .. } | Self::Unended { .. } => "upstream_late",
            Self::Cut { .. } => "upstream_cut",
            Self::Unreadable { .. } | Self::TooLarge { .. } => "upstream_unreadable",
            Self::Silent => "upstream_silent",
        }
    }

    /// What goes after `the chat model`, for people, who can neither know nor change where it is.
    pub fn excuse(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "cannot be reached at the moment",
            Self::Key { .. } => "does not accept this gateway's key",
            Self::Busy { .. } | Self::NoPlace => "is busy at the moment",
            Self::Status { .. } | Self::Failed { .. } => "reported an error",
            Self::Unbegun { .. } | Self::Unended { .. } => "took too long",
            Self::Cut { .. } => "broke off",
            Self::Unreadable { .. } | Self::TooLarge { .. } => "gave an answer that cannot be read",
            Self::Silent => "had nothing to say",
        }
    }
}
