//! Schemas that clients send: the input is a schema, a line `---`, and bytes that answer the
//! template's steps.

use std::sync::Arc;

use hyfunc_functions::json::{arguments_from_json, arguments_to_json, json_equal, parse_json};
use hyfunc_functions::oracle::{self, OracleError};
use hyfunc_functions::schema::{SchemaError, function_from_schema, parameters_schema};
use hyfunc_functions::template::{Cursor, Slot, Step};
use hyfunc_functions::types::RecordType;
use hyfunc_functions::{Function, Spelling, Template, Type, Value};
use serde_json::Value as Json;

/// Most steps of a call. What a schema may ask for is bounded, but bytes can ask for more.
const STEPS_MAX: usize = 20_000;

/// A template made from an accepted schema, answered anyhow, yields arguments that the schema admits
/// and that the oracle reaches.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (schema, answers) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let Ok(schema) = parse_json(schema, &Default::default()) else { return };
    let function = match function_from_schema("f", "", &schema) {
        Ok(function) => function,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let written = parameters_schema(&function.parameters);
    // What is written spells references out, so only the bounds may refuse it.
    if let Err(error) = function_from_schema("f", "", &written) {
        let bounded = matches!(
            error,
            SchemaError::TooLarge { .. }
                | SchemaError::TooLong { .. }
                | SchemaError::TooDeep { .. }
        );
        assert!(bounded, "{written} was written and is not read: {error}");
    }

    for spelling in [Spelling::Param, Spelling::Hermes] {
        let template = Arc::new(Template::new(&function, spelling));
        let Some(value) = walk(&template, answers.as_bytes()) else { continue };
        let json = arguments_to_json(&function.parameters, &value);
        check_arguments(&function, &written, &json);
        let reached = match oracle::drive(Cursor::call(template), &json, |_, _| {}) {
            Ok(reached) => reached,
            // Another alternative may admit the same JSON, and nest it deeper than templates do.
            Err(OracleError::Limits { .. }) => continue,
            Err(error) => panic!("the oracle does not reach {json}: {error}"),
        };
        let again = arguments_to_json(&function.parameters, &reached);
        assert!(json_equal(&json, &again), "{json} was reached as {again}");
    }
}

fn check_arguments(function: &Function, schema: &Json, json: &Json) {
    let read = arguments_from_json(&function.parameters, json).expect("valid by construction");
    let again = arguments_to_json(&function.parameters, &read);
    assert!(json_equal(json, &again), "{json} came back as {again}");
    // Patterns are ECMA-262, of which validators differ.
    if has_pattern(&Type::Record(function.parameters.clone())) {
        return;
    }
    if let Ok(validator) = jsonschema::validator_for(schema) {
        assert!(validator.is_valid(json), "{json} is not valid against {schema}");
    }
}

fn has_pattern(ty: &Type) -> bool {
    match ty {
        Type::String(string) => string.pattern.is_some(),
        Type::List(list) => has_pattern(&list.element),
        Type::Tuple(types) | Type::OneOf(types) => types.iter().any(has_pattern),
        Type::Record(RecordType { fields }) => fields.iter().any(|field| has_pattern(&field.ty)),
        Type::Option(inner) | Type::Map(inner) => has_pattern(inner),
        Type::Variant(cases) => {
            cases.iter().filter_map(|case| case.payload.as_ref()).any(has_pattern)
        }
        _ => false,
    }
}

/// Answers every step; `None` where no text at hand fits a slot, or too many steps were taken.
fn walk(template: &Arc<Template>, answers: &[u8]) -> Option<Value> {
    let mut cursor = Cursor::call(Arc::clone(template));
    // Without bytes left every answer is 1, with which lists and objects end.
    let mut answers = answers.iter().map(|byte| usize::from(*byte)).chain(std::iter::repeat(1));
    for _ in 0..STEPS_MAX {
        match cursor.step() {
            Step::Done => return Some(cursor.finish().expect("nothing is left to decide")),
            Step::Fixed(_) => cursor.advance(),
            Step::Choice(choice) => {
                let count = choice.alternatives.len();
                assert!(count > 1, "nothing to choose: {choice:?}");
                let chosen = answers.next().unwrap_or_default() % count;
                cursor.choose(chosen).expect("it is one of them");
            }
            Step::Slot(slot) => {
                let value = fitting(slot, answers.next().unwrap_or_default())?;
                cursor.fill(value).expect("it was parsed by the slot");
            }
        }
    }
    None
}

/// The first text, from one on, that the slot takes.
fn fitting(slot: &Slot, from: usize) -> Option<Value> {
    const TEXTS: [&str; 12] = [
        "",
        "0",
        "1",
        "-1",
        "a",
        "1.5",
        "YQ==",
        "2020-01-31",
        "é",
        "</param>",
        "{\"a\": \"b\"}",
        "255",
    ];
    let texts = (0..TEXTS.len()).map(|index| TEXTS[(from + index) % TEXTS.len()].to_owned());
    let long = ["abcdefgh".repeat(4), "7".repeat(16), "-9223372036854775808".to_owned()];
    texts.chain(long).find_map(|text| slot.ty.parse(&text).ok())
}
