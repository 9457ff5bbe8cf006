//! JSON as the benchmark's checker sees it: values of Python, with Python's types, equality and
//! failures.
//!
//! Integers beyond 64 bits are the one thing that is told apart otherwise: they are floats here.

use std::borrow::Cow;

use serde_json::Value as Json;

/// Python's type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Str,
    Int,
    Float,
    Bool,
    None,
    List,
    Dict,
}

/// The checker raises an exception here; the row counts as wrong then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crash(pub String);

/// `type(value)`
pub(super) fn kind(json: &Json) -> Kind {
    match json {
        Json::Null => Kind::None,
        Json::Bool(_) => Kind::Bool,
        Json::Number(number) if number.is_f64() => Kind::Float,
        Json::Number(_) => Kind::Int,
        Json::String(_) => Kind::Str,
        Json::Array(_) => Kind::List,
        Json::Object(_) => Kind::Dict,
    }
}

/// `one == other`: `True` is 1, and 1 is 1.0.
pub(super) fn equal(one: &Json, other: &Json) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => return one.equals(other),
        (None, None) => {}
        _ => return false,
    }
    match (one, other) {
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equal(a, b))
        }
        (Json::Object(one), Json::Object(other)) => {
            let has = |(key, value): (&String, &Json)| {
                other.get(key).is_some_and(|other| equal(value, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        (one, other) => one == other,
    }
}

#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// Python compares an integer with a float exactly, without rounding either.
    fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one == other,
            (Self::Int(int), Self::Float(float)) | (Self::Float(float), Self::Int(int)) => {
                // 2^100 is far beyond any 64-bit integer and well within i128.
                float.fract() == 0.0 && float.abs() < 2f64.powi(100) && float as i128 == int
            }
        }
    }
}

fn number(json: &Json) -> Option<Number> {
    match json {
        Json::Bool(bool) => Some(Number::Int(i128::from(*bool))),
        Json::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .map(Number::Int)
            .or_else(|| number.as_f64().map(Number::Float)),
        _ => None,
    }
}

/// `value == ""`
pub(super) fn is_blank(json: &Json) -> bool {
    json.as_str() == Some("")
}

/// `[value[i] for i in range(len(value))]`
pub(super) fn items(json: &Json) -> Result<Cow<'_, [Json]>, Crash> {
    match json {
        Json::Array(items) => Ok(Cow::Borrowed(items)),
        Json::String(text) => {
            Ok(text.chars().map(|c| Json::from(c.to_string())).collect::<Vec<_>>().into())
        }
        Json::Object(object) if object.is_empty() => Ok(Cow::Borrowed(&[])),
        Json::Object(_) => Err(Crash(format!("a dict has no index: {json}"))),
        other => Err(Crash(format!("no list: {other}"))),
    }
}

/// `text in value`
pub(super) fn holds(json: &Json, text: &str) -> Result<bool, Crash> {
    match json {
        Json::Array(items) => Ok(items.iter().any(|item| item.as_str() == Some(text))),
        Json::String(whole) => Ok(whole.contains(text)),
        Json::Object(object) => Ok(object.contains_key(text)),
        other => Err(Crash(format!("not iterable: {other}"))),
    }
}

/// `value[key]` of a dict.
pub(super) fn get<'a>(json: &'a Json, key: &str) -> Result<&'a Json, Crash> {
    json.as_object().and_then(|object| object.get(key)).ok_or_else(|| Crash(format!("no {key:?}")))
}

/// A string as the benchmark compares it: without case, spaces and some marks.
pub(super) fn standardized(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !" ,./-_*^".contains(*c)).collect();
    kept.to_lowercase().replace('\'', "\"")
}

/// A value as the benchmark compares it: strings are standardized, the rest stays.
pub(super) fn comparable(json: &Json) -> Cow<'_, Json> {
    match json {
        Json::String(text) => Cow::Owned(Json::from(standardized(text))),
        other => Cow::Borrowed(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_equal_as_in_python() {
        for (one, other, same) in [
            (json!(1), json!(1.0), true),
            (json!(true), json!(1), true),
            (json!(false), json!(0.0), true),
            (json!(true), json!("true"), false),
            (json!(null), json!(0), false),
            (json!(null), json!(null), true),
            (json!("1"), json!(1), false),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), false),
            (json!(9_007_199_254_740_992_i64), json!(9_007_199_254_740_992.0), true),
            (json!(u64::MAX), json!(-1), false),
            (json!(1e300), json!(1), false),
            (json!(-0.0), json!(0), true),
            (json!([1, [true]]), json!([1.0, [1]]), true),
            (json!([1, 2]), json!([2, 1]), false),
            (json!([]), json!({}), false),
            (json!({"a": 1, "b": 2}), json!({"b": 2.0, "a": 1}), true),
            (json!({"a": 1}), json!({"a": 1, "b": null}), false),
        ] {
            assert_eq!(equal(&one, &other), same, "{one} {other}");
            assert_eq!(equal(&other, &one), same, "{other} {one}");
        }
    }

    #[test]
    fn kinds_are_pythons() {
        for (json, expected) in [
            (json!(5), Kind::Int),
            (json!(5.0), Kind::Float),
            (json!(u64::MAX), Kind::Int),
            (json!(true), Kind::Bool),
            (json!(null), Kind::None),
            (json!([]), Kind::List),
            (json!({}), Kind::Dict),
            (json!(""), Kind::Str),
        ] {
            assert_eq!(kind(&json), expected, "{json}");
        }
        // What is written and read again is of the same kind, which the file of predictions needs.
        let again: Json = serde_json::from_str(&json!(5.0).to_string()).unwrap();
        assert_eq!(kind(&again), Kind::Float);
    }

    #[test]
    fn strings_are_standardized() {
        for (text, expected) in [
            ("", ""),
            ("April 1, 2024", "april12024"),
            ("New-York/NY_*^.", "newyorkny"),
            ("it's", "it\"s"),
            ("ÄÖ\tx", "äö\tx"),
            ("a:b;c!", "a:b;c!"),
        ] {
            assert_eq!(standardized(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_iterated_crashes() {
        assert_eq!(items(&json!("ab")).unwrap().as_ref(), [json!("a"), json!("b")]);
        assert_eq!(items(&json!({})).unwrap().len(), 0);
        for json in [json!(null), json!(1), json!(true), json!({"a": 1})] {
            assert!(items(&json).is_err(), "{json}");
        }
        for (json, holds_blank) in [
            (json!(["a", ""]), Some(true)),
            (json!(["a"]), Some(false)),
            (json!("abc"), Some(true)),
            (json!({"": 1}), Some(true)),
            (json!({}), Some(false)),
            (json!(3), None),
            (json!(null), None),
        ] {
            assert_eq!(holds(&json, "").ok(), holds_blank, "{json}");
        }
        assert_eq!(holds(&json!("abc"), "bc"), Ok(true));
        assert_eq!(holds(&json!({"a": 1}), "b"), Ok(false));
    }
}
