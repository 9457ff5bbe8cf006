//! JSON to [`Value`] and back, led by the [`Type`].
//!
//! | type | JSON |
//! |---|---|
//! | `Int` | a number; beyond ±2^53 a decimal string. Types that reach beyond ±2^53 read either |
//! | `Float` | a number; `"NaN"`, `"Infinity"`, `"-Infinity"` in results |
//! | `Char` | a string of one Unicode scalar value |
//! | `Bytes` | base64 (standard alphabet, padded) |
//! | `Enum`, `Literals` | the spelling itself; numbers compare by value, so `1.0` is `1` |
//! | `Tuple` | an array of exactly that length |
//! | `Record` | an object without further keys; `Option` fields may be absent or `null` |
//! | `Option<T>` | `null`, or T. Where T itself admits `null`: `null`, or `{"some": T}` |
//! | `Variant` | `{"case": payload}`; `{"case": null}` where there is no payload |
//! | `Flags` | an array of unique strings, in any order |
//! | `Result<T, E>` | T, or `{"error": E}`. Where T could be an object with a key `error`: `{"ok": T}` |
//! | `OneOf` | what its first admitting alternative makes of it |
//! | `Any` | itself |
//!
//! A `OneOf` value is a `Value::Variant`: the index of its alternative, and that one's value.
//! Without the index, two records or two enums could not be told apart when written.

use serde_json::Value as Json;

use crate::types::{RecordType, Type};
use crate::value::Value;

mod describe;
mod encoding;
mod error;
mod float;
mod integer;
mod membership;
mod path;
pub mod pattern;
mod read;
mod text;
mod write;

pub use encoding::{admits_null, json_equal};
pub use error::JsonError;
pub use membership::admits;
pub use text::{JsonLimits, parse_json};

pub(crate) use describe::name_kind;
pub(crate) use encoding::{canonical, wraps_ok, wraps_some};
pub(crate) use float::{NON_FINITE, SINGLE_MAX};
pub(crate) use integer::{decimal_pattern, magnitudes};
pub(crate) use path::Path;

/// What `Type::Bytes` looks like, as a JSON Schema `pattern`.
pub(crate) const BASE64_PATTERN: &str =
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";

/// Writes a value.
///
/// A value that is not of the type is written as free JSON, so this cannot fail; what
/// [`from_json`], a template or a sandbox gives always is of its type.
pub fn to_json(ty: &Type, value: &Value) -> Json {
    write::typed(ty, value)
}

/// Writes the arguments of a call: an object.
pub fn arguments_to_json(parameters: &RecordType, arguments: &Value) -> Json {
    write::record(parameters, arguments)
}

/// Reads a value, as arguments have them: floats must be finite.
///
/// # Errors
/// Where the JSON is not of the type. The error names the path, what was expected there, what was
/// found, and what to do.
pub fn from_json(ty: &Type, json: &Json) -> Result<Value, JsonError> {
    read::Reader::arguments().value(ty, json)
}

/// Reads a value, as results have them: floats may be one of `"NaN"`, `"Infinity"`, `"-Infinity"`.
///
/// # Errors
/// As [`from_json`].
pub fn result_from_json(ty: &Type, json: &Json) -> Result<Value, JsonError> {
    read::Reader::results().value(ty, json)
}

/// Reads the arguments of a call: an object with the parameters as keys.
///
/// # Errors
/// As [`from_json`].
pub fn arguments_from_json(parameters: &RecordType, json: &Json) -> Result<Value, JsonError> {
    read::Reader::arguments().record(parameters, json)
}

/// Reads the arguments of a call from text. Blank text is an empty object, since some clients send
/// that for a call without arguments.
///
/// # Errors
/// As [`parse_json`] and [`from_json`].
pub fn parse_arguments(
    params: &RecordType,
    text: &str,
    limits: &JsonLimits,
) -> Result<Value, JsonError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    arguments_from_json(params, &parse_json(text, limits)?)
}
