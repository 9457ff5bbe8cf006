//! Fields that the models here do not heed, and fields that are not offered.
//!
//! Values are copied from the request or written greedily under a mask: settings of a sampler change
//! no call, and a seed is kept whatever it is. A chat model is another matter: where one has the
//! words, it gets them as they came. `user` (or `safety_identifier`) and `metadata` go
//! into the request's trace, `user` into the audit log as well. Other such fields, of caches say, are sent by
//! habit and let pass. All of them must be well formed.

use serde_json::{Map, Value as Json};

use crate::error::RequestError;
use crate::http::fields::{Fields, wrong};

/// Characters of a text that only identifies somebody or something.
const TEXT_CHARS_MAX: usize = 512;
/// Pairs of `metadata`.
const METADATA_PAIRS_MAX: usize = 16;
/// Characters of a key of `metadata`.
const METADATA_KEY_CHARS_MAX: usize = 64;
/// Characters of a value of `metadata`.
const METADATA_VALUE_CHARS_MAX: usize = 512;

/// Words for how hard a model should think.
pub const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
/// Words for how much a model should say.
pub const VERBOSITIES: &[&str] = &["low", "medium", "high"];
/// Words for how long a prompt is kept.
pub const RETENTIONS: &[&str] = &["in_memory", "24h"];

/// Settings for a chat model, by the names that chat completions have for them.
const SPOKEN: &[&str] = &[
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "reasoning_effort",
    "verbosity",
];

/// How the value of a field must look.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A short text.
    Text,
    /// A number from one bound to the other.
    Number {
        /// The least.
        from: f64,
        /// The greatest.
        to: f64,
    },
    /// A whole number.
    Integer,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Pairs of short texts.
    Metadata,
}

/// A field of a format that is not offered: its name, and why or what to do instead.
pub type Absence = (&'static str, &'static str);

/// Refuses fields that are neither read, nor handed on or let pass, nor refused with a reason of their own.
pub fn check_names(
    fields: &Fields<'_>,
    read: &[&'static str],
    unheeded: &[(&'static str, Shape)],
    unsupported: &[Absence],
) -> Result<(), RequestError> {
    let unheeded = unheeded.iter().map(|(name, _)| *name);
    let unsupported = unsupported.iter().map(|(name, _)| *name);
    let known: Vec<&str> = read.iter().copied().chain(unheeded).chain(unsupported).collect();
    fields.only(&known)
}

/// Checks fields that the models here do not heed.
pub fn check(fields: &Fields<'_>, shapes: &[(&str, Shape)]) -> Result<(), RequestError> {
    for (name, shape) in shapes {
        if let Some(value) = fields.get(name) {
            shape.check(value, &fields.path(name))?;
        }
    }
    Ok(())
}

/// What is handed on to a chat model as it came. Its shape must have been checked.
pub fn spoken(fields: &Fields<'_>) -> Map<String, Json> {
    let sent = SPOKEN.iter().filter_map(|name| Some(((*name).to_owned(), fields.get(name)?)));
    sent.map(|(name, value)| (name, value.clone())).collect()
}

/// For whom a request is, by the newer name of that field where the older is not sent.
pub fn user(fields: &Fields<'_>) -> Result<Option<String>, RequestError> {
    let sent = fields.text("user")?.or(fields.text("safety_identifier")?);
    Ok(sent.map(str::to_owned))
}

/// Pairs by which a client will look for the request in traces. Their shape must have been checked.
pub fn metadata(fields: &Fields<'_>) -> Vec<(String, String)> {
    let pairs = fields.get("metadata").and_then(Json::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Refuses fields that are not offered, unless they ask for what happens anyway.
pub fn refuse(
    fields: &Fields<'_>,
    absent: &[Absence],
    asks_nothing: fn(&str, &Json) -> bool,
) -> Result<(), RequestError> {
    for (name, reason) in absent {
        if let Some(value) = fields.get(name)
            && !asks_nothing(name, value)
        {
            return Err(RequestError::Unsupported {
                param: fields.path(name),
                reason: (*reason).to_owned(),
            });
        }
    }
    Ok(())
}

/// `stream_options`, which may only be sent for a stream.
pub fn stream_options<'a>(
    fields: &Fields<'a>,
    stream: bool,
    known: &[&str],
) -> Result<Option<Fields<'a>>, RequestError> {
    let Some(options) = fields.get("stream_options") else { return Ok(None) };
    if !stream {
        return Err(RequestError::Field {
            param: fields.path("stream_options"),
            reason: "send it only with `stream`: true".into(),
        });
    }
    let options = Fields::of(options, &fields.path("stream_options"))?;
    options.only(known)?;
    if options.boolean("include_obfuscation")? == Some(true) {
        return Err(RequestError::Unsupported {
            param: options.path("include_obfuscation"),
            reason: "events are not padded; leave it out, or send false".into(),
        });
    }
    Ok(Some(options))
}

impl Shape {
    fn check(self, value: &Json, param: &str) -> Result<(), RequestError> {
        match self {
            Shape::Text => text(value, param, TEXT_CHARS_MAX),
            Shape::Number { from, to } => match value.as_f64() {
                Some(number) if (from..=to).contains(&number) => Ok(()),
                Some(number) => {
                    Err(field(param, format!("send a number from {from} to {to}, not {number}")))
                }
                None => Err(wrong(param, "a number", value)),
            },
            Shape::Integer if value.is_i64() || value.is_u64() => Ok(()),
            Shape::Integer if value.is_number() => {
                Err(field(param, format!("send a whole number, not {value}")))
            }
            Shape::Integer => Err(wrong(param, "a whole number", value)),
            Shape::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                Some(_) => Err(field(param, format!("send one of {}", words.join(", ")))),
                None => Err(wrong(param, "a string", value)),
            },
            Shape::Metadata => check_metadata(value, param),
        }
    }
}

fn text(value: &Json, param: &str, chars_max: usize) -> Result<(), RequestError> {
    match value {
        Json::String(text) if text.chars().count() <= chars_max => Ok(()),
        Json::String(_) => Err(field(param, format!("send at most {chars_max} characters"))),
        other => Err(wrong(param, "a string", other)),
    }
}

fn check_metadata(value: &Json, param: &str) -> Result<(), RequestError> {
    let Json::Object(pairs) = value else {
        return Err(wrong(param, "an object of strings", value));
    };
    if pairs.len() > METADATA_PAIRS_MAX {
        let reason = format!("send at most {METADATA_PAIRS_MAX} pairs, not {}", pairs.len());
        return Err(field(param, reason));
    }
    for (key, value) in pairs {
        if key.chars().count() > METADATA_KEY_CHARS_MAX {
            let reason = format!("keys have at most {METADATA_KEY_CHARS_MAX} characters");
            return Err(field(param, reason));
        }
        text(value, &format!("{param}.{key}"), METADATA_VALUE_CHARS_MAX)?;
    }
    Ok(())
}

fn field(param: &str, reason: String) -> RequestError {
    RequestError::Field { param: param.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_admit_their_bounds_and_nothing_beyond() {
        let temperature = Shape::Number { from: 0.0, to: 2.0 };
        let long = "x".repeat(TEXT_CHARS_MAX);
        let longer = "ä".repeat(TEXT_CHARS_MAX + 1);
        let pairs = |count: usize| -> Json {
            Json::Object((0..count).map(|n| (n.to_string(), "x".into())).collect())
        };
        for (shape, value, words) in [
            (Shape::Text, json!(""), None),
            (Shape::Text, json!(long), None),
            (Shape::Text, json!(longer), Some("at most 512")),
            (Shape::Text, json!(3), Some("a string, not a number")),
            (temperature, json!(0), None),
            (temperature, json!(2.0), None),
            (temperature, json!(2.5), Some("from 0 to 2, not 2.5")),
            (temperature, json!(-0.1), Some("from 0 to 2")),
            (temperature, json!("1"), Some("a number, not a string")),
            (Shape::Integer, json!(-1), None),
            (Shape::Integer, json!(u64::MAX), None),
            (Shape::Integer, json!(1.5), Some("a whole number, not 1.5")),
            (Shape::Integer, json!("1"), Some("a whole number, not a string")),
            (Shape::Word(VERBOSITIES), json!("low"), None),
            (Shape::Word(VERBOSITIES), json!("loud"), Some("low, medium, high")),
            (Shape::Word(VERBOSITIES), json!(1), Some("a string, not a number")),
            (Shape::Metadata, json!({}), None),
            (Shape::Metadata, pairs(16), None),
            (Shape::Metadata, pairs(17), Some("at most 16 pairs, not 17")),
            (Shape::Metadata, json!({"a": 1}), Some("`field.a`: send a string")),
            (Shape::Metadata, json!({"k".repeat(65): "v"}), Some("at most 64")),
            (Shape::Metadata, json!([]), Some("an object of strings, not an array")),
        ] {
            let body = json!({"field": value});
            let checked = check(&Fields::of(&body, "").unwrap(), &[("field", shape)]);
            match words {
                None => assert!(checked.is_ok(), "{shape:?} {body}"),
                Some(words) => {
                    let error = checked.unwrap_err().to_string();
                    assert!(error.contains(words), "{shape:?}: {error}");
                }
            }
        }
        let absent = json!({"field": null});
        assert!(check(&Fields::of(&absent, "").unwrap(), &[("field", Shape::Integer)]).is_ok());
    }

    #[test]
    fn a_refusal_names_the_field_and_spares_what_happens_anyway() {
        let absent: &[Absence] = &[("store", "nothing is stored")];
        let asks_nothing = |_: &str, value: &Json| value.as_bool() == Some(false);
        for (body, refused) in [
            (json!({}), false),
            (json!({"store": null}), false),
            (json!({"store": false}), false),
            (json!({"store": true}), true),
            (json!({"store": "no"}), true),
        ] {
            let outcome = refuse(&Fields::of(&body, "").unwrap(), absent, asks_nothing);
            assert_eq!(outcome.is_err(), refused, "{body}");
            if let Err(error) = outcome {
                assert!(error.to_string().contains("`store` is not supported here: nothing"));
            }
        }
    }

    #[test]
    fn stream_options_belong_to_streams() {
        for (body, stream, words) in [
            (json!({}), false, None),
            (json!({"stream_options": {}}), true, None),
            (json!({"stream_options": {"include_obfuscation": false}}), true, None),
            (json!({"stream_options": {}}), false, Some("only with `stream`")),
            (json!({"stream_options": []}), true, Some("an object, not an array")),
            (json!({"stream_options": {"include_obfuscation": true}}), true, Some("not padded")),
            (json!({"stream_options": {"include_obfuscation": 1}}), true, Some("true or false")),
            (json!({"stream_options": {"usage": true}}), true, Some("unknown field")),
        ] {
            let fields = Fields::of(&body, "").unwrap();
            let read = stream_options(&fields, stream, &["include_obfuscation"]);
            match words {
                None => assert!(read.is_ok(), "{body}"),
                Some(words) => {
                    let error = read.err().map(|error| error.to_string()).unwrap_or_default();
                    assert!(error.contains(words), "{body}: {error}");
                }
            }
        }
    }
}
