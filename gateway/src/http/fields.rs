//! Reading JSON objects field by field, with errors that name the field.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde_json::{Map, Value as Json};

use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::suggest::nearest;
use hyfunc_functions::json::{JsonLimits, parse_json};

/// A body as JSON, within the limits.
pub fn parse(bytes: &[u8], limits: &RequestConfig) -> Result<Json, RequestError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| RequestError::NotUtf8 { at: error.valid_up_to() })?;
    let limits = JsonLimits { bytes_max: limits.body_bytes_max, depth_max: limits.json_depth_max };
    parse_json(text, &limits).map_err(RequestError::Body)
}

/// The text of a path's last part.
pub fn path_text(part: Result<Path<String>, PathRejection>) -> Result<String, RequestError> {
    match part {
        Ok(Path(text)) => Ok(text),
        Err(rejection) => Err(RequestError::Field {
            param: "path".into(),
            reason: format!("{}; encode it as UTF-8", rejection.body_text()),
        }),
    }
}

/// An object and the path at which it stands. `null` is absent.
pub struct Fields<'a> {
    map: &'a Map<String, Json>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The object at a path; the empty path is the body itself.
    pub fn of(json: &'a Json, path: &str) -> Result<Self, RequestError> {
        match json {
            Json::Object(map) => Ok(Self { map, path: path.to_owned() }),
            other => {
                let param = if path.is_empty() { "body" } else { path };
                Err(wrong(param, "an object", other))
            }
        }
    }

    /// Path of a field.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Refuses fields that nobody reads.
    pub fn only(&self, known: &[&str]) -> Result<(), RequestError> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(RequestError::UnknownField {
                param: self.path(unknown),
                suggestion: nearest(unknown, known.iter().copied()).map(|name| self.path(name)),
            }),
        }
    }

    /// Whatever is there.
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.map.get(name).filter(|json| !json.is_null())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, RequestError> {
        self.read(name, "a string", Json::as_str)
    }

    /// A text that must be there.
    pub fn text_required(&self, name: &str) -> Result<&'a str, RequestError> {
        self.text(name)?.ok_or_else(|| self.missing(name, "a string"))
    }

    /// `true` or `false`.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, RequestError> {
        self.read(name, "true or false", Json::as_bool)
    }

    /// A whole number of at least 1.
    pub fn count(&self, name: &str) -> Result<Option<usize>, RequestError> {
        let Some(json) = self.get(name) else { return Ok(None) };
        let count = json.as_u64().and_then(|count| usize::try_from(count).ok());
        match count {
            Some(count) if count > 0 => Ok(Some(count)),
            _ if json.is_number() => Err(RequestError::Field {
                param: self.path(name),
                reason: format!("send a whole number of at least 1, not {json}"),
            }),
            _ => Err(wrong(&self.path(name), "a whole number", json)),
        }
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Option<&'a [Json]>, RequestError> {
        self.read(name, "an array", |json| json.as_array().map(Vec::as_slice))
    }

    /// The error of a field that is not there.
    pub fn missing(&self, name: &str, wanted: &str) -> RequestError {
        RequestError::Field {
            param: self.path(name),
            reason: format!("this is required; send {wanted}"),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        match self.get(name) {
            None => Ok(None),
            Some(json) => read(json).map(Some).ok_or_else(|| wrong(&self.path(name), wanted, json)),
        }
    }
}

/// The error of a field that is something else.
pub fn wrong(param: &str, wanted: &str, found: &Json) -> RequestError {
    let found = match found {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    };
    RequestError::Field { param: param.to_owned(), reason: format!("send {wanted}, not {found}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_begin_at_one() {
        for (value, read) in [
            (json!(null), Ok(None)),
            (json!(1), Ok(Some(1))),
            (json!(4096), Ok(Some(4096))),
            (json!(0), Err("of at least 1, not 0")),
            (json!(-3), Err("of at least 1, not -3")),
            (json!(1.5), Err("of at least 1, not 1.5")),
            (json!(1e30), Err("of at least 1, not 1e+30")),
            (json!("8"), Err("a whole number, not a string")),
            (json!([8]), Err("a whole number, not an array")),
        ] {
            let body = json!({"field": value});
            match (Fields::of(&body, "").unwrap().count("field"), read) {
                (Ok(count), Ok(wanted)) => assert_eq!(count, wanted, "{body}"),
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{body}: {error}");
                }
                (count, read) => panic!("{body}: {count:?}, not {read:?}"),
            }
        }
    }
}
