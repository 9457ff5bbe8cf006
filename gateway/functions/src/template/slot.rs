//! A free value of one type: what it may be, how it is written, how it is read.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;

use super::{Spelling, mask, spell};
use crate::json::pattern;
use crate::types::{FloatType, IntType, StringType};
use crate::value::Value;

/// Reads what a mask for base64 lets through: padding and the last bits as they come.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A place for a free value.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// What may be written.
    pub ty: SlotType,
    /// Path of the value, such as `address.city` or `tags[2]`.
    pub subject: String,
    /// What the author said about the nearest field; may be empty.
    pub doc: String,
    /// What ends the value. In Param `</param>`, and any other special does as well. In the others
    /// `"` where `quoted`, else `,`, and `]`, `}` or `)` do as well. What comes after the slot begins
    /// with one of them: the terminator is never part of the value, nor consumed with it.
    pub terminator: String,
    /// Whether the text stands between JSON quotes (which are fixed) and is escaped as JSON.
    pub quoted: bool,
    /// How the value is written.
    pub spelling: Spelling,
}

/// The type of a free value.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotType {
    /// `Value::Int`.
    Int(IntType),
    /// `Value::Float`, finite.
    Float(FloatType),
    /// `Value::Char`.
    Char,
    /// `Value::String`.
    String(StringType),
    /// `Value::Bytes`, written as base64.
    Bytes,
    /// `Value::String`: a key of an object with free keys. A key given twice keeps its last value.
    Key,
}

/// Text that a slot cannot be filled with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SlotError {
    /// Text of another type.
    #[error("`{text}` is not {expected}: write {expected}")]
    NotA {
        /// What was read.
        text: String,
        /// The slot's type, in words.
        expected: String,
    },
    /// Escapes that JSON does not know.
    #[error(
        "`{text}` is not the inside of a JSON string: escape quotes, backslashes and control characters"
    )]
    NotEscaped {
        /// What was read.
        text: String,
    },
}

impl Slot {
    /// Reads text as it stands in the spelling, escapes included.
    ///
    /// # Errors
    /// When the text is not escaped as the spelling has it, or the type does not admit its value.
    pub fn parse(&self, text: &str) -> Result<Value, SlotError> {
        if !self.quoted {
            return self.ty.parse(&spell::unescape_text(text));
        }
        let plain = spell::unescape_json(text)
            .ok_or_else(|| SlotError::NotEscaped { text: text.to_owned() })?;
        self.ty.parse(&plain)
    }

    /// Writes a value as it stands in the spelling; the inverse of [`Slot::parse`].
    pub fn spell(&self, value: &Value) -> String {
        self.ty.spell(value, self.spelling)
    }

    /// Texts that [`Slot::parse`] reads, as [`SlotType::regex`] describes them.
    pub fn regex(&self) -> String {
        self.ty.regex(self.spelling)
    }
}

impl SlotType {
    /// Reads plain text, without quotes and escapes: what a person wrote. Space around numbers,
    /// thousands separators (`1,000`) and a fraction of zeros in an integer are forgiven.
    ///
    /// # Errors
    /// When the text is of another type or its value is not admitted.
    pub fn parse(&self, text: &str) -> Result<Value, SlotError> {
        let value = match self {
            Self::Int(_) => parse_int(text).map(Value::Int),
            Self::Float(float) => parse_float(text, float).map(Value::Float),
            Self::Char => one_char(text).map(Value::Char),
            Self::String(_) | Self::Key => Some(Value::String(text.to_owned())),
            Self::Bytes => BASE64.decode(text.trim()).ok().map(Value::Bytes),
        };
        value
            .filter(|value| self.admits(value))
            .ok_or_else(|| SlotError::NotA { text: text.to_owned(), expected: self.to_string() })
    }

    /// Writes a value for the spelling, escaped, without the quotes. Empty for a value of another type.
    pub fn spell(&self, value: &Value, spelling: Spelling) -> String {
        let plain = match (self, value) {
            (Self::Int(_), Value::Int(int)) => int.to_string(),
            (Self::Float(float), Value::Float(number)) => {
                spell::number(*number, float.single, spelling)
            }
            (Self::Char, Value::Char(scalar)) => scalar.to_string(),
            (Self::String(_) | Self::Key, Value::String(text)) => text.clone(),
            (Self::Bytes, Value::Bytes(bytes)) => BASE64.encode(bytes),
            _ => return String::new(),
        };
        match spelling {
            Spelling::Param => spell::escape_text(&plain),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => spell::escape_json(&plain),
        }
    }

    /// A regular expression for the value's text in the spelling, without terminator, to be matched
    /// as a whole. No look-around, no back-reference, no anchor. Exact for integers, Char, base64 and
    /// lengths up to 256 characters; a pattern is used in Param where it can be expressed
    /// so, and a known `format` in both. What it cannot express, [`SlotType::admits`] still checks.
    pub fn regex(&self, spelling: Spelling) -> String {
        mask::of(self, spelling)
    }

    /// Whether the value is of this type: range, length and pattern included. Not `format`, which
    /// JSON Schema has as an annotation; nor a pattern with look-around or back-references.
    pub fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Int(int), Value::Int(number)) => (int.min..=int.max).contains(number),
            (Self::Float(float), Value::Float(number)) => admits_float(float, *number),
            (Self::String(string), Value::String(text)) => admits_string(string, text),
            (Self::Char, Value::Char(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Key, Value::String(_)) => true,
            _ => false,
        }
    }

    /// [`SlotType::admits`] for many values: a pattern is compiled once for all of them.
    pub fn admission(&self) -> impl Fn(&Value) -> bool + '_ {
        let pattern = match self {
            Self::String(string) => string.pattern.as_deref().and_then(pattern::compile),
            _ => None,
        };
        move |value: &Value| match (self, value) {
            (Self::String(string), Value::String(text)) => {
                has_length(string, text)
                    && pattern.as_ref().is_none_or(|regex| regex.is_match(text))
            }
            _ => self.admits(value),
        }
    }

    /// Whether all spellings but Param write it between quotes.
    pub(super) fn is_text(&self) -> bool {
        !matches!(self, Self::Int(_) | Self::Float(_))
    }
}

impl std::fmt::Display for SlotType {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(int) => write!(out, "an integer from {} to {}", int.min, int.max),
            Self::Float(float) => match (float.min, float.max) {
                (None, None) => write!(out, "a finite number"),
                (Some(min), None) => write!(out, "a number from {min} up"),
                (None, Some(max)) => write!(out, "a number up to {max}"),
                (Some(min), Some(max)) => write!(out, "a number from {min} to {max}"),
            },
            Self::Char => write!(out, "one character"),
            Self::String(string) => write_string(string, out),
            Self::Bytes => write!(out, "base64"),
            Self::Key => write!(out, "a key"),
        }
    }
}

fn write_string(string: &StringType, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    match (string.chars_min, string.chars_max) {
        (0, None) => write!(out, "a string")?,
        (min, None) => write!(out, "a string of {min} characters or more")?,
        (min, Some(max)) => write!(out, "a string of {min} to {max} characters")?,
    }
    match &string.pattern {
        Some(pattern) => write!(out, " that matches /{pattern}/"),
        None => Ok(()),
    }
}

fn parse_int(text: &str) -> Option<i128> {
    let digits = without_separators(text.trim());
    let whole = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        Some(_) => return None,
        None => &digits,
    };
    whole.parse().ok()
}

fn parse_float(text: &str, float: &FloatType) -> Option<f64> {
    let digits = without_separators(text.trim());
    // `f64::from_str` reads `inf` and `nan`, too.
    if !digits.ends_with(|last: char| last.is_ascii_digit() || last == '.') {
        return None;
    }
    let number: f64 = digits.parse().ok()?;
    Some(if float.single { f64::from(number as f32) } else { number })
}

/// `1,000,000` without its commas; anything else as it is.
fn without_separators(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = unsigned.split('.').next().unwrap_or(unsigned);
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or(whole);
    let grouped = whole.contains(',')
        && (1..=3).contains(&first.len())
        && groups.all(|group| group.len() == 3)
        && whole.bytes().all(|byte| byte == b',' || byte.is_ascii_digit());
    if !grouped {
        return text.to_owned();
    }
    format!("{sign}{}{}", whole.replace(',', ""), &unsigned[whole.len()..])
}

fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn admits_float(float: &FloatType, number: f64) -> bool {
    number.is_finite()
        && float.min.is_none_or(|min| number >= min)
        && float.max.is_none_or(|max| number <= max)
        && (!float.single || f64::from(number as f32) == number)
}

fn admits_string(string: &StringType, text: &str) -> bool {
    has_length(string, text)
        && string
            .pattern
            .as_deref()
            .and_then(pattern::compile)
            .is_none_or(|regex| regex.is_match(text))
}

fn has_length(string: &StringType, text: &str) -> bool {
    let chars = text.chars().count();
    chars >= string.chars_min as usize && string.chars_max.is_none_or(|max| chars <= max as usize)
}
