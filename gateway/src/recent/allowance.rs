//! How much of a request's content may be kept.

use hyfunc_cascade::Piece;
use serde_json::Value as Json;

/// What a JSON value or a piece of a template takes besides its text, in bytes.
const NODE_BYTES: usize = 32;

/// Bytes that one request may still keep, or none at all where content is not for keeping.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: Option<usize>,
    is_short: bool,
}

impl Allowance {
    /// So many bytes; `None` keeps no content.
    pub fn new(bytes_max: Option<usize>) -> Self {
        Self { left: bytes_max, is_short: false }
    }

    /// Whether content is kept at all.
    pub fn keeps_content(&self) -> bool {
        self.left.is_some()
    }

    /// Whether something did not fit.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Keeps something whole, or not at all.
    pub fn keep<T>(&mut self, bytes: usize, make: impl FnOnce() -> T) -> Option<T> {
        let left = self.left.as_mut()?;
        match left.checked_sub(bytes) {
            Some(rest) => {
                *left = rest;
                Some(make())
            }
            None => {
                self.is_short = true;
                None
            }
        }
    }

    /// Keeps a copy of a text.
    pub fn keep_text(&mut self, text: &str) -> Option<String> {
        self.keep(text.len(), || text.to_owned())
    }

    /// Keeps a copy of a JSON value.
    pub fn keep_json(&mut self, json: &Json) -> Option<Json> {
        self.left?;
        self.keep(weight(json), || json.clone())
    }

    /// Keeps a copy of a filled template.
    pub fn keep_pieces(&mut self, pieces: &[Piece]) -> Option<Vec<Piece>> {
        let weigh = |piece: &Piece| NODE_BYTES + piece.text.len() + piece.subject.len();
        self.keep(pieces.iter().map(weigh).sum(), || pieces.to_vec())
    }
}

/// Roughly the bytes that a value takes. Its depth is bounded by whoever read or made it.
fn weight(json: &Json) -> usize {
    NODE_BYTES
        + match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            Json::String(text) => text.len(),
            Json::Array(items) => items.iter().map(weight).sum(),
            Json::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_leaves_room_for_what_does() {
        let mut allowance = Allowance::new(Some(5));
        assert_eq!(allowance.keep_text("123456"), None);
        assert!(allowance.is_short());
        assert_eq!(allowance.keep_text("12345").as_deref(), Some("12345"));
        assert_eq!(allowance.keep_text("6"), None);
    }

    #[test]
    fn without_content_nothing_is_short() {
        let mut allowance = Allowance::new(None);
        assert_eq!(allowance.keep_text(""), None);
        assert_eq!(allowance.keep_json(&json!(null)), None);
        assert!(!allowance.is_short() && !allowance.keeps_content());
    }

    #[test]
    fn every_part_of_a_value_weighs() {
        for (json, bytes) in [
            (json!(null), NODE_BYTES),
            (json!("abc"), NODE_BYTES + 3),
            (json!([1, 2]), 3 * NODE_BYTES),
            (json!({"ab": {"c": "d"}}), 3 * NODE_BYTES + 4),
        ] {
            assert_eq!(weight(&json), bytes, "{json}");
        }
    }
}
