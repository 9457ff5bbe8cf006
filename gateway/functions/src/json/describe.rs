//! Types and JSON values in a person's words, for errors.

use serde_json::Value as Json;

use crate::types::{Case, FloatType, IntType, ListType, StringType, Type};

/// Longest excerpt of a found value, in characters.
const EXCERPT_CHARS_MAX: usize = 40;
/// Most alternatives that are listed.
const ALTERNATIVES_MAX: usize = 12;

/// `string`, `array` and so on.
pub(crate) fn name_kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// A found value: its kind and a short excerpt.
pub(crate) fn found(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(bool) => format!("the boolean {bool}"),
        Json::Number(number) => format!("the number {number}"),
        Json::String(text) => {
            let mut excerpt: String = text.chars().take(EXCERPT_CHARS_MAX).collect();
            if excerpt.len() < text.len() {
                excerpt.push('…');
            }
            format!("the string {excerpt:?}")
        }
        Json::Array(items) => format!("an array of {}", items.len()),
        Json::Object(map) => format!("an object with {} keys", map.len()),
    }
}

/// A type.
pub(crate) fn expected(ty: &Type) -> String {
    match ty {
        Type::Null => "null".to_owned(),
        Type::Bool => "true or false".to_owned(),
        Type::Int(int) => integer(int),
        Type::Float(float) => number(float),
        Type::Char => "a string of one character".to_owned(),
        Type::String(string) => text(string),
        Type::Bytes => "a base64 string".to_owned(),
        Type::Enum(cases) => format!("one of {}", cases_list(cases)),
        Type::Literals(literals) => {
            format!("one of {}", list(literals.iter().map(ToString::to_string)))
        }
        Type::List(items) => array(items),
        Type::Tuple(types) => format!("an array of {} elements", types.len()),
        Type::Record(_) | Type::Map(_) => "an object".to_owned(),
        Type::Option(inner) => format!("{} or null", expected(inner)),
        Type::Variant(cases) => format!(
            "an object with one key, one of {}",
            list(cases.iter().map(|case| format!("`{}`", case.name)))
        ),
        Type::Flags(cases) => format!("an array of unique strings out of {}", cases_list(cases)),
        Type::Result { .. } => "a result or {\"error\": …}".to_owned(),
        Type::OneOf(types) => list(types.iter().map(expected)),
        Type::Any => "any JSON".to_owned(),
    }
}

fn integer(int: &IntType) -> String {
    if int.is_wide() {
        format!("an integer from {} to {} (a number, or a decimal string)", int.min, int.max)
    } else {
        format!("an integer from {} to {}", int.min, int.max)
    }
}

fn number(float: &FloatType) -> String {
    match (float.min, float.max) {
        (Some(min), Some(max)) => format!("a number from {min} to {max}"),
        (Some(min), None) => format!("a number of at least {min}"),
        (None, Some(max)) => format!("a number of at most {max}"),
        (None, None) => "a finite number".to_owned(),
    }
}

fn text(string: &StringType) -> String {
    let mut words = "a string".to_owned();
    match (string.chars_min, string.chars_max) {
        (0, None) => {}
        (min, None) => words.push_str(&format!(" of at least {min} characters")),
        (min, Some(max)) => words.push_str(&format!(" of {min} to {max} characters")),
    }
    if let Some(format) = &string.format {
        words.push_str(&format!(" (format {format})"));
    }
    if let Some(pattern) = &string.pattern {
        words.push_str(&format!(" that matches `{pattern}`"));
    }
    words
}

fn array(items: &ListType) -> String {
    match (items.len_min, items.len_max) {
        (0, None) => "an array".to_owned(),
        (min, None) => format!("an array of at least {min} elements"),
        (min, Some(max)) => format!("an array of {min} to {max} elements"),
    }
}

fn cases_list(cases: &[Case]) -> String {
    list(cases.iter().map(|case| format!("{:?}", case.name)))
}

fn list(words: impl ExactSizeIterator<Item = String>) -> String {
    let count = words.len();
    let mut shown: Vec<String> = words.take(ALTERNATIVES_MAX).collect();
    if count > ALTERNATIVES_MAX {
        shown.push(format!("{} more", count - ALTERNATIVES_MAX));
    }
    shown.join(", ")
}
