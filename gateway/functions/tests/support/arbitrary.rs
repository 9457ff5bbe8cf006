//! Random types, and random values of a type.

use std::collections::BTreeSet;

use hyfunc_functions::json::{from_json, to_json};
use hyfunc_functions::types::{
    Case, Field, FloatType, IntType, ListType, RecordType, StringType, VariantCase,
};
use hyfunc_functions::{Type, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::string::string_regex;
use serde_json::{Value as Json, json};

/// Names of fields and cases: a person's, and those that JSON Schema and our own encodings use.
pub fn arb_name() -> BoxedStrategy<String> {
    let keywords = vec![
        "error",
        "ok",
        "some",
        "type",
        "properties",
        "items",
        "default",
        "required",
        "enum",
        "const",
    ];
    prop_oneof![
        4 => string_regex("[a-z][a-z0-9_]{0,7}").expect("a fixed pattern"),
        1 => select(keywords).prop_map(str::to_owned),
    ]
    .boxed()
}

/// Distinct names, `min` to `max` of them.
pub fn arb_names(min: usize, max: usize) -> BoxedStrategy<Vec<String>> {
    vec(arb_name(), min..=max)
        .prop_map(|names| {
            let mut seen = BTreeSet::new();
            names.into_iter().filter(|name| seen.insert(name.clone())).collect()
        })
        .boxed()
}

/// A type as parameters have it: no `Result`, no empty enum, no optional that is required.
pub fn arb_type() -> impl Strategy<Value = Type> {
    arb_leaf().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            3 => arb_list(inner.clone()),
            2 => vec(inner.clone(), 0..4).prop_map(Type::Tuple),
            4 => arb_record_of(inner.clone()).prop_map(Type::Record),
            2 => inner.clone().prop_map(|ty| Type::Option(Box::new(ty))),
            2 => arb_variant(inner.clone()),
            1 => inner.clone().prop_map(|ty| Type::Map(Box::new(ty))),
            1 => vec(inner, 1..4).prop_map(Type::OneOf),
        ]
    })
}

/// A type as results have it: `Result` too, at any depth.
pub fn arb_result_type() -> impl Strategy<Value = Type> {
    let payload = || proptest::option::of(arb_type().prop_map(Box::new));
    let result = (payload(), payload()).prop_map(|(ok, err)| Type::Result { ok, err }).boxed();
    prop_oneof![
        2 => arb_type().boxed(),
        2 => result.clone(),
        1 => result.prop_map(|ty| Type::Option(Box::new(ty))).boxed(),
    ]
}

/// Parameters of a function: up to five fields.
pub fn arb_parameters() -> impl Strategy<Value = RecordType> {
    arb_record_of(arb_type().boxed())
}

fn arb_leaf() -> BoxedStrategy<Type> {
    prop_oneof![
        1 => Just(Type::Null),
        3 => Just(Type::Bool),
        4 => arb_int().prop_map(Type::Int),
        3 => arb_float().prop_map(Type::Float),
        1 => Just(Type::Char),
        5 => arb_string_type().prop_map(Type::String),
        1 => Just(Type::Bytes),
        3 => arb_cases().prop_map(Type::Enum),
        1 => arb_literals(),
        1 => arb_cases().prop_map(Type::Flags),
        1 => Just(Type::Any),
    ]
    .boxed()
}

fn arb_int() -> BoxedStrategy<IntType> {
    let wit = vec![
        IntType { min: 0, max: 255 },
        IntType { min: i128::from(i8::MIN), max: i128::from(i8::MAX) },
        IntType { min: 0, max: i128::from(u32::MAX) },
        IntType { min: i128::from(i32::MIN), max: i128::from(i32::MAX) },
        IntType::S64,
        IntType::U64,
    ];
    prop_oneof![
        3 => select(wit),
        1 => (any::<i64>(), any::<i64>()).prop_map(|(a, b)| IntType {
            min: i128::from(a.min(b)),
            max: i128::from(a.max(b)),
        }),
        1 => (-20_i128..20, 0_i128..40).prop_map(|(min, span)| IntType { min, max: min + span }),
    ]
    .boxed()
}

fn arb_float() -> BoxedStrategy<FloatType> {
    prop_oneof![
        2 => Just(FloatType::default()),
        1 => Just(FloatType { single: true, min: None, max: None }),
        1 => (-1e6_f64..1e6, 0.0_f64..1e6).prop_map(|(min, span)| FloatType {
            single: false,
            min: Some(min),
            max: Some(min + span),
        }),
    ]
    .boxed()
}

fn arb_string_type() -> BoxedStrategy<StringType> {
    let patterns = vec!["^[a-z]{2,4}$", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "[A-Z][a-z]*", "^a|b$"];
    prop_oneof![
        4 => Just(StringType::default()),
        1 => (0_u32..4, proptest::option::of(0_u32..4)).prop_map(|(chars_min, span)| StringType {
            chars_min,
            chars_max: span.map(|span| chars_min + span),
            ..StringType::default()
        }),
        1 => select(patterns).prop_map(|pattern| StringType {
            pattern: Some(pattern.to_owned()),
            ..StringType::default()
        }),
        1 => select(vec!["date", "email", "uri"]).prop_map(|format| StringType {
            format: Some(format.to_owned()),
            ..StringType::default()
        }),
    ]
    .boxed()
}

fn arb_doc() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), string_regex("[A-Z][a-z ]{0,12}").expect("a fixed pattern")]
        .boxed()
}

fn arb_cases() -> BoxedStrategy<Vec<Case>> {
    (arb_names(1, 5), arb_doc())
        .prop_map(|(names, doc)| {
            names.into_iter().map(|name| Case { name, doc: doc.clone() }).collect()
        })
        .boxed()
}

fn arb_literals() -> BoxedStrategy<Type> {
    let pool = vec![
        json!(1),
        json!(-7),
        json!(2.5),
        json!("a"),
        json!("1"),
        json!(true),
        json!(null),
        json!([1, "x"]),
        json!({"k": [0]}),
    ];
    subsequence(pool, 1..5)
        .prop_filter("strings alone are an enum", |literals| {
            literals.iter().any(|literal| !literal.is_string())
        })
        .prop_map(Type::Literals)
        .boxed()
}

fn arb_list(element: BoxedStrategy<Type>) -> BoxedStrategy<Type> {
    (element, 0_u32..3, proptest::option::of(0_u32..3))
        .prop_map(|(element, len_min, span)| {
            Type::List(ListType {
                element: Box::new(element),
                len_min,
                len_max: span.map(|span| len_min + span),
            })
        })
        .boxed()
}

fn arb_record_of(ty: BoxedStrategy<Type>) -> BoxedStrategy<RecordType> {
    arb_names(0, 5)
        .prop_flat_map(move |names| {
            let count = names.len();
            let parts = vec((ty.clone(), any::<bool>(), arb_doc()), count..=count);
            (Just(names), parts)
        })
        .prop_map(|(names, parts)| RecordType {
            fields: names
                .into_iter()
                .zip(parts)
                .map(|(name, (ty, required, doc))| {
                    let required = required && !matches!(ty, Type::Option(_));
                    Field { name, doc, ty, required, default: None }
                })
                .collect(),
        })
        .boxed()
}

fn arb_variant(payload: BoxedStrategy<Type>) -> BoxedStrategy<Type> {
    arb_names(1, 4)
        .prop_flat_map(move |names| {
            let count = names.len();
            let payloads = vec(proptest::option::of(payload.clone()), count..=count);
            (Just(names), payloads, arb_doc())
        })
        .prop_map(|(names, payloads, doc)| {
            Type::Variant(
                names
                    .into_iter()
                    .zip(payloads)
                    .map(|(name, payload)| VariantCase { name, doc: doc.clone(), payload })
                    .collect(),
            )
        })
        .boxed()
}

/// A value that `ty` admits. Floats are finite; every `OneOf` value is the one that its own JSON
/// is read as, so that a round trip can be asked to give back an equal value.
pub fn arb_value(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Null => Just(Value::Null).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Int(int) => arb_int_value(*int),
        Type::Float(float) => arb_float_value(*float),
        Type::Char => any::<char>().prop_map(Value::Char).boxed(),
        Type::String(string) => arb_string_value(string).prop_map(Value::String).boxed(),
        Type::Bytes => vec(any::<u8>(), 0..12).prop_map(Value::Bytes).boxed(),
        Type::Enum(cases) => (0..cases.len()).prop_map(Value::Enum).boxed(),
        Type::Literals(literals) => (0..literals.len()).prop_map(Value::Literal).boxed(),
        Type::List(list) => {
            let min = list.len_min as usize;
            let max = list.len_max.map_or(min + 3, |max| max as usize);
            vec(arb_value(&list.element), min..=max).prop_map(Value::List).boxed()
        }
        Type::Tuple(types) => {
            types.iter().map(arb_value).collect::<Vec<_>>().prop_map(Value::Tuple).boxed()
        }
        Type::Record(record) => arb_record_value(record),
        Type::Option(inner) => proptest::option::of(arb_value(inner).prop_map(Box::new))
            .prop_map(Value::Option)
            .boxed(),
        Type::Variant(cases) => arb_variant_value(cases),
        Type::Flags(cases) => {
            let all: Vec<usize> = (0..cases.len()).collect();
            let count = all.len();
            subsequence(all, 0..=count).prop_map(Value::Flags).boxed()
        }
        Type::Result { ok, err } => {
            let side = |ty: &Option<Box<Type>>| match ty {
                Some(ty) => arb_value(ty).prop_map(|value| Some(Box::new(value))).boxed(),
                None => Just(None).boxed(),
            };
            prop_oneof![side(ok).prop_map(Ok), side(err).prop_map(Err)]
                .prop_map(Value::Result)
                .boxed()
        }
        Type::Map(inner) => (arb_names(0, 4), vec(arb_value(inner), 4..=4))
            .prop_map(|(keys, values)| Value::Map(keys.into_iter().zip(values).collect()))
            .boxed(),
        Type::OneOf(types) => arb_one_of_value(types),
        Type::Any => arb_free_value(),
    }
}

fn arb_int_value(int: IntType) -> BoxedStrategy<Value> {
    let edges: Vec<i128> = [int.min, int.max, 0, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1]
        .into_iter()
        .filter(|edge| (int.min..=int.max).contains(edge))
        .collect();
    prop_oneof![1 => select(edges), 2 => int.min..=int.max].prop_map(Value::Int).boxed()
}

fn arb_float_value(float: FloatType) -> BoxedStrategy<Value> {
    use proptest::num::{f32, f64};
    match (float.single, float.min, float.max) {
        (true, ..) => (f32::NORMAL | f32::SUBNORMAL | f32::ZERO)
            .prop_map(|single| Value::Float(f64::from(single)))
            .boxed(),
        (false, Some(min), Some(max)) => (min..=max).prop_map(Value::Float).boxed(),
        (false, min, max) => (f64::NORMAL | f64::SUBNORMAL | f64::ZERO)
            .prop_map(move |double| {
                let raised = min.map_or(double, |min| double.max(min));
                Value::Float(max.map_or(raised, |max| raised.min(max)))
            })
            .boxed(),
    }
}

fn arb_string_value(string: &StringType) -> BoxedStrategy<String> {
    if let Some(pattern) = &string.pattern {
        let inner = pattern.trim_start_matches('^').trim_end_matches('$');
        let first = inner.split('|').next().expect("split gives one part at least");
        return string_regex(first).expect("a pattern that proptest reads").boxed();
    }
    let min = string.chars_min as usize;
    let max = string.chars_max.map_or(min + 6, |max| max as usize);
    let hostile =
        vec!['"', '\\', '\n', '\u{0}', '<', '>', '/', '{', '}', '⟦', '\u{1F600}', '\u{FEFF}'];
    let one =
        prop_oneof![4 => proptest::char::range('a', 'z'), 1 => any::<char>(), 1 => select(hostile)];
    vec(one, min..=max).prop_map(|chars| chars.into_iter().collect()).boxed()
}

fn arb_record_value(record: &RecordType) -> BoxedStrategy<Value> {
    record
        .fields
        .iter()
        .map(|field| {
            let value = arb_value(&field.ty);
            if field.required || matches!(field.ty, Type::Option(_)) {
                value.prop_map(Some).boxed()
            } else {
                proptest::option::of(value).boxed()
            }
        })
        .collect::<Vec<_>>()
        .prop_map(Value::Record)
        .boxed()
}

fn arb_variant_value(cases: &[VariantCase]) -> BoxedStrategy<Value> {
    let cases: Vec<BoxedStrategy<Value>> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| match &case.payload {
            Some(ty) => arb_value(ty)
                .prop_map(move |value| Value::Variant(index, Some(Box::new(value))))
                .boxed(),
            None => Just(Value::Variant(index, None)).boxed(),
        })
        .collect();
    select(cases).prop_flat_map(|case| case).boxed()
}

fn arb_one_of_value(types: &[Type]) -> BoxedStrategy<Value> {
    let ty = Type::OneOf(types.to_vec());
    let alternatives: Vec<BoxedStrategy<Value>> = types
        .iter()
        .enumerate()
        .map(|(index, alternative)| {
            arb_value(alternative)
                .prop_map(move |value| Value::Variant(index, Some(Box::new(value))))
                .boxed()
        })
        .collect();
    select(alternatives)
        .prop_flat_map(|value| value)
        .prop_map(move |value| settle(&ty, value))
        .boxed()
}

/// The value that the JSON of `value` is read as; an earlier alternative may admit it.
fn settle(ty: &Type, mut value: Value) -> Value {
    for _ in 0..4 {
        let json = to_json(ty, &value);
        let read = from_json(ty, &json).expect("a value's JSON is read by its own type");
        if read == value {
            break;
        }
        value = read;
    }
    value
}

fn arb_free_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|int| Value::Int(i128::from(int))),
        any::<u64>().prop_map(|int| Value::Int(i128::from(int))),
        arb_float_value(FloatType::default()),
        arb_string_value(&StringType::default()).prop_map(Value::String),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::List),
            (arb_names(0, 3), vec(inner, 3..=3))
                .prop_map(|(keys, values)| Value::Map(keys.into_iter().zip(values).collect())),
        ]
    })
    .boxed()
}

/// Any JSON, small.
pub fn arb_json() -> BoxedStrategy<Json> {
    arb_free_value().prop_map(|value| to_json(&Type::Any, &value)).boxed()
}
