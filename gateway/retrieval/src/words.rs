//! Text into the words that lexical search counts.

use crate::stem::stem;

/// Words of a text: split at anything that is no letter or digit, where case rises, and between
/// letters and digits; lower-cased, without stop words, stemmed.
///
/// `getHTTPStatus2` gives `get`, `http`, `status`, `2`. Scripts that are written without spaces give
/// one word a character.
pub(crate) fn words(text: &str) -> Vec<String> {
    raw_words(text).into_iter().filter(|word| !is_stop_word(word)).map(|word| stem(&word)).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Lower,
    Upper,
    Digit,
    /// A word by itself.
    Alone,
    Other,
}

fn class(c: char) -> Class {
    if c.is_numeric() {
        Class::Digit
    } else if is_unspaced(c) {
        Class::Alone
    } else if c.is_uppercase() {
        Class::Upper
    } else if c.is_alphabetic() {
        Class::Lower
    } else {
        Class::Other
    }
}

/// Kana, Han and Thai: no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0E00}'..='\u{0E7F}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn raw_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = Class::Other;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let now = class(c);
        let next_is_lower = chars.peek().is_some_and(|&next| class(next) == Class::Lower);
        let breaks = match (before, now) {
            (_, Class::Other | Class::Alone) | (Class::Alone, _) => true,
            (Class::Lower, Class::Upper) => true,
            // The last capital of `HTTPStatus` opens the next word.
            (Class::Upper, Class::Upper) => next_is_lower,
            (Class::Digit, Class::Lower | Class::Upper)
            | (Class::Lower | Class::Upper, Class::Digit) => true,
            _ => false,
        };
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if now != Class::Other {
            word.extend(c.to_lowercase());
        }
        before = now;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words that say how something is asked, not what; sorted. The single letters and `ll`, `re`, `ve`
/// are what an apostrophe leaves.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "been", "but", "by", "can", "could", "d", "did", "do", "does", "for", "from", "give", "had",
    "has", "have", "he", "her", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its",
    "just", "let", "ll", "m", "may", "me", "might", "my", "need", "not", "of", "on", "or", "our",
    "please", "re", "s", "shall", "she", "should", "so", "some", "t", "tell", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "ve",
    "want", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "why", "will",
    "with", "would", "you", "your",
];

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn splits_as_written() {
        for (text, expected) in [
            ("getFilmDetails", "get film detail"),
            ("weather_current", "weather current"),
            ("getHTTPStatus2", "get http status 2"),
            ("ABCmouse", "ab cmous"),
            ("v2api", "v 2 api"),
            ("What's the 5-day forecast in São Paulo?", "5 day forecast são paulo"),
            ("東京の天気", "東 京 の 天 気"),
            ("GROẞ Ünïcode", "groß ünïcod"),
            ("", ""),
            ("?!… __ --", ""),
            ("the of and", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }
}
