//! NaCl's `crypto_secretbox`: XSalsa20, and Poly1305 over what it gives.

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use subtle::ConstantTimeEq as _;

pub(super) const KEY_BYTES: usize = 32;
pub(super) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The tag, then the message enciphered.
pub(super) fn seal(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], message: &[u8]) -> Vec<u8> {
    let (mut stream, authenticator) = begin(key, nonce);
    let mut enciphered = message.to_vec();
    stream.apply_keystream(&mut enciphered);
    let tag = authenticator.compute_unpadded(&enciphered);
    [tag.as_slice(), &enciphered].concat()
}

/// The message; `None` where the key is another, or anything was changed.
pub(super) fn open(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (tag, enciphered) = sealed.split_at_checked(TAG_BYTES)?;
    let (mut stream, authenticator) = begin(key, nonce);
    let expected = authenticator.compute_unpadded(enciphered);
    if !bool::from(expected.as_slice().ct_eq(tag)) {
        return None;
    }
    let mut message = enciphered.to_vec();
    stream.apply_keystream(&mut message);
    Some(message)
}

/// The stream's first bytes are the key of the tag, the ones after them go over the message.
fn begin(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES]) -> (XSalsa20, Poly1305) {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut tag_key = [0_u8; KEY_BYTES];
    stream.apply_keystream(&mut tag_key);
    (stream, Poly1305::new(&tag_key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with libsodium: key bytes 0 to 31, nonce bytes 100 to 123.
    const SEALED: &str = "\
        ae337c2c49bc8cce7b616f416df51ac96399f4ac49c5af8ed5dd57fc56f083714d8a54c88ac12e69\
        86782af564aba6e6cd4f96742054f0c49a7037166876fd16b5e2cb797fbc192c6a99277df6d4f111\
        31ab2e14bc593b";

    #[test]
    fn a_box_of_libsodium_is_opened_and_made() {
        let key: [u8; KEY_BYTES] = std::array::from_fn(|at| at as u8);
        let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|at| 100 + at as u8);
        let message = b"a message that is longer than one block of the stream: sixty-four bytes";
        let sealed = seal(&key, &nonce, message);
        assert_eq!(hex::encode(&sealed), SEALED);
        assert_eq!(open(&key, &nonce, &sealed).unwrap(), message);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(open(&key, &nonce, &damaged), None);
            assert_eq!(open(&key, &nonce, &sealed[..at]), None);
        }
        assert_eq!(open(&[9; KEY_BYTES], &nonce, &sealed), None);
        assert_eq!(open(&key, &nonce, &seal(&key, &nonce, b"")).unwrap(), b"");
    }
}
