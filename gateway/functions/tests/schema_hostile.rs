//! Schemas that would cost much more than they are long. A client sends them, so each has to end
//! soon, in little memory and on a small stack, with an error that says what is too much.

use hyfunc_functions::Type;
use hyfunc_functions::json::from_json;
use hyfunc_functions::schema::{
    Budget, SchemaError, function_from_schema, read_function_within, type_from_schema,
};
use serde_json::{Map, Value as Json, json};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("n{index}")).collect()
}

fn properties(count: usize, property: &Json) -> Map<String, Json> {
    names(count).into_iter().map(|name| (name, property.clone())).collect()
}

/// References that lead one to the next.
fn chain(length: usize) -> Json {
    let definitions: Map<String, Json> = (0..length)
        .map(|index| (format!("d{index}"), json!({"$ref": format!("#/$defs/d{}", index + 1)})))
        .chain([(format!("d{length}"), json!({"type": "string"}))])
        .collect();
    json!({"$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}})
}

/// One definition, used many times.
fn shared(definition: Json, uses: usize) -> Json {
    let used = json!({"$ref": "#/$defs/d"});
    json!({"$defs": {"d": definition}, "properties": properties(uses, &used)})
}

fn list(len_min: u64, items: &Json) -> Json {
    json!({"type": "array", "minItems": len_min, "items": items})
}

fn one(property: Json) -> Json {
    json!({"properties": {"a": property}})
}

#[test]
fn what_grows_out_of_bounds_is_refused() {
    let text = "x".repeat(300_000);
    let numbers: Vec<usize> = (0..100_000).collect();
    let string = json!({"type": "string"});
    let alternatives = |count: usize| -> Vec<Json> {
        (0..count).map(|index| json!({"type": "integer", "maximum": index})).collect()
    };
    let patterns: Map<String, Json> = names(65)
        .into_iter()
        .map(|name| (name.clone(), json!({"type": "string", "pattern": name})))
        .collect();
    for (parameters, words) in [
        (one(json!({"enum": names(100_000)})), "20000 parts"),
        (one(json!({"enum": numbers})), "20000 parts"),
        (one(json!({"type": vec!["string"; 100_000]})), "20000 parts"),
        (json!({"properties": {"a": string}, "required": names(100_000)}), "20000 parts"),
        (json!({"properties": properties(30_000, &string)}), "20000 parts"),
        (one(json!({"anyOf": alternatives(30_000)})), "20000 parts"),
        (chain(100), "nested deeper than 64 schemas"),
        (chain(15_000), "nested deeper than 64 schemas"),
        (shared(json!({"enum": names(1_000)}), 5_000), "20000 parts"),
        (shared(json!({"type": "string", "description": text}), 5_000), "67108864 bytes"),
        (shared(json!({"type": "array", "default": numbers}), 5_000), "67108864 bytes"),
        (shared(json!({"minimum": text}), 5_000), "67108864 bytes"),
        (
            one(json!({"x": properties(10_000, &json!(0)), "anyOf": alternatives(5_000)})),
            "67108864 bytes",
        ),
        (
            one(json!({
                "anyOf": names(2_000).iter().map(|name| json!({
                    "type": "array", "items": {"type": "string", "enum": [name]},
                })).collect::<Vec<_>>(),
                "default": vec!["n0"; 10_000],
            })),
            "67108864 bytes",
        ),
        (json!({"properties": patterns}), "more than 64 different patterns"),
        (one(list(u64::from(u32::MAX), &json!({"type": "null"}))), "20000 parts"),
        (one(list(1 << 60, &json!({}))), "20000 parts"),
        (one(list(200, &list(200, &json!({"type": "null"})))), "20000 parts"),
        (one(list(9, &list(9, &list(9, &list(9, &list(9, &json!({}))))))), "20000 parts"),
        (
            one(json!({"prefixItems": [{}], "type": "array", "minItems": 4_000_000_000_u64})),
            "20000 parts",
        ),
    ] {
        let error = function_from_schema("f", "", &parameters).expect_err("too much");
        let (error, mut shown) = (error.to_string(), parameters.to_string());
        shown.truncate(80);
        assert!(error.contains(words), "{shown}: {error}");
        assert!(error.len() < 1_000, "{shown}: an error of {} bytes", error.len());
    }
}

#[test]
fn what_is_only_large_is_read() {
    let string = json!({"type": "string"});
    for (parameters, fields) in [
        (one(json!({"enum": names(10_000)})), 1),
        (json!({"properties": properties(5_000, &string), "required": names(5_000)}), 5_000),
        (
            json!({"allOf": properties(2_000, &json!({})).keys().map(|name| {
            json!({"properties": {name: {"type": "string"}}})
        }).collect::<Vec<_>>()}),
            2_000,
        ),
        (one(list(1_000, &json!({"type": "integer"}))), 1),
        (shared(json!({"type": "string", "pattern": "^a+$"}), 5_000), 5_000),
        (chain(60), 1),
    ] {
        let function = function_from_schema("f", "", &parameters).expect("readable");
        assert_eq!(function.parameters.fields.len(), fields);
    }
}

/// Of flags, each is a question of its own.
#[test]
fn a_list_without_repetition_of_very_many_options_is_a_list() {
    for (options, is_flags) in [(1, true), (64, true), (65, false), (5_000, false)] {
        let schema = json!({
            "type": "array", "uniqueItems": true, "items": {"enum": names(options)},
        });
        let reading = hyfunc_functions::schema::read_type(&schema).expect("readable");
        assert_eq!(matches!(reading.read, Type::Flags(_)), is_flags, "{options}");
        assert_eq!(matches!(reading.read, Type::List(_)), !is_flags, "{options}");
        assert_eq!(reading.ignored.is_empty(), is_flags, "{options}: {:?}", reading.ignored);
    }
}

#[test]
fn functions_of_one_request_share_their_budget() {
    let parameters = one(json!({"enum": names(9_000)}));
    let mut budget = Budget::default();
    let mut read = || read_function_within("f", "", &parameters, &mut budget).map(|_| ());
    assert_eq!(read(), Ok(()));
    assert_eq!(read(), Ok(()));
    assert!(matches!(read(), Err(SchemaError::TooLarge { .. })));
}

#[test]
fn ignored_constraints_do_not_pile_up() {
    let key = "k".repeat(200_000);
    let mut values = vec![json!("a")];
    values.resize(15_000, json!({"not": "a string"}));
    let parameters = json!({"properties": {key: {"type": "string", "enum": values}}});
    let reading = hyfunc_functions::schema::read_function("f", "", &parameters).expect("readable");
    let bytes: usize = reading.ignored.iter().map(|ignored| ignored.path.len()).sum();
    assert!(bytes < 15_000 * 200, "paths of {bytes} bytes");
}

#[test]
fn the_smallest_integer_of_all_is_no_overflow() {
    let wide = json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]});
    let ty = type_from_schema(&wide).expect("readable");
    for text in [i128::MIN.to_string(), i128::MAX.to_string(), i64::MIN.to_string()] {
        let mut schema = wide.clone();
        schema["default"] = json!(text);
        let function = function_from_schema("f", "", &one(schema)).expect("readable");
        assert_eq!(function.parameters.fields.len(), 1);
        assert_eq!(from_json(&ty, &json!(text)).is_ok(), text == i64::MIN.to_string(), "{text}");
    }
}

#[test]
fn bounds_beyond_the_last_number_fit_nothing() {
    for (schema, fits) in [
        (json!({"type": "number", "minimum": f64::MAX}), true),
        (json!({"type": "number", "exclusiveMinimum": f64::MAX}), false),
        (json!({"type": "number", "exclusiveMaximum": f64::MIN}), false),
        (json!({"type": "number", "maximum": f64::MIN}), true),
        (json!({"type": "integer", "exclusiveMinimum": u64::MAX}), false),
        (json!({"type": "integer", "exclusiveMaximum": i64::MIN}), false),
        (json!({"type": "integer", "minimum": 1e300}), false),
        (json!({"type": "integer", "maximum": -1e300}), false),
    ] {
        match type_from_schema(&schema) {
            Ok(ty) => assert!(fits, "{schema} was read as {ty:?}"),
            Err(error) => {
                assert!(!fits && matches!(error, SchemaError::Nothing { .. }), "{schema}: {error}");
            }
        }
    }
}

#[test]
fn spelled_out_types_end() {
    let nested = "List[".repeat(28);
    let closed = format!("{nested}str{}", "]".repeat(28));
    let deep = "[]".repeat(100);
    let many = "a|".repeat(100);
    for (name, words) in [
        (nested.as_str(), None),
        (&closed, None),
        (&deep, Some("nested deeper")),
        (&many, None),
        ("Tuple[,,]", None),
        ("é[é]", None),
        ("List[é", None),
    ] {
        let read = type_from_schema(&json!({"type": name})).map_err(|error| error.to_string());
        match words {
            None => assert!(read.is_ok(), "{name}: {read:?}"),
            Some(words) => assert!(read.is_err_and(|error| error.contains(words)), "{name}"),
        }
    }
}
