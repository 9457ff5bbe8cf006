//! How much of a label a query has: the numbers given beside options, calls and presences.

use crate::lexicon::{split_identifier, stem_hash, words};

/// Words of a query, for many questions about it.
pub struct Likeness {
    /// Lower-cased, single-spaced, with a space at both ends.
    flat: String,
    stems: Vec<u32>,
    lower: Vec<String>,
}

impl Likeness {
    /// Reads a query once.
    pub fn new(query: &str) -> Self {
        let found = words(query);
        let lower: Vec<String> =
            found.iter().map(|word| query[word.bytes.clone()].to_lowercase()).collect();
        Self {
            flat: format!(" {} ", lower.join(" ")),
            stems: found.iter().map(|word| word.stem).collect(),
            lower,
        }
    }

    /// Of a label: how many words the phrase has if the query has all of it in a row (so that
    /// *nautical miles* beats *miles*), which share of its words the query has, and the best
    /// likeness of the label's letters to one word of the query, both 0 to 1.
    pub fn label(&self, label: &str) -> [f32; 3] {
        let label = split_identifier(label);
        let phrase = !label.is_empty() && self.flat.contains(&format!(" {label} "));
        let words = if phrase { label.split(' ').count() as f32 } else { 0.0 };
        let letters =
            self.lower.iter().map(|word| trigram_likeness(word, &label)).fold(0f32, f32::max);
        [words, self.share(&label), letters]
    }

    /// Share of the words of `name` that the query has, stop words aside; 0 to 1.
    pub fn share(&self, name: &str) -> f32 {
        let name = split_identifier(name);
        let stems: Vec<u32> = name.split(' ').map(stem_hash).filter(|&stem| stem != 0).collect();
        let hits = stems.iter().filter(|stem| self.stems.contains(stem)).count();
        hits as f32 / stems.len().max(1) as f32
    }
}

/// Shared letter trigrams over all letter trigrams, with word borders counted.
fn trigram_likeness(one: &str, other: &str) -> f32 {
    let grams = |text: &str| -> Vec<[char; 3]> {
        let padded: Vec<char> =
            std::iter::once('^').chain(text.chars()).chain(std::iter::once('$')).collect();
        padded.windows(3).map(|window| [window[0], window[1], window[2]]).collect()
    };
    let (one, other) = (grams(one), grams(other));
    let shared = one.iter().filter(|gram| other.contains(gram)).count();
    shared as f32 / (one.len() + other.len() - shared).max(1) as f32
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
        assert_eq!(Likeness::new("").label(""), [0.0, 0.0, 0.0]);
    }
}
