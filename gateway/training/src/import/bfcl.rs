//! Rows in the form of the Berkeley Function-Calling Leaderboard that are not of it:
//! `{"id", "question", "function", "ground_truth"}`, the answers within the row.
//!
//! An answer accepts several values for an argument; the first is what is trained on, and none where
//! the first is empty, as the argument may be left out then.

use serde_json::{Map, Value as Json, json};

use super::calls::parse_calls;
use super::format::{Fault, Written};
use super::refusals::Reason;
use crate::data::{RawCall, RawFunction, RawRow};

/// Reads one: the first turn. `number` names it where it has no id.
pub(super) fn read(row: &Json, number: usize) -> Result<Written, Fault> {
    let id = match row.get("id") {
        Some(Json::String(id)) => id.clone(),
        Some(Json::Number(id)) => format!("bfcl-{id}"),
        _ => format!("bfcl-{number}"),
    };
    let question = row.get("question").ok_or_else(|| Fault::field("`question` is missing"))?;
    let (query, later_turns) = said(question)?;
    let described = match row.get("function") {
        Some(Json::Array(list)) => list.as_slice(),
        Some(one @ Json::Object(_)) => std::slice::from_ref(one),
        _ => return Err(Fault::field("`function` is no list")),
    };
    let functions = described.iter().map(function).collect::<Result<_, _>>()?;
    let answers = row.get("ground_truth").and_then(Json::as_array);
    let answers = answers.ok_or_else(|| {
        Fault::field("`ground_truth` is no list; answers of another file belong into the row")
    })?;
    let mut calls = Vec::with_capacity(answers.len());
    for answer in answers {
        calls.extend(called(answer, described)?);
    }
    Ok(Written { raw: RawRow { id, query, functions, calls }, later_turns })
}

/// What the first turn says, its system text before it, and how many turns come after it.
fn said(question: &Json) -> Result<(String, usize), Fault> {
    let turns: Vec<&[Json]> = match question {
        Json::String(text) => return Ok((text.clone(), 0)),
        Json::Array(list) if list.iter().all(Json::is_array) => {
            list.iter().filter_map(Json::as_array).map(Vec::as_slice).collect()
        }
        Json::Array(list) => vec![list.as_slice()],
        _ => return Err(Fault::field("`question` is neither a text nor a list")),
    };
    let first = turns.first().ok_or_else(|| Fault::field("`question` has no turn"))?;
    let mut texts = Vec::with_capacity(first.len());
    for message in *first {
        let role = message.get("role").and_then(Json::as_str);
        let content = message.get("content").and_then(Json::as_str);
        match (role, content) {
            (Some("system" | "user"), Some(content)) => texts.push(content.trim()),
            _ => return Err(Fault::field("a message of the first turn that nobody asks with")),
        }
    }
    Ok((texts.join("\n"), turns.len() - 1))
}

fn function(described: &Json) -> Result<RawFunction, Fault> {
    let name = described.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| Fault::field("a function without a name"))?.to_owned();
    let description = described.get("description").and_then(Json::as_str).unwrap_or_default();
    let parameters = described.get("parameters").cloned().unwrap_or_else(|| json!({}));
    Ok(RawFunction { name, description: description.to_owned(), parameters })
}

/// `{"f": {"a": [1, 2]}}`, or `f(a=1)` as the executable categories have it.
fn called(answer: &Json, described: &[Json]) -> Result<Vec<RawCall>, Fault> {
    let fault = |detail: String| Fault { reason: Reason::Calls, detail };
    match answer {
        Json::String(text) => {
            let calls =
                parse_calls(&format!("[{text}]")).map_err(|error| fault(error.to_string()))?;
            Ok(calls.into_iter().map(|(name, arguments)| RawCall { name, arguments }).collect())
        }
        Json::Object(calls) => calls
            .iter()
            .map(|(name, arguments)| {
                let given = arguments.as_object();
                let given = given.ok_or_else(|| fault(format!("`{name}` has no arguments")))?;
                let of = described.iter().find(|function| function["name"] == name.as_str());
                let schema = |key: &str| of.map(|of| &of["parameters"]["properties"][key]);
                let one = |(key, accepted): (&String, &Json)| {
                    let value = first(accepted)?;
                    Some((key.clone(), plain(&value, schema(key).unwrap_or(&Json::Null))))
                };
                let arguments = given.iter().filter_map(one).collect::<Map<_, _>>();
                Ok(RawCall { name: name.clone(), arguments })
            })
            .collect(),
        _ => Err(fault("an answer that is neither an object nor a text".to_owned())),
    }
}

/// The first of the values that are accepted; `None` where nothing need be given.
fn first(accepted: &Json) -> Option<Json> {
    match accepted {
        Json::Array(values) => values.first().filter(|value| value.as_str() != Some("")).cloned(),
        other => Some(other.clone()),
    }
}

/// A value without the lists of accepted ones that the benchmark has within objects.
fn plain(value: &Json, schema: &Json) -> Json {
    match (value, schema["type"].as_str()) {
        (Json::Object(object), Some("dict" | "object")) => {
            let each = object.iter().filter_map(|(key, of)| Some((key.clone(), first(of)?)));
            Json::Object(each.collect())
        }
        (Json::Array(items), Some("array" | "tuple" | "list")) => {
            let one = |item: &Json| match item.is_object() {
                true => plain(item, &schema["items"]),
                false => item.clone(),
            };
            Json::Array(items.iter().map(one).collect())
        }
        (other, _) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(question: &Json, answers: &Json) -> Json {
        let function = json!({"name": "geo.find", "description": "d", "parameters": {
            "type": "dict", "required": ["city"], "properties": {
                "city": {"type": "string"}, "near": {"type": "dict"},
                "spots": {"type": "array", "items": {"type": "dict"}},
                "sizes": {"type": "array", "items": {"type": "integer"}},
            },
        }});
        json!({"id": "x", "question": question, "function": [function], "ground_truth": answers})
    }

    #[test]
    fn the_first_accepted_value_counts() {
        let asked = json!([[{"role": "user", "content": "where?"}]]);
        for (answer, expected) in [
            (json!({"city": ["Paris", "paris"]}), json!({"city": "Paris"})),
            (json!({"city": ["Paris"], "near": ["", {"a": [1]}]}), json!({"city": "Paris"})),
            (
                json!({"city": ["Paris"], "near": [{"a": [1, 2], "b": [""]}]}),
                json!({"city": "Paris", "near": {"a": 1}}),
            ),
            (
                json!({"city": ["Paris"], "spots": [[{"a": ["x"]}, {"a": ["y"]}]]}),
                json!({"city": "Paris", "spots": [{"a": "x"}, {"a": "y"}]}),
            ),
            (
                json!({"city": ["Paris"], "sizes": [[1, 2]]}),
                json!({"city": "Paris", "sizes": [1, 2]}),
            ),
        ] {
            let read = read(&row(&asked, &json!([{"geo.find": answer}])), 1).unwrap();
            let [call] = read.raw.calls.as_slice() else { panic!("one call") };
            assert_eq!(
                (call.name.as_str(), Json::from(call.arguments.clone())),
                ("geo.find", expected)
            );
        }
        let written = read(&row(&asked, &json!(["geo.find(city='Paris')"])), 1).unwrap();
        assert_eq!(Json::from(written.raw.calls[0].arguments.clone()), json!({"city": "Paris"}));
        assert!(read(&row(&asked, &json!([])), 1).unwrap().raw.calls.is_empty());
    }

    #[test]
    fn the_first_turn_is_read_and_what_is_none_is_a_fault() {
        let turn = |text: &str| json!([{"role": "user", "content": text}]);
        let system = json!({"role": "system", "content": "be brief"});
        for (question, expected) in [
            (json!("where?"), ("where?", 0)),
            (json!([turn("where?")]), ("where?", 0)),
            (turn("where?"), ("where?", 0)),
            (json!([turn("where?"), turn("and then?")]), ("where?", 1)),
            (json!([[system, {"role": "user", "content": "where?"}]]), ("be brief\nwhere?", 0)),
        ] {
            let read = read(&row(&question, &json!([])), 1).unwrap();
            assert_eq!((read.raw.query.as_str(), read.later_turns), expected, "{question}");
        }
        for (question, answers, part) in [
            (json!([]), json!([]), "no turn"),
            (json!(7), json!([]), "neither a text nor a list"),
            (json!([[{"role": "assistant", "content": "a"}]]), json!([]), "nobody asks with"),
            (json!("q"), json!(null), "`ground_truth` is no list"),
            (json!("q"), json!([7]), "neither an object nor a text"),
            (json!("q"), json!([{"f": 7}]), "`f` has no arguments"),
            (json!("q"), json!(["f(a="]), "expected a value"),
        ] {
            let Err(fault) = read(&row(&question, &answers), 1) else { panic!("{part}") };
            assert!(fault.detail.contains(part), "{part}: {}", fault.detail);
        }
    }
}
