//! A checkpoint's tokens as bytes: what text they spell, and which tokens go on from a text.

use std::ops::Range;

use tokenizers::Tokenizer;

use crate::error::StockError;

/// Tokens at the end of injected text that may be given back for the model to choose anew.
const SEAM_TOKENS_MAX: usize = 4;

/// Text that every usable tokenizer gives back byte by byte.
const SAMPLE: &str = "{\"name\": \"a b\",\n  \"n\": 42.5} [f(x=True)] é ☂\n\n";

/// A tokenizer whose tokens are known by their bytes.
pub struct Vocabulary {
    tokenizer: Tokenizer,
    /// By id; empty for added tokens and for ids that nothing has.
    bytes: Vec<Vec<u8>>,
    /// Ids of tokens with bytes, in the order of these.
    sorted: Vec<u32>,
    /// Added tokens, whatever they do: text of a user must never become one of them.
    added: Vec<(String, u32)>,
    bytes_max: usize,
}

impl Vocabulary {
    /// Reads a tokenizer and checks that its tokens spell text.
    ///
    /// # Errors
    /// They do not.
    pub fn new(tokenizer: Tokenizer) -> Result<Self, StockError> {
        let names = tokenizer.get_vocab(true);
        let size = names.values().max().map_or(0, |last| *last as usize + 1);
        let kind = Kind::of(&tokenizer);
        let mut bytes = vec![Vec::new(); size];
        for (name, id) in &names {
            bytes[*id as usize] = kind.bytes(name);
        }
        let mut added: Vec<(String, u32)> = tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .map(|(id, token)| (token.content, id))
            .collect();
        for (_, id) in &added {
            if let Some(bytes) = bytes.get_mut(*id as usize) {
                bytes.clear();
            }
        }
        // The longest first, so that the one that is found is the one that the tokenizer would find.
        added.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let mut sorted: Vec<u32> =
            (0..size as u32).filter(|id| !bytes[*id as usize].is_empty()).collect();
        sorted.sort_by(|a, b| bytes[*a as usize].cmp(&bytes[*b as usize]));
        let bytes_max = bytes.iter().map(Vec::len).max().unwrap_or(0);
        let vocabulary = Self { tokenizer, bytes, sorted, added, bytes_max };
        vocabulary.check()?;
        Ok(vocabulary)
    }

    fn check(&self) -> Result<(), StockError> {
        let ids = self.encode(SAMPLE)?;
        let spelled: Vec<u8> = ids.iter().flat_map(|id| self.bytes(*id).iter().copied()).collect();
        if spelled == SAMPLE.as_bytes() {
            return Ok(());
        }
        let spelled = String::from_utf8_lossy(&spelled).into_owned();
        Err(StockError::Tokenizer { reason: format!("{SAMPLE:?} comes back as {spelled:?}") })
    }

    /// Ids that there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of a token; empty for added ones.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// Bytes of every token, by id.
    pub fn all_bytes(&self) -> &[Vec<u8>] {
        &self.bytes
    }

    /// Bytes of the longest token.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The added token of exactly that text.
    pub fn added(&self, text: &str) -> Option<u32> {
        self.added.iter().find(|(content, _)| content == text).map(|(_, id)| *id)
    }

    /// The text of an added token; `None` of a learned one.
    pub fn added_text(&self, id: u32) -> Option<&str> {
        self.added.iter().find(|(_, other)| *other == id).map(|(text, _)| text.as_str())
    }

    /// Whether a token was added beside the learned ones.
    pub fn is_added(&self, id: u32) -> bool {
        self.added.iter().any(|(_, other)| *other == id)
    }

    /// Text that no added token stands in: one that does is broken by a space behind its first
    /// character. For what is put through a chat template.
    pub fn defused(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = self.first_added(rest) {
            out.push_str(&rest[..at]);
            out.push(' ');
            rest = &rest[at..];
        }
        out.push_str(rest);
        out
    }

    /// Tokens of a text that a chat template or a template's frame wrote: added tokens count.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn encode_frame(&self, text: &str) -> Result<Vec<u32>, StockError> {
        let failed = |error: tokenizers::Error| StockError::Tokenizer { reason: error.to_string() };
        let encoding = self.tokenizer.encode_fast(text, false).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens of any other text. What looks like an added token is spelled out.
    ///
    /// # Errors
    /// What the tokenizer says.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, StockError> {
        let mut ids = Vec::new();
        let mut rest = text;
        while let Some(at) = self.first_added(rest) {
            ids.extend(self.encode_frame(&rest[..at])?);
            rest = &rest[at..];
        }
        ids.extend(self.encode_frame(rest)?);
        Ok(ids)
    }

    /// Where to break the first added token of a text: behind its first character.
    fn first_added(&self, text: &str) -> Option<usize> {
        let found = self.added.iter().filter_map(|(content, _)| {
            let first = content.chars().next()?.len_utf8();
            // One that is a single character cannot be broken; it spells itself.
            (content.len() > first).then(|| text.find(content.as_str()).map(|at| at + first))?
        });
        found.min()
    }

    /// How many of a text's tokens, and of its bytes, stand whatever follows. The rest is what some
    /// token would go on from: behind it stands text that is not known yet, with which the model
    /// may well write it as one token.
    pub fn settled(&self, text: &str, ids: &[u32]) -> (usize, usize) {
        let spelled: usize = ids.iter().map(|id| self.bytes(*id).len()).sum();
        let mut best = (ids.len(), text.len());
        if spelled != text.len() {
            // The tokenizer normalises: its tokens do not lie where the text does.
            return best;
        }
        let mut at = text.len();
        for back in 1..=SEAM_TOKENS_MAX.min(ids.len()) {
            at -= self.bytes(ids[ids.len() - back]).len();
            if text.is_char_boundary(at) && !self.extending(&text.as_bytes()[at..]).is_empty() {
                best = (ids.len() - back, at);
            }
        }
        best
    }

    /// Tokens that are exactly these bytes.
    pub fn exactly(&self, bytes: &[u8]) -> &[u32] {
        let from = self.sorted.partition_point(|id| self.bytes(*id) < bytes);
        let count = self.sorted[from..].iter().take_while(|id| self.bytes(**id) == bytes).count();
        &self.sorted[from..from + count]
    }

    /// Tokens that begin with these bytes and are longer.
    pub fn extending(&self, bytes: &[u8]) -> &[u32] {
        &self.sorted[self.extending_range(bytes)]
    }

    fn extending_range(&self, bytes: &[u8]) -> Range<usize> {
        let from = self.sorted.partition_point(|id| self.bytes(*id) <= bytes);
        let count = self.sorted[from..].partition_point(|id| self.bytes(*id).starts_with(bytes));
        from..from + count
    }
}

/// How the names of tokens stand for bytes.
#[derive(Clone, Copy)]
enum Kind {
    /// GPT-2's alphabet.
    ByteLevel,
    /// `▁` is a space, `<0x0A>` a byte.
    Pieces,
}

impl Kind {
    fn of(tokenizer: &Tokenizer) -> Self {
        let has = |name| tokenizer.token_to_id(name).is_some();
        if has("▁") || has("<0x0A>") { Self::Pieces } else { Self::ByteLevel }
    }

    fn bytes(self, name: &str) -> Vec<u8> {
        match self {
            Self::ByteLevel => hyfunc_cascade::lexicon::byte_level(name),
            Self::Pieces => {
                let byte = name.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
                match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(byte) => vec![byte],
                    None => name.replace('▁', " ").into_bytes(),
                }
            }
        }
    }
}
