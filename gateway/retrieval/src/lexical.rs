//! BM25 over an inverted index that takes and gives back one document at a time.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::RetrievalError;
use crate::exact::{Scored, top_k};
use crate::words::words;

/// Settings of BM25.
#[derive(Clone, Debug, PartialEq)]
pub struct Bm25Config {
    /// How soon more of one word stops counting: 0 or more.
    pub k1: f32,
    /// How much a long text is held against it: 0 to 1.
    pub b: f32,
}

impl Default for Bm25Config {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75 }
    }
}

impl Bm25Config {
    /// Says which setting is outside its range, if one is.
    pub fn check(&self) -> Result<(), RetrievalError> {
        let wrong = |name, value: f32, range| {
            Err(RetrievalError::Setting { name, value: value.to_string(), range })
        };
        if !(self.k1.is_finite() && self.k1 >= 0.0) {
            return wrong("k1", self.k1, "0 or more");
        }
        if !(0.0..=1.0).contains(&self.b) {
            return wrong("b", self.b, "0 to 1");
        }
        Ok(())
    }
}

/// One word's mention in a document.
#[derive(Clone, Copy, Debug)]
struct Posting {
    id: u32,
    count: u32,
}

/// A word that documents hold, and which.
#[derive(Clone, Debug)]
struct Word {
    text: Arc<str>,
    postings: Arc<Vec<Posting>>,
}

#[derive(Debug)]
struct Document {
    words_len: u32,
    /// Numbers of its words, each once.
    words: Box<[u32]>,
}

/// Words of documents and who holds them.
///
/// A clone shares documents and postings until it changes them, so that one more document in a large
/// library costs its own words and little else.
#[derive(Clone, Debug, Default)]
pub struct Bm25 {
    config: Bm25Config,
    /// Number of each word.
    numbers: HashMap<Arc<str>, u32>,
    /// By number.
    held: Vec<Word>,
    /// Numbers of words that nobody holds any more, to be given again.
    free: Vec<u32>,
    documents: FxHashMap<u32, Arc<Document>>,
    words_total: u64,
}

impl Bm25 {
    /// An empty one.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(config: Bm25Config) -> Result<Self, RetrievalError> {
        config.check()?;
        Ok(Self { config, ..Self::default() })
    }

    /// Number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Adds a document.
    ///
    /// # Errors
    /// An id that is here already; nothing changes then.
    pub fn insert(&mut self, id: u32, text: &str) -> Result<(), RetrievalError> {
        if self.documents.contains_key(&id) {
            return Err(RetrievalError::DuplicateId { id });
        }
        let mut counts: HashMap<String, u32> = HashMap::new();
        let mut words_len = 0;
        for word in words(text) {
            *counts.entry(word).or_default() += 1;
            words_len += 1;
        }
        let mut unique = Vec::with_capacity(counts.len());
        for (word, count) in counts {
            let number = self.number(word);
            let postings = &mut self.held[number as usize].postings;
            Arc::make_mut(postings).push(Posting { id, count });
            unique.push(number);
        }
        self.words_total += u64::from(words_len);
        self.documents.insert(id, Arc::new(Document { words_len, words: unique.into() }));
        Ok(())
    }

    /// The number of a word, a new one if it has none.
    fn number(&mut self, word: String) -> u32 {
        if let Some(number) = self.numbers.get(word.as_str()) {
            return *number;
        }
        let text: Arc<str> = word.into();
        let word = Word { text: Arc::clone(&text), postings: Arc::default() };
        let number = match self.free.pop() {
            Some(number) => {
                self.held[number as usize] = word;
                number
            }
            None => {
                self.held.push(word);
                (self.held.len() - 1) as u32
            }
        };
        self.numbers.insert(text, number);
        number
    }

    /// Takes a document out; says whether it was here.
    pub fn remove(&mut self, id: u32) -> bool {
        let Some(document) = self.documents.remove(&id) else {
            return false;
        };
        self.words_total -= u64::from(document.words_len);
        for &number in document.words.iter() {
            let word = &mut self.held[number as usize];
            let postings = Arc::make_mut(&mut word.postings);
            postings.retain(|posting| posting.id != id);
            if postings.is_empty() {
                self.numbers.remove(&word.text);
                self.free.push(number);
            }
        }
        true
    }

    /// The BM25 score, above 0, of every document that holds a word of the query.
    pub fn scores(&self, query: &str) -> FxHashMap<u32, f32> {
        let mut unique = words(query);
        unique.sort_unstable();
        unique.dedup();
        let documents_len = self.documents.len() as f32;
        let words_mean = (self.words_total as f32 / documents_len).max(1.0);
        let Bm25Config { k1, b } = self.config;
        let mut scores = FxHashMap::default();
        for number in unique.iter().filter_map(|word| self.numbers.get(word.as_str())) {
            let postings = &self.held[*number as usize].postings;
            let holders = postings.len() as f32;
            let rarity = (1.0 + (documents_len - holders + 0.5) / (holders + 0.5)).ln();
            for &Posting { id, count } in postings.iter() {
                let length =
                    self.documents.get(&id).map_or(0, |document| document.words_len) as f32;
                let count = count as f32;
                let saturated =
                    count * (k1 + 1.0) / (count + k1 * (1.0 - b + b * length / words_mean));
                *scores.entry(id).or_insert(0.0) += rarity * saturated;
            }
        }
        scores
    }

    /// The scores brought to 0..=1, 1 for the best; documents without a word of the query are 0 and
    /// left out. Where every document has the same score, all are 1.
    pub fn scores_normalised(&self, query: &str) -> FxHashMap<u32, f32> {
        let mut scores = self.scores(query);
        let max = scores.values().copied().fold(0.0, f32::max);
        let all_hold = scores.len() == self.documents.len();
        let min =
            if all_hold { scores.values().copied().fold(f32::INFINITY, f32::min) } else { 0.0 };
        for score in scores.values_mut() {
            *score = if max > min { (*score - min) / (max - min) } else { 1.0 };
        }
        scores
    }

    /// The `k` best documents by BM25 score, best first; those without a word of the query never.
    ///
    /// # Errors
    /// `k` of 0.
    pub fn search(&self, query: &str, k: usize) -> Result<Vec<Scored>, RetrievalError> {
        if k == 0 {
            return Err(RetrievalError::KZero);
        }
        Ok(top_k(self.scores(query).into_iter().map(|(id, score)| Scored { id, score }), k))
    }
}
