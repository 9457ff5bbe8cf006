//! What a query says, whatever its spelling: for finding it again.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Its words in small letters, one space between them: punctuation and case do not count.
pub fn normalized(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    for word in query.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(word.chars().flat_map(char::to_lowercase));
    }
    text
}

/// A number that equal values share, the same in every run.
pub(super) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hashes of every run of `words` words of a normalized text, each once.
pub(super) fn shingles(normalized: &str, words: usize) -> Vec<u64> {
    let all: Vec<&str> = normalized.split(' ').collect();
    let mut hashes: Vec<u64> = all.windows(words).map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_do_not_count() {
        for (query, expected) in [
            ("", ""),
            ("?!", ""),
            ("What's  the WEATHER in Zürich?", "what s the weather in zürich"),
            (" 3.5 km, please ", "3 5 km please"),
        ] {
            assert_eq!(normalized(query), expected, "{query}");
        }
    }

    #[test]
    fn shingles_are_counted_once() {
        for (text, count) in [("", 0), ("a b", 0), ("a b c", 1), ("a b c d", 2), ("a a a a", 1)] {
            assert_eq!(shingles(text, 3).len(), count, "{text}");
        }
    }
}
