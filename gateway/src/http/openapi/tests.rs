//! What holds between the document and the code.

use std::collections::BTreeSet;

use hyfunc_cascade::CascadeError;
use hyfunc_functions::json::JsonError;
use hyfunc_functions::names::NameError;
use hyfunc_functions::schema::SchemaError;
use hyfunc_retrieval::RetrievalError;
use hyfunc_sandbox::{CallError, GrantsError, LoadError};
use jsonschema::Validator;
use serde_json::json;

use super::*;
use crate::error::{RequestError, StartError};
use crate::http::{code_of, status_of};
use crate::keys::{AccessError, Role};
use crate::pipeline::Step;
use crate::publish::{CompileError, PublishError, RegistryError};
use crate::replays::ReplayError;

/// What clients may send as any field. `1.0` is not among them: JSON Schema calls it an integer, and
/// the readers do not.
fn pool() -> Vec<Json> {
    vec![
        json!(null),
        json!(false),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(-1),
        json!(-3),
        json!(0.5),
        json!(1e30),
        json!(""),
        json!("auto"),
        json!("none"),
        json!("required"),
        json!("default"),
        json!("disabled"),
        json!("low"),
        json!("24h"),
        json!("x".repeat(512)),
        json!("x".repeat(513)),
        json!([]),
        json!([null]),
        json!(["text"]),
        json!(["reasoning.encrypted_content"]),
        json!([{}]),
        json!([{"role": "user", "content": "x"}]),
        json!([{"role": "user", "content": [{"type": "text", "text": "x"}]}]),
        json!([{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]),
        json!([{"role": "robot", "content": "x"}]),
        json!([{"role": "user"}]),
        json!([{"role": "assistant"}]),
        json!([{"type": "function_call", "name": "f"}]),
        json!([{"type": "item_reference", "id": "fc_1"}]),
        json!([{"type": "item_reference", "id": "rs_1"}]),
        json!([{"type": "function", "function": {"name": "f"}}]),
        json!([{"type": "function", "function": {"name": "a b"}}]),
        json!([{"type": "function", "function": {"name": "f", "strict": 1}}]),
        json!([{"type": "function", "name": "f", "description": null, "parameters": null}]),
        json!([{"type": "function", "name": "x".repeat(65)}]),
        json!([{"type": "web_search"}]),
        json!({}),
        json!({"type": "text"}),
        json!({"type": "json_object"}),
        json!({"format": {"type": "text"}, "verbosity": "low"}),
        json!({"effort": "low", "summary": null}),
        json!({"include_usage": true}),
        json!({"include_pieces": true}),
        json!({"include_pieces": "all"}),
        json!({"include_obfuscation": false}),
        json!({"include_obfuscation": true}),
        json!({"a": "b"}),
        json!({"a": 1}),
        json!({"type": "function", "function": {"name": "f"}}),
        json!({"type": "function", "name": "f"}),
        json!({"type": "allowed_tools", "tools": []}),
        json!({"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]}),
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}]}}),
    ]
}

/// A schema of the document, which may name others.
fn validator(name: &str) -> Validator {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": document()["components"],
    });
    jsonschema::draft202012::new(&schema).expect("a valid schema")
}

/// Checks that a schema has the fields that are known, and that it admits a value of a field where,
/// and only where, it is read.
pub fn agree(name: &str, known: Vec<&str>, body: &Json, read: impl Fn(&Json) -> bool) {
    let schema = &document()["components"]["schemas"][name];
    let described: BTreeSet<&str> =
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = known.into_iter().collect();
    assert_eq!(described, known, "{name}");
    let validator = validator(name);
    let compare = |body: &Json| {
        assert_eq!(validator.is_valid(body), read(body), "{name}: document and reader: {body}");
    };
    compare(body);
    for field in known.into_iter().chain(["nobody_reads_this"]) {
        let mut without = body.clone();
        without.as_object_mut().unwrap().remove(field);
        compare(&without);
        for value in pool() {
            let mut body = body.clone();
            if field == "stream_options" {
                body["stream"] = true.into();
            }
            body[field] = value;
            compare(&body);
        }
    }
}

fn models(source: CascadeError) -> RequestError {
    RequestError::Models { step: Step::Decode, source }
}

fn call(source: CallError) -> RequestError {
    RequestError::Call { function: String::new(), source }
}

fn of_json() -> Vec<JsonError> {
    let text = String::new;
    let samples = vec![
        JsonError::Mismatch { path: text(), expected: text(), found: text(), advice: text() },
        JsonError::Missing { path: text(), expected: text() },
        JsonError::Unknown { path: text(), known: text() },
        JsonError::DuplicateKey { path: text() },
        JsonError::TooDeep { path: text(), depth_max: 1 },
        JsonError::TooLong { bytes: 2, bytes_max: 1 },
        JsonError::Syntax { line: 1, column: 1, reason: text() },
    ];
    // Whoever adds one adds a sample.
    for sample in &samples {
        match sample {
            JsonError::Mismatch { .. }
            | JsonError::Missing { .. }
            | JsonError::Unknown { .. }
            | JsonError::DuplicateKey { .. }
            | JsonError::TooDeep { .. }
            | JsonError::TooLong { .. }
            | JsonError::Syntax { .. } => {}
        }
    }
    samples
}

fn of_calls() -> Vec<CallError> {
    use CallError as E;
    let text = String::new;
    let samples = vec![
        E::UnknownFunction { plugin: text(), function: text() },
        E::Arguments { path: text(), expected: text(), found: text() },
        E::Trap { message: text() },
        E::Deadline { ms: 1 },
        E::MemoryLimit { bytes_max: 1 },
        E::TableLimit { elements_max: 1 },
        E::StackOverflow { bytes_max: 1 },
        E::ResultTooLarge { bytes_max: 1 },
        E::HostCallTooLarge { bytes_max: 1 },
        E::HandleLimit { handles_max: 1 },
        E::Overloaded { plugin: text(), retry_after_ms: 1 },
    ];
    for sample in &samples {
        match sample {
            E::UnknownFunction { .. }
            | E::Arguments { .. }
            | E::Trap { .. }
            | E::Deadline { .. }
            | E::MemoryLimit { .. }
            | E::TableLimit { .. }
            | E::StackOverflow { .. }
            | E::ResultTooLarge { .. }
            | E::HostCallTooLarge { .. }
            | E::HandleLimit { .. }
            | E::Overloaded { .. } => {}
        }
    }
    samples
}

fn of_models() -> Vec<CascadeError> {
    use CascadeError as E;
    let samples = vec![
        E::Overloaded { retry_after_ms: 1 },
        E::Deadline { step: "decode" },
        E::QueryTooLong { tokens: 2, tokens_max: 1 },
        E::ContextOverflow { tokens: 2, tokens_max: 1 },
        E::Mask { subject: String::new(), reason: String::new() },
        E::Unfilled { subject: String::new(), tokens_max: 1 },
        E::Panicked,
        E::Stopped,
    ];
    for sample in &samples {
        match sample {
            // Of one row with `Mask`.
            E::Weights(_) | E::Folder { .. } | E::Template(_) | E::Tensor(_) | E::Stock { .. } => {}
            E::Overloaded { .. }
            | E::Deadline { .. }
            | E::QueryTooLong { .. }
            | E::ContextOverflow { .. }
            | E::Mask { .. }
            | E::Unfilled { .. }
            | E::Panicked
            | E::Stopped => {}
        }
    }
    samples
}

fn of_access() -> Vec<AccessError> {
    use AccessError as E;
    let text = String::new;
    let samples = vec![
        E::NoKey,
        E::NotAKey,
        E::UnknownKey,
        E::Expired { at: text() },
        E::Role { role: Role::Call },
        E::Scope { function: text() },
        E::KeyRate { per_minute: 1, retry_after_ms: 1 },
        E::FunctionRate { function: text(), per_minute: 1, retry_after_ms: 1 },
        E::Concurrency { concurrent_max: 1, retry_after_ms: 1 },
    ];
    for sample in &samples {
        match sample {
            E::NoKey
            | E::NotAKey
            | E::UnknownKey
            | E::Expired { .. }
            | E::Role { .. }
            | E::Scope { .. }
            | E::KeyRate { .. }
            | E::FunctionRate { .. }
            | E::Concurrency { .. } => {}
        }
    }
    samples
}

fn of_compiling() -> Vec<CompileError> {
    use CompileError as E;
    let nothing = || std::io::Error::other("");
    let samples = vec![
        E::Refused { message: String::new() },
        E::Time { ms_max: 1 },
        E::Memory { bytes_max: 1 },
        E::Crashed { how: String::new() },
        E::Start { program: "x".into(), source: nothing() },
        E::Failed { message: String::new() },
        E::Full { message: String::new() },
    ];
    for sample in &samples {
        match sample {
            E::Refused { .. }
            | E::Failed { .. }
            | E::Full { .. }
            | E::Time { .. }
            | E::Memory { .. }
            | E::Crashed { .. }
            | E::Start { .. } => {}
        }
    }
    samples
}

fn of_loading() -> Vec<LoadError> {
    use LoadError as E;
    let text = String::new;
    let samples = vec![
        E::TooLarge { bytes: 2, bytes_max: 1 },
        E::Compile { message: text() },
        E::CompileTime { ms_max: 1 },
        E::MissingImport { import: text(), detail: text() },
        E::Export { function: text(), message: text() },
        E::AsyncOff,
    ];
    for sample in &samples {
        match sample {
            // Of one row with `Compile`.
            E::Component(_) => {}
            E::TooLarge { .. }
            | E::Compile { .. }
            | E::CompileTime { .. }
            | E::MissingImport { .. }
            | E::AsyncOff
            | E::Export { .. } => {}
        }
    }
    samples
}

fn of_the_registry() -> Vec<RegistryError> {
    use RegistryError as E;
    let nothing = || std::io::Error::other("");
    let samples = vec![
        E::Folder { path: "x".into(), source: nothing() },
        E::InUse { path: "x".into() },
        E::Full { path: "x".into(), source: nothing() },
        E::Damaged { path: "x".into(), reason: String::new() },
        E::Failed { path: "x".into(), reason: String::new() },
    ];
    for sample in &samples {
        match sample {
            E::Folder { .. }
            | E::InUse { .. }
            | E::Full { .. }
            | E::Damaged { .. }
            | E::Failed { .. } => {}
        }
    }
    samples
}

fn of_publishing() -> Vec<PublishError> {
    use PublishError as E;
    let text = String::new;
    let mut samples = vec![
        E::Name { name: text(), bytes_max: 1 },
        E::Taken { name: text(), by: "bundled" },
        E::Fixed { name: text(), by: "bundled" },
        E::Unknown { name: text(), suggestion: None },
        E::Digest { expected: text(), found: text() },
        E::Changed { name: text(), expected: text(), found: text() },
        E::Busy { name: text(), retry_after_ms: 1 },
        E::Overloaded { publishes_max: 1, retry_after_ms: 1 },
        E::Downgrade { name: text(), digest: text(), number: 1 },
        E::TooMany { plugins_max: 1 },
        E::TooLarge { bytes: 2, bytes_max: 1 },
        E::Clash { clashes: Vec::new() },
        E::Empty { refused: Vec::new() },
        E::Grants(GrantsError::Host { host: text(), message: text() }),
        E::NoCache,
        E::NotKept { aot_dir: text() },
        E::NothingWaits { name: text(), digest: text() },
        E::Names(NameError::Characters { name: text() }),
        E::Index(RetrievalError::NoDirection),
        E::Library(Box::new(StartError::PluginTwice { plugin: text() })),
        E::Panicked,
    ];
    samples.extend(of_compiling().into_iter().map(E::Compile));
    samples.extend(of_loading().into_iter().map(E::from));
    samples.extend(of_the_registry().into_iter().map(E::Registry));
    samples.extend(of_models().into_iter().map(|source| E::Models(Box::new(source))));
    samples.iter().for_each(is_sampled);
    samples
}

/// Whoever adds one adds a sample above.
fn is_sampled(error: &PublishError) {
    use PublishError as E;
    match error {
        E::Name { .. }
        | E::Taken { .. }
        | E::Fixed { .. }
        | E::Unknown { .. }
        | E::Digest { .. }
        | E::Changed { .. }
        | E::Busy { .. }
        | E::Overloaded { .. }
        | E::Downgrade { .. }
        | E::TooMany { .. }
        | E::TooLarge { .. }
        | E::Clash { .. }
        | E::Empty { .. }
        | E::Grants(_)
        | E::Compile(_)
        | E::Load(_)
        | E::NoCache
        | E::NotKept { .. }
        | E::NothingWaits { .. }
        | E::Registry(_)
        | E::Names(_)
        | E::Models(_)
        | E::Index(_)
        | E::Library(_)
        | E::Panicked => {}
    }
}

fn of_replays() -> Vec<ReplayError> {
    use ReplayError as E;
    let samples = vec![
        E::AtWork { retry_after_ms: 1 },
        E::Reused,
        E::NotKept { bytes_max: 1 },
        E::Full { keys_max: 1, retry_after_ms: 1 },
    ];
    for sample in &samples {
        match sample {
            E::AtWork { .. } | E::Reused | E::NotKept { .. } | E::Full { .. } => {}
        }
    }
    samples
}

/// An error of every row of the table.
fn errors() -> Vec<RequestError> {
    use RequestError as E;
    let text = String::new;
    let mut samples = vec![
        E::BodyTooLarge { bytes_max: 1 },
        E::BodyBroken { reason: text() },
        E::NotUtf8 { at: 0 },
        E::UnknownField { param: text(), suggestion: None },
        E::Field { param: text(), reason: text() },
        E::Unsupported { param: text(), reason: text() },
        E::UnknownModel { model: text(), served: text() },
        E::NoQuery,
        E::QueryTooLong { bytes: 2, bytes_max: 1 },
        E::Tool { param: text(), source: SchemaError::NotAnObject { found: text() } },
        E::UnknownFunction { name: text(), suggestion: None },
        E::UnknownRequest { id: text(), requests_max: 1 },
        E::Foreign { header: "host", value: text() },
        E::Overloaded { waiting: 1, retry_after_ms: 1 },
        E::BodiesTooLarge { bytes_max: 1, retry_after_ms: 1 },
        E::TooManySessions { sessions_max: 1, retry_after_ms: 1 },
        E::Draining { retry_after_ms: 1 },
        E::Deadline { step: Step::Accept, deadline_ms: 1 },
        E::Deadline { step: Step::Decode, deadline_ms: 1 },
        E::Retrieval(RetrievalError::NoDirection),
        E::NoRoute { method: text(), path: text() },
        E::Method { method: text(), path: text() },
        E::Panicked,
    ];
    samples.extend(of_json().into_iter().map(E::Body));
    samples.extend(of_models().into_iter().map(models));
    samples.extend(of_calls().into_iter().map(call));
    samples.extend(of_access().into_iter().map(E::Access));
    samples.extend(of_replays().into_iter().map(E::Replay));
    samples.extend(of_publishing().into_iter().map(E::from));
    for sample in &samples {
        match sample {
            // Of the rows of `Body`.
            E::Arguments { .. } => {}
            E::BodyTooLarge { .. }
            | E::BodyBroken { .. }
            | E::NotUtf8 { .. }
            | E::Body(_)
            | E::UnknownField { .. }
            | E::Field { .. }
            | E::Unsupported { .. }
            | E::UnknownModel { .. }
            | E::NoQuery
            | E::QueryTooLong { .. }
            | E::Tool { .. }
            | E::UnknownFunction { .. }
            | E::UnknownRequest { .. }
            | E::Access(_)
            | E::Replay(_)
            | E::Foreign { .. }
            | E::Overloaded { .. }
            | E::BodiesTooLarge { .. }
            | E::TooManySessions { .. }
            | E::Draining { .. }
            | E::Deadline { .. }
            | E::Models { .. }
            | E::Retrieval(_)
            | E::Call { .. }
            | E::NoRoute { .. }
            | E::Method { .. }
            | E::Publish(_)
            | E::Panicked => {}
        }
    }
    samples
}

/// Every operation with its path and method.
fn operations() -> impl Iterator<Item = (String, &'static Json)> {
    document()["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Status, code and whether a time is given, of every error that an operation answers with.
fn described_errors() -> BTreeSet<(u16, String, bool)> {
    let mut found = BTreeSet::new();
    for (_, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let Some(name) = response["$ref"].as_str() else { continue };
            let response = document().pointer(&name[1..]).unwrap();
            let schema = &response["content"]["application/json"]["schema"];
            let codes = &schema["properties"]["error"]["properties"]["code"]["enum"];
            let retry = response["headers"].get("retry-after").is_some();
            for code in codes.as_array().unwrap() {
                found.insert((status.parse().unwrap(), code.as_str().unwrap().into(), retry));
            }
        }
    }
    found
}

#[test]
fn the_document_has_every_error_of_the_table_and_no_other() {
    let described: BTreeSet<(u16, String)> =
        described_errors().into_iter().map(|(status, code, _)| (status, code)).collect();
    let table: BTreeSet<(u16, String)> = errors()
        .iter()
        // No operation answers with it: it is what the others are answered with.
        .filter(|error| !matches!(error, RequestError::Method { .. }))
        .map(|error| (status_of(error), code_of(error).to_owned()))
        .collect();
    assert_eq!(described, table);
}

#[test]
fn the_document_says_where_a_time_is_given() {
    let described = described_errors();
    for error in errors().iter().filter(|error| crate::http::retry_after_ms(error).is_some()) {
        let row = (status_of(error), code_of(error).to_owned(), true);
        assert!(described.contains(&row), "{row:?} carries Retry-After");
    }
}

#[test]
fn every_key_is_of_a_kind_that_is_described() {
    let schemes = document()["components"]["securitySchemes"].as_object().unwrap();
    let named: BTreeSet<&String> = operations()
        .flat_map(|(_, operation)| operation["security"].as_array().unwrap())
        .flat_map(|needed| needed.as_object().unwrap().keys())
        .collect();
    assert_eq!(named, schemes.keys().collect::<BTreeSet<_>>());
}

#[test]
fn every_code_is_explained() {
    for (name, response) in document()["components"]["responses"].as_object().unwrap() {
        let description = response["description"].as_str().unwrap();
        let schema = &response["content"]["application/json"]["schema"];
        let codes = schema["properties"]["error"]["properties"]["code"]["enum"].as_array().unwrap();
        assert_eq!(description.matches("\n- `").count(), codes.len(), "{name}");
        for code in codes {
            let line = format!("\n- `{}`: ", code.as_str().unwrap());
            assert!(description.contains(&line), "{name}: {code}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    let text = document().to_string();
    let referred: BTreeSet<&str> = text
        .split("\"$ref\":\"#/components/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let components = document()["components"].as_object().unwrap();
    let names: Vec<String> = components
        .iter()
        // Operations name these without a reference.
        .filter(|(kind, _)| *kind != "securitySchemes")
        .flat_map(|(kind, named)| {
            named.as_object().unwrap().keys().map(move |name| format!("{kind}/{name}"))
        })
        .collect();
    let there: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(referred, there);
}

#[test]
fn no_part_overwrites_another() {
    let count = |key: &str| -> usize {
        PARTS.iter().map(|part| read(part)[key].as_object().unwrap().len()).sum()
    };
    assert_eq!(document()["paths"].as_object().unwrap().len(), count("paths"));
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.len(), count("schemas"));
}

#[test]
fn operations_are_whole() {
    let tags: BTreeSet<&str> = document()["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations() {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}: its id is taken");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name}: no such group");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        for status in ["400", "403", "500"] {
            assert!(operation["responses"].get(status).is_some(), "{name}: no {status}");
        }
        // Whoever wants a key tells those without one, and those who have had enough.
        let wants_a_key = operation["security"] != json!([]);
        for status in ["401", "429"] {
            let is_there = operation["responses"].get(status).is_some();
            assert_eq!(is_there, wants_a_key, "{name}: {status}");
        }
        let parameters = operation["parameters"].as_array().unwrap();
        let path = name.split(' ').nth(1).unwrap();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let part = |parameter: &Json| format!("{{{}}}", parameter["name"].as_str().unwrap());
        let named: Vec<String> = in_path.map(part).collect();
        assert_eq!(path.matches('{').count(), named.len(), "{name}");
        assert!(named.iter().all(|part| path.contains(part)), "{name}: {named:?}");
    }
}
