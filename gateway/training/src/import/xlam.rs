//! Rows as xLAM-60k has them. `tools` and `answers` are JSON in strings; a tool's parameters are an
//! object of `{"type", "description", "default"}` by name, with types such as `int, optional` and
//! `List[Union[int, str]]`.

use serde_json::{Map, Value as Json, json};

use super::format::Fault;
use super::refusals::Reason;
use crate::data::{RawCall, RawFunction, RawRow};

/// Before numbers that serve as ids, so that the rows of one data set are told from another's.
const ID_PREFIX: &str = "xlam-";

/// Reads one. `number` names it where it has no id.
pub(super) fn read(row: &Json, number: usize) -> Result<RawRow, Fault> {
    let id = match row.get("id") {
        None | Some(Json::Null) => format!("{ID_PREFIX}{number}"),
        Some(Json::String(id)) => id.clone(),
        Some(id) => format!("{ID_PREFIX}{id}"),
    };
    let query = row.get("query").and_then(Json::as_str);
    let query = query.ok_or_else(|| Fault::field("`query` is no string"))?.to_owned();
    let functions = listed(row, "tools")?.iter().map(tool).collect::<Result<_, _>>()?;
    let calls = listed(row, "answers")?.iter().map(call).collect::<Result<_, _>>()?;
    Ok(RawRow { id, query, functions, calls })
}

/// A list, or the list that a string holds.
fn listed(row: &Json, key: &str) -> Result<Vec<Json>, Fault> {
    let list = match row.get(key) {
        None => return Err(Fault::field(format!("`{key}` is missing"))),
        Some(Json::String(text)) => serde_json::from_str(text)
            .map_err(|error| Fault::field(format!("`{key}` holds no JSON: {error}")))?,
        Some(other) => other.clone(),
    };
    match list {
        Json::Array(list) => Ok(list),
        _ => Err(Fault::field(format!("`{key}` is no list"))),
    }
}

/// A tool, described in a flat way or as OpenAI does.
fn tool(described: &Json) -> Result<RawFunction, Fault> {
    let tool = described.get("function").filter(|inner| inner.is_object()).unwrap_or(described);
    let name = tool.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| Fault::field("a tool without a name"))?.to_owned();
    let description = tool.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
    let parameters = match tool.get("parameters") {
        None | Some(Json::Null) => json!({}),
        Some(Json::Object(parameters)) if is_schema(parameters) => Json::Object(parameters.clone()),
        Some(Json::Object(parameters)) => schema(parameters)?,
        Some(_) => return Err(Fault::field(format!("the parameters of `{name}` are no object"))),
    };
    Ok(RawFunction { name, description, parameters })
}

/// Whether parameters are a JSON Schema already.
fn is_schema(parameters: &Map<String, Json>) -> bool {
    let has_kind = parameters.get("type").is_some_and(Json::is_string);
    has_kind && parameters.get("properties").is_some_and(Json::is_object)
}

/// The JSON Schema of parameters by name. One is required unless its type says `optional` or it has
/// a default.
fn schema(parameters: &Map<String, Json>) -> Result<Json, Fault> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, described) in parameters {
        let mut property = match described {
            Json::Object(property) => property.clone(),
            Json::String(kind) => Map::from_iter([("type".to_owned(), Json::from(kind.as_str()))]),
            _ => return Err(Fault::field(format!("the parameter `{name}` is not described"))),
        };
        let mut is_optional = property.contains_key("default");
        if let Some(Json::String(kind)) = property.get("type") {
            let (kind, says_optional) = declared(kind);
            is_optional |= says_optional;
            property.insert("type".to_owned(), Json::from(kind));
        }
        if let Some(&Json::Bool(says)) = property.get("required") {
            property.shift_remove("required");
            is_optional = !says;
        }
        if !is_optional {
            required.push(Json::from(name.as_str()));
        }
        properties.insert(name.clone(), Json::Object(property));
    }
    Ok(json!({"type": "object", "properties": properties, "required": required}))
}

/// A type without the `optional` that is said beside or around it, and whether it is said.
fn declared(kind: &str) -> (String, bool) {
    let kind = kind.trim();
    let lower = kind.to_ascii_lowercase();
    if lower.starts_with("optional[") {
        return (kind.to_owned(), true);
    }
    // `, Optional[…]` within a type is a part of it.
    let beside = lower.match_indices(", optional").map(|(at, said)| (at, at + said.len()));
    let mut beside = beside.filter(|(_, end)| !lower[*end..].starts_with('['));
    match beside.next().map(|(at, _)| at).or_else(|| lower.find("(optional)")) {
        Some(at) => (kind[..at].trim().to_owned(), true),
        None => (kind.to_owned(), false),
    }
}

fn call(answer: &Json) -> Result<RawCall, Fault> {
    let fault = |detail: &str| Fault { reason: Reason::Calls, detail: detail.to_owned() };
    let name = answer.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| fault("an answer without a name"))?.to_owned();
    let arguments = match answer.get("arguments") {
        None | Some(Json::Null) => Map::new(),
        Some(Json::Object(arguments)) => arguments.clone(),
        Some(Json::String(text)) => serde_json::from_str(text)
            .map_err(|_| fault("the arguments of an answer are no object"))?,
        Some(_) => return Err(fault("the arguments of an answer are no object")),
    };
    Ok(RawCall { name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_may_say_that_it_is_optional() {
        for (kind, expected) in [
            ("int", ("int", false)),
            ("int, optional", ("int", true)),
            ("List[int], Optional", ("List[int]", true)),
            ("str (optional)", ("str", true)),
            ("Optional[str]", ("Optional[str]", true)),
            ("Dict[str, Optional[int]]", ("Dict[str, Optional[int]]", false)),
        ] {
            assert_eq!(declared(kind), (expected.0.to_owned(), expected.1), "{kind}");
        }
    }

    #[test]
    fn parameters_may_be_a_schema_already_or_be_called_like_its_keywords() {
        let own = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        let tool_of = |parameters: &Json| {
            tool(&json!({"name": "f", "parameters": parameters})).map(|tool| tool.parameters)
        };
        assert_eq!(tool_of(&own), Ok(own.clone()));
        let flat = json!({"type": {"type": "str"}, "properties": {"type": "int", "default": 1}});
        let read = tool_of(&flat).unwrap();
        assert_eq!(read["required"], json!(["type"]));
        assert_eq!(read["properties"]["properties"]["type"], "int");
        assert!(tool_of(&json!([])).is_err());
        assert!(tool_of(&json!({"n": 1})).is_err());
    }
}
