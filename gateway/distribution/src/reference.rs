//! Where an artifact lies: `registry/repository:tag`, `registry/repository@sha256:…`, or both.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

/// Longest tag, as the distribution specification has it.
const TAG_CHARS_MAX: usize = 128;
/// Longest name of a repository with its registry.
const NAME_CHARS_MAX: usize = 255;

/// A place in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Text that is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It does not begin with a registry.
    #[error(
        "`{reference}` names no registry: begin with its host, as in `ghcr.io/NAME/PLUGIN:1.0.0` \
         or `localhost:5000/PLUGIN:1.0.0`"
    )]
    NoRegistry {
        /// As typed.
        reference: String,
    },
    /// A part with characters that it may not have.
    #[error("`{reference}`: {part} `{found}` cannot be: {advice}")]
    Part {
        /// As typed.
        reference: String,
        /// Which part.
        part: &'static str,
        /// As typed.
        found: String,
        /// What may be.
        advice: &'static str,
    },
    /// A digest that is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// `ghcr.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `me/tides`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// `1.0.0`, where one is named.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The content, where it is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a registry is asked for: the digest before the tag, and without either `latest`.
    pub fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// `registry/repository`, which is what a signature names.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same place, pinned to this content.
    pub fn pinned(&self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self.clone() }
    }

    /// Whether the registry is this very machine.
    pub fn is_loopback(&self) -> bool {
        let host = host_of(&self.registry);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The host without port and brackets.
fn host_of(registry: &str) -> &str {
    match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => registry.split(':').next().unwrap_or(registry),
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(typed: &str) -> Result<Self, ReferenceError> {
        let part = |part, found: &str, advice| ReferenceError::Part {
            reference: typed.to_owned(),
            part,
            found: found.to_owned(),
            advice,
        };
        let text = typed.strip_prefix("oci://").unwrap_or(typed);
        let no_registry = || ReferenceError::NoRegistry { reference: typed.to_owned() };
        let (registry, rest) = text.split_once('/').ok_or_else(no_registry)?;
        if registry != "localhost" && !registry.contains(['.', ':']) {
            return Err(no_registry());
        }
        if !is_registry(registry) {
            return Err(part("the registry", registry, "it is a host, with `:PORT` if it has one"));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let is_short = registry.len() + 1 + repository.len() <= NAME_CHARS_MAX;
        if !is_short || !repository.split('/').all(is_component) {
            let advice = "small letters and digits, joined by single `.`, `_` or `-`, in parts \
                          divided by `/`, 255 characters at most";
            return Err(part("the repository", repository, advice));
        }
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            let advice = "letters, digits, `_`, `.` and `-`, 128 at most, a letter, digit or `_` \
                          first";
            return Err(part("the tag", tag, advice));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if !port.is_none_or(|port| !port.starts_with('+') && is_port(port)) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if !ends.iter().all(|end| end.is_some_and(|byte| is_word(*byte))) {
        return false;
    }
    bytes
        .split(|byte| is_word(*byte))
        .filter(|gap| !gap.is_empty())
        .all(|gap| matches!(gap, b"." | b"_" | b"__") || gap.iter().all(|byte| *byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_CHARS_MAX
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIN: &str = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_read() {
        for (text, registry, repository, tag) in [
            ("ghcr.io/me/tides:1.0.0", "ghcr.io", "me/tides", Some("1.0.0")),
            ("localhost:5000/tides", "localhost:5000", "tides", None),
            ("localhost/a/b__c--d.e:_x", "localhost", "a/b__c--d.e", Some("_x")),
            ("[::1]:5000/tides:1", "[::1]:5000", "tides", Some("1")),
            ("oci://127.0.0.1:5000/x:y", "127.0.0.1:5000", "x", Some("y")),
        ] {
            for pin in ["", PIN] {
                let reference: Reference = format!("{text}{pin}").parse().unwrap();
                assert_eq!(reference.registry(), registry);
                assert_eq!(reference.repository(), repository);
                assert_eq!(reference.tag(), tag);
                assert_eq!(reference.digest().is_some(), !pin.is_empty());
                assert_eq!(reference.to_string().parse(), Ok(reference));
            }
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "tides",
            "tides:1",
            "me/tides",
            "ghcr.io/",
            "ghcr.io//x",
            "ghcr.io/Tides",
            "ghcr.io/a..b",
            "ghcr.io/-a",
            "ghcr.io/a/../b",
            "ghcr.io/a:",
            "ghcr.io/a:-1",
            "ghcr.io/a:b:c",
            "ghcr.io/a@sha256:12",
            "ghcr.io/a@",
            "gh cr.io/a",
            "ghcr.io:0/a",
            "ghcr.io:+1/a",
            "user@ghcr.io/a",
            "a.b:99999/x",
            "[::1/x",
            "https://ghcr.io/a",
            "ghcr.io/a?x=y",
            "ghcr.io/a#b",
            "ghcr.io/a%2f",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let long = format!("ghcr.io/{}", "a".repeat(NAME_CHARS_MAX));
        assert!(long.parse::<Reference>().is_err());
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, is_loopback) in [
            ("localhost/x", true),
            ("127.9.9.9:5000/x", true),
            ("[::1]:5000/x", true),
            ("localhost.evil.com/x", false),
            ("127.0.0.1.evil.com/x", false),
            ("10.0.0.1/x", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), is_loopback, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_read_back(text in "\\PC{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
            }
        }

        #[test]
        fn what_looks_like_one_is_refused_or_read_back(
            text in "[a-z0-9.:]{1,12}(/[a-z0-9._-]{1,6}){1,3}(:[A-Za-z0-9._-]{1,8})?"
        ) {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), text);
            }
        }
    }
}
