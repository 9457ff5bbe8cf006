//! Values as Python's `str` and `repr` write them.

use hyfunc_functions::bounded::BYTES_MAX;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Lists in lists, and so on, that are followed.
pub(super) const DEPTH_MAX: usize = 128;

/// As `str`: what a template writes.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let mut text = String::new();
            write(value, &mut text, 0)?;
            Ok(text)
        }
    }
}

/// Refuses to make a text of so many bytes.
pub(super) fn check_bytes(bytes: usize) -> Result<(), Error> {
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    let told = format!("a text would have more than {BYTES_MAX} bytes");
    Err(Error::new(ErrorKind::InvalidOperation, told))
}

/// As `repr`, which is `str` for all but texts.
fn write(value: &Value, text: &mut String, depth: usize) -> Result<(), Error> {
    check_depth(depth)?;
    check_bytes(text.len())?;
    match value.kind() {
        ValueKind::Undefined => {}
        ValueKind::None => text.push_str("None"),
        ValueKind::Bool => text.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => text.push_str(&number(value)?),
        ValueKind::String => quote(value.as_str().unwrap_or_default(), text),
        ValueKind::Map => {
            text.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write(&key, text, depth + 1)?;
                text.push_str(": ");
                write(&value.get_item(&key)?, text, depth + 1)?;
            }
            text.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            text.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write(&item, text, depth + 1)?;
            }
            text.push(']');
        }
        // Macros and other objects that only calls make sense of.
        _ => text.push_str(&value.to_string()),
    }
    Ok(())
}

pub(super) fn check_depth(depth: usize) -> Result<(), Error> {
    if depth < DEPTH_MAX {
        return Ok(());
    }
    let told = format!("values lie more than {DEPTH_MAX} deep in each other");
    Err(Error::new(ErrorKind::InvalidOperation, told))
}

/// As `repr` of `int` and `float`.
pub(super) fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    f64::try_from(value.clone()).map(float)
}

/// The fewest digits that read back as the same, with an exponent below 1e-4 and from 1e16 on.
fn float(number: f64) -> String {
    /// Powers of ten that are written out.
    const WRITTEN_OUT: std::ops::Range<i32> = -4..16;
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let scientific = format!("{number:e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    if number == 0.0 || WRITTEN_OUT.contains(&power) {
        return format!("{number:?}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

/// In single quotes, unless that would need an escape that double quotes do not.
fn quote(inner: &str, text: &mut String) {
    let mark = if inner.contains('\'') && !inner.contains('"') { '"' } else { '\'' };
    text.push(mark);
    for char in inner.chars() {
        match char {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\\' => text.push_str("\\\\"),
            char if char == mark => {
                text.push('\\');
                text.push(char);
            }
            char if char.is_control() => {
                let code = u32::from(char);
                text.push_str(&format!("\\x{code:02x}"));
            }
            char => text.push(char),
        }
    }
    text.push(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_repr_does() {
        for (number, expected) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-10, "1.25e-10"),
        ] {
            assert_eq!(float(number), expected);
        }
    }

    #[test]
    fn texts_are_quoted_as_repr_does() {
        for (inner, expected) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("\"it's\"", "'\"it\\'s\"'"),
            ("a\\b\n\u{1}é", "'a\\\\b\\n\\x01é'"),
        ] {
            let mut text = String::new();
            quote(inner, &mut text);
            assert_eq!(text, expected);
        }
    }
}
