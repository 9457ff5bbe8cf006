//! Calls in what a model said by itself.

use hyfunc_functions::Spelling;
use hyfunc_training::import::parse_calls;
use serde_json::{Deserializer, Map, Value as Json};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";
const PYTHON_TAG: &str = "<|python_tag|>";

/// Calls by name. Prose without any is no call; `None` where a call is begun and cannot be read.
pub(super) fn calls(said: &str, spelling: Spelling) -> Option<Vec<(String, Json)>> {
    match spelling {
        Spelling::Hermes => hermes(said),
        Spelling::Llama => llama(said),
        Spelling::Bracket => bracket(said),
        // No stock model writes it.
        Spelling::Param => None,
    }
}

fn hermes(said: &str) -> Option<Vec<(String, Json)>> {
    let mut calls = Vec::new();
    let mut parts = said.split(OPEN);
    // What stands before the first call is prose.
    parts.next();
    for part in parts {
        let body = part.split(CLOSE).next().unwrap_or(part);
        calls.push(call(&serde_json::from_str(body.trim()).ok()?)?);
    }
    Some(calls)
}

fn llama(said: &str) -> Option<Vec<(String, Json)>> {
    let said = said.trim();
    let mut rest = said.strip_prefix(PYTHON_TAG).unwrap_or(said).trim_start();
    let mut calls = Vec::new();
    if !rest.starts_with('{') {
        return Some(calls);
    }
    while !rest.is_empty() {
        let mut read = Deserializer::from_str(rest).into_iter::<Json>();
        calls.push(call(&read.next()?.ok()?)?);
        rest = rest[read.byte_offset()..].trim_start().trim_start_matches(';').trim_start();
    }
    Some(calls)
}

fn bracket(said: &str) -> Option<Vec<(String, Json)>> {
    let said = said.trim();
    if !said.starts_with('[') {
        return Some(Vec::new());
    }
    let calls = parse_calls(said).ok()?;
    Some(calls.into_iter().map(|(name, arguments)| (name, Json::Object(arguments))).collect())
}

/// `{"name", "arguments"}`, or Llama's `parameters`.
fn call(json: &Json) -> Option<(String, Json)> {
    let name = json.get("name")?.as_str()?;
    let arguments = json.get("arguments").or_else(|| json.get("parameters"));
    let arguments = arguments.cloned().unwrap_or_else(|| Json::Object(Map::new()));
    arguments.is_object().then(|| (name.to_owned(), arguments))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_read_in_every_spelling_and_prose_is_none() {
        let one = || Some(vec![("f".to_owned(), json!({"n": 1}))]);
        let two = || Some(vec![("f".to_owned(), json!({"n": 1})), ("g".to_owned(), json!({}))]);
        for (spelling, said, expected) in [
            (Spelling::Hermes, "I cannot tell.", Some(vec![])),
            (Spelling::Hermes, "", Some(vec![])),
            (
                Spelling::Hermes,
                "Sure.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"n\": 1}}\n</tool_call>",
                one(),
            ),
            (
                Spelling::Hermes,
                "<tool_call>{\"name\": \"f\", \"arguments\": {\"n\": 1}}</tool_call>\n\
                 <tool_call>{\"name\": \"g\"}</tool_call>",
                two(),
            ),
            (Spelling::Hermes, "<tool_call>{\"name\": \"f\", \"argu", None),
            (Spelling::Hermes, "<tool_call>{\"arguments\": {}}</tool_call>", None),
            (Spelling::Hermes, "<tool_call>{\"name\": \"f\", \"arguments\": [1]}", None),
            (Spelling::Llama, "{\"name\": \"f\", \"parameters\": {\"n\": 1}}", one()),
            (
                Spelling::Llama,
                "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"n\": 1}}; {\"name\": \"g\", \
                 \"parameters\": {}}",
                two(),
            ),
            (Spelling::Llama, "The answer is {1}.", Some(vec![])),
            (Spelling::Llama, "{\"name\": \"f\"", None),
            (Spelling::Bracket, "[f(n=1), g()]", two()),
            (Spelling::Bracket, "None of these fits.", Some(vec![])),
            (Spelling::Bracket, "[f(n=", None),
            (Spelling::Param, "<call>f</call><end>", None),
        ] {
            assert_eq!(calls(said, spelling), expected, "{spelling:?}: {said}");
        }
    }
}
