//! Integers in JSON, and the decimal strings that stand for those beyond ±2^53.

use serde_json::{Number, Value as Json};

use crate::types::IntType;

/// Writes an integer: beyond ±2^53 as a string.
pub(super) fn write(value: i128) -> Json {
    match i64::try_from(value) {
        Ok(small) if IntType::is_exact(value) => Json::from(small),
        _ => Json::from(value.to_string()),
    }
}

/// Writes an integer of free JSON: always a number.
pub(super) fn write_free(value: i128) -> Json {
    if let Ok(signed) = i64::try_from(value) {
        Json::from(signed)
    } else if let Ok(unsigned) = u64::try_from(value) {
        Json::from(unsigned)
    } else {
        Json::from(value as f64)
    }
}

/// The number as an integer, if it is one: `5`, and `5.0` too.
pub(super) fn exact(number: &Number) -> Option<i128> {
    if let Some(signed) = number.as_i64() {
        return Some(i128::from(signed));
    }
    if let Some(unsigned) = number.as_u64() {
        return Some(i128::from(unsigned));
    }
    // Integral doubles below 2^126 convert without loss; larger ones are in no type's range.
    number
        .as_f64()
        .filter(|double| double.fract() == 0.0 && double.abs() < 2_f64.powi(126))
        .map(|double| double as i128)
}

/// Reads a decimal string without sign `+`, leading zeros or spaces.
pub(super) fn parse(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" || !digits.starts_with('0');
    if !canonical || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A regular expression that matches the decimal strings of exactly the integers of the type
/// (and `-0` beside `0` where the type has negative ones).
pub(crate) fn decimal_pattern(int: &IntType) -> String {
    let (low, high) = (int.min.min(int.max), int.max);
    let mut parts = Vec::new();
    if low < 0 && high >= 0 {
        let both = low.unsigned_abs().min(high.unsigned_abs());
        parts.push(format!("-?(?:{})", magnitudes(0, both)));
        if low.unsigned_abs() > both {
            parts.push(format!("-(?:{})", magnitudes(both + 1, low.unsigned_abs())));
        }
        if high.unsigned_abs() > both {
            parts.push(magnitudes(both + 1, high.unsigned_abs()));
        }
    } else if low < 0 {
        parts.push(format!("-(?:{})", magnitudes(high.unsigned_abs(), low.unsigned_abs())));
    } else {
        parts.push(magnitudes(low.unsigned_abs(), high.unsigned_abs()));
    }
    format!("^(?:{})$", parts.join("|"))
}

/// Alternatives that match the decimals from `low` to `high`, without leading zeros; split where
/// their length changes.
pub(crate) fn magnitudes(low: u128, high: u128) -> String {
    let mut parts = Vec::new();
    let mut start = low;
    loop {
        let digits = start.to_string();
        // The longest numbers of 128 bits have 39 digits, and 10^39 is beyond them.
        let power = 10_u128.checked_pow(digits.len() as u32);
        let end = power.map_or(high, |power| high.min(power - 1));
        parts.push(same_length(digits.as_bytes(), end.to_string().as_bytes()));
        if end == high {
            return parts.join("|");
        }
        start = end + 1;
    }
}

/// Decimals from `low` to `high`, both of one length.
fn same_length(low: &[u8], high: &[u8]) -> String {
    let (Some((&first_low, rest_low)), Some((&first_high, rest_high))) =
        (low.split_first(), high.split_first())
    else {
        return String::new();
    };
    let rest = rest_low.len();
    let low_is_start = rest_low.iter().all(|&digit| digit == b'0');
    let high_is_end = rest_high.iter().all(|&digit| digit == b'9');
    if first_low == first_high && !(low_is_start && high_is_end) {
        return format!("{}{}", char::from(first_low), group(&same_length(rest_low, rest_high)));
    }
    let mut parts = Vec::new();
    let mut start = first_low;
    if !low_is_start {
        let tail = same_length(rest_low, &vec![b'9'; rest]);
        parts.push(format!("{}{}", char::from(first_low), group(&tail)));
        start += 1;
    }
    let end = if high_is_end { first_high } else { first_high - 1 };
    if start <= end {
        parts.push(format!("{}{}", class(start, end), any_digits(rest)));
    }
    if !high_is_end {
        let tail = same_length(&vec![b'0'; rest], rest_high);
        parts.push(format!("{}{}", char::from(first_high), group(&tail)));
    }
    parts.join("|")
}

fn group(pattern: &str) -> String {
    if pattern.contains('|') { format!("(?:{pattern})") } else { pattern.to_owned() }
}

fn class(low: u8, high: u8) -> String {
    let (low, high) = (char::from(low), char::from(high));
    if low == high { low.to_string() } else { format!("[{low}-{high}]") }
}

fn any_digits(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "[0-9]".to_owned(),
        _ => format!("[0-9]{{{count}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn pattern_matches_the_range_and_nothing_else() {
        let ranges =
            [(0, 0), (0, 9), (0, 255), (-128, 127), (7, 1034), (-5, -2), (-1200, 35), (10, 99)];
        for (min, max) in ranges {
            let pattern = Regex::new(&decimal_pattern(&IntType { min, max })).expect("a pattern");
            for value in -2000_i128..2000 {
                let inside = (min..=max).contains(&value);
                assert_eq!(
                    pattern.is_match(&value.to_string()),
                    inside,
                    "{value} in {min}..={max}"
                );
            }
            for text in ["", "-", "00", "01", "+1", " 1", "1 ", "1.0", "1e0", "--1"] {
                assert!(!pattern.is_match(text), "{text:?} in {min}..={max}");
            }
        }
    }

    #[test]
    fn pattern_ends_at_the_edges_of_64_bits() {
        let signed = Regex::new(&decimal_pattern(&IntType::S64)).expect("a pattern");
        let unsigned = Regex::new(&decimal_pattern(&IntType::U64)).expect("a pattern");
        let whole = IntType { min: i128::MIN, max: i128::MAX };
        let whole = Regex::new(&decimal_pattern(&whole)).expect("a pattern");
        for (pattern, text, matches) in [
            (&whole, "-170141183460469231731687303715884105728", true),
            (&whole, "-170141183460469231731687303715884105729", false),
            (&whole, "170141183460469231731687303715884105727", true),
            (&whole, "170141183460469231731687303715884105728", false),
            (&signed, "9223372036854775807", true),
            (&signed, "9223372036854775808", false),
            (&signed, "-9223372036854775808", true),
            (&signed, "-9223372036854775809", false),
            (&signed, "10000000000000000000", false),
            (&unsigned, "18446744073709551615", true),
            (&unsigned, "18446744073709551616", false),
            (&unsigned, "9999999999999999999", true),
            (&unsigned, "-1", false),
        ] {
            assert_eq!(pattern.is_match(text), matches, "{text}");
        }
    }
}
