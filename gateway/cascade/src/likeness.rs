//! How much of a label a query has: the numbers given beside options, calls and presences.

use std::ops::Range;

use crate::evidence::stems;
use crate::lexicon::{Word, split_identifier, stem_hash, words};
use crate::numbers;

/// Likeness of letters from which a word may be a slip for another.
const SLIP_MIN: f32 = 0.5;

/// What a slip counts beside the word itself.
const SLIP_SHARE: f32 = 0.7;

/// Letters of the shortest word that may be a slip, or that may stand for a longer one.
const SLIP_LETTERS_MIN: usize = 5;
const SHORT_LETTERS_MIN: usize = 3;

/// Letters of a text that are compared with those of words; no name has more.
const LETTERS_MAX: usize = 256;

/// Three letters, or a word's border and two.
type Gram = [char; 3];

/// Words of a query, for many questions about it.
pub struct Likeness {
    /// Lower-cased, single-spaced, with a space at both ends.
    flat: String,
    words: Vec<Word>,
    lower: Vec<String>,
    /// Trigrams of each of these.
    grams: Vec<Vec<Gram>>,
    content: Vec<u32>,
    numbers: usize,
}

impl Likeness {
    /// Reads a query once.
    pub fn new(query: &str) -> Self {
        let words = words(query);
        let lower: Vec<String> =
            words.iter().map(|word| query[word.bytes.clone()].to_lowercase()).collect();
        let mut starts: Vec<usize> =
            numbers::mentions(query).into_iter().map(|mention| mention.bytes.start).collect();
        starts.dedup();
        Self {
            flat: format!(" {} ", lower.join(" ")),
            grams: lower.iter().map(|word| grams(word)).collect(),
            words,
            lower,
            content: stems(query),
            numbers: starts.len(),
        }
    }

    /// Stems of its words, numbers and stop words aside; sorted, each once.
    pub fn content(&self) -> &[u32] {
        &self.content
    }

    /// Numbers that it mentions.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// Of a label: how many words the phrase has if the query has all of it in a row (so that
    /// *nautical miles* beats *miles*), which share of its words the query has, and the best
    /// likeness of the label's letters to one word of the query, both 0 to 1.
    pub fn label(&self, label: &str) -> [f32; 3] {
        let label = split_identifier(label);
        let phrase = !label.is_empty() && self.flat.contains(&format!(" {label} "));
        let words = if phrase { label.split(' ').count() as f32 } else { 0.0 };
        [words, self.share(&label), self.letters(&label).map_or(0.0, |(likeness, _)| likeness)]
    }

    /// Share of the words of `name` that the query has, stop words aside; a word that may be a slip
    /// counts less. 0 to 1.
    pub fn share(&self, name: &str) -> f32 {
        let name = split_identifier(name);
        let told: Vec<(&str, u32)> = name
            .split(' ')
            .map(|word| (word, stem_hash(word)))
            .filter(|(_, stem)| *stem != 0)
            .collect();
        let hits: f32 = told.iter().map(|(word, stem)| self.has(word, *stem)).sum();
        hits / told.len().max(1) as f32
    }

    /// Bytes of the query that speak of a label: the whole phrase, else its words, else the word
    /// most like it.
    pub fn mention(&self, label: &str) -> Option<Range<usize>> {
        let label = split_identifier(label);
        let parts: Vec<&str> = label.split(' ').filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return None;
        }
        let run = |from: usize| -> Range<usize> {
            self.words[from].bytes.start..self.words[from + parts.len() - 1].bytes.end
        };
        let phrase = self.lower.windows(parts.len()).position(|window| window == parts);
        if let Some(from) = phrase {
            return Some(run(from));
        }
        let stems: Vec<u32> =
            parts.iter().map(|part| stem_hash(part)).filter(|&s| s != 0).collect();
        let hit = self.words.iter().position(|word| stems.contains(&word.stem));
        if let Some(first) = hit {
            let more = self.words[first..].iter().take_while(|word| stems.contains(&word.stem));
            return Some(
                self.words[first].bytes.start..self.words[first + more.count() - 1].bytes.end,
            );
        }
        let (likeness, index) = self.letters(&label)?;
        (likeness >= SLIP_MIN).then(|| self.words[index].bytes.clone())
    }

    /// How surely the query has a word: 1, or less where it is a slip.
    fn has(&self, word: &str, stem: u32) -> f32 {
        if self.words.iter().any(|said| said.stem == stem) {
            return 1.0;
        }
        if word.len() < SLIP_LETTERS_MIN {
            return 0.0;
        }
        let grams = grams(word);
        let slip = self.lower.iter().zip(&self.grams).any(|(said, of_said)| {
            said.len() >= SLIP_LETTERS_MIN && trigram_likeness(of_said, &grams) >= SLIP_MIN
        });
        if slip { SLIP_SHARE } else { 0.0 }
    }

    /// The best likeness of a label's letters to a word of the query, and that word's index. A word
    /// that begins the label, as *wed* does, is like it by at least one half.
    fn letters(&self, label: &str) -> Option<(f32, usize)> {
        let of_label = grams(label);
        let like = |((said, word), of_said): ((&String, &Word), &Vec<Gram>)| {
            let short = said.len() >= SHORT_LETTERS_MIN
                && word.stem != 0
                && label.starts_with(said.as_str());
            let begun = 0.5 + 0.5 * said.len() as f32 / label.len().max(1) as f32;
            trigram_likeness(of_said, &of_label).max(if short { begun } else { 0.0 })
        };
        let all = self.lower.iter().zip(&self.words).zip(&self.grams).enumerate();
        let all = all.map(|(index, of)| (like(of), index));
        all.max_by(|one, other| one.0.total_cmp(&other.0))
    }
}

/// Letter trigrams of a text, its borders counted as letters.
fn grams(text: &str) -> Vec<Gram> {
    let letters = text.chars().take(LETTERS_MAX);
    let padded: Vec<char> =
        std::iter::once('^').chain(letters).chain(std::iter::once('$')).collect();
    padded.windows(3).map(|window| [window[0], window[1], window[2]]).collect()
}

/// Shared letter trigrams over all letter trigrams.
fn trigram_likeness(one: &[Gram], other: &[Gram]) -> f32 {
    let shared = one.iter().filter(|gram| other.contains(gram)).count();
    // A gram that comes twice in one and once in the other is shared twice: at most everything is.
    shared as f32 / (one.len() + other.len()).saturating_sub(shared).max(shared).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::Likeness;

    #[test]
    fn labels_are_told_by_words_and_letters() {
        let query = Likeness::new("Show it in Fahrenheit, dark blue please");
        assert_eq!(query.label("fahrenheit"), [1.0, 1.0, 1.0]);
        assert_eq!(query.label("dark-blue")[..2], [2.0, 1.0]);
        assert_eq!(query.label("blue")[..2], [1.0, 1.0]);
        assert_eq!(query.label("celsius")[..2], [0.0, 0.0]);
        let typo = Likeness::new("in farenheit");
        assert_eq!(typo.label("fahrenheit")[0], 0.0);
        assert!(typo.label("fahrenheit")[2] > 0.4);
        assert!(Likeness::new("mon wed fri").label("wednesday")[2] > 0.5);
        assert_eq!(Likeness::new("").label(""), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn slips_count_less_than_words() {
        let typo = Likeness::new("temprature in Tromsø");
        assert!((0.5..1.0).contains(&typo.share("temperature")));
        assert_eq!(Likeness::new("temperature").share("temperature"), 1.0);
        assert_eq!(Likeness::new("time").share("temperature"), 0.0);
    }

    #[test]
    fn mentions_are_where_the_words_are() {
        for (query, label, expected) in [
            ("paint it dark blue, blue", "dark-blue", Some("dark blue")),
            ("the doors of the garage", "garage", Some("garage")),
            ("4 tablespoons in millilitres", "tablespoon", Some("tablespoons")),
            ("mon wed fri", "wednesday", Some("wed")),
            ("nothing of it", "celsius", None),
            ("", "celsius", None),
            ("anything", "", None),
        ] {
            let found = Likeness::new(query).mention(label).map(|bytes| &query[bytes]);
            assert_eq!(found, expected, "{query}: {label}");
        }
    }

    #[test]
    fn numbers_are_counted_once() {
        assert_eq!(Likeness::new("5k for two years, 2.5 million").numbers(), 3);
    }
}
