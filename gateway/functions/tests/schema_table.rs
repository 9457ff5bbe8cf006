//! One line a case: what schemas are written, and what is read from them.

use hyfunc_functions::Type;
use hyfunc_functions::schema::{
    SchemaError, function_from_schema, parameters_schema, read_function, read_type, result_schema,
    to_schema, type_from_schema,
};
use hyfunc_functions::types::{Case, Field, FloatType, IntType, ListType, RecordType, StringType};
use serde_json::{Value as Json, json};

fn string() -> Type {
    Type::String(StringType::default())
}

fn int(min: i128, max: i128) -> Type {
    Type::Int(IntType { min, max })
}

fn float(min: Option<f64>, max: Option<f64>) -> Type {
    Type::Float(FloatType { single: false, min, max })
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

fn map(value: Type) -> Type {
    Type::Map(Box::new(value))
}

fn field(name: &str, ty: Type, required: bool) -> Field {
    Field { name: name.to_owned(), doc: String::new(), ty, required, default: None }
}

fn check(rows: Vec<(Json, Type)>) {
    for (schema, wanted) in rows {
        let read = type_from_schema(&schema);
        assert_eq!(read.as_ref(), Ok(&wanted), "{schema}");
    }
}

#[test]
fn writes_the_design_table() {
    let shape = type_from_schema(&json!({"oneOf": [
        {"type": "object", "properties": {"circle": {"type": "number"}}, "required": ["circle"]},
        {"type": "object", "properties": {"point": {"type": "null"}}, "required": ["point"]},
    ]}))
    .expect("a variant");
    let case = |name: &str, payload: Json| json!({"type": "object", "properties": {name: payload}, "required": [name], "additionalProperties": false});
    let rows = [
        (Type::Bool, json!({"type": "boolean"})),
        (int(0, 255), json!({"type": "integer", "minimum": 0, "maximum": 255})),
        (float(None, Some(1.5)), json!({"type": "number", "maximum": 1.5})),
        (Type::Char, json!({"type": "string", "minLength": 1, "maxLength": 1})),
        (Type::Enum(cases(&["a"])), json!({"type": "string", "enum": ["a"]})),
        (Type::Literals(vec![json!(1)]), json!({"enum": [1]})),
        (
            Type::Tuple(vec![Type::Bool]),
            json!({"type": "array", "prefixItems": [{"type": "boolean"}], "items": false, "minItems": 1}),
        ),
        (option(Type::Bool), json!({"type": ["boolean", "null"]})),
        (
            option(option(Type::Bool)),
            json!({"anyOf": [{"type": "null"}, case("some", json!({"type": ["boolean", "null"]}))]}),
        ),
        (
            shape,
            json!({"oneOf": [case("circle", json!({"type": "number"})), case("point", json!({"type": "null"}))]}),
        ),
        (
            Type::Flags(cases(&["r"])),
            json!({"type": "array", "uniqueItems": true, "items": {"type": "string", "enum": ["r"]}}),
        ),
        (map(Type::Bool), json!({"type": "object", "additionalProperties": {"type": "boolean"}})),
        (
            Type::OneOf(vec![Type::Bool, Type::Null]),
            json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        ),
        (Type::Any, json!({})),
    ];
    for (ty, wanted) in rows {
        assert_eq!(to_schema(&ty), wanted, "{ty:?}");
    }
}

#[test]
fn writes_docs_defaults_and_required() {
    let unit = Type::Enum(vec![
        Case { name: "c".to_owned(), doc: "Celsius".to_owned() },
        Case { name: "f".to_owned(), doc: String::new() },
    ]);
    let mut unit = field("unit", unit, false);
    unit.doc = "The unit.".to_owned();
    unit.default = Some(json!("c"));
    let params = RecordType {
        fields: vec![field("city", string(), true), unit, field("note", option(string()), false)],
    };
    assert_eq!(
        parameters_schema(&params),
        json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["c", "f"], "description": "The unit.\n`c`: Celsius", "default": "c"},
                "note": {"type": ["string", "null"]},
            },
            "required": ["city"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn results_say_that_they_may_not_be_finite() {
    let number = json!({"anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]});
    assert_eq!(result_schema(Some(&float(None, None))), number);
    assert_eq!(result_schema(None), json!({"type": "null"}));
    let ty = Type::Result { ok: Some(Box::new(Type::Bool)), err: None };
    let error = json!({"type": "object", "properties": {"error": {"type": "null"}}, "required": ["error"], "additionalProperties": false});
    assert_eq!(result_schema(Some(&ty)), json!({"anyOf": [{"type": "boolean"}, error]}));
}

#[test]
fn reads_types_and_their_dirt() {
    check(vec![
        (json!(true), Type::Any),
        (json!({}), Type::Any),
        (json!({"description": "anything"}), Type::Any),
        (json!("string"), string()),
        (json!({"type": "None"}), Type::Null),
        (json!({"type": null}), Type::Null),
        (json!({"type": "float"}), float(None, None)),
        (json!({"type": "dict"}), map(Type::Any)),
        (json!({"type": "tuple", "items": {"type": "float"}}), list(float(None, None))),
        (json!({"type": "any"}), Type::Any),
        (json!({"type": "Boolean"}), Type::Bool),
        (json!({"type": "DataFrame"}), Type::Any),
        (json!({"type": 7}), Type::Any),
        (json!({"type": "string[]"}), list(string())),
        (json!({"type": "List[Optional[int]]"}), list(option(Type::Int(IntType::S64)))),
        (json!({"type": "Dict[str, typing.List[str]]"}), map(list(string()))),
        (json!({"type": "str | None"}), option(string())),
        (json!({"type": "Union[str, bool]"}), Type::OneOf(vec![string(), Type::Bool])),
        (json!({"type": "Tuple[str, bool]"}), Type::Tuple(vec![string(), Type::Bool])),
        (json!({"type": ["string", "null"]}), option(string())),
        (
            json!({"type": ["integer", "string"]}),
            Type::OneOf(vec![Type::Int(IntType::S64), string()]),
        ),
        (json!({"type": "string", "nullable": true}), option(string())),
        (json!({"nullable": true}), Type::Any),
        (json!({"items": {"type": "boolean"}}), list(Type::Bool)),
        (
            json!({"minLength": 3}),
            Type::String(StringType { chars_min: 3, ..StringType::default() }),
        ),
        (json!({"type": "array"}), list(Type::Any)),
        (
            json!({"type": "array", "items": [{"type": "boolean"}, {}]}),
            Type::Tuple(vec![Type::Bool, Type::Any]),
        ),
        (json!({"type": "object"}), map(Type::Any)),
        (json!({"type": "object", "properties": {}}), map(Type::Any)),
        (json!({"type": "object", "additionalProperties": {"type": "boolean"}}), map(Type::Bool)),
        (
            json!({"type": "object", "additionalProperties": false}),
            Type::Record(RecordType::default()),
        ),
        (
            json!({"type": "object", "patternProperties": {"^x": {"type": "boolean"}}}),
            map(Type::Bool),
        ),
        (json!({"type": "string", "format": "byte"}), Type::Bytes),
        (
            json!({"type": "date"}),
            Type::String(StringType { format: Some("date".to_owned()), ..StringType::default() }),
        ),
    ]);
}

#[test]
fn reads_enumerations() {
    check(vec![
        (json!({"enum": ["a", "b", "a"]}), Type::Enum(cases(&["a", "b"]))),
        (json!({"const": "a"}), Type::Enum(cases(&["a"]))),
        (json!({"const": 1}), Type::Literals(vec![json!(1)])),
        (json!({"const": null}), Type::Null),
        (json!({"enum": ["a", null]}), option(Type::Enum(cases(&["a"])))),
        (
            json!({"enum": [1, "two", null]}),
            Type::Literals(vec![json!(1), json!("two"), json!(null)]),
        ),
        (json!({"enum": [true, false]}), Type::Bool),
        (json!({"type": "integer", "enum": [1, 2, 2.0]}), Type::Literals(vec![json!(1), json!(2)])),
        (
            json!({"type": "integer", "enum": ["1", "2", "dontcare"]}),
            Type::Literals(vec![json!(1), json!(2)]),
        ),
        (json!({"type": "boolean", "enum": ["True", "False", "dontcare"]}), Type::Bool),
        (json!({"type": "integer", "enum": ["A", "B"]}), Type::Enum(cases(&["A", "B"]))),
        (json!({"type": "string", "enum": [1, 2]}), Type::Enum(cases(&["1", "2"]))),
        (json!({"type": "string", "enum": []}), string()),
        (
            json!({"type": "array", "enum": ["a", "b"], "items": {"type": "string"}}),
            list(Type::Enum(cases(&["a", "b"]))),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["a", null]}),
            option(Type::Enum(cases(&["a"]))),
        ),
        (
            json!({"type": "string", "enum": ["a"], "nullable": true}),
            option(Type::Enum(cases(&["a"]))),
        ),
        (
            json!({"oneOf": [{"const": "a", "description": "first"}, {"const": "b"}]}),
            Type::Enum(vec![
                Case { name: "a".to_owned(), doc: "first".to_owned() },
                Case { name: "b".to_owned(), doc: String::new() },
            ]),
        ),
    ]);
}

#[test]
fn reads_bounds() {
    let max = IntType::S64.max;
    check(vec![
        (json!({"type": "integer"}), Type::Int(IntType::S64)),
        (json!({"type": "integer", "minimum": 0}), int(0, max)),
        (json!({"type": "integer", "minimum": 0.5, "maximum": 9.9}), int(1, 9)),
        (json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}), int(1, 9)),
        (json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}), int(1, max)),
        (json!({"type": "integer", "minimum": 5, "exclusiveMinimum": 0}), int(5, max)),
        (json!({"type": "integer", "minimum": "3"}), int(3, max)),
        (
            json!({"type": "integer", "minimum": -1e300, "maximum": 1e300}),
            int(IntType::S64.min, IntType::U64.max),
        ),
        (
            json!({"type": "integer", "maximum": 18_446_744_073_709_551_615_u64, "minimum": 0}),
            Type::Int(IntType::U64),
        ),
        (
            json!({"type": "integer", "format": "int32"}),
            int(i128::from(i32::MIN), i128::from(i32::MAX)),
        ),
        (json!({"type": "number", "exclusiveMinimum": 0}), float(Some(f64::from_bits(1)), None)),
        (json!({"type": "number", "minimum": "many"}), float(None, None)),
        (
            json!({"allOf": [{"type": "integer", "minimum": 5}, {"minimum": 3, "maximum": 9}]}),
            int(5, 9),
        ),
    ]);
}

#[test]
fn reads_combinations() {
    let record =
        |name: &str, ty: Type| Type::Record(RecordType { fields: vec![field(name, ty, true)] });
    let point =
        json!({"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"]});
    check(vec![
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), option(string())),
        (json!({"anyOf": [{"type": "string"}]}), string()),
        (json!({"anyOf": [{"type": "string"}, {"type": "string"}]}), string()),
        (json!({"anyOf": [false, {"type": "string"}]}), string()),
        (
            json!({"type": "string", "anyOf": [{"minLength": 4}, {"format": "date"}]}),
            Type::OneOf(vec![
                Type::String(StringType { chars_min: 4, ..StringType::default() }),
                Type::String(StringType {
                    format: Some("date".to_owned()),
                    ..StringType::default()
                }),
            ]),
        ),
        (json!({"$defs": {"P": point}, "$ref": "#/$defs/P"}), record("x", Type::Bool)),
        (
            json!({"definitions": {"a/b c": point}, "$ref": "#/definitions/a~1b%20c"}),
            record("x", Type::Bool),
        ),
        (json!({"$defs": {"P": point}, "allOf": [{"$ref": "#/$defs/P"}]}), record("x", Type::Bool)),
        (
            json!({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "oneOf": [{"required": ["a"]}]}),
            record("a", Type::Bool),
        ),
        // A required key that may be null has to be written.
        (
            json!({"type": "object", "properties": {"a": {"type": ["boolean", "null"]}}, "required": ["a"]}),
            record("a", Type::OneOf(vec![Type::Bool, Type::Null])),
        ),
    ]);
}

#[test]
fn recursion_ends_in_any() {
    let schema = json!({"$defs": {"Tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Tree"}}}}, "$ref": "#/$defs/Tree"});
    let reading = read_type(&schema).expect("readable");
    assert_eq!(
        reading.read,
        Type::Record(RecordType { fields: vec![field("next", Type::Any, false)] })
    );
    assert_eq!(reading.ignored.len(), 1);
    assert_eq!(reading.ignored[0].keyword, "$ref");
    assert_eq!(type_from_schema(&json!({"$ref": "#"})), Ok(Type::Any));
    let through_all_of = json!({"$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}, {"type": "boolean"}]}}, "$ref": "#/$defs/A"});
    assert_eq!(type_from_schema(&through_all_of), Ok(Type::Bool));
}

#[test]
fn the_same_reference_twice_is_not_recursion() {
    let schema = json!({"$defs": {"B": {"type": "boolean"}}, "prefixItems": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/B"}]});
    assert_eq!(type_from_schema(&schema), Ok(Type::Tuple(vec![Type::Bool, Type::Bool])));
}

#[test]
fn refuses_what_no_type_stands_for() {
    let mut deep = json!({"type": "boolean"});
    for _ in 0..80 {
        deep = json!({"type": "array", "items": deep});
    }
    let mut bomb = json!({"d0": {"type": "boolean"}});
    for level in 1..30 {
        let below = format!("#/$defs/d{}", level - 1);
        bomb[format!("d{level}")] = json!({"prefixItems": [{"$ref": below}, {"$ref": below}]});
    }
    let rows = [
        (json!(false), "no value fits"),
        (json!(5), "a schema is an object"),
        (json!({"items": 5}), "`$.items`"),
        (json!({"type": "integer", "minimum": 2, "maximum": 1}), "no value fits"),
        (json!({"type": "number", "exclusiveMinimum": 1, "maximum": 1}), "no value fits"),
        (json!({"type": "string", "minLength": 2, "maxLength": 1}), "no value fits"),
        (json!({"type": "array", "minItems": 1, "items": false}), "no value fits"),
        (json!({"anyOf": [false, false]}), "no value fits"),
        (json!({"$ref": "https://example.com/schema.json"}), "inline what it names"),
        (json!({"properties": {"a": {"$ref": "#/$defs/Missing"}}}), "`$.properties.a`"),
        (json!({"$ref": "#/%zz"}), "inline"),
        (deep, "nested deeper than 64"),
        (json!({"$defs": bomb, "$ref": "#/$defs/d29"}), "more than 20000 parts"),
    ];
    for (schema, part) in rows {
        let error = type_from_schema(&schema).expect_err("refused").to_string();
        assert!(error.contains(part), "{schema}: {error:?} lacks {part:?}");
    }
}

#[test]
fn constraints_that_are_not_enforced_are_listed() {
    let parameters = json!({"type": "object", "additionalProperties": true, "properties": {
        "step": {"type": "integer", "multipleOf": 5},
        "one": {"type": "integer", "multipleOf": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
        "code": {"type": "string", "pattern": "(?=a)b"},
        "odd": {"not": {"type": "string"}},
        "never": false,
    }, "required": ["ghost"]});
    let reading = read_function("f", "", &parameters).expect("readable");
    let listed: Vec<(&str, &str)> = reading
        .ignored
        .iter()
        .map(|ignored| (ignored.path.as_str(), ignored.keyword.as_str()))
        .collect();
    let wanted = [
        ("$", "additionalProperties"),
        ("$", "required"),
        ("$.properties.step", "multipleOf"),
        ("$.properties.tags", "uniqueItems"),
        ("$.properties.code", "pattern"),
        ("$.properties.odd", "not"),
        ("$", "properties"),
    ];
    assert_eq!(listed, wanted);
    assert_eq!(reading.read.parameters.fields.len(), 5);
}

#[test]
fn constraints_on_all_parameters_together_are_listed_too() {
    for (keyword, value, is_listed) in [
        ("dependentRequired", json!({"a": ["b"]}), true),
        ("not", json!({"required": ["a", "b"]}), true),
        ("if", json!({"required": ["a"]}), true),
        ("minProperties", json!(1), true),
        ("minProperties", json!(0), false),
        ("maxProperties", json!(1), true),
        ("propertyNames", json!({"pattern": "^a"}), true),
        ("unevaluatedProperties", json!(false), false),
    ] {
        let string = json!({"type": "string"});
        let mut parameters = json!({"type": "object", "properties": {"a": string, "b": string}});
        parameters[keyword] = value;
        let reading = read_function("f", "", &parameters).expect("readable");
        let listed: Vec<(&str, &str)> = reading
            .ignored
            .iter()
            .map(|ignored| (ignored.path.as_str(), ignored.keyword.as_str()))
            .collect();
        let wanted = if is_listed { vec![("$", keyword)] } else { Vec::new() };
        assert_eq!(listed, wanted, "{parameters}");
    }
    // Parameters that are written alone may have the names of keywords.
    let parameters = json!({"not": {"type": "string"}, "if": {"type": "integer"}});
    let reading = read_function("f", "", &parameters).expect("readable");
    assert_eq!((reading.ignored, reading.read.parameters.fields.len()), (Vec::new(), 2));
}

#[test]
fn functions_without_parameters_and_functions_that_are_none() {
    for parameters in [
        json!(null),
        json!({}),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}}),
        json!({"type": "None"}),
    ] {
        let function = function_from_schema("f", "d", &parameters).expect("readable");
        assert_eq!((function.name.as_str(), function.description.as_str()), ("f", "d"));
        assert!(function.parameters.fields.is_empty(), "{parameters}");
    }
    for parameters in
        [json!([]), json!("x"), json!({"type": "string"}), json!({"type": "array", "items": {}})]
    {
        let error = function_from_schema("f", "", &parameters).expect_err("refused");
        assert!(matches!(error, SchemaError::NotAnObject { .. }), "{parameters}: {error}");
    }
}

#[test]
fn parameters_of_alternatives_are_all_there() {
    let parameters = json!({"type": "object", "oneOf": [
        {"properties": {"id": {"type": "string"}, "all": {"type": "boolean"}}, "required": ["id", "all"]},
        {"properties": {"name": {"type": "string"}, "all": {"type": "boolean"}}, "required": ["name", "all"]},
    ]});
    let function = function_from_schema("f", "", &parameters).expect("readable");
    let read: Vec<(&str, bool)> = function
        .parameters
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.required))
        .collect();
    assert_eq!(read, [("id", false), ("all", true), ("name", false)]);
}

#[test]
fn defaults_are_checked_against_the_type() {
    let rows = [
        (json!({"type": "integer", "default": 5}), Some(json!(5)), ""),
        (json!({"type": "integer", "default": "10"}), Some(json!(10)), ""),
        (json!({"type": "boolean", "default": "True"}), Some(json!(true)), ""),
        (json!({"type": "string", "default": null}), None, ""),
        (json!({"type": ["string", "null"], "default": null}), Some(json!(null)), ""),
        (
            json!({"type": "integer", "description": "A year.", "default": "now"}),
            None,
            "A year. (default: now)",
        ),
        (json!({"type": "string", "title": "Name"}), None, "Name"),
    ];
    for (property, default, doc) in rows {
        let parameters = json!({"type": "object", "properties": {"p": property}});
        let function = function_from_schema("f", "", &parameters).expect("readable");
        let field = &function.parameters.fields[0];
        assert_eq!((&field.default, field.doc.as_str()), (&default, doc), "{property}");
    }
}
