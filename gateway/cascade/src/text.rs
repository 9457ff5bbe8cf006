//! Text as the models read it: token ids, and for every token where it stands, which word it is
//! part of and what kind of word that is.

use std::ops::Range;

use sha2::{Digest as _, Sha256};
use tokenizers::Tokenizer as Inner;

use crate::error::WeightsError;
use crate::lexicon::{self, Kind, Shape};

/// Fixed tokens that no text can produce. Order is the vocabulary's.
pub const SPECIALS: [&str; 16] = [
    "<pad>",
    "<fn>",
    "<query>",
    "[",
    "<soft>",
    "<call>",
    "</call>",
    "<param>",
    "</param>",
    "<item>",
    "<end>",
    "<text>",
    "<number>",
    "<choice>",
    "<list>",
    "<optional>",
];

/// A special token's id: its place in [`SPECIALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "each is the spelling in SPECIALS")]
pub enum Special {
    Pad = 0,
    Function,
    Query,
    Open,
    Soft,
    Call,
    CallEnd,
    Param,
    ParamEnd,
    Item,
    End,
    Text,
    Number,
    Choice,
    List,
    Optional,
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Row of the embedding.
    pub id: u32,
    /// Hash of the word's stem; 0 for stop words, punctuation and specials, which match nothing.
    pub word: u32,
    /// What kind of word it is part of.
    pub kind: Kind,
    /// How that word is cased.
    pub shape: Shape,
    /// Bytes of the source text.
    pub bytes: Range<usize>,
}

impl Token {
    /// A token that stands for itself.
    pub fn special(special: Special) -> Self {
        Self { id: special as u32, word: 0, kind: Kind::Other, shape: Shape::Lower, bytes: 0..0 }
    }
}

/// The tokenizer both tiny models share: lower-cased byte-level BPE, digits one by one.
pub struct Tokenizer {
    inner: Inner,
    /// SHA-256 of the file that it was read from, hex; empty for one that was just trained.
    digest: String,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` and checks that its specials are in place.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let damaged =
            |reason: String| WeightsError::Damaged { file: "tokenizer.json".into(), reason };
        let inner = Inner::from_bytes(bytes).map_err(|error| damaged(error.to_string()))?;
        for (id, special) in SPECIALS.iter().enumerate() {
            if inner.token_to_id(special) != Some(id as u32) {
                return Err(damaged(format!("`{special}` is not token {id}")));
            }
        }
        Ok(Self { inner, digest: hex::encode(Sha256::digest(bytes)) })
    }

    /// Wraps a tokenizer that was just trained.
    pub fn from_inner(inner: Inner) -> Self {
        Self { inner, digest: String::new() }
    }

    /// SHA-256 of the file that it was read from, hex; empty for one that was just trained.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Rows that the embedding needs.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Text of every token as bytes, by id; specials are empty.
    pub fn token_bytes(&self) -> Vec<Vec<u8>> {
        (0..self.vocab_size() as u32)
            .map(|id| match self.inner.id_to_token(id) {
                Some(token) if (id as usize) >= SPECIALS.len() => lexicon::byte_level(&token),
                _ => Vec::new(),
            })
            .collect()
    }

    /// Tokens of `text`. A space is put before it, so that a word has the same tokens at the
    /// start of a text as within it.
    pub fn encode(&self, text: &str) -> Vec<Token> {
        let spaced = format!(" {text}");
        let Ok(encoding) = self.inner.encode(spaced.as_str(), false) else {
            // A byte-level model has a token for every byte: it cannot fail on valid UTF-8.
            return Vec::new();
        };
        let words = lexicon::words(text);
        let mut at = 0;
        encoding
            .get_ids()
            .iter()
            .zip(encoding.get_offsets())
            .map(|(&id, &(from, to))| {
                let bytes = trim(text, from.saturating_sub(1)..to.saturating_sub(1));
                while at < words.len() && words[at].bytes.end <= bytes.start {
                    at += 1;
                }
                match words.get(at).filter(|word| word.bytes.start < bytes.end) {
                    Some(word) => {
                        Token { id, word: word.stem, kind: word.kind, shape: word.shape, bytes }
                    }
                    None => Token { id, word: 0, kind: Kind::Other, shape: Shape::Lower, bytes },
                }
            })
            .collect()
    }

    /// Ids alone, of text that is written (a value), without a space put before it.
    pub fn encode_value(&self, text: &str) -> Vec<u32> {
        self.inner
            .encode_fast(text, false)
            .map(|encoding| encoding.get_ids().to_vec())
            .unwrap_or_default()
    }
}

/// `range` without the white space at its ends, on character borders.
fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let part = &text[start..end];
    start += part.len() - part.trim_start().len();
    start..(start + part.trim().len()).max(start)
}
