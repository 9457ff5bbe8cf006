//! Numbers as people write them: `1,200`, `5k`, `twenty-five`, `half`, `two and a half`.

use std::ops::Range;

use crate::lexicon::{TENS, UNDER_TWENTY, words};

/// A number that a text mentions.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// Where it stands.
    pub bytes: Range<usize>,
    /// What it is.
    pub value: f64,
}

/// Numbers that `text` mentions, in order of their first byte. A phrase of several number words
/// (`two hundred and five`) is one mention.
pub fn mentions(text: &str) -> Vec<Mention> {
    let mut found = digits(text);
    // The `million` of `2.5 million` is part of that number, not one of its own.
    let words = phrases(text).into_iter().filter(|phrase| {
        !found.iter().any(|number| {
            number.bytes.start <= phrase.bytes.start && phrase.bytes.end <= number.bytes.end
        })
    });
    let words: Vec<Mention> = words.collect();
    found.extend(words);
    found.sort_by_key(|mention| (mention.bytes.start, mention.bytes.end));
    found
}

/// Numbers in digits, with sign, thousands' commas, point and magnitude (`k`, `m`, `million`, …).
fn digits(text: &str) -> Vec<Mention> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() || (at > 0 && is_joined(text, at)) {
            at += 1;
            continue;
        }
        let end = digits_end(bytes, at);
        if text[..at].trim_end_matches('-').ends_with('^') {
            // An exponent is no number of its own.
            at = end;
            continue;
        }
        let Ok(value) = text[at..end].replace(',', "").parse::<f64>() else {
            at = end;
            continue;
        };
        if let Some((hour, clock_end)) = afternoon(text, at, end, value) {
            found.push(Mention { bytes: at..clock_end, value: hour });
        }
        let (scale, scaled_end) = magnitude(text, end);
        let negative =
            at > 0 && matches!(bytes[at - 1], b'-') && (at == 1 || bytes[at - 2] == b' ')
                || text[..at].ends_with("minus ");
        let sign = if negative { -1.0 } else { 1.0 };
        let start = match (negative, text[..at].ends_with("minus ")) {
            (true, true) => at - "minus ".len(),
            (true, false) => at - 1,
            _ => at,
        };
        found.push(Mention { bytes: start..scaled_end, value: sign * value * scale });
        if scaled_end != end {
            found.push(Mention { bytes: at..end, value: sign * value });
        }
        at = end;
    }
    found
}

/// Whether the digit at `at` continues a word, such as the `4` in `A4`.
fn is_joined(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut point = false;
    while end < bytes.len() {
        let digit_next = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        match bytes[end] {
            b'0'..=b'9' => {}
            b'.' if !point && digit_next => point = true,
            b',' if thousands(bytes, end) => {}
            _ => break,
        }
        end += 1;
    }
    end
}

/// Whether the comma at `at` is followed by exactly three digits.
fn thousands(bytes: &[u8], at: usize) -> bool {
    let run = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    run == 3
}

/// The factor written after digits that end at `end`, and where it ends.
fn magnitude(text: &str, end: usize) -> (f64, usize) {
    let rest = &text[end..];
    let trimmed = rest.trim_start_matches(' ');
    let skipped = rest.len() - trimmed.len();
    let word: String = trimmed.chars().take_while(|c| c.is_alphabetic()).collect();
    let scale = match (word.as_str(), skipped) {
        ("k" | "K", 0) => 1e3,
        ("M", 0) => 1e6,
        ("hundred", _) => 1e2,
        ("thousand", _) => 1e3,
        ("million" | "mil", _) => 1e6,
        ("billion" | "bn", _) => 1e9,
        _ => return (1.0, end),
    };
    (scale, end + skipped + word.len())
}

/// The hour of the day, 0 to 23, that a clock of twelve hours shows as `7pm`, `7:15 p.m.` or `12 am`
/// where it differs from what is written, and where the time ends.
fn afternoon(text: &str, start: usize, end: usize, hour: f64) -> Option<(f64, usize)> {
    let joined = text[..start].ends_with([':', '.']);
    if joined || hour.fract() != 0.0 || !(1.0..=12.0).contains(&hour) {
        return None;
    }
    let bytes = text.as_bytes();
    let minutes = bytes.get(end).is_some_and(|byte| matches!(byte, b':' | b'.'))
        && bytes.get(end + 1..end + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_digit));
    let end = if minutes { end + 3 } else { end };
    let rest = text.get(end..)?;
    let trimmed = rest.trim_start_matches(' ');
    let from = end + rest.len() - trimmed.len();
    let marks: [(&str, f64); 4] = [("p.m.", 12.0), ("pm", 12.0), ("a.m.", 0.0), ("am", 0.0)];
    let (mark, half) = marks.into_iter().find(|(mark, _)| {
        trimmed.get(..mark.len()).is_some_and(|said| said.eq_ignore_ascii_case(mark))
            && !trimmed[mark.len()..].starts_with(char::is_alphanumeric)
    })?;
    let shown = hour % 12.0 + half;
    (shown != hour).then_some((shown, from + mark.len()))
}

/// What one word adds to a number in words.
enum Part {
    Add(f64),
    Times(f64),
    And,
    Article,
}

fn part(word: &str) -> Option<Part> {
    if let Some(unit) = UNDER_TWENTY.iter().position(|&unit| unit == word) {
        return Some(Part::Add(unit as f64));
    }
    if let Some(ten) = TENS.iter().position(|&ten| ten == word) {
        return Some(Part::Add(20.0 + 10.0 * ten as f64));
    }
    Some(match word {
        "hundred" => Part::Times(100.0),
        "thousand" => Part::Times(1e3),
        "million" => Part::Times(1e6),
        "billion" => Part::Times(1e9),
        "dozen" => Part::Times(12.0),
        "couple" => Part::Times(2.0),
        "half" => Part::Add(0.5),
        "quarter" => Part::Add(0.25),
        "and" => Part::And,
        "a" | "an" => Part::Article,
        _ => return None,
    })
}

/// Numbers in words. Every longest run of number words is one mention.
fn phrases(text: &str) -> Vec<Mention> {
    let mut parts: Vec<(Range<usize>, Part)> = Vec::new();
    let mut found = Vec::new();
    for word in words(text) {
        let lower = text[word.bytes.clone()].to_lowercase();
        let mut pieces: Vec<Option<Part>> = lower.split('-').map(part).collect();
        let joined = parts.last().is_none_or(|(last, _)| {
            text[last.end..word.bytes.start].chars().all(|c| c == ' ' || c == '-')
        });
        if !joined {
            found.extend(phrase(&parts));
            parts.clear();
        }
        if pieces.iter().all(Option::is_some) {
            parts.extend(pieces.drain(..).flatten().map(|piece| (word.bytes.clone(), piece)));
        } else {
            found.extend(phrase(&parts));
            parts.clear();
        }
    }
    found.extend(phrase(&parts));
    found
}

/// The number that a run of parts spells, without the articles and conjunctions at its ends.
fn phrase(parts: &[(Range<usize>, Part)]) -> Option<Mention> {
    let is_number =
        |(_, part): &&(Range<usize>, Part)| matches!(part, Part::Add(_) | Part::Times(_));
    let first = parts.iter().position(|part| is_number(&part))?;
    let last = parts.iter().rposition(|part| is_number(&part))?;
    let (mut total, mut current, mut started) = (0.0, 0.0, false);
    for (_, part) in &parts[first..=last] {
        match part {
            Part::Add(value) => {
                current += value;
                started = true;
            }
            Part::Times(factor) => {
                let base = if started { current } else { 1.0 };
                current = base * factor;
                started = true;
                if *factor >= 1e3 {
                    total += current;
                    current = 0.0;
                }
            }
            Part::And | Part::Article => {}
        }
    }
    Some(Mention { bytes: parts[first].0.start..parts[last].0.end, value: total + current })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("pay 1,200.50 now", vec![1200.5]),
            ("-5 degrees", vec![-5.0]),
            ("minus 5 degrees", vec![-5.0]),
            ("from 3-5", vec![3.0, 5.0]),
            ("5k people", vec![5.0, 5000.0]),
            ("2.5 million", vec![2.5, 2_500_000.0]),
            ("twenty-five", vec![25.0]),
            ("two hundred and five men", vec![205.0]),
            ("two and a half cups", vec![2.5]),
            ("a dozen eggs", vec![12.0]),
            ("half a cup", vec![0.5]),
            ("three thousand two hundred", vec![3200.0]),
            ("one, two", vec![1.0, 2.0]),
            ("A4 paper", vec![]),
            ("10km", vec![10.0]),
            ("4 m/s^2, x^1.5 and 10^-3", vec![4.0, 10.0]),
            ("6:15pm", vec![6.0, 18.0, 15.0]),
            ("at 7 p.m. or 12 am", vec![7.0, 19.0, 12.0, 0.0]),
            ("7am, 12pm", vec![7.0, 12.0]),
            ("5 pmol, 13pm", vec![5.0, 13.0]),
            ("no numbers and a word", vec![]),
            ("", vec![]),
            ("9".repeat(400).as_str(), vec![f64::INFINITY]),
        ] {
            let found: Vec<f64> = mentions(text).into_iter().map(|m| m.value).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
