//! Text to JSON, with the limits that a text from outside needs.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value as Json};

use super::{JsonError, Path};

/// How large a JSON text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Most bytes of text.
    pub bytes_max: usize,
    /// Most arrays and objects around a value. At most 126, where the parser's own limit stands.
    pub depth_max: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { bytes_max: 1 << 20, depth_max: 64 }
    }
}

/// Parses one JSON value.
///
/// Unlike `serde_json` alone this refuses an object that has a key twice, since which of the two
/// was meant nobody knows.
///
/// # Errors
/// `TooLong`, `TooDeep`, `DuplicateKey`, and `Syntax` for all that is not JSON: numbers beyond
/// what a double holds (`1e400`) and lone surrogates among it.
pub fn parse_json(text: &str, limits: &JsonLimits) -> Result<Json, JsonError> {
    if text.len() > limits.bytes_max {
        return Err(JsonError::TooLong { bytes: text.len(), bytes_max: limits.bytes_max });
    }
    let mut state = State { path: Path::default(), depth_max: limits.depth_max, fault: None };
    let mut parser = serde_json::Deserializer::from_str(text);
    let parsed = Checked { state: &mut state }.deserialize(&mut parser);
    match parsed.and_then(|json| parser.end().map(|()| json)) {
        Ok(json) => Ok(json),
        Err(error) => Err(state.fault.take().unwrap_or_else(|| syntax(&error))),
    }
}

fn syntax(error: &serde_json::Error) -> JsonError {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    JsonError::Syntax { line: error.line(), column: error.column(), reason }
}

struct State {
    path: Path,
    depth_max: usize,
    /// Why parsing was broken off, where that was not for the syntax.
    fault: Option<JsonError>,
}

impl State {
    fn check_depth<E: Error>(&mut self) -> Result<(), E> {
        if self.path.len() < self.depth_max {
            return Ok(());
        }
        self.fault =
            Some(JsonError::TooDeep { path: self.path.to_string(), depth_max: self.depth_max });
        Err(E::custom("too deep"))
    }
}

struct Checked<'s> {
    state: &'s mut State,
}

impl<'de> DeserializeSeed<'de> for Checked<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_> {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        self.state.check_depth()?;
        let mut items = Vec::new();
        loop {
            self.state.path.push_index(items.len());
            let Some(item) = access.next_element_seed(Checked { state: self.state })? else {
                break;
            };
            items.push(item);
            self.state.path.pop();
        }
        self.state.path.pop();
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        self.state.check_depth()?;
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.state.path.push_key(&key);
            let Entry::Vacant(place) = object.entry(key) else {
                self.state.fault =
                    Some(JsonError::DuplicateKey { path: self.state.path.to_string() });
                return Err(A::Error::custom("duplicate key"));
            };
            place.insert(access.next_value_seed(Checked { state: self.state })?);
            self.state.path.pop();
        }
        Ok(Json::Object(object))
    }
}
