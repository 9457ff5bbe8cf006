//! Hashes as git has them. Of files that are small enough for git, a hub tells no other.
//!
//! SHA-1 keeps nobody out who means harm; it finds what was cut, mixed up or changed on its way.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::HubError;

/// Bytes of a block of SHA-1.
const BLOCK_BYTES: usize = 64;

/// Bytes at the end of the last block that tell the length.
const LENGTH_BYTES: usize = 8;

/// Bytes that are read at once: whole blocks.
const CHUNK_BYTES: usize = 1 << 16;

/// Digits of a SHA-1.
const HEX_CHARS: usize = 40;

/// Whether a text is the name of a blob.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == HEX_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Git's name for a file's content, hex.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn blob_id(path: &Path) -> Result<String, HubError> {
    let failed = |source| HubError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut hash = Sha1::new();
    hash.update(format!("blob {bytes}\0").as_bytes());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            return Ok(hex::encode(hash.finish()));
        }
        hash.update(&chunk[..read]);
    }
}

/// SHA-1 (FIPS 180-4).
struct Sha1 {
    state: [u32; 5],
    /// The beginning of a block.
    rest: Vec<u8>,
    /// Bytes of all blocks before it.
    before: u64,
}

impl Sha1 {
    fn new() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
        Self { state, rest: Vec::with_capacity(2 * BLOCK_BYTES), before: 0 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.rest.len()));
            self.rest.extend_from_slice(head);
            bytes = tail;
            if self.rest.len() < BLOCK_BYTES {
                return;
            }
            let block = std::mem::take(&mut self.rest);
            self.block(&block);
        }
        let blocks = bytes.chunks_exact(BLOCK_BYTES);
        self.rest.extend_from_slice(blocks.remainder());
        blocks.for_each(|block| self.block(block));
    }

    fn finish(mut self) -> [u8; 20] {
        let bits = 8 * (self.before + self.rest.len() as u64);
        let mut end = std::mem::take(&mut self.rest);
        end.push(0x80);
        while end.len() % BLOCK_BYTES != BLOCK_BYTES - LENGTH_BYTES {
            end.push(0);
        }
        end.extend(bits.to_be_bytes());
        end.chunks_exact(BLOCK_BYTES).for_each(|block| self.block(block));
        let mut digest = [0; 20];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }

    fn block(&mut self, block: &[u8]) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        for at in 16..80 {
            let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words[at] = mixed.rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = self.state;
        for (at, word) in words.into_iter().enumerate() {
            let (mixed, constant) = match at {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
            let next = next.wrapping_add(constant).wrapping_add(word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        let changed = [a, b, c, d, e];
        self.state.iter_mut().zip(changed).for_each(|(word, add)| *word = word.wrapping_add(add));
        self.before += BLOCK_BYTES as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&[u8]]) -> String {
        let mut hash = Sha1::new();
        parts.iter().for_each(|part| hash.update(part));
        hex::encode(hash.finish())
    }

    #[test]
    fn hashes_are_those_of_the_standard_however_they_are_fed() {
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".as_slice();
        for (text, expected) in [
            (b"".as_slice(), "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (long, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (&[b'a'; 1_000_000], "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
        ] {
            assert_eq!(digest(&[text]), expected);
            for cut in [1, 55, 56, 63, 64, 65, 119, 120, 128] {
                let (head, tail) = text.split_at(cut.min(text.len()));
                assert_eq!(digest(&[head, b"", tail]), expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn blobs_are_named_as_git_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (content, expected) in [
            ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ] {
            std::fs::write(&path, content).unwrap();
            let found = blob_id(&path).unwrap();
            assert_eq!(found, expected);
            assert!(is_id(&found) && !is_id(&found[1..]) && !is_id(&found.replace('e', "x")));
        }
        assert!(blob_id(&folder.path().join("none")).is_err());
    }
}
