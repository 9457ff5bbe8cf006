//! What holds of every schema, whatever the model says.

#[path = "../../functions/tests/support/arbitrary.rs"]
#[allow(dead_code, reason = "the rest is for other tests")]
mod arbitrary;
mod support;

use std::sync::Arc;

use arbitrary::{arb_parameters, arb_value};
use hyfunc_cascade::ToolChoice;
use hyfunc_functions::json::{admits, arguments_to_json};
use hyfunc_functions::oracle::GoldCall;
use hyfunc_functions::schema::parameters_schema;
use hyfunc_functions::types::{Field, RecordType, StringType};
use hyfunc_functions::{Function, Spelling, Type};
use hyfunc_stock::{StockConfig, StockError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value as Json, json};
use support::{Mind, config, decoder, function, nobody_left, request, text_of};

const SPELLINGS: [Spelling; 3] = [Spelling::Hermes, Spelling::Llama, Spelling::Bracket];

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    TestRunner::new_with_rng(config, rng)
}

fn named(parameters: &RecordType) -> Arc<Function> {
    let mut function = Function::clone(&function("act", json!({})));
    function.parameters = parameters.clone();
    Arc::new(function)
}

/// Whether a text in JSON leads back to one value of the type: alternatives may overlap, and masks
/// hold formats that values of the type need not have.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::OneOf(_) | Type::Result { .. } => false,
        Type::String(StringType { format, pattern, .. }) => format.is_none() && pattern.is_none(),
        Type::List(list) => is_plain(&list.element),
        Type::Tuple(types) => types.iter().all(is_plain),
        Type::Record(record) => is_plain_record(record),
        Type::Option(inner) | Type::Map(inner) => is_plain(inner),
        Type::Variant(cases) => cases.iter().all(|case| case.payload.iter().all(is_plain)),
        _ => true,
    }
}

fn is_plain_record(record: &RecordType) -> bool {
    record.fields.iter().all(|field: &Field| is_plain(&field.ty))
}

/// Equality that knows no difference between 5 and 5.0.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let equal =
                |(key, one): (&String, &Json)| other.get(key).is_some_and(|other| same(one, other));
            one.len() == other.len() && one.iter().all(equal)
        }
        _ => one == other,
    }
}

fn has_pattern(ty: &Type) -> bool {
    match ty {
        Type::String(string) => string.pattern.is_some(),
        Type::List(list) => has_pattern(&list.element),
        Type::Tuple(types) | Type::OneOf(types) => types.iter().any(has_pattern),
        Type::Record(record) => record.fields.iter().any(|field| has_pattern(&field.ty)),
        Type::Option(inner) | Type::Map(inner) => has_pattern(inner),
        Type::Variant(cases) => cases.iter().any(|case| case.payload.iter().any(has_pattern)),
        _ => false,
    }
}

#[test]
fn a_call_in_mind_is_the_call_decided() {
    let calls =
        arb_parameters().prop_filter("one reading", is_plain_record).prop_flat_map(|parameters| {
            let value = arb_value(&Type::Record(parameters.clone()));
            (Just(parameters), value)
        });
    for spelling in SPELLINGS {
        let (decoder, fake) = decoder(config(spelling));
        let checked = runner(96).run(&calls, |(parameters, value)| {
            let functions = [named(&parameters)];
            let arguments = arguments_to_json(&parameters, &value);
            let gold = [GoldCall { name: "act".into(), arguments: arguments.clone() }];
            let text = text_of(&functions, spelling, &gold);
            *fake.mind.lock().expect("a mind") = Mind::Says(text.clone());
            let reply = decoder
                .decode(&request("act on it", &functions), &nobody_left)
                .map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            prop_assert_eq!(reply.decoded.calls.len(), 1, "{}", text);
            let decided = arguments_to_json(&parameters, &reply.decoded.calls[0].arguments);
            prop_assert!(same(&decided, &arguments), "{} instead of {}", decided, text);
            Ok(())
        });
        checked.unwrap_or_else(|error| panic!("{spelling:?}: {error}"));
    }
}

#[test]
fn whatever_it_says_calls_are_valid() {
    for spelling in SPELLINGS {
        let settings = StockConfig { value_tokens_max: 6, ..config(spelling) };
        let (decoder, fake) = decoder(settings);
        let cases = (arb_parameters(), any::<u64>());
        let checked = runner(64).run(&cases, |(parameters, seed)| {
            let functions = [function("now", json!({})), named(&parameters)];
            *fake.mind.lock().expect("a mind") = Mind::Noise(seed);
            let mut asked = request("act on it 12 times, or 3.5", &functions);
            asked.choice = ToolChoice::Named(1);
            asked.calls_max = 2;
            let reply = match decoder.decode(&asked, &nobody_left) {
                Ok(reply) => reply,
                // The plainest text is not of every pattern.
                Err(StockError::Unfilled { .. })
                    if has_pattern(&Type::Record(parameters.clone())) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            prop_assert!(!reply.decoded.calls.is_empty());
            let schema: Json = parameters_schema(&parameters);
            let validator = jsonschema::validator_for(&schema).expect("a valid schema");
            for call in &reply.decoded.calls {
                prop_assert_eq!(call.candidate, 1);
                prop_assert!(admits(&Type::Record(parameters.clone()), &call.arguments));
                let json = arguments_to_json(&parameters, &call.arguments);
                prop_assert!(validator.is_valid(&json), "{}", json);
                prop_assert!((0.0..=1.001).contains(&call.score));
            }
            Ok(())
        });
        checked.unwrap_or_else(|error| panic!("{spelling:?}: {error}"));
    }
}
