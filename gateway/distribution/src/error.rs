//! Everything that can go wrong with a registry, and what to do then.

use std::path::PathBuf;

use crate::digest::{Digest, DigestError};
use crate::index::IndexError;
use crate::keyless::BundleError;
use crate::manifest::ManifestError;
use crate::reference::ReferenceError;
use crate::signature::SignatureError;

/// Why something was not pushed, pulled, signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A reference that is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A digest that is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A manifest that is no plugin's.
    #[error("{reference}: {source}")]
    Manifest {
        /// What was asked for.
        reference: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A list that is none of components.
    #[error("{reference}: {source}")]
    Index {
        /// What was asked for.
        reference: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// Not trusted.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Not trusted, as a bundle of sigstore.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Nobody answers.
    #[error("{host} does not answer: {reason}; check the name and the network, and try again")]
    Down {
        /// Host and port.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// Too slow.
    #[error("{host} was silent for {silent_ms} ms; try again later")]
    Slow {
        /// Host and port.
        host: String,
        /// The limit.
        silent_ms: u64,
    },
    /// A transfer that would never end.
    #[error("{host} took more than {transfer_ms_max} ms to send one answer; try again later")]
    Endless {
        /// Host and port.
        host: String,
        /// The limit.
        transfer_ms_max: u64,
    },
    /// The encrypted connection failed.
    #[error("cannot speak TLS with {host}: {reason}; {advice}")]
    Tls {
        /// Host and port.
        host: String,
        /// What went wrong.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Anybody on the way could read and change what is sent.
    #[error(
        "{url} is plain HTTP, which is used with this machine alone; have the registry speak TLS, \
         or say --plain-http if the network between is yours"
    )]
    Plain {
        /// Where to.
        url: String,
    },
    /// The file of an authority.
    #[error("{path} holds no certificate that can be used ({reason}); --ca takes PEM", path = .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Credentials that are stored cannot be used.
    #[error("the credentials for {registry} cannot be used: {reason}")]
    Credentials {
        /// For which registry.
        registry: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// 401.
    #[error(
        "{host} does not let {who} {action} {name}: {detail}; log in with `docker login {host}` or \
         `podman login {host}`, or set HYFUNC_REGISTRY_USER and HYFUNC_REGISTRY_PASSWORD"
    )]
    Unauthorized {
        /// Host and port.
        host: String,
        /// `anybody` or the name of the user.
        who: String,
        /// `read` or `write`.
        action: &'static str,
        /// The repository.
        name: String,
        /// What the registry said.
        detail: String,
    },
    /// 403.
    #[error("{host} forbids {who} to {action} {name}: {detail}; ask its owner for the right to")]
    Forbidden {
        /// Host and port.
        host: String,
        /// `anybody` or the name of the user.
        who: String,
        /// `read` or `write`.
        action: &'static str,
        /// The repository.
        name: String,
        /// What the registry said.
        detail: String,
    },
    /// 404.
    #[error("there is no {what}; check the name and the tag (private artifacts need a login)")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// 429, over and over.
    #[error("{host} is asked too often: {detail}; try again in {retry_after_s} s")]
    TooMany {
        /// Host and port.
        host: String,
        /// What the registry said.
        detail: String,
        /// When, in seconds.
        retry_after_s: u64,
    },
    /// 503, and a word on when to come back.
    #[error("{host} is not available now: {detail}; try again in {retry_after_s} s")]
    Unavailable {
        /// Host and port.
        host: String,
        /// What the registry said.
        detail: String,
        /// When, in seconds.
        retry_after_s: u64,
    },
    /// Any other status.
    #[error("{host} answers {status} to {request}: {detail}{}", advice(.status))]
    Status {
        /// Host and port.
        host: String,
        /// The status.
        status: u16,
        /// Method and path.
        request: String,
        /// What the registry said.
        detail: String,
    },
    /// An answer that no registry gives.
    #[error("{host} does not answer as an OCI registry does: {reason}; check its name and port")]
    Answer {
        /// Host and port.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The connection broke in the middle.
    #[error("{host} ended the connection after {bytes} bytes: {reason}; try again")]
    Broken {
        /// Host and port.
        host: String,
        /// Bytes that came.
        bytes: u64,
        /// What the connection said.
        reason: String,
    },
    /// Other content than was asked for.
    #[error(
        "{what} should be {wanted}, and what came is {found}: damaged on the way or at the \
         registry; nothing was kept. Try again, and tell the registry's owner if it stays so"
    )]
    OtherContent {
        /// What was asked for.
        what: String,
        /// What it should be.
        wanted: Digest,
        /// What it is.
        found: Digest,
    },
    /// Fewer or more bytes than the manifest says.
    #[error("{what} should have {wanted} bytes and has {found}: nothing was kept; try again")]
    OtherSize {
        /// What was asked for.
        what: String,
        /// By the manifest.
        wanted: u64,
        /// What came.
        found: u64,
    },
    /// Larger than is read.
    #[error("{what} has more than the {bytes_max} bytes that are read")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The limit.
        bytes_max: u64,
    },
    /// Something else has the tag.
    #[error(
        "{reference} exists already with another component ({existing}): choose a new version, or \
         replace it with --replace"
    )]
    Taken {
        /// Where to.
        reference: String,
        /// Digest of the component that is there.
        existing: String,
    },
    /// Pushing wants a tag.
    #[error("{reference} {reason}: push to a tag, as in `{name}:1.0.0`")]
    NoTag {
        /// As typed.
        reference: String,
        /// What is wrong.
        reason: &'static str,
        /// Registry and repository.
        name: String,
    },
    /// No signature could be made.
    #[error(transparent)]
    Key(#[from] crate::key::KeyError),
}

impl RegistryError {
    /// How long the registry asks to be left alone, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after_s, .. } | Self::Unavailable { retry_after_s, .. } => {
                Some(*retry_after_s)
            }
            _ => None,
        }
    }

    /// Whether the artifact is there and not trusted, which a policy may let pass.
    pub fn is_about_trust(&self) -> bool {
        matches!(self, Self::Signature(_) | Self::Bundle(_))
    }
}

fn advice(status: &u16) -> &'static str {
    match status {
        500..=599 => "; this is the registry's own fault: try again later",
        413 => "; ask its owner to accept larger content",
        _ => "",
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    said(&text)
}

/// Longest text of a registry that is repeated (characters).
const SAID_CHARS_MAX: usize = 300;

/// What a stranger said, as one line that does nothing to a terminal.
pub(crate) fn said(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .filter(|char| !char.is_control() && !is_direction(*char))
        .take(SAID_CHARS_MAX)
        .collect();
    line.trim().to_owned()
}

/// Marks that turn the direction of text.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_does_nothing_to_a_terminal() {
        assert_eq!(said("a\u{1b}[2Jb\r\nc\u{202e}d "), "a[2Jb  cd");
        assert_eq!(said(&"x".repeat(1_000)).len(), SAID_CHARS_MAX);
    }
}
