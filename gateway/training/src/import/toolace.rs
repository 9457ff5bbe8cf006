//! Rows as ToolACE has them: the functions stand within the system's text, the calls in brackets in
//! the assistant's first answer. An answer in words calls nothing.

use serde_json::{Value as Json, json};

use super::calls::parse_calls;
use super::format::{Fault, Written};
use super::refusals::Reason;
use crate::data::{RawCall, RawFunction, RawRow};

/// Brackets of the system's text that are tried as the list of functions.
const BRACKETS_MAX: usize = 32;

/// Reads one: the first thing that the person says, and what is answered. `number` names it where
/// it has no id.
pub(super) fn read(row: &Json, number: usize) -> Result<Written, Fault> {
    let id = match row.get("id") {
        Some(Json::String(id)) => id.clone(),
        Some(Json::Number(id)) => format!("toolace-{id}"),
        _ => format!("toolace-{number}"),
    };
    let system = row.get("system").and_then(Json::as_str);
    let system = system.ok_or_else(|| Fault::field("`system` is no string"))?;
    let functions = functions(system)?;
    let turns = row.get("conversations").and_then(Json::as_array);
    let turns = turns.ok_or_else(|| Fault::field("`conversations` is no list"))?;
    let turns: Vec<(&str, &str)> = turns
        .iter()
        .map(turn)
        .collect::<Option<_>>()
        .ok_or_else(|| Fault::field("a turn without `from` and `value`, both strings"))?;
    let asks = |(from, _): &(&str, &str)| matches!(*from, "user" | "human");
    let first = turns.iter().position(asks).ok_or_else(|| Fault::field("no turn of a user"))?;
    let (_, query) = turns[first];
    let answer = match turns.get(first + 1) {
        Some(("assistant" | "gpt", answer)) => answer.trim(),
        _ => return Err(Fault::field("nothing is answered to the first turn of the user")),
    };
    let calls = if answer.starts_with('[') { calls(answer)? } else { Vec::new() };
    let later_turns = turns[first + 1..].iter().filter(|turn| asks(turn)).count();
    let raw = RawRow { id, query: query.to_owned(), functions, calls };
    Ok(Written { raw, later_turns })
}

fn turn(turn: &Json) -> Option<(&str, &str)> {
    Some((turn.get("from")?.as_str()?, turn.get("value")?.as_str()?))
}

fn calls(answer: &str) -> Result<Vec<RawCall>, Fault> {
    let calls = parse_calls(answer)
        .map_err(|error| Fault { reason: Reason::Calls, detail: error.to_string() })?;
    Ok(calls.into_iter().map(|(name, arguments)| RawCall { name, arguments }).collect())
}

/// The first list of functions in a text.
fn functions(system: &str) -> Result<Vec<RawFunction>, Fault> {
    let brackets = system.match_indices('[').take(BRACKETS_MAX);
    let mut lists = brackets.filter_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&system[at..]).into_iter::<Json>();
        match values.next() {
            Some(Ok(Json::Array(list))) => Some(list),
            _ => None,
        }
    });
    let is_list = |list: &Vec<Json>| list.iter().all(|function| function.get("name").is_some());
    let list = lists.find(is_list);
    let list = list.ok_or_else(|| Fault::field("`system` holds no JSON list of functions"))?;
    list.iter().map(function).collect()
}

fn function(described: &Json) -> Result<RawFunction, Fault> {
    let name = described.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| Fault::field("a function without a name"))?.to_owned();
    let description = described.get("description").and_then(Json::as_str).unwrap_or_default();
    let parameters = match described.get("parameters").or_else(|| described.get("arguments")) {
        None | Some(Json::Null) => json!({}),
        Some(parameters) => parameters.clone(),
    };
    Ok(RawFunction { name, description: description.to_owned(), parameters })
}
