//! Ways to write words.

use crate::bindings::exports::hyfunc::text::text::Style;

/// A text in another style. Those that join words drop punctuation and split at capitals.
pub fn change(text: &str, style: Style) -> String {
    match style {
        Style::Upper => text.to_uppercase(),
        Style::Lower => text.to_lowercase(),
        Style::Title => capitals(text, |before| before.is_none_or(char::is_whitespace)),
        Style::Sentence => sentence(text),
        Style::Snake => words(text).join("_"),
        Style::Kebab => words(text).join("-"),
        Style::Camel => camel(&words(text)),
    }
}

/// Small letters, with a capital wherever the letter before allows one.
fn capitals(text: &str, allowed: impl Fn(Option<char>) -> bool) -> String {
    let mut before = None;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if allowed(before) {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    out
}

fn sentence(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if start && letter.is_alphabetic() {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        start = match letter {
            '.' | '!' | '?' => true,
            _ => start && !letter.is_alphanumeric(),
        };
    }
    out
}

/// The words in small letters: divided by anything but letters and digits, and before a capital
/// that follows a small letter. An apostrophe divides nothing.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for letter in text.chars().filter(|letter| !matches!(letter, '\'' | '’')) {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && small_before) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        small_before = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn camel(words: &[String]) -> String {
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            if index == 0 {
                out.push(first);
            } else {
                out.extend(first.to_uppercase());
            }
        }
        out.push_str(letters.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_style() {
        let cases = [
            ("please read the manual", Style::Upper, "PLEASE READ THE MANUAL"),
            ("WHY IS MY KEYBOARD STUCK", Style::Lower, "why is my keyboard stuck"),
            ("the LORD of the rings", Style::Title, "The Lord Of The Rings"),
            ("don't PANIC", Style::Title, "Don't Panic"),
            ("hello THERE. how are you? fine", Style::Sentence, "Hello there. How are you? Fine"),
            ("\"quoted\" text", Style::Sentence, "\"Quoted\" text"),
            ("user account id", Style::Snake, "user_account_id"),
            ("maxRetryCount", Style::Snake, "max_retry_count"),
            ("Ten Tips for Better Sleep!", Style::Kebab, "ten-tips-for-better-sleep"),
            ("What's  new -- today", Style::Kebab, "whats-new-today"),
            ("max retry count", Style::Camel, "maxRetryCount"),
            ("straße", Style::Upper, "STRASSE"),
            ("", Style::Camel, ""),
            ("!?", Style::Kebab, ""),
        ];
        for (text, style, expected) in cases {
            assert_eq!(change(text, style), expected, "{text} {style:?}");
        }
    }
}
