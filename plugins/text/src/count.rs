//! Counting words, characters, sentences and letters.

use crate::bindings::exports::hyfunc::text::text::Length;

/// Words (divided by white space), characters (Unicode scalar values) and sentences of a text.
pub fn length(text: &str) -> Length {
    Length {
        words: clamp(
            text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count(),
        ),
        characters: clamp(text.chars().count()),
        sentences: clamp(sentences(text)),
    }
}

/// How often a letter occurs, capital or small.
pub fn letter(text: &str, letter: char) -> u32 {
    let wanted: Vec<char> = letter.to_lowercase().collect();
    clamp(text.chars().filter(|other| other.to_lowercase().eq(wanted.iter().copied())).count())
}

/// Runs of words that end with `.`, `!` or `?` before white space, or with the text.
fn sentences(text: &str) -> usize {
    let mut count = 0;
    let mut open = false;
    for word in text.split_whitespace() {
        open |= word.contains(char::is_alphanumeric);
        if open && word.trim_end_matches(['"', '\'', ')', '”', '’']).ends_with(['.', '!', '?', '…'])
        {
            count += 1;
            open = false;
        }
    }
    count + usize::from(open)
}

fn clamp(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_texts() {
        let cases = [
            ("the quick brown fox", 4, 19, 1),
            ("Just landed in Lisbon. Anyone up for coffee?", 8, 44, 2),
            ("Pi is 3.14. \"Really?\" Yes!", 5, 26, 3),
            ("naïve café ☕", 2, 12, 1),
            ("", 0, 0, 0),
            (" ... ", 0, 5, 0),
        ];
        for (text, words, characters, sentences) in cases {
            let length = length(text);
            assert_eq!(
                (length.words, length.characters, length.sentences),
                (words, characters, sentences),
                "{text}"
            );
        }
    }

    #[test]
    fn counts_letters_in_both_cases() {
        for (text, wanted, expected) in
            [("strawberry", 'r', 3), ("Mississippi", 'S', 4), ("Übermut", 'ü', 1), ("", 'a', 0)]
        {
            assert_eq!(letter(text, wanted), expected, "{text}");
        }
    }
}
