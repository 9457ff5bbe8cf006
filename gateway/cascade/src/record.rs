//! What the models make of a function, as bytes: a *head* (its vector and the tokens of its block),
//! which every start reads, and a *block* (keys and values), which is read when it is asked for.
//!
//! Numbers are little-endian and keep every bit. A SHA-256 at the end covers all before it: what a
//! crash, a full disk or somebody else left behind is never taken for whole.

use sha2::{Digest, Sha256};

use crate::key::Key;
use crate::lexicon::{KINDS, Kind, SHAPES, Shape};
use crate::text::Token;

const HEAD: &[u8; 8] = b"hyfnchd1";
const BLOCK: &[u8; 8] = b"hyfncbl1";
const SUM_BYTES: usize = 32;

/// Bytes of a written token.
const TOKEN_BYTES: usize = 18;

/// Bytes around the numbers of a block.
const FRAME_BYTES: usize = 8 + Key::BYTES + SUM_BYTES;

/// Kinds by their number, for reading.
const KIND_OF: [Kind; KINDS] =
    [Kind::Other, Kind::Number, Kind::NumberWord, Kind::Date, Kind::Time, Kind::Quoted, Kind::Code];

/// Shapes by their number, for reading.
const SHAPE_OF: [Shape; SHAPES] = [Shape::Lower, Shape::Title, Shape::Upper];

/// What is known of a function without its block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// Its embedding: `[d_index]`, f32.
    pub(crate) vector: Vec<f32>,
    /// Tokens of its block.
    pub(crate) tokens: Vec<Token>,
}

/// Writes a head.
pub(crate) fn write_head(key: &Key, head: &Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME_BYTES + 8 + head.vector.len() * 4);
    bytes.extend_from_slice(HEAD);
    bytes.extend_from_slice(key.bytes());
    for len in [head.vector.len(), head.tokens.len()] {
        bytes.extend_from_slice(&(len as u32).to_le_bytes());
    }
    bytes.extend(numbers(&head.vector));
    bytes.extend(tokens(&head.tokens));
    sealed(bytes)
}

/// Reads a head; `None` where anything about it is wrong.
pub(crate) fn read_head(key: &Key, bytes: &[u8]) -> Option<Head> {
    let rest = opened(HEAD, key, bytes)?;
    let (vector_len, rest) = rest.split_first_chunk::<4>()?;
    let (tokens_len, rest) = rest.split_first_chunk::<4>()?;
    let vector_bytes = (u32::from_le_bytes(*vector_len) as usize).checked_mul(4)?;
    let tokens_bytes = (u32::from_le_bytes(*tokens_len) as usize).checked_mul(TOKEN_BYTES)?;
    let (vector, rest) = rest.split_at_checked(vector_bytes)?;
    if rest.len() != tokens_bytes {
        return None;
    }
    let tokens = rest.chunks_exact(TOKEN_BYTES).map(token).collect::<Option<_>>()?;
    Some(Head { vector: floats(vector), tokens })
}

/// Bytes of the file of a block of so many numbers.
pub(crate) fn block_bytes(numbers: usize) -> usize {
    FRAME_BYTES + numbers * 4
}

/// Writes the numbers of a block, its tensors one after another.
pub(crate) fn write_block(key: &Key, tensors: &[Vec<f32>]) -> Vec<u8> {
    let numbers_len = tensors.iter().map(Vec::len).sum();
    let mut bytes = Vec::with_capacity(block_bytes(numbers_len));
    bytes.extend_from_slice(BLOCK);
    bytes.extend_from_slice(key.bytes());
    for tensor in tensors {
        bytes.extend(numbers(tensor));
    }
    sealed(bytes)
}

/// Reads so many tensors of equal length; `None` where anything about them is wrong.
pub(crate) fn read_block(
    key: &Key,
    bytes: &[u8],
    tensors: usize,
    tensor_len: usize,
) -> Option<Vec<Vec<f32>>> {
    let rest = opened(BLOCK, key, bytes)?;
    if tensor_len == 0 || rest.len() != tensors.checked_mul(tensor_len)?.checked_mul(4)? {
        return None;
    }
    Some(rest.chunks_exact(tensor_len * 4).map(floats).collect())
}

/// Tokens as bytes.
pub(crate) fn tokens(tokens: &[Token]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tokens.len() * TOKEN_BYTES);
    for Token { id, word, kind, shape, bytes: range } in tokens {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&word.to_le_bytes());
        bytes.extend_from_slice(&[*kind as u8, *shape as u8]);
        // A text of four gigabytes has no place in a block of some dozens of tokens.
        bytes.extend_from_slice(&(range.start as u32).to_le_bytes());
        bytes.extend_from_slice(&(range.end as u32).to_le_bytes());
    }
    bytes
}

/// Numbers as bytes, bit for bit.
pub(crate) fn numbers(numbers: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 4);
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let four = |chunk: &[u8]| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    bytes.chunks_exact(4).map(four).collect()
}

fn token(bytes: &[u8]) -> Option<Token> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (word, rest) = rest.split_first_chunk::<4>()?;
    let ([kind, shape], rest) = rest.split_first_chunk::<2>()?;
    let (start, rest) = rest.split_first_chunk::<4>()?;
    let end: &[u8; 4] = rest.try_into().ok()?;
    Some(Token {
        id: u32::from_le_bytes(*id),
        word: u32::from_le_bytes(*word),
        kind: *KIND_OF.get(usize::from(*kind))?,
        shape: *SHAPE_OF.get(usize::from(*shape))?,
        bytes: u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize,
    })
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

/// What lies between the key and the sum, if both are right.
fn opened<'a>(magic: &[u8; 8], key: &Key, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (covered, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
    if Sha256::digest(covered).as_slice() != sum.as_slice() {
        return None;
    }
    covered.strip_prefix(magic.as_slice())?.strip_prefix(key.bytes().as_slice())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(byte: &str) -> Key {
        Key::parse(&byte.repeat(Key::BYTES)).unwrap()
    }

    fn head() -> Head {
        let token = |id, kind, shape, bytes| Token { id, word: id * 7, kind, shape, bytes };
        Head {
            vector: vec![0.5, -0.0, f32::MIN_POSITIVE / 2.0, 1.0 / 3.0],
            tokens: vec![
                token(1, Kind::Other, Shape::Lower, 0..0),
                token(u32::MAX / 7, Kind::Code, Shape::Upper, 3..900),
                token(9, Kind::Time, Shape::Title, 1..2),
            ],
        }
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn kinds_and_shapes_are_read_as_they_are_written() {
        assert!(KIND_OF.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(SHAPE_OF.iter().enumerate().all(|(at, shape)| *shape as usize == at));
    }

    #[test]
    fn a_head_comes_back_bit_for_bit() {
        let (key, head) = (key("ab"), head());
        let read = read_head(&key, &write_head(&key, &head)).unwrap();
        assert_eq!(bits(&read.vector), bits(&head.vector));
        assert_eq!(read.tokens, head.tokens);
        let empty = Head { vector: Vec::new(), tokens: Vec::new() };
        assert_eq!(read_head(&key, &write_head(&key, &empty)), Some(empty));
    }

    #[test]
    fn a_block_comes_back_bit_for_bit_and_at_its_shape_alone() {
        let key = key("ab");
        let tensors = vec![vec![1.0, f32::NAN, -0.0], vec![f32::INFINITY, 2.0, 3.0]];
        let bytes = write_block(&key, &tensors);
        assert_eq!(bytes.len(), block_bytes(6));
        let read = read_block(&key, &bytes, 2, 3).unwrap();
        assert_eq!(read.len(), 2);
        assert!(read.iter().zip(&tensors).all(|(one, other)| bits(one) == bits(other)));
        for (tensors, tensor_len) in [(3, 2), (2, 2), (1, 3), (2, 0), (0, 3), (usize::MAX, 3)] {
            let same_numbers = tensors == 3;
            let read = read_block(&key, &bytes, tensors, tensor_len);
            assert_eq!(read.is_some(), same_numbers, "{tensors} of {tensor_len}");
        }
    }

    #[test]
    fn damage_in_any_place_and_the_file_of_another_are_refused() {
        let (own, other) = (key("ab"), key("cd"));
        let bytes = write_head(&own, &head());
        assert_eq!(read_head(&other, &bytes), None);
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert_eq!(read_head(&own, &damaged), None, "byte {place}");
        }
        for len in 0..bytes.len() {
            assert_eq!(read_head(&own, &bytes[..len]), None, "{len} bytes");
        }
        let block = write_block(&own, &[vec![1.0]]);
        assert_eq!(read_head(&own, &block), None);
        assert_eq!(read_block(&own, &bytes, 1, 1), None);
        assert_eq!(read_block(&other, &block, 1, 1), None);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_even_under_a_right_sum() {
        let key = key("ab");
        let mut lies = [HEAD.as_slice(), key.bytes()].concat();
        lies.extend_from_slice(&u32::MAX.to_le_bytes());
        lies.extend_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read_head(&key, &sealed(lies)), None);
    }
}
