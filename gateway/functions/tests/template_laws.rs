//! What holds of every template, whatever the types and whoever answers.

mod support;
#[path = "support/walk.rs"]
mod walk;

use std::sync::Arc;

use hyfunc_functions::function::Function;
use hyfunc_functions::json::{admits, arguments_to_json};
use hyfunc_functions::oracle::{drive, drive_parameter};
use hyfunc_functions::schema::parameters_schema;
use hyfunc_functions::template::{Cursor, Spelling, Step, Template, TemplateLimits};
use hyfunc_functions::types::RecordType;
use hyfunc_functions::{Type, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value as Json;
use support::arbitrary::{arb_parameters, arb_value};

const SPELLINGS: [Spelling; 4] =
    [Spelling::Param, Spelling::Hermes, Spelling::Llama, Spelling::Bracket];

fn template(parameters: &RecordType, spelling: Spelling, limits: TemplateLimits) -> Arc<Template> {
    let function = Function {
        name: "f".to_owned(),
        description: String::new(),
        parameters: parameters.clone(),
        returns: None,
        examples: Vec::new(),
        reply: None,
        export: None,
    };
    Arc::new(Template::with_limits(&function, spelling, limits))
}

/// Equality of JSON that forgives what `to_json` writes as a string: integers beyond ±2^53.
fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Number(number), Json::String(text)) | (Json::String(text), Json::Number(number)) => {
            number.to_string() == *text
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_json(a, b)))
        }
        _ => a == b,
    }
}

/// The arguments of a call that is written as JSON, under their key.
fn json_arguments(text: &str, key: &str) -> Json {
    let mut call: Json =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(call["name"], "f");
    call[key].take()
}

/// The `arguments` of a call in the Hermes spelling.
fn hermes_arguments(text: &str) -> Json {
    let json = text
        .strip_prefix("<tool_call>\n")
        .and_then(|rest| rest.strip_suffix("\n</tool_call>"))
        .unwrap_or_else(|| panic!("no tool call: {text}"));
    json_arguments(json, "arguments")
}

fn is_valid(parameters: &RecordType, arguments: &Json) -> bool {
    let schema = parameters_schema(parameters);
    jsonschema::validator_for(&schema).expect("a valid schema").is_valid(arguments)
}

fn check_walk(parameters: &RecordType, text: &str, cursor: Cursor) {
    let spelling = cursor.template().spelling();
    let fresh = Cursor::call(Arc::clone(cursor.template()));
    let value = cursor.finish().expect("done");
    assert!(admits(&Type::Record(parameters.clone()), &value), "{value:?}");
    let arguments = arguments_to_json(parameters, &value);
    assert!(is_valid(parameters, &arguments), "{arguments}");
    match spelling {
        Spelling::Hermes => {
            let written = hermes_arguments(text);
            assert!(same_json(&written, &arguments), "{written} is not {arguments}");
        }
        Spelling::Llama => {
            let written = json_arguments(text, "parameters");
            assert!(same_json(&written, &arguments), "{written} is not {arguments}");
        }
        Spelling::Bracket => {
            assert!(text.starts_with("[f(") && text.ends_with(")]"), "{text}");
        }
        Spelling::Param => {
            let mut again = fresh;
            walk::read_back(&mut again, text);
            assert_eq!(again.finish().expect("done"), value, "{text}");
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_answers_make_a_valid_call(parameters in arb_parameters(), seed in any::<[u8; 32]>()) {
        let mut runner = TestRunner::new_with_rng(
            Config::default(),
            proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed),
        );
        for spelling in SPELLINGS {
            let template = template(&parameters, spelling, TemplateLimits::default());
            let mut cursor = Cursor::call(template);
            let text = walk::at_random(&mut cursor, &mut runner);
            check_walk(&parameters, &text, cursor);
        }
    }

    #[test]
    fn the_most_and_the_least_make_a_valid_call(parameters in arb_parameters()) {
        let limits = TemplateLimits { list_len_max: 2, depth_max: 2, keys_max: 2, calls_max: 1 };
        let mut runner = TestRunner::deterministic();
        for spelling in SPELLINGS {
            for alternative in [0, usize::MAX] {
                let mut cursor = Cursor::call(template(&parameters, spelling, limits));
                let text = walk::always(&mut cursor, alternative, &mut runner);
                check_walk(&parameters, &text, cursor);
            }
        }
    }

    #[test]
    fn an_oracle_reaches_every_value(
        (parameters, value) in arb_parameters().prop_flat_map(|parameters| {
            let value = arb_value(&Type::Record(parameters.clone()));
            (Just(parameters), value)
        })
    ) {
        let gold = arguments_to_json(&parameters, &value);
        for spelling in SPELLINGS {
            let template = template(&parameters, spelling, TemplateLimits::default());
            let whole = drive(Cursor::call(Arc::clone(&template)), &gold, |_, _| {});
            prop_assert_eq!(whole.as_ref(), Ok(&value));
            for (index, field) in parameters.fields.iter().enumerate() {
                let cursor = Cursor::parameter(Arc::clone(&template), index);
                let alone = drive_parameter(cursor, gold.get(&field.name), |_, _| {});
                let Value::Record(values) = &value else { panic!("parameters are a record") };
                prop_assert_eq!(alone.as_ref(), Ok(&values[index]));
            }
        }
    }

    #[test]
    fn a_parameter_alone_is_its_part_of_the_call(parameters in arb_parameters()) {
        let mut runner = TestRunner::deterministic();
        let template = template(&parameters, Spelling::Param, TemplateLimits::default());
        let mut parts = String::new();
        let mut values = Vec::new();
        for index in 0..parameters.fields.len() {
            let mut cursor = Cursor::parameter(Arc::clone(&template), index);
            prop_assert!(cursor.clone().finish().is_err());
            parts += &walk::at_random(&mut cursor, &mut runner);
            values.push(cursor.finish_parameter().expect("done"));
        }
        let mut whole = Cursor::call(template);
        walk::read_back(&mut whole, &format!("<call>f{parts}</call>"));
        prop_assert_eq!(whole.finish(), Ok(Value::Record(values)));
    }

    #[test]
    fn a_preview_is_what_comes(parameters in arb_parameters(), pick in any::<proptest::sample::Index>()) {
        for spelling in SPELLINGS {
            let mut cursor = Cursor::call(template(&parameters, spelling, TemplateLimits::default()));
            cursor.advance();
            let Step::Choice(choice) = cursor.step() else { continue };
            let taken = pick.index(choice.alternatives.len());
            let mut expected = choice.alternatives[taken].text.clone();
            let preview = cursor.preview(taken).expect("an alternative");
            cursor.choose(taken).expect("an alternative");
            if let Step::Fixed(text) = cursor.step() {
                expected.push_str(text);
            }
            prop_assert_eq!(preview, expected);
        }
    }
}

#[test]
fn no_parameters_is_one_fixed_text() {
    for (spelling, text) in [
        (Spelling::Param, "<call>f</call>"),
        (Spelling::Hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"),
        (Spelling::Llama, "{\"name\": \"f\", \"parameters\": {}}"),
        (Spelling::Bracket, "[f()]"),
    ] {
        let mut cursor =
            Cursor::call(template(&RecordType::default(), spelling, TemplateLimits::default()));
        assert_eq!(cursor.step(), Step::Fixed(text));
        cursor.advance();
        assert_eq!(cursor.step(), Step::Done);
        assert_eq!(cursor.finish(), Ok(Value::Record(Vec::new())));
    }
}
