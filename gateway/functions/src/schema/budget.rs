//! What reading schemas may cost. Without a bound, a kilobyte of references stands for gigabytes,
//! and a list that must have four billion elements for a call that never ends.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::SchemaError;
use crate::json::pattern;

/// Most schemas, and entries of `enum`, `type` and `required`. Each use of a `$ref` is counted
/// anew, and so is each element that a list must have.
const PARTS_MAX: usize = 20_000;
/// Most bytes that are copied while references, combinations and alternatives are worked in.
const BYTES_MAX: usize = 64 << 20;
/// Most different patterns that are compiled.
const PATTERNS_MAX: usize = 64;
/// What a copied entry of an array or an object takes beside its text (bytes, roughly).
const ENTRY_BYTES: usize = 64;

/// What is left for reading schemas. All the functions of one request share one, so that a request
/// with many of them costs no more than a request with one.
#[derive(Clone, Debug)]
pub struct Budget {
    parts: usize,
    bytes: usize,
    /// Whether `regex` can express each pattern met so far.
    patterns: HashMap<String, bool>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { parts: PARTS_MAX, bytes: BYTES_MAX, patterns: HashMap::new() }
    }
}

impl Budget {
    /// How many parts are left.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    pub(super) fn spend_parts(&mut self, parts: usize) -> Result<(), SchemaError> {
        let left = self.parts.checked_sub(parts);
        self.parts = left.unwrap_or(0);
        left.map(|_| ()).ok_or(SchemaError::TooLarge { nodes_max: PARTS_MAX })
    }

    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), SchemaError> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(0);
        left.map(|_| ()).ok_or_else(Self::too_long)
    }

    pub(super) fn too_long() -> SchemaError {
        SchemaError::TooLong { bytes_max: BYTES_MAX }
    }

    /// Pays for a copy of a schema.
    pub(super) fn spend_copy(&mut self, object: &Map<String, Json>) -> Result<(), SchemaError> {
        self.spend_bytes(map_bytes(object))
    }

    /// Whether a pattern can be checked; each is compiled once.
    pub(super) fn can_check(&mut self, source: &str) -> Result<bool, SchemaError> {
        if let Some(known) = self.patterns.get(source) {
            return Ok(*known);
        }
        if self.patterns.len() >= PATTERNS_MAX {
            return Err(SchemaError::TooManyPatterns { patterns_max: PATTERNS_MAX });
        }
        let can = pattern::compile(source).is_some();
        self.patterns.insert(source.to_owned(), can);
        Ok(can)
    }
}

/// What a copy of a value takes (bytes, roughly).
pub(super) fn bytes(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(|item| ENTRY_BYTES + bytes(item)).sum(),
        Json::Object(object) => map_bytes(object),
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}

fn map_bytes(object: &Map<String, Json>) -> usize {
    object.iter().map(|(key, value)| ENTRY_BYTES + key.len() + bytes(value)).sum()
}
