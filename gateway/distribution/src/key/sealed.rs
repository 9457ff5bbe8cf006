//! Private keys under a password: the form of go-securesystemslib, which cosign uses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use scrypt::{Params, scrypt};
use serde::{Deserialize, Serialize};

use super::KeyError;
use super::secretbox::{self, KEY_BYTES, NONCE_BYTES};

/// What a new key costs to open: 2^16 rounds of 8 blocks, as cosign 2 has it (64 MiB).
const ROUNDS: u64 = 1 << 16;
const BLOCKS: u32 = 8;
/// Most memory for opening a key (bytes).
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Lanes beyond these only cost time.
const LANES_MAX: u32 = 4;
const SALT_BYTES: usize = 32;

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Derivation {
    name: String,
    params: Cost,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Cost {
    #[serde(rename = "N")]
    rounds: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

pub(super) fn seal(secret: &[u8], password: &str) -> Result<Vec<u8>, KeyError> {
    let random = SystemRandom::new();
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    random.fill(&mut salt).map_err(|_| KeyError::Random)?;
    random.fill(&mut nonce).map_err(|_| KeyError::Random)?;
    let cost = Cost { rounds: ROUNDS, r: BLOCKS, p: 1 };
    let key = derive(password, &salt, &cost)?;
    let sealed = Sealed {
        kdf: Derivation { name: KDF.to_owned(), params: cost, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: CIPHER.to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(secretbox::seal(&key, &nonce, secret)),
    };
    Ok(serde_json::to_vec(&sealed).expect("a sealed key is text and numbers"))
}

pub(super) fn open(file: &[u8], password: &str) -> Result<Vec<u8>, KeyError> {
    let damaged = |reason: String| KeyError::Format { wanted: "private key", reason };
    let sealed: Sealed =
        serde_json::from_slice(file).map_err(|error| damaged(error.to_string()))?;
    if sealed.kdf.name != KDF || sealed.cipher.name != CIPHER {
        let (kdf, cipher) = (sealed.kdf.name, sealed.cipher.name);
        return Err(damaged(format!("it is sealed with {kdf} and {cipher}, not as cosign does")));
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| damaged(error.to_string()));
    let (salt, nonce) = (decode(&sealed.kdf.salt)?, decode(&sealed.cipher.nonce)?);
    let ciphertext = decode(&sealed.ciphertext)?;
    let nonce: [u8; NONCE_BYTES] = nonce
        .try_into()
        .map_err(|nonce: Vec<u8>| damaged(format!("its nonce has {} bytes", nonce.len())))?;
    let key = derive(password, &salt, &sealed.kdf.params)?;
    secretbox::open(&key, &nonce, &ciphertext).ok_or(KeyError::Password)
}

/// The file says what opening it costs, so that is bounded first.
fn derive(password: &str, salt: &[u8], cost: &Cost) -> Result<[u8; KEY_BYTES], KeyError> {
    let memory = cost.rounds.checked_mul(u64::from(cost.r)).and_then(|many| many.checked_mul(128));
    let is_affordable = memory.is_some_and(|bytes| bytes <= MEMORY_BYTES_MAX);
    if !is_affordable || !cost.rounds.is_power_of_two() || cost.p > LANES_MAX {
        return Err(KeyError::Cost);
    }
    let exponent = u8::try_from(cost.rounds.ilog2()).map_err(|_| KeyError::Cost)?;
    let parameters = Params::new(exponent, cost.r, cost.p, KEY_BYTES);
    let parameters = parameters.map_err(|_| KeyError::Cost)?;
    let mut key = [0; KEY_BYTES];
    scrypt(password.as_bytes(), salt, &parameters, &mut key).map_err(|_| KeyError::Cost)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_ask_for_all_memory() {
        for (rounds, r, p) in [
            (1 << 40, 8, 1),
            (1 << 16, 1 << 20, 1),
            (1 << 16, 8, 1 << 20),
            (u64::MAX, 8, 1),
            (0, 8, 1),
            (3, 8, 1),
            (2, 0, 1),
        ] {
            let found = derive("", b"salt", &Cost { rounds, r, p });
            assert_eq!(found, Err(KeyError::Cost), "{rounds} {r} {p}");
        }
    }

    #[test]
    fn a_damaged_file_is_told_apart_from_a_wrong_password() {
        let file = String::from_utf8(seal(b"secret", "x").unwrap()).unwrap();
        assert_eq!(open(file.as_bytes(), "x").unwrap(), b"secret");
        assert_eq!(open(file.as_bytes(), "y"), Err(KeyError::Password));
        for (from, to) in [("scrypt", "md5"), ("nacl/", ""), ("\"nonce\":\"", "\"nonce\":\"AAAA")] {
            let found = open(file.replace(from, to).as_bytes(), "x");
            assert!(matches!(found, Err(KeyError::Format { .. })), "{from}");
        }
        assert!(matches!(open(b"{}", "x"), Err(KeyError::Format { .. })));
    }
}
