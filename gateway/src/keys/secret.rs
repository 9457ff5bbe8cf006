//! The secret of a key, and the hash that is kept of it.

use std::fmt;

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::KeysError;

/// What every key begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "hyf_";
/// Bytes of a key's public part.
const ID_BYTES: usize = 6;
/// Bytes of a key's secret part: 256 bits.
const SECRET_BYTES: usize = 32;
/// Longest text that is taken for a key.
const TOKEN_BYTES_MAX: usize = 256;

/// A key as it was made: seen once, by whoever made it.
pub struct Minted {
    /// Its public part, by which it is found: hexadecimal digits.
    pub id: String,
    /// What its holder sends.
    pub token: String,
    /// What is kept.
    pub hash: Hash,
}

/// Makes a key of the system's randomness.
///
/// # Errors
/// The system has none.
pub fn mint() -> Result<Minted, KeysError> {
    let mut bytes = [0; ID_BYTES + SECRET_BYTES];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| KeysError::Randomness { reason: error.to_string() })?;
    let id = hex::encode(&bytes[..ID_BYTES]);
    let token = format!("{PREFIX}{id}_{}", hex::encode(&bytes[ID_BYTES..]));
    let hash = Hash::of(&token);
    Ok(Minted { id, token, hash })
}

/// The public part of what a client sent, if it has the form of a key.
pub fn id_of(token: &str) -> Option<&str> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then_some(id)
}

/// SHA-256 of a key. A secret of 256 random bits needs no slower hash: nobody can try them all.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// That of a key.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Read from the file of keys.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// As in the file of keys.
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// A hash that no key has, to compare with when there is none.
    pub fn of_nothing() -> Self {
        Self([0; 32])
    }

    /// Whether it is that of a key, in a time that does not tell how much of it fits.
    pub fn is_of(&self, token: &str) -> bool {
        self.0.as_slice().ct_eq(Self::of(token).0.as_slice()).into()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_and_nothing_near_it_is() {
        let minted = mint().unwrap();
        let other = mint().unwrap();
        assert_ne!(minted.token, other.token);
        assert_eq!(minted.token.len(), PREFIX.len() + 2 * (ID_BYTES + SECRET_BYTES) + 1);
        assert_eq!(id_of(&minted.token), Some(minted.id.as_str()));
        let kept = Hash::parse(&minted.hash.to_text()).unwrap();
        assert_eq!(kept, minted.hash);
        assert!(kept.is_of(&minted.token));
        let mut cut = minted.token.clone();
        cut.pop();
        for wrong in ["", &cut, &other.token, &format!("{} ", minted.token)] {
            assert!(!kept.is_of(wrong), "{wrong}");
        }
        assert!(!Hash::of_nothing().is_of(&minted.token));
        assert!(!minted.token.contains(&minted.hash.to_text()), "the hash says nothing of it");
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        for (token, id) in [
            ("hyf_a1_b2", Some("a1")),
            ("hyf_a1_b2_c3", Some("a1")),
            ("", None),
            ("hyf_", None),
            ("hyf__", None),
            ("hyf_a1", None),
            ("hyf_a1_", None),
            ("hyf__b2", None),
            ("sk-a1_b2", None),
        ] {
            assert_eq!(id_of(token), id, "{token}");
        }
        assert_eq!(id_of(&format!("hyf_a1_{}", "b".repeat(TOKEN_BYTES_MAX))), None);
        for text in ["", "00", "zz", &"0".repeat(63), &"0".repeat(66)] {
            assert!(Hash::parse(text).is_none(), "{text}");
        }
    }
}
