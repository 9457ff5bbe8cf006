//! Names of content: SHA-256, written as registries write it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Length of the hexadecimal part.
const HEX_CHARS: usize = 64;

/// `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no digest: one is `sha256:` and 64 digits of 0-9 and a-f")]
pub struct DigestError {
    /// As written.
    found: String,
}

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The digits, without `sha256:`.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.strip_prefix("sha256:") {
            Some(digits) if digits.len() == HEX_CHARS && digits.bytes().all(is_digit) => {
                Ok(Self(digits.to_owned()))
            }
            _ => Err(DigestError { found: text.chars().take(80).collect() }),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.0)
    }
}

/// A digest in the making, of content that comes in pieces.
#[derive(Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(hex::encode(self.0.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let empty = Digest::of(b"");
        assert!(empty.hex().starts_with("e3b0c44298fc1c14"));
        assert_eq!(empty.to_string().parse::<Digest>().unwrap(), empty);
        assert_eq!(Digester::default().finish(), empty);
        let shouted = empty.to_string().to_uppercase();
        for wrong in ["", "sha256:", "sha256:zz", "sha512:00", shouted.as_str()] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
        let long = format!("{empty}0");
        assert!(long.parse::<Digest>().is_err());
    }
}
