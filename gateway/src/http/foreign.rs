//! Whatever a client sends is read, or refused with an error of the table: any bytes, any JSON, and
//! requests that are valid but for a few changes. The last reach far deeper than the others.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value as Json, json};

use super::error::{PARAM_BYTES_MAX, to_json};
use super::fields::parse;
use super::openai::read_chat;
use crate::config::RequestConfig;
use crate::error::{MESSAGE_BYTES_MAX, RequestError};
use crate::pipeline::Request;
use hyfunc_functions::names::is_valid_name;
use hyfunc_functions::properties;
use hyfunc_functions::schema::{function_from_schema, parameters_schema};

/// Bytes of the mark on a text that was cut.
const MARK_BYTES: usize = 16;

/// What a body may be refused with: code and status.
const REFUSALS: [(&str, u16); 9] = [
    ("body_too_large", 413),
    ("invalid_utf8", 400),
    ("invalid_json", 400),
    ("json_too_deep", 400),
    ("duplicate_key", 400),
    ("unknown_parameter", 400),
    ("invalid_value", 400),
    ("unsupported_parameter", 400),
    ("invalid_function_parameters", 400),
];

/// Words of the formats and of JSON Schema, so that what is made up is not refused at its first key.
const WORDS: &[&str] = &[
    "model",
    "messages",
    "input",
    "role",
    "content",
    "user",
    "assistant",
    "tool",
    "system",
    "type",
    "text",
    "input_text",
    "output_text",
    "refusal",
    "message",
    "function",
    "function_call",
    "function_call_output",
    "mcp_call",
    "item_reference",
    "id",
    "call_id",
    "msg_1",
    "output",
    "name",
    "arguments",
    "tools",
    "tool_calls",
    "tool_call_id",
    "tool_choice",
    "allowed_tools",
    "mode",
    "auto",
    "none",
    "required",
    "parameters",
    "description",
    "strict",
    "properties",
    "items",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "#",
    "#/properties/a",
    "$defs",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "^a+$",
    "format",
    "default",
    "string",
    "integer",
    "number",
    "boolean",
    "array",
    "object",
    "null",
    "stream",
    "stream_options",
    "include_usage",
    "include_pieces",
    "metadata",
    "max_tokens",
    "temperature",
    "store",
    "reasoning",
    "effort",
    "low",
    "include",
    "n",
    "-170141183460469231731687303715884105728",
    "a",
    "b",
    "",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![8 => select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// Any JSON.
pub fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (0_u64..4).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        word().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::from),
            vec((word(), inner), 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A change somewhere in a request.
#[derive(Clone, Debug)]
pub struct Change {
    place: Index,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Replace(Json),
    /// Into an object under a name, onto an array at its end.
    Add(String, Json),
    Remove(Index),
    /// Puts a part of the request in the place of another.
    Copy(Index),
}

/// A few changes.
pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let kind = prop_oneof![
        any_json().prop_map(Kind::Replace),
        (word(), any_json()).prop_map(|(name, json)| Kind::Add(name, json)),
        any::<Index>().prop_map(Kind::Remove),
        any::<Index>().prop_map(Kind::Copy),
    ];
    vec((any::<Index>(), kind).prop_map(|(place, kind)| Change { place, kind }), 1..5)
}

/// The request with the changes made to it.
pub fn changed(mut request: Json, changes: &[Change]) -> Json {
    for change in changes {
        let mut places = Vec::new();
        list_places(&request, String::new(), &mut places);
        let copied = match &change.kind {
            Kind::Copy(from) => request.pointer(from.get::<String>(&places)).cloned(),
            _ => None,
        };
        let Some(place) = request.pointer_mut(change.place.get::<String>(&places)) else {
            continue;
        };
        match (&change.kind, place) {
            (Kind::Replace(json), place) => *place = json.clone(),
            (Kind::Copy(_), place) => *place = copied.unwrap_or_default(),
            (Kind::Add(name, json), Json::Object(map)) => {
                map.insert(name.clone(), json.clone());
            }
            (Kind::Add(_, json), Json::Array(items)) => items.push(json.clone()),
            (Kind::Remove(which), Json::Object(map)) if !map.is_empty() => {
                let key = map.keys().nth(which.index(map.len())).cloned();
                map.remove(&key.unwrap_or_default());
            }
            (Kind::Remove(which), Json::Array(items)) if !items.is_empty() => {
                items.remove(which.index(items.len()));
            }
            _ => {}
        }
    }
    request
}

/// Pointers to every part of a value.
fn list_places(json: &Json, pointer: String, places: &mut Vec<String>) {
    match json {
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                list_places(item, format!("{pointer}/{at}"), places);
            }
        }
        Json::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                list_places(value, format!("{pointer}/{key}"), places);
            }
        }
        _ => {}
    }
    places.push(pointer);
}

/// An error of the table, in few words, about a place.
pub fn check_refusal(refused: &RequestError) {
    let json = to_json(refused);
    let error = &json["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let (code, kind, message) = (text("code"), text("type"), text("message"));
    let refusal = (code, super::status_of(refused));
    assert!(REFUSALS.contains(&refusal), "{refusal:?} is no refusal of a body: {refused}");
    assert_eq!(kind, "invalid_request_error");
    assert!(!message.is_empty() && message.len() <= MESSAGE_BYTES_MAX + MARK_BYTES);
    assert!(text("param").len() <= PARAM_BYTES_MAX + MARK_BYTES);
}

/// What no request may be without, whatever the format.
pub fn check_request(request: &Request, limits: &RequestConfig) {
    assert!((1..=limits.calls_max).contains(&request.calls_max));
    assert!(request.tokens_max.is_none_or(|tokens| tokens > 0));
    assert!(request.tools.len() <= limits.tools_max);
    for (at, tool) in request.tools.iter().enumerate() {
        assert!(is_valid_name(&tool.name), "{:?}", tool.name);
        assert!(request.tools[..at].iter().all(|other| other.name != tool.name));
        assert!(properties::count(&tool.parameters) <= limits.tool_properties_max);
        let schema = parameters_schema(&tool.parameters);
        let read = function_from_schema(&tool.name, "", &schema);
        assert!(read.is_ok(), "{schema} was written and is not read: {read:?}");
    }
}

/// Functions of a request, under `function` or not.
pub fn tools(is_nested: bool) -> Json {
    let parameters = json!({
        "$defs": {"p": {"type": "object", "properties": {"x": {"type": "number", "default": 1.5}}}},
        "type": "object",
        "properties": {
            "city": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1},
            "days": {"anyOf": [{"type": "integer"}, {"type": "boolean"}], "default": "7"},
            "tags": {"type": "array", "items": {"enum": ["a", "b", 3, null]}, "minItems": 1},
            "at": {"$ref": "#/$defs/p"},
        },
        "required": ["city", "tags"],
    });
    let inner = |name: &str| json!({"name": name, "description": "d", "parameters": parameters, "strict": false});
    let outer = |name: &str| {
        let mut tool = if is_nested { json!({"function": inner(name)}) } else { inner(name) };
        tool["type"] = "function".into();
        tool
    };
    json!([outer("f"), outer("g")])
}

fn chat() -> Json {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "21"},
            {"role": "user", "content": "and now?", "name": "n"},
        ],
        "tools": tools(true),
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "f"}},
        ]}},
        "parallel_tool_calls": true,
        "stream": true,
        "stream_options": {"include_usage": true, "include_pieces": true},
        "temperature": 0.5,
        "metadata": {"a": "b"},
        "max_tokens": 9,
    })
}

fn check(body: &Json) {
    let limits = RequestConfig::default();
    match read_chat(body, &limits) {
        Ok((request, form)) => {
            check_request(&request, &limits);
            let is_asked = form.include_usage || form.include_pieces;
            assert!(form.stream || !is_asked, "parts of a stream that is none");
        }
        Err(error) => check_refusal(&error),
    }
}

/// Reads a body's bytes with a reader.
pub fn check_bytes(bytes: &[u8], check: fn(&Json)) {
    match parse(bytes, &RequestConfig::default()) {
        Ok(json) => check(&json),
        Err(error) => check_refusal(&error),
    }
}

#[test]
fn the_request_that_is_changed_is_valid() {
    let limits = RequestConfig::default();
    let (request, _) = read_chat(&chat(), &limits).unwrap();
    assert_eq!((request.query.as_str(), request.tools.len()), ("and now?", 2));
    check_request(&request, &limits);
}

#[test]
fn refusals_of_bodies_are_those_of_the_table() {
    let limits = RequestConfig { body_bytes_max: 4, json_depth_max: 1, ..RequestConfig::default() };
    for (body, code, status) in [
        (&b"12345"[..], "body_too_large", 413),
        (b"\xff", "invalid_utf8", 400),
        (b"{", "invalid_json", 400),
        (b"[[]]", "json_too_deep", 400),
    ] {
        let error = parse(body, &limits).unwrap_err();
        assert_eq!((super::code_of(&error), super::status_of(&error)), (code, status));
        check_refusal(&error);
    }
}

/// Numbers that a client chose, in places where sums are made of them.
#[test]
fn the_smallest_integer_of_all_is_no_fault() {
    let smallest = "-170141183460469231731687303715884105728";
    let mut body = chat();
    body["tools"][0]["function"]["parameters"]["properties"]["days"]["default"] = smallest.into();
    check(&body);
    assert!(read_chat(&body, &RequestConfig::default()).is_ok());
}

/// A body of a few hundred kilobytes, whose references lead one to the next.
#[test]
fn a_chain_of_references_is_refused() {
    let definitions: Map<String, Json> = (0..10_000)
        .map(|index| (format!("d{index}"), json!({"$ref": format!("#/$defs/d{}", index + 1)})))
        .chain([("d10000".to_owned(), json!({}))])
        .collect();
    let mut body = chat();
    let parameters = &mut body["tools"][0]["function"]["parameters"];
    parameters["$defs"] = Json::Object(definitions);
    parameters["properties"]["at"] = json!({"$ref": "#/$defs/d0"});
    let error = read_chat(&body, &RequestConfig::default()).unwrap_err();
    assert_eq!(super::code_of(&error), "invalid_function_parameters");
    assert!(error.to_string().contains("nested deeper"), "{error}");
    check_refusal(&error);
}

/// Each of them alone would be read.
#[test]
fn many_large_schemas_share_one_budget() {
    let values: Vec<String> = (0..2_000).map(|index| format!("n{index}")).collect();
    let tool = |index: usize| {
        let parameters = json!({"type": "object", "properties": {"a": {"enum": values}}});
        json!({"type": "function", "function": {"name": format!("f{index}"), "parameters": parameters}})
    };
    for (count, is_read) in [(1, true), (9, true), (12, false)] {
        let mut body = chat();
        body["tools"] = (0..count).map(tool).collect();
        body["tool_choice"] = "auto".into();
        assert_eq!(read_chat(&body, &RequestConfig::default()).is_ok(), is_read, "{count}");
        check(&body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_read_or_refused(body in any_json()) {
        check(&body);
    }

    #[test]
    fn changed_requests_are_read_or_refused(changes in changes()) {
        check(&changed(chat(), &changes));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in vec(any::<u8>(), 0..64),
        place in any::<Index>(),
        is_within in any::<bool>(),
    ) {
        let mut body = chat().to_string().into_bytes();
        let at = place.index(body.len());
        let end = if is_within { (at + bytes.len()).min(body.len()) } else { body.len() };
        body.splice(at..end, bytes);
        check_bytes(&body, check);
    }
}
