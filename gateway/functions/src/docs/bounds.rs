//! How much docs may say, and in which characters.
//!
//! Docs are shown in terminals and read by models: what a terminal acts on, what nobody sees, and
//! text without end are refused here, before anything else is done with them.

use serde_json::Value as Json;

use super::{DocsError, FunctionDocs, TypeDocs};
use crate::plain::first_unplain;

/// Longest text: a summary, the words about a part, an utterance (bytes).
pub const TEXT_BYTES_MAX: usize = 4_096;

/// Most examples of one function.
pub const EXAMPLES_MAX: usize = 100;

/// Of a name that is not one, how much an error quotes.
const QUOTE_CHARS_MAX: usize = 80;

/// Checks what is said about one function. `name` is its key in the docs, and foreign text, too.
pub(super) fn check(name: &str, said: &FunctionDocs) -> Result<(), DocsError> {
    let bounds = Bounds { function: quoted(name) };
    bounds.text("name", name)?;
    bounds.text("summary", &said.summary)?;
    for (parameter, docs) in &said.params {
        bounds.text("name of a parameter", parameter)?;
        bounds.text("words about a parameter", &docs.doc)?;
        if let Some(default) = &docs.default {
            bounds.json("default", default)?;
        }
        bounds.ty(&docs.of)?;
    }
    bounds.ty(&said.returns)?;
    if said.examples.len() > EXAMPLES_MAX {
        return Err(DocsError::TooManyExamples {
            function: bounds.function,
            examples: said.examples.len(),
        });
    }
    for example in &said.examples {
        bounds.text("utterance of an example", &example.utterance)?;
        for (name, argument) in &example.arguments {
            bounds.text("arguments of an example", name)?;
            bounds.json("arguments of an example", argument)?;
        }
    }
    // Its length has a limit and an error of its own.
    bounds.characters("reply", said.reply.as_deref().unwrap_or_default())
}

/// Whether a comment is one that may be shown.
pub(super) fn is_within(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && first_unplain(text).is_none()
}

fn quoted(name: &str) -> String {
    name.chars().take(QUOTE_CHARS_MAX).flat_map(char::escape_debug).collect()
}

/// The function that is spoken of, for messages.
struct Bounds {
    function: String,
}

impl Bounds {
    fn text(&self, what: &'static str, text: &str) -> Result<(), DocsError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(DocsError::TextTooLong {
                function: self.function.clone(),
                what,
                bytes: text.len(),
            });
        }
        self.characters(what, text)
    }

    fn characters(&self, what: &'static str, text: &str) -> Result<(), DocsError> {
        match first_unplain(text) {
            None => Ok(()),
            Some(character) => Err(DocsError::Character {
                function: self.function.clone(),
                what,
                code: u32::from(character),
            }),
        }
    }

    /// No deeper than what was parsed, which has a limit.
    fn json(&self, what: &'static str, json: &Json) -> Result<(), DocsError> {
        match json {
            Json::String(text) => self.text(what, text),
            Json::Array(items) => items.iter().try_for_each(|item| self.json(what, item)),
            Json::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.text(what, name)?;
                self.json(what, member)
            }),
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        }
    }

    fn ty(&self, docs: &TypeDocs) -> Result<(), DocsError> {
        for (name, part) in docs.fields.iter().chain(&docs.cases) {
            self.text("name of a part", name)?;
            self.text("words about a part", &part.doc)?;
            self.ty(&part.of)?;
        }
        docs.items.iter().try_for_each(|item| self.ty(item))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(json: Json) -> FunctionDocs {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_within_bounds_passes() {
        let long = "x".repeat(TEXT_BYTES_MAX);
        for docs in [json!({}), json!({ "summary": long }), json!({ "reply": "{{ result }} °C" })]
        {
            check("f", &said(docs)).unwrap();
        }
    }

    #[test]
    fn every_part_is_bounded_in_length() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        for docs in [
            json!({ "summary": long }),
            json!({ "params": { "a": { "doc": long } } }),
            json!({ "params": { "a": { "default": [long] } } }),
            json!({ "params": { "a": { "of": { "items": [{ "cases": { "b": { "doc": long } } }] } } } }),
            json!({ "returns": { "fields": { "a": { "doc": long } } } }),
            json!({ "examples": [{ "utterance": long }] }),
            json!({ "examples": [{ "utterance": "a", "arguments": { "b": { "c": long } } }] }),
        ] {
            let refused = check("f", &said(docs.clone())).unwrap_err();
            assert!(matches!(refused, DocsError::TextTooLong { .. }), "{refused}");
        }
    }

    #[test]
    fn every_part_is_plain() {
        let escape = "\u{1b}[2J";
        for docs in [
            json!({ "summary": escape }),
            json!({ "params": { escape: {} } }),
            json!({ "params": { "a": { "doc": escape } } }),
            json!({ "returns": { "fields": { escape: {} } } }),
            json!({ "examples": [{ "utterance": escape }] }),
            json!({ "examples": [{ "utterance": "a", "arguments": { "b": [escape] } }] }),
            json!({ "examples": [{ "utterance": "a", "arguments": { escape: 1 } }] }),
            json!({ "reply": escape }),
        ] {
            let refused = check("f", &said(docs.clone())).unwrap_err();
            assert!(matches!(refused, DocsError::Character { code: 0x1b, .. }), "{refused}");
            assert!(refused.to_string().contains("U+001B"), "{refused}");
        }
        let refused = check(escape, &FunctionDocs::default()).unwrap_err().to_string();
        assert!(!refused.contains('\u{1b}'), "{refused:?}");
    }

    #[test]
    fn examples_are_counted() {
        let examples = vec![json!({ "utterance": "a" }); EXAMPLES_MAX + 1];
        let refused = check("f", &said(json!({ "examples": examples }))).unwrap_err();
        assert!(matches!(refused, DocsError::TooManyExamples { examples: 101, .. }), "{refused}");
    }
}
