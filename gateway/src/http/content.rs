//! What a message says: a string, or an array of parts.

use serde_json::Value as Json;

use super::fields::{Fields, wrong};
use crate::error::RequestError;

/// How a format writes it.
pub struct Parts {
    /// What may be sent, in words.
    pub wanted: &'static str,
    /// Types of the parts that have text.
    pub texts: &'static [&'static str],
    /// The same in words.
    pub readable: &'static str,
}

impl Parts {
    /// The text of a field, its parts joined by line breaks; `None` where nothing is sent.
    ///
    /// # Errors
    /// Something else, or a part that cannot be read.
    pub fn read(&self, fields: &Fields<'_>, name: &str) -> Result<Option<String>, RequestError> {
        let parts = match fields.get(name) {
            None => return Ok(None),
            Some(Json::String(text)) => return Ok(Some(text.clone())),
            Some(Json::Array(parts)) => parts,
            Some(other) => return Err(wrong(&fields.path(name), self.wanted, other)),
        };
        let mut texts = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            let part = Fields::of(part, &format!("{}[{at}]", fields.path(name)))?;
            match part.text_required("type")? {
                kind if self.texts.contains(&kind) => texts.push(part.text_required("text")?),
                "refusal" => {}
                other => {
                    return Err(RequestError::Unsupported {
                        param: part.path("type"),
                        reason: format!("`{other}` cannot be read, only {}", self.readable),
                    });
                }
            }
        }
        Ok(Some(texts.join("\n")))
    }

    /// The same where something must be sent.
    ///
    /// # Errors
    /// As [`Parts::read`], and nothing.
    pub fn read_required(&self, fields: &Fields<'_>, name: &str) -> Result<String, RequestError> {
        self.read(fields, name)?.ok_or_else(|| fields.missing(name, self.wanted))
    }
}
