//! One line a case: what each row of the table in `json` reads, writes and refuses.

use hyfunc_functions::json::{
    JsonError, JsonLimits, from_json, parse_arguments, parse_json, result_from_json, to_json,
};
use hyfunc_functions::types::{
    Case, Field, FloatType, IntType, ListType, RecordType, StringType, VariantCase,
};
use hyfunc_functions::{Type, Value};
use serde_json::{Value as Json, json};

fn s64() -> Type {
    Type::Int(IntType::S64)
}

fn u8() -> Type {
    Type::Int(IntType { min: 0, max: 255 })
}

fn f64() -> Type {
    Type::Float(FloatType::default())
}

fn f32() -> Type {
    Type::Float(FloatType { single: true, min: None, max: None })
}

fn string() -> Type {
    Type::String(StringType::default())
}

fn cases(names: &[&str]) -> Vec<Case> {
    names.iter().map(|name| Case { name: (*name).to_owned(), doc: String::new() }).collect()
}

fn option(inner: Type) -> Type {
    Type::Option(Box::new(inner))
}

fn list(element: Type) -> Type {
    Type::List(ListType { element: Box::new(element), len_min: 0, len_max: None })
}

fn field(name: &str, ty: Type, required: bool) -> Field {
    Field { name: name.to_owned(), doc: String::new(), ty, required, default: None }
}

fn address() -> RecordType {
    RecordType {
        fields: vec![
            field("city", list(string()), true),
            field("zip", string(), false),
            field("note", option(string()), false),
        ],
    }
}

fn variant() -> Type {
    let case =
        |name: &str, payload| VariantCase { name: name.to_owned(), doc: String::new(), payload };
    Type::Variant(vec![case("circle", Some(f64())), case("point", None)])
}

fn result(ok: Option<Type>, err: Option<Type>) -> Type {
    Type::Result { ok: ok.map(Box::new), err: err.map(Box::new) }
}

/// JSON text, and what it is written as again; `Err` with a part of the message where refused.
type Row = (Type, &'static str, Result<&'static str, &'static str>);

fn check(rows: Vec<Row>, read: fn(&Type, &Json) -> Result<Value, JsonError>) {
    for (ty, text, wanted) in rows {
        let json = parse_json(text, &JsonLimits::default()).expect("valid JSON in a row");
        match (read(&ty, &json), wanted) {
            (Ok(value), Ok(wanted)) => {
                assert_eq!(to_json(&ty, &value).to_string(), wanted, "{text} of {ty:?}");
            }
            (Err(error), Err(part)) => {
                let message = error.to_string();
                assert!(message.contains(part), "{text} of {ty:?}: {message:?} lacks {part:?}");
            }
            (got, wanted) => panic!("{text} of {ty:?}: {got:?} instead of {wanted:?}"),
        }
    }
}

#[test]
fn booleans_and_integers() {
    check(
        vec![
            (Type::Bool, "true", Ok("true")),
            (Type::Bool, "1", Err("true or false")),
            (Type::Bool, "\"true\"", Err("without quotes")),
            (Type::Null, "null", Ok("null")),
            (Type::Null, "0", Err("expected null")),
            (u8(), "255", Ok("255")),
            (u8(), "256", Err("from 0 to 255")),
            (u8(), "-1", Err("from 0 to 255")),
            (u8(), "-0", Ok("0")),
            (u8(), "7.0", Ok("7")),
            (u8(), "7.5", Err("whole number")),
            (u8(), "\"7\"", Err("without quotes")),
            (u8(), "1e2", Ok("100")),
            (u8(), "1e300", Err("whole number")),
            (s64(), "9007199254740992", Ok("9007199254740992")),
            (s64(), "9007199254740993", Ok("\"9007199254740993\"")),
            (s64(), "\"9007199254740993\"", Ok("\"9007199254740993\"")),
            (s64(), "\"12\"", Ok("12")),
            (s64(), "\"-0\"", Ok("0")),
            (s64(), "\"012\"", Err("decimal digits alone")),
            (s64(), "\"+1\"", Err("decimal digits alone")),
            (s64(), "\" 1\"", Err("decimal digits alone")),
            (s64(), "\"\"", Err("decimal digits alone")),
            (s64(), "\"9223372036854775807\"", Ok("\"9223372036854775807\"")),
            (s64(), "\"9223372036854775808\"", Err("in this range")),
            (s64(), "9223372036854775808", Err("in this range")),
            (s64(), "-9223372036854775808", Ok("\"-9223372036854775808\"")),
            (s64(), "123456789012345678901234567890", Err("in this range")),
            (s64(), "\"340282366920938463463374607431768211456000\"", Err("decimal digits alone")),
            (Type::Int(IntType::U64), "18446744073709551615", Ok("\"18446744073709551615\"")),
            (Type::Int(IntType::U64), "\"18446744073709551616\"", Err("in this range")),
            (Type::Int(IntType::U64), "-1", Err("in this range")),
        ],
        from_json,
    );
}

#[test]
fn floats() {
    let share = Type::Float(FloatType { single: false, min: Some(0.0), max: Some(1.0) });
    check(
        vec![
            (f64(), "1", Ok("1.0")),
            (f64(), "-0", Ok("-0.0")),
            (f64(), "0.1", Ok("0.1")),
            (f64(), "1e308", Ok("1e+308")),
            (f64(), "\"1\"", Err("without quotes")),
            (f64(), "\"NaN\"", Err("must be finite")),
            (f32(), "0.1", Ok("0.1")),
            (f32(), "16777217", Ok("16777216.0")),
            (f32(), "3.4028235e38", Ok("3.4028235e+38")),
            (f32(), "3.5e38", Err("in this range")),
            (f32(), "1e-60", Ok("0.0")),
            (share.clone(), "1", Ok("1.0")),
            (share.clone(), "1.0000001", Err("from 0 to 1")),
        ],
        from_json,
    );
    check(
        vec![
            (f64(), "\"NaN\"", Ok("\"NaN\"")),
            (f64(), "\"-Infinity\"", Ok("\"-Infinity\"")),
            (f32(), "\"Infinity\"", Ok("\"Infinity\"")),
            (f64(), "\"inf\"", Err("without quotes")),
            (share, "\"NaN\"", Err("without quotes")),
        ],
        result_from_json,
    );
}

#[test]
fn strings() {
    let dated =
        Type::String(StringType { pattern: Some(r"^\d{4}$".to_owned()), ..StringType::default() });
    let short =
        Type::String(StringType { chars_min: 2, chars_max: Some(3), ..StringType::default() });
    let unchecked =
        Type::String(StringType { pattern: Some("(?=x)y".to_owned()), ..StringType::default() });
    check(
        vec![
            (Type::Char, "\"é\"", Ok("\"é\"")),
            (Type::Char, "\"\\ud83d\\ude00\"", Ok("\"😀\"")),
            (Type::Char, "\"\"", Err("exactly one")),
            (Type::Char, "\"e\\u0301\"", Err("exactly one")),
            (string(), "\"\\u0000\"", Ok("\"\\u0000\"")),
            (string(), "5", Err("in quotes")),
            (dated.clone(), "\"2026\"", Ok("\"2026\"")),
            (dated, "\"26\"", Err("matches")),
            (short.clone(), "\"é😀\"", Ok("\"é😀\"")),
            (short.clone(), "\"a\"", Err("longer")),
            (short, "\"abcd\"", Err("shorter")),
            (unchecked, "\"anything\"", Ok("\"anything\"")),
            (Type::Bytes, "\"aGk=\"", Ok("\"aGk=\"")),
            (Type::Bytes, "\"\"", Ok("\"\"")),
            (Type::Bytes, "\"aGl=\"", Ok("\"aGk=\"")),
            (Type::Bytes, "\"aGk\"", Err("padded standard base64")),
            (Type::Bytes, "\"a-_=\"", Err("padded standard base64")),
            (Type::Bytes, "[104,105]", Err("base64")),
            (Type::Enum(cases(&["a", "b"])), "\"b\"", Ok("\"b\"")),
            (Type::Enum(cases(&["a", "b"])), "\"B\"", Err("one of \"a\", \"b\"")),
            (Type::Literals(vec![json!(1), json!("1"), json!(null)]), "1.0", Ok("1")),
            (Type::Literals(vec![json!(1), json!("1"), json!(null)]), "null", Ok("null")),
            (Type::Literals(vec![json!(1)]), "true", Err("one of 1")),
            (
                Type::Literals(vec![json!({"a": [1], "b": 2})]),
                "{\"b\":2.0,\"a\":[1]}",
                Ok("{\"a\":[1],\"b\":2}"),
            ),
        ],
        from_json,
    );
}

#[test]
fn containers() {
    let bounded = Type::List(ListType { element: Box::new(u8()), len_min: 1, len_max: Some(2) });
    let pair = Type::Tuple(vec![string(), u8()]);
    let map = Type::Map(Box::new(u8()));
    let flags = Type::Flags(cases(&["read", "write", "run"]));
    check(
        vec![
            (bounded.clone(), "[1]", Ok("[1]")),
            (bounded.clone(), "[]", Err("add elements")),
            (bounded.clone(), "[1,2,3]", Err("remove elements")),
            (bounded.clone(), "[1,\"x\"]", Err("`$[1]`")),
            (bounded, "1", Err("in an array")),
            (pair.clone(), "[\"a\",1]", Ok("[\"a\",1]")),
            (pair.clone(), "[\"a\"]", Err("array of 2")),
            (pair.clone(), "[\"a\",1,2]", Err("array of 2")),
            (pair, "[1,\"a\"]", Err("`$[0]`")),
            (Type::Tuple(vec![]), "[]", Ok("[]")),
            (map.clone(), "{\"b\":1,\"a\":2}", Ok("{\"b\":1,\"a\":2}")),
            (map, "{\"a b\":true}", Err("`$[\"a b\"]`")),
            (flags.clone(), "[\"run\",\"read\"]", Ok("[\"read\",\"run\"]")),
            (flags.clone(), "[]", Ok("[]")),
            (flags.clone(), "[\"run\",\"run\"]", Err("once")),
            (flags, "[\"walk\"]", Err("remove")),
            (
                Type::Any,
                "{\"a\":[1,1.0,null,18446744073709551615]}",
                Ok("{\"a\":[1,1.0,null,18446744073709551615]}"),
            ),
        ],
        from_json,
    );
}

#[test]
fn records_and_variants() {
    let ty = Type::Record(address());
    check(
        vec![
            (ty.clone(), "{\"city\":[\"Paris\"]}", Ok("{\"city\":[\"Paris\"]}")),
            (ty.clone(), "{\"city\":[],\"note\":null}", Ok("{\"city\":[]}")),
            (ty.clone(), "{\"note\":\"x\",\"city\":[]}", Ok("{\"city\":[],\"note\":\"x\"}")),
            (ty.clone(), "{\"city\":[],\"zip\":null}", Err("leave it out")),
            (ty.clone(), "{}", Err("`$.city`: this is required")),
            (ty.clone(), "{\"city\":[\"a\",\"b\",3]}", Err("`$.city[2]`")),
            (ty.clone(), "{\"city\":[],\"Zip\":\"1\"}", Err("use one of: `city`, `zip`, `note`")),
            (ty, "[]", Err("write an object with the keys `city`")),
            (variant(), "{\"circle\":2}", Ok("{\"circle\":2.0}")),
            (variant(), "{\"point\":null}", Ok("{\"point\":null}")),
            (variant(), "{\"point\":1}", Err("`$.point`")),
            (variant(), "\"point\"", Err("with null for no payload")),
            (variant(), "{}", Err("exactly one key")),
            (variant(), "{\"circle\":1,\"point\":null}", Err("exactly one key")),
            (variant(), "{\"square\":1}", Err("`circle`, `point`")),
        ],
        from_json,
    );
}

#[test]
fn options_and_results() {
    let nested = option(option(u8()));
    let wrapped = result(Some(Type::Map(Box::new(u8()))), Some(string()));
    check(
        vec![
            (option(u8()), "null", Ok("null")),
            (option(u8()), "1", Ok("1")),
            (nested.clone(), "null", Ok("null")),
            (nested.clone(), "{\"some\":null}", Ok("{\"some\":null}")),
            (nested.clone(), "{\"some\":1}", Ok("{\"some\":1}")),
            (nested, "1", Err("{\"some\": value}")),
            (result(Some(u8()), Some(string())), "1", Ok("1")),
            (result(Some(u8()), Some(string())), "{\"error\":\"no\"}", Ok("{\"error\":\"no\"}")),
            (result(Some(u8()), None), "{\"error\":null}", Ok("{\"error\":null}")),
            (result(None, None), "null", Ok("null")),
            (wrapped.clone(), "{\"ok\":{\"error\":1}}", Ok("{\"ok\":{\"error\":1}}")),
            (wrapped.clone(), "{\"error\":\"no\"}", Ok("{\"error\":\"no\"}")),
            (wrapped, "{\"a\":1}", Err("{\"ok\": value}")),
            (option(result(None, None)), "{\"some\":null}", Ok("{\"some\":null}")),
        ],
        from_json,
    );
}

#[test]
fn alternatives_keep_what_was_written() {
    let record =
        |name: &str| Type::Record(RecordType { fields: vec![field(name, string(), true)] });
    let records = Type::OneOf(vec![record("user"), record("group")]);
    let enums = Type::OneOf(vec![Type::Enum(cases(&["a"])), Type::Enum(cases(&["b"]))]);
    let id = Type::OneOf(vec![s64(), string()]);
    check(
        vec![
            (records.clone(), "{\"group\":\"x\"}", Ok("{\"group\":\"x\"}")),
            (records.clone(), "{\"user\":\"x\"}", Ok("{\"user\":\"x\"}")),
            (records, "{\"user\":1}", Err("`$.user`")),
            (enums, "\"b\"", Ok("\"b\"")),
            (id.clone(), "\"75001\"", Ok("\"75001\"")),
            (id.clone(), "75001", Ok("75001")),
            (id, "true", Err("write one of these")),
            (Type::OneOf(vec![s64(), Type::Bool]), "\"5\"", Ok("5")),
            (Type::OneOf(vec![list(s64()), list(string())]), "[\"5\"]", Ok("[\"5\"]")),
        ],
        from_json,
    );
    let untagged = Value::String("x".to_owned());
    assert_eq!(to_json(&Type::OneOf(vec![s64(), string()]), &untagged), json!("x"));
}

#[test]
fn single_is_rounded_and_wide_integers_are_exact() {
    assert_eq!(from_json(&f32(), &json!(0.1)), Ok(Value::Float(f64::from(0.1_f32))));
    assert_eq!(
        from_json(&s64(), &json!("9007199254740993")),
        Ok(Value::Int(9_007_199_254_740_993))
    );
    assert_eq!(
        from_json(&s64(), &json!(9_007_199_254_740_993_i64)),
        Ok(Value::Int(9_007_199_254_740_993))
    );
}

#[test]
fn texts_from_outside() {
    let limits = JsonLimits { bytes_max: 200, depth_max: 4 };
    let rows = [
        ("", "required"),
        ("{\"city\":[]", "not JSON at line 1"),
        ("{\"city\":[\"\\ud800\"]}", "hex escape"),
        ("{\"city\":[\"\\ud800\\u0041\"]}", "surrogate"),
        ("{\"city\":[\"\\udc00\"]}", "not JSON"),
        ("{\"city\":[],\"city\":[\"x\"]}", "`$.city`: this key is written twice"),
        ("{\"city\":[{\"a\":1,\"a\":1}]}", "`$.city[0].a`: this key is written twice"),
        ("{\"city\":1e400}", "out of range"),
        ("{\"city\":NaN}", "not JSON"),
        ("{\"city\":[[[[[1]]]]]}", "deeper than 4 levels"),
        ("{\"city\":[]} x", "trailing"),
        ("{\"city\":[\"\u{1}\"]}", "control character"),
    ];
    for (text, part) in rows {
        let error = parse_arguments(&address(), text, &limits).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error:?} lacks {part:?}");
    }
    let long = format!("{{\"city\":[\"{}\"]}}", "x".repeat(200));
    let error = parse_arguments(&address(), &long, &limits).expect_err("too long");
    assert_eq!(error, JsonError::TooLong { bytes: long.len(), bytes_max: 200 });
    let bomb = "[".repeat(100_000);
    let default = JsonLimits::default();
    assert!(matches!(parse_json(&bomb, &default), Err(JsonError::TooDeep { depth_max: 64, .. })));
    let unbounded = JsonLimits { depth_max: usize::MAX, ..default };
    assert!(matches!(parse_json(&bomb, &unbounded), Err(JsonError::Syntax { .. })));
}

#[test]
fn depth_at_the_limit_is_read() {
    let limits = JsonLimits { bytes_max: 100, depth_max: 3 };
    assert!(parse_json("[[[1]]]", &limits).is_ok());
    assert!(parse_json("[[[[1]]]]", &limits).is_err());
    assert_eq!(parse_arguments(&RecordType::default(), " \n", &limits), Ok(Value::Record(vec![])));
}

#[test]
fn free_json_beyond_the_depth_is_refused() {
    let mut json = json!(1);
    for _ in 0..200 {
        json = json!([json]);
    }
    assert!(matches!(from_json(&Type::Any, &json), Err(JsonError::TooDeep { .. })));
}
