//! Regular expressions for the text of a slot, from which an engine makes its token masks.

use super::{SlotType, Spelling};
use crate::json::{magnitudes, pattern};
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
        parts.push(format!("-(?:{})", magnitudes(smallest, int.min.unsigned_abs())));
    }
    if int.max >= 0 {
        parts.push(magnitudes(int.min.max(0).unsigned_abs(), int.max.unsigned_abs()));
    }
    format!("(?:{})", parts.join("|"))
}
