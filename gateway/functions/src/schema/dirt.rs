//! Names of types that real tools write where JSON Schema has seven.

use serde_json::{Value as Json, json};

/// Longest spelled-out type, such as `Dict[str, List[int]]`, that is looked into, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    String,
    Array,
    Object,
    Any,
}

impl Kind {
    /// Whether a value is of this kind.
    pub(super) fn holds(self, json: &Json) -> bool {
        match self {
            Self::Null => json.is_null(),
            Self::Bool => json.is_boolean(),
            Self::Int => json.as_f64().is_some_and(|double| double.fract() == 0.0),
            Self::Float => json.is_number(),
            Self::String => json.is_string(),
            Self::Array => json.is_array(),
            Self::Object => json.is_object(),
            Self::Any => true,
        }
    }

    /// The value of this kind that its author must have meant: `"True"` as a boolean, `"5"` as a
    /// number, `5` as a string.
    pub(super) fn coerce(self, json: &Json) -> Option<Json> {
        match (self, json) {
            (kind, json) if kind.holds(json) => Some(json.clone()),
            (Self::Bool, Json::String(text)) => {
                text.trim().to_ascii_lowercase().parse::<bool>().ok().map(Json::from)
            }
            (Self::Int, Json::String(text)) => text.trim().parse::<i64>().ok().map(Json::from),
            (Self::Float, Json::String(text)) => number(text),
            (Self::String, Json::Number(_) | Json::Bool(_)) => Some(Json::from(json.to_string())),
            _ => None,
        }
    }
}

fn number(text: &str) -> Option<Json> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Json::from(integer));
    }
    text.parse::<f64>().ok().filter(|double| double.is_finite()).map(Json::from)
}

/// What a name of a type means: its kind, and the `format` that it implies.
pub(super) fn kind(name: &str) -> Option<(Kind, Option<&'static str>)> {
    let kind = match name.trim().to_ascii_lowercase().as_str() {
        "string" | "str" | "text" | "varchar" | "character" | "char" | "enum" => {
            (Kind::String, None)
        }
        "date" => (Kind::String, Some("date")),
        "time" => (Kind::String, Some("time")),
        "datetime" | "date-time" | "timestamp" => (Kind::String, Some("date-time")),
        "email" => (Kind::String, Some("email")),
        "uuid" => (Kind::String, Some("uuid")),
        "url" | "uri" => (Kind::String, Some("uri")),
        "integer" | "int" | "long" | "short" | "bigint" | "int64" => (Kind::Int, None),
        "int32" => (Kind::Int, Some("int32")),
        "uint32" => (Kind::Int, Some("uint32")),
        "uint64" => (Kind::Int, Some("uint64")),
        "number" | "float" | "double" | "decimal" | "real" | "numeric" | "float32" | "float64" => {
            (Kind::Float, None)
        }
        "boolean" | "bool" => (Kind::Bool, None),
        "array" | "list" | "tuple" | "set" | "sequence" | "arraylist" => (Kind::Array, None),
        "object" | "dict" | "dictionary" | "map" | "hashmap" | "json" | "record" | "struct" => {
            (Kind::Object, None)
        }
        "null" | "none" | "nonetype" | "nil" | "void" => (Kind::Null, None),
        "any" | "unknown" | "mixed" | "*" | "" => (Kind::Any, None),
        _ => return None,
    };
    Some(kind)
}

/// The schema that a spelled-out type means, such as `List[str]`, `string[]`, `Optional[int]`,
/// `int | None`, `Map<string, number>`.
pub(super) fn spelled_out(name: &str) -> Option<Json> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.trim();
    let alternatives = split(name, '|')?;
    if alternatives.len() > 1 {
        return any_of(&alternatives);
    }
    if let Some(element) = name.strip_suffix("[]") {
        return Some(json!({ "type": "array", "items": part(element)? }));
    }
    let open = name.find(['[', '<'])?;
    let head = name[..open].trim().rsplit('.').next()?.to_ascii_lowercase();
    let inner = name[open + 1..].strip_suffix([']', '>'])?;
    let parts = split(inner, ',')?;
    match (head.as_str(), parts.as_slice()) {
        ("optional", [part]) => any_of(&[part, "null"]),
        ("union", parts) => any_of(parts),
        (head, [element]) if kind(head)?.0 == Kind::Array => {
            Some(json!({ "type": "array", "items": part(element)? }))
        }
        ("tuple", elements) => {
            let elements =
                elements.iter().map(|element| part(element)).collect::<Option<Vec<_>>>()?;
            Some(json!({ "type": "array", "prefixItems": elements, "items": false }))
        }
        (head, [_, value]) if kind(head)?.0 == Kind::Object => {
            Some(json!({ "type": "object", "additionalProperties": part(value)? }))
        }
        _ => None,
    }
}

/// A part is either a plain name or spelled out itself.
fn part(name: &str) -> Option<Json> {
    match kind(name) {
        Some(_) => Some(json!({ "type": name.trim() })),
        None => spelled_out(name),
    }
}

fn any_of(names: &[&str]) -> Option<Json> {
    let schemas = names.iter().map(|name| part(name)).collect::<Option<Vec<_>>>()?;
    Some(json!({ "anyOf": schemas }))
}

/// Splits outside brackets; `None` where the brackets do not match.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, char) in text.char_indices() {
        match char {
            '[' | '<' => depth += 1,
            ']' | '>' => depth = depth.checked_sub(1)?,
            _ if char == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + char.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (depth == 0).then_some(parts)
}
