//! JSON to values and back: the input is a schema, a line `---`, and a JSON text.

use hyfunc_functions::json::{
    JsonLimits, admits, from_json, json_equal, parse_json, result_from_json, to_json,
};
use hyfunc_functions::schema::type_from_schema;
use hyfunc_functions::{Type, Value};
use serde_json::Value as Json;

const LIMITS: JsonLimits = JsonLimits { bytes_max: 1 << 16, depth_max: 64 };

/// What is read is of the type, and written again reads as the same JSON.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (schema, value) = text.split_once("\n---\n").unwrap_or(("{}", text));
    let Some(json) = parse(value) else { return };
    if let Some(ty) = parse(schema).and_then(|schema| type_from_schema(&schema).ok()) {
        comes_back(&ty, from_json(&ty, &json), |json| from_json(&ty, json));
        comes_back(&ty, result_from_json(&ty, &json), |json| result_from_json(&ty, json));
    }
}

/// Whatever is read here, `serde_json` reads as the same.
fn parse(text: &str) -> Option<Json> {
    match parse_json(text, &LIMITS) {
        Ok(json) => {
            assert_eq!(serde_json::from_str::<Json>(text).ok().as_ref(), Some(&json));
            let again = parse_json(&json.to_string(), &JsonLimits { bytes_max: 1 << 22, ..LIMITS });
            assert_eq!(again.as_ref(), Ok(&json));
            Some(json)
        }
        Err(error) => {
            let words = error.to_string();
            assert!(error.path().starts_with('$') && words.len() < 65_536, "{words}");
            None
        }
    }
}

fn comes_back<E: std::fmt::Display + std::fmt::Debug>(
    ty: &Type,
    read: Result<Value, E>,
    again: impl Fn(&Json) -> Result<Value, E>,
) {
    let value = match read {
        Ok(value) => value,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(admits(ty, &value), "{value:?} is not of {ty:?}");
    let written = to_json(ty, &value);
    let value = again(&written).expect("what was written is read");
    let rewritten = to_json(ty, &value);
    assert!(json_equal(&written, &rewritten), "{written} came back as {rewritten} for {ty:?}");
}
