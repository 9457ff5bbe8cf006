//! Words: where they stand, what they are, and which of them are the same.
//!
//! What a small model does not learn in an hour is given here for free: that *litres* and
//! *litre* are one word, that `18:30` is a time, that a capital opens a name.

use std::ops::Range;

/// What kind of thing a word is. Rows of a learned embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An ordinary word, or punctuation.
    Other = 0,
    /// Digits, with or without a point, sign or thousands' commas.
    Number,
    /// A number in words.
    NumberWord,
    /// A date or a part of one.
    Date,
    /// A time of day.
    Time,
    /// Inside quotation marks.
    Quoted,
    /// An address, path, identifier or code.
    Code,
}

/// Number of [`Kind`]s.
pub const KINDS: usize = 7;

/// How a word is cased. Rows of a learned embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// `lower` or no letters.
    Lower = 0,
    /// `Title`.
    Title,
    /// `UPPER` or `camelCase`.
    Upper,
}

/// Number of [`Shape`]s.
pub const SHAPES: usize = 3;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it stands.
    pub bytes: Range<usize>,
    /// Hash of its stem; 0 for stop words.
    pub stem: u32,
    /// What kind of thing it is.
    pub kind: Kind,
    /// How it is cased.
    pub shape: Shape,
}

const STOP_WORDS: [&str; 52] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "does", "for", "from",
    "get", "give", "have", "how", "i", "if", "in", "is", "it", "its", "many", "me", "much", "my",
    "need", "of", "on", "or", "please", "so", "some", "tell", "that", "the", "their", "there",
    "this", "to", "want", "was", "what", "when", "which", "will", "with", "would", "you", "your",
];

/// Numbers below twenty, each at its own place.
pub const UNDER_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// Twenty, thirty, and so on.
pub const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Other words of numbers.
const NUMBER_WORDS: [&str; 10] = [
    "hundred", "thousand", "million", "billion", "dozen", "half", "quarter", "couple", "third",
    "point",
];

const DATE_WORDS: [&str; 43] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "today",
    "tomorrow",
    "yesterday",
    "tonight",
    "weekend",
];

const TIME_WORDS: [&str; 12] = [
    "am",
    "pm",
    "noon",
    "midnight",
    "morning",
    "evening",
    "afternoon",
    "oclock",
    "minute",
    "minutes",
    "hour",
    "hours",
];

/// Whether `word`, in lower case, is a number in words.
pub fn is_number_word(word: &str) -> bool {
    UNDER_TWENTY.contains(&word) || TENS.contains(&word) || NUMBER_WORDS.contains(&word)
}

/// Words of `text`, in order. A word is a run of letters, digits and the marks that join them
/// inside a number, a time, an address or a name.
pub fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut quote: Option<(char, usize)> = None;
    let mut start = None;
    let mut previous = ' ';
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = start.is_some();
        let next = text[at..].chars().nth(1).unwrap_or(' ');
        let joins = inside && next.is_alphanumeric() && joins_words(previous, c, next);
        if c.is_alphanumeric() || c == '_' || joins {
            start.get_or_insert(at);
        } else {
            if let Some(from) = start.take() {
                found.push(word(text, from..at, quote.is_some()));
            }
            quote = turn(text, quote, c, previous, at);
        }
        previous = c;
    }
    found
}

/// Whether `mark` between `before` and `after` is part of a word.
fn joins_words(before: char, mark: char, after: char) -> bool {
    match mark {
        '.' | ':' | '/' | ',' => {
            before.is_ascii_digit() && after.is_ascii_digit()
                || mark == '.' && before.is_alphabetic() && after.is_alphabetic()
        }
        '@' | '-' | '\'' | '’' => before.is_alphanumeric(),
        _ => false,
    }
}

/// Quotation marks that are open after `mark`.
fn turn(
    text: &str,
    open: Option<(char, usize)>,
    mark: char,
    before: char,
    at: usize,
) -> Option<(char, usize)> {
    let closing = match mark {
        '"' => '"',
        '“' => '”',
        '‘' => '’',
        '\'' if !before.is_alphanumeric() => '\'',
        _ => match open {
            Some((closing, _)) if closing == mark => return None,
            other => return other,
        },
    };
    match open {
        Some((closing, _)) if closing == mark => None,
        None if text[at + mark.len_utf8()..].contains(closing) => Some((closing, at)),
        other => other,
    }
}

fn word(text: &str, bytes: Range<usize>, quoted: bool) -> Word {
    let written = &text[bytes.clone()];
    let lower = written.to_lowercase();
    let lower = lower.strip_suffix("'s").or(lower.strip_suffix("’s")).unwrap_or(&lower);
    Word {
        stem: stem_hash(lower),
        kind: kind(written, lower, quoted),
        shape: shape(written),
        bytes,
    }
}

fn kind(written: &str, lower: &str, quoted: bool) -> Kind {
    let digits = written.chars().filter(char::is_ascii_digit).count();
    let letters = written.chars().filter(|c| c.is_alphabetic()).count();
    if quoted {
        Kind::Quoted
    } else if written.contains('@')
        || written.contains('_')
        || (written.contains('.') && digits == 0)
    {
        Kind::Code
    } else if digits > 0 && letters == 0 {
        match (written.contains(':'), written.matches(['-', '/']).count()) {
            (true, _) => Kind::Time,
            (_, 1..) => Kind::Date,
            _ => Kind::Number,
        }
    } else if digits > 0 {
        match lower.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == '.') {
            "am" | "pm" | "h" => Kind::Time,
            "st" | "nd" | "rd" | "th" => Kind::Date,
            rest if rest.chars().all(char::is_alphabetic)
                && lower.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Kind::Number
            }
            _ => Kind::Code,
        }
    } else if lower.split('-').all(is_number_word) {
        Kind::NumberWord
    } else if DATE_WORDS.contains(&lower) {
        Kind::Date
    } else if TIME_WORDS.contains(&lower) {
        Kind::Time
    } else {
        Kind::Other
    }
}

fn shape(written: &str) -> Shape {
    let mut letters = written.chars().filter(|c| c.is_alphabetic());
    match (letters.next(), letters.any(char::is_uppercase)) {
        (Some(_), true) => Shape::Upper,
        (Some(first), false) if first.is_uppercase() => Shape::Title,
        _ => Shape::Lower,
    }
}

/// Hash of a lower-cased word's stem; 0 for stop words.
pub fn stem_hash(lower: &str) -> u32 {
    if STOP_WORDS.contains(&lower) {
        return 0;
    }
    // FNV-1a: stable across versions and machines, since trained weights depend on equality only.
    let hash = stem(lower)
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

/// A light English stem: plural, `-ing`, `-ed`, `-ly` and British spelling folded away.
pub fn stem(lower: &str) -> String {
    let mut stem =
        lower.replace("metre", "meter").replace("litre", "liter").replace("colour", "color");
    for (suffix, replacement, len_min) in [
        ("ies", "y", 5),
        ("sses", "ss", 6),
        ("ing", "", 6),
        ("ed", "", 5),
        ("ly", "", 5),
        ("es", "e", 5),
        ("s", "", 4),
        ("e", "", 5),
    ] {
        if stem.len() >= len_min && stem.ends_with(suffix) && !stem.ends_with("ss") {
            stem.truncate(stem.len() - suffix.len());
            stem.push_str(replacement);
            if suffix != "s" && suffix != "es" {
                break;
            }
        }
    }
    stem
}

/// Words of an identifier: `getWeather_by-city2` → `get weather by city 2`.
pub fn split_identifier(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut previous = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            if !words.ends_with(' ') && !words.is_empty() {
                words.push(' ');
            }
        } else {
            let border = (c.is_uppercase() && previous.is_lowercase())
                || (c.is_ascii_digit() != previous.is_ascii_digit() && previous.is_alphanumeric());
            if border && !words.ends_with(' ') {
                words.push(' ');
            }
            words.extend(c.to_lowercase());
        }
        previous = c;
    }
    words.trim_end().to_owned()
}

/// Bytes of a token in the byte-level alphabet of GPT-2.
pub fn byte_level(token: &str) -> Vec<u8> {
    token.chars().filter_map(|c| byte_of(c as u32)).collect()
}

/// The byte that a character of GPT-2's alphabet stands for.
fn byte_of(code: u32) -> Option<u8> {
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some(code as u8),
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_numbers_times_and_addresses_whole() {
        for (text, expected) in [
            ("at 18:30 pay 1,200.50 now", vec!["at", "18:30", "pay", "1,200.50", "now"]),
            ("mail ann.lee@example.com, ok?", vec!["mail", "ann.lee@example.com", "ok"]),
            ("what's 'red wine' 5km", vec!["what's", "red", "wine", "5km"]),
            ("2026-03-01.", vec!["2026-03-01"]),
            ("", vec![]),
            ("¿Qué? 東京 – é", vec!["Qué", "東京", "é"]),
        ] {
            let found: Vec<_> = words(text).into_iter().map(|w| text[w.bytes].to_owned()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        for (text, expected) in [
            ("42", Kind::Number),
            ("twenty-five", Kind::NumberWord),
            ("18:30", Kind::Time),
            ("7pm", Kind::Time),
            ("2026-03-01", Kind::Date),
            ("friday", Kind::Date),
            ("5km", Kind::Number),
            ("A4B-99x", Kind::Code),
            ("a@b.org", Kind::Code),
            ("Paris", Kind::Other),
        ] {
            assert_eq!(words(text)[0].kind, expected, "{text}");
        }
        assert_eq!(words("play \"blue moon\" now")[1].kind, Kind::Quoted);
        assert_eq!(words("play \"blue moon\" now")[3].kind, Kind::Other);
    }

    #[test]
    fn stems_meet() {
        for (one, other) in [
            ("kilometres", "kilometer"),
            ("litres", "liter"),
            ("cities", "city"),
            ("converting", "convert"),
            ("miles", "mile"),
        ] {
            assert_eq!(stem_hash(one), stem_hash(other), "{one} {other}");
        }
        assert_ne!(stem_hash("meter"), stem_hash("mile"));
        assert_eq!(stem_hash("the"), 0);
    }

    #[test]
    fn the_byte_alphabet_is_whole() {
        let mut seen: Vec<u8> = (0u32..0x200).filter_map(byte_of).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn identifiers_split_at_case_digits_and_marks() {
        for (name, expected) in [
            ("getWeather_by-city2", "get weather by city 2"),
            ("HTTPServer", "httpserver"),
            ("a", "a"),
            ("", ""),
        ] {
            assert_eq!(split_identifier(name), expected);
        }
    }
}
