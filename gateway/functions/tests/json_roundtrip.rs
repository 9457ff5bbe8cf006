//! Random types, values and JSON: what is written is valid and is read back, what is valid is read.

mod support;

use hyfunc_functions::json::{admits, from_json, json_equal, result_from_json, to_json};
use hyfunc_functions::schema::{result_schema, to_schema, type_from_schema};
use hyfunc_functions::{Type, Value};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};
use support::arbitrary::{arb_json, arb_result_type, arb_type, arb_value};

/// At least 512 cases; more where `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(512), ..default }
}

fn validator(schema: &Json) -> Validator {
    jsonschema::draft202012::new(schema).expect("a valid schema")
}

fn typed_value() -> impl Strategy<Value = (Type, Value)> {
    arb_type().prop_flat_map(|ty| {
        let value = arb_value(&ty);
        (Just(ty), value)
    })
}

fn typed_result() -> impl Strategy<Value = (Type, Value)> {
    arb_result_type().prop_flat_map(|ty| {
        let value = arb_value(&ty);
        (Just(ty), value)
    })
}

/// A small damage, or none: near misses find more than random JSON does.
fn damaged(json: &Json, how: usize, at: &Index) -> Json {
    let mut json = json.clone();
    damage(&mut json, how, at, 3);
    json
}

fn damage(json: &mut Json, how: usize, at: &Index, depth: usize) {
    match json {
        Json::Array(items) if depth > 0 && !items.is_empty() && how.is_multiple_of(2) => {
            let index = at.index(items.len());
            damage(&mut items[index], how / 2, at, depth - 1);
        }
        Json::Object(map) if depth > 0 && !map.is_empty() && how.is_multiple_of(2) => {
            let index = at.index(map.len());
            if let Some(value) = map.values_mut().nth(index) {
                damage(value, how / 2, at, depth - 1);
            }
        }
        Json::Array(items) if how.is_multiple_of(3) => {
            items.pop();
        }
        Json::Array(items) => items.push(json!("x")),
        Json::Object(map) if how.is_multiple_of(3) => {
            let key = map.keys().next().cloned();
            key.map(|key| map.shift_remove(&key));
        }
        Json::Object(map) => {
            map.insert("extra".to_owned(), json!(1));
        }
        Json::String(text) if how.is_multiple_of(3) => text.push('!'),
        Json::String(text) => text.clear(),
        Json::Number(number) => match number.as_f64() {
            Some(double) if how.is_multiple_of(3) => *json = json!(double + 0.5),
            Some(double) if how.is_multiple_of(5) => *json = json!(-double),
            _ => *json = json!(number.to_string()),
        },
        Json::Bool(_) => *json = json!(null),
        Json::Null => *json = json!({}),
    }
}

/// JSON near a type: of a value, damaged or not, or anything at all.
fn typed_json() -> impl Strategy<Value = (Type, Json)> {
    (typed_value(), arb_json(), 0_usize..60, any::<Index>()).prop_map(
        |((ty, value), other, how, at)| {
            let json = to_json(&ty, &value);
            let json = match how {
                0..10 => json,
                10..50 => damaged(&json, how, &at),
                _ => other,
            };
            (ty, json)
        },
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn value_to_json_and_back((ty, value) in typed_value()) {
        prop_assert!(admits(&ty, &value), "{value:?} of {ty:?}");
        let json = to_json(&ty, &value);
        let schema = to_schema(&ty);
        if let Err(error) = validator(&schema).validate(&json) {
            prop_assert!(false, "{json} is refused by {schema}: {error}");
        }
        let read = from_json(&ty, &json);
        prop_assert_eq!(read.as_ref(), Ok(&value), "through {}", json);
    }

    #[test]
    fn value_survives_text((ty, value) in typed_value()) {
        let text = to_json(&ty, &value).to_string();
        let json: Json = serde_json::from_str(&text).expect("JSON that was just written");
        prop_assert_eq!(from_json(&ty, &json), Ok(value), "through {}", text);
    }

    #[test]
    fn result_to_json_and_back((ty, value) in typed_result()) {
        let json = to_json(&ty, &value);
        let schema = result_schema(Some(&ty));
        if let Err(error) = validator(&schema).validate(&json) {
            prop_assert!(false, "{json} is refused by {schema}: {error}");
        }
        let read = result_from_json(&ty, &json);
        prop_assert_eq!(read.as_ref(), Ok(&value), "through {}", json);
    }

    #[test]
    fn schema_and_reader_admit_the_same((ty, json) in typed_json()) {
        let schema = to_schema(&ty);
        let valid = validator(&schema).is_valid(&json);
        match from_json(&ty, &json) {
            Ok(value) => {
                prop_assert!(valid, "{json} is read as {value:?} though {schema} refuses it");
                prop_assert!(admits(&ty, &value), "{value:?} of {ty:?}");
                let written = to_json(&ty, &value);
                prop_assert!(validator(&schema).is_valid(&written), "{written} of {schema}");
            }
            Err(error) => {
                prop_assert!(!valid, "{json} fits {schema}, yet: {error}");
                prop_assert!(error.to_string().contains('$'), "no path in: {error}");
            }
        }
    }

    #[test]
    fn schema_is_read_back_as_an_equal_type((ty, json) in typed_json()) {
        let schema = to_schema(&ty);
        let again = type_from_schema(&schema).expect("a schema that was written here");
        let (first, second) = (from_json(&ty, &json), from_json(&again, &json));
        prop_assert_eq!(first.is_ok(), second.is_ok(), "{} of {:?} read as {:?}", json, ty, again);
        if let (Ok(first), Ok(second)) = (first, second) {
            let (first, second) = (to_json(&ty, &first), to_json(&again, &second));
            let both = validator(&schema);
            prop_assert!(both.is_valid(&first) && both.is_valid(&second), "{first} and {second}");
        }
    }

    #[test]
    fn second_reading_of_a_schema_changes_nothing(ty in arb_type()) {
        let once = type_from_schema(&to_schema(&ty)).expect("a schema that was written here");
        let twice = type_from_schema(&to_schema(&once)).expect("a schema that was written here");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_json_is_any(json in arb_json()) {
        let value = from_json(&Type::Any, &json).expect("any JSON");
        prop_assert!(json_equal(&to_json(&Type::Any, &value), &json));
    }

    #[test]
    fn random_json_as_a_schema_never_panics(json in arb_json(), ty in arb_type(), how in 0_usize..60, at in any::<Index>()) {
        // What comes of either is of no interest here; that it comes back is.
        let _ = type_from_schema(&json);
        let _ = type_from_schema(&damaged(&to_schema(&ty), how, &at));
    }
}
