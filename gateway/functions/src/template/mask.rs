//! Regular expressions for the text of a slot, from which an engine makes its token masks.

use super::{SlotType, Spelling};
use crate::json::pattern;
use crate::types::{FloatType, IntType, StringType};

/// Longest bound on characters that is counted out; counting further makes masks slow.
const EXACT_CHARS_MAX: u32 = 256;

const ANY_CHAR: &str = "(?s:.)";
/// One scalar inside a JSON string. Escapes beyond U+001F are never needed.
const JSON_CHAR: &str = r#"(?:[^"\\\x00-\x1F]|\\(?:["\\/bfnrt]|u00[01][0-9A-Fa-f]))"#;
const BASE64: &str = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";

const DATE: &str = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])";
const TIME: &str = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
const UUID: &str = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const IPV4: &str = r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const HOSTNAME: &str = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,8}";
const URI: &str = r"[A-Za-z][A-Za-z0-9+.-]{1,15}:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{1,256}";

pub(super) fn of(ty: &SlotType, spelling: Spelling) -> String {
    match ty {
        SlotType::Int(int) => integer(int),
        SlotType::Float(float) => self::float(float),
        SlotType::Char => char_of(spelling).to_owned(),
        SlotType::String(string) => self::string(string, spelling),
        SlotType::Bytes => BASE64.to_owned(),
        SlotType::Key => format!("{}*", char_of(spelling)),
    }
}

fn char_of(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => ANY_CHAR,
        Spelling::Hermes | Spelling::Llama | Spelling::Bracket => JSON_CHAR,
    }
}

/// A pattern may match quotes and backslashes, which all but Param escape: there it is left to the
/// check.
fn string(string: &StringType, spelling: Spelling) -> String {
    let pattern = string.pattern.as_deref().filter(|_| spelling == Spelling::Param);
    pattern
        .and_then(whole)
        .or_else(|| string.format.as_deref().and_then(format))
        .unwrap_or_else(|| char_of(spelling).to_owned() + &repetition(string))
}

fn repetition(string: &StringType) -> String {
    let min = string.chars_min.min(EXACT_CHARS_MAX);
    match string.chars_max {
        Some(max) if max <= EXACT_CHARS_MAX => format!("{{{min},{}}}", max.max(min)),
        _ => format!("{{{min},}}"),
    }
}

fn format(format: &str) -> Option<String> {
    Some(match format {
        "date" => DATE.to_owned(),
        "time" => TIME.to_owned(),
        "date-time" => format!("{DATE}T{TIME}"),
        "uuid" => UUID.to_owned(),
        "ipv4" => IPV4.to_owned(),
        "hostname" => HOSTNAME.to_owned(),
        "email" => format!("[A-Za-z0-9._%+-]{{1,64}}@{HOSTNAME}"),
        "uri" | "url" => URI.to_owned(),
        _ => return None,
    })
}

/// An unanchored JSON Schema pattern as an expression for the whole text; `None` where that takes
/// look-around, inner anchors, word boundaries or flags. Greedy or lazy is the same to a mask.
fn whole(pattern: &str) -> Option<String> {
    let compiled = pattern::compile(pattern)?;
    let translated = compiled.as_str();
    let (at_start, rest) = match translated.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, translated),
    };
    let (at_end, body) = match rest.strip_suffix('$') {
        Some(body) if !body.ends_with('\\') => (true, body),
        _ => (false, rest),
    };
    // `^a|b$` anchors its alternatives separately.
    let plain = is_plain(body, at_start || at_end);
    let around = |anchored: bool| if anchored { String::new() } else { format!("{ANY_CHAR}*") };
    plain.then(|| format!("{}(?:{body}){}", around(at_start), around(at_end)))
}

/// Whether a pattern's body holds none of what a mask cannot express.
fn is_plain(body: &str, anchored: bool) -> bool {
    let mut chars = body.chars().peekable();
    let (mut in_class, mut groups) = (false, 0_i32);
    while let Some(scalar) = chars.next() {
        match scalar {
            '\\' => match chars.next() {
                Some('b' | 'B' | 'A' | 'z') if !in_class => return false,
                _ => {}
            },
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '^' | '$' => return false,
            '|' if anchored && groups == 0 => return false,
            '(' => {
                groups += 1;
                if chars.next_if_eq(&'?').is_some() && chars.next() != Some(':') {
                    return false;
                }
            }
            ')' => groups -= 1,
            _ => {}
        }
    }
    true
}

/// Enough digits for the shortest text of every number that reads back as itself.
fn float(float: &FloatType) -> String {
    let sign = match (float.min, float.max) {
        (Some(min), _) if min >= 0.0 => "",
        (_, Some(max)) if max < 0.0 => "-",
        _ => "-?",
    };
    let exponent_digits = if float.single { 2 } else { 3 };
    format!(
        r"{sign}(?:0|[1-9][0-9]{{0,15}})(?:\.[0-9]{{1,22}})?(?:[eE][+-]?[0-9]{{1,{exponent_digits}}})?"
    )
}

/// Exactly the integers of the range, without leading zeros.
fn integer(int: &IntType) -> String {
    let mut parts = Vec::new();
    if int.min < 0 {
        let smallest = if int.max < 0 { int.max.unsigned_abs() } else { 1 };
        parts.push(format!("-(?:{})", natural(smallest, int.min.unsigned_abs())));
    }
    if int.max >= 0 {
        parts.push(natural(int.min.max(0).unsigned_abs(), int.max.unsigned_abs()));
    }
    format!("(?:{})", parts.join("|"))
}

/// Natural numbers from `min` to `max`, one alternative for each count of digits.
fn natural(min: u128, max: u128) -> String {
    let (shortest, longest) = (min.to_string().len(), max.to_string().len());
    let alternatives = (shortest..=longest).map(|digits| {
        let low = if digits == shortest {
            min.to_string()
        } else {
            format!("1{}", "0".repeat(digits - 1))
        };
        let high = if digits == longest { max.to_string() } else { "9".repeat(digits) };
        same_length(low.as_bytes(), high.as_bytes())
    });
    alternatives.collect::<Vec<_>>().join("|")
}

/// Digit strings from `low` to `high`, which are equally long.
fn same_length(low: &[u8], high: &[u8]) -> String {
    let (Some((&first, low_rest)), Some((&last, high_rest))) =
        (low.split_first(), high.split_first())
    else {
        return String::new();
    };
    let rest = low_rest.len();
    if first == last {
        return char::from(first).to_string() + &grouped(&same_length(low_rest, high_rest));
    }
    let mut alternatives = Vec::new();
    let (mut from, mut to) = (first, last);
    if low_rest.iter().any(|&digit| digit != b'0') {
        let tail = same_length(low_rest, "9".repeat(rest).as_bytes());
        alternatives.push(char::from(first).to_string() + &grouped(&tail));
        from += 1;
    }
    if high_rest.iter().any(|&digit| digit != b'9') {
        let tail = same_length("0".repeat(rest).as_bytes(), high_rest);
        alternatives.push(char::from(last).to_string() + &grouped(&tail));
        to -= 1;
    }
    if from <= to {
        let tail = if rest == 0 { String::new() } else { format!("[0-9]{{{rest}}}") };
        alternatives.push(format!("[{}-{}]{tail}", char::from(from), char::from(to)));
    }
    alternatives.join("|")
}

fn grouped(expression: &str) -> String {
    if expression.contains('|') { format!("(?:{expression})") } else { expression.to_owned() }
}
