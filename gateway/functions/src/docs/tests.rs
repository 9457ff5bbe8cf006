use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::function::Export;
use crate::types::{Case, Field, IntType, RecordType, StringType, Type};

/// A component of nothing but its header.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn section(name: &str, data: &[u8]) -> Vec<u8> {
    section::replace(EMPTY, name, data).unwrap()[EMPTY.len()..].to_vec()
}

fn with_section(data: &[u8]) -> Vec<u8> {
    section::replace(EMPTY, SECTION_NAME, data).unwrap()
}

fn field(name: &str, ty: Type) -> Field {
    let required = !matches!(ty, Type::Option(_));
    Field { name: name.to_owned(), doc: String::new(), ty, required, default: None }
}

fn find_city() -> Function {
    let unit = Type::Enum(vec![
        Case { name: "celsius".to_owned(), doc: String::new() },
        Case { name: "fahrenheit".to_owned(), doc: String::new() },
    ]);
    let place = RecordType { fields: vec![field("city", Type::String(StringType::default()))] };
    Function {
        name: "cities_find_city".to_owned(),
        description: String::new(),
        parameters: RecordType {
            fields: vec![
                field("place", Type::Option(Box::new(Type::Record(place)))),
                field("unit", unit),
                field("limit", Type::Option(Box::new(Type::Int(IntType::U64)))),
            ],
        },
        returns: Some(Type::Bool),
        examples: Vec::new(),
        reply: None,
        export: Some(Export {
            interface: Some("hyfunc:geo/cities@0.1.0".to_owned()),
            function: "find-city".to_owned(),
        }),
    }
}

const KEY: &str = "hyfunc:geo/cities@0.1.0#find-city";

fn docs_of(function: Json) -> Docs {
    serde_json::from_value(json!({"version": 1, "functions": {KEY: function}})).unwrap()
}

#[test]
fn docs_reach_every_part() {
    let docs = docs_of(json!({
        "summary": "Finds a city.",
        "params": {
            "place": {"doc": "where", "of": {"fields": {"city": {"doc": "its name"}}}},
            "unit": {"doc": "of temperatures", "of": {"cases": {"celsius": {"doc": "the usual one"}}}},
            "limit": {"default": 5}
        },
        "examples": [{"utterance": "find Paris", "arguments": {"place": {"city": "Paris"}, "unit": "celsius"}}],
        "reply": "{{ result }}"
    }));
    let mut functions = [find_city()];
    apply(&docs, &mut functions, &[]).unwrap();
    let [function] = functions;
    assert_eq!(function.description, "Finds a city.");
    let [place, unit, limit] = function.parameters.fields.as_slice() else { panic!("three") };
    assert_eq!(place.doc, "where");
    let Type::Option(some) = &place.ty else { panic!("option") };
    let Type::Record(record) = &**some else { panic!("record") };
    assert_eq!(record.fields[0].doc, "its name");
    let Type::Enum(cases) = &unit.ty else { panic!("enum") };
    assert_eq!((cases[0].doc.as_str(), cases[1].doc.as_str()), ("the usual one", ""));
    assert_eq!(limit.default, Some(json!(5)));
    assert_eq!(function.examples[0].utterance, "find Paris");
    assert_eq!(function.reply.as_deref(), Some("{{ result }}"));
}

#[test]
fn docs_that_lie_are_named() {
    for (said, part) in [
        (
            json!({"params": {"plaice": {"doc": "x"}}}),
            "there is no parameter `plaice`; there is `place`, `unit`, `limit`",
        ),
        (
            json!({"params": {"unit": {"of": {"cases": {"kelvin": {"doc": "x"}}}}}}),
            "no case of parameter `unit` `kelvin`",
        ),
        (
            json!({"params": {"unit": {"of": {"fields": {"a": {"doc": "x"}}}}}}),
            "no field of parameter `unit` `a`; there is none",
        ),
        (
            json!({"params": {"place": {"of": {"fields": {"town": {"doc": "x"}}}}}}),
            "no field of parameter `place` `town`; there is `city`",
        ),
        (
            json!({"params": {"place": {"of": {"cases": {"town": {"doc": "x"}}}}}}),
            "no case of parameter `place` `town`",
        ),
        (
            json!({"params": {"limit": {"of": {"cases": {"a": {"doc": "x"}}}}}}),
            "no case of parameter `limit` `a`",
        ),
        (json!({"params": {"unit": {"of": {"items": [{}]}}}}), "no item of parameter `unit`"),
        (json!({"params": {"unit": {"default": "celsius"}}}), "must be given"),
        (json!({"params": {"limit": {"default": "five"}}}), "`@default limit` does not fit"),
        (
            json!({"examples": [{"utterance": "u", "arguments": {"unit": "kelvin"}}]}),
            "`@example \"u\"` do not fit",
        ),
        (json!({"examples": [{"utterance": "u", "arguments": {}}]}), "`@example \"u\"` do not fit"),
        (
            json!({"examples": [{"utterance": "u", "arguments": {"unit": "celsius", "x": 1}}]}),
            "`@example \"u\"` do not fit",
        ),
        (json!({"reply": "{{ temperature }}"}), "uses `temperature`"),
        (json!({"reply": "{{ result"}), "`@reply`"),
        (json!({"returns": {"fields": {"a": {"doc": "x"}}}}), "no field of its result `a`"),
    ] {
        let error = check(&docs_of(said.clone()), &[find_city()], &[]).unwrap_err().to_string();
        assert!(error.contains(part), "{said}: {error}");
        assert!(error.contains(KEY), "{error}");
    }
}

#[test]
fn docs_of_other_functions() {
    let mut docs = Docs::default();
    docs.functions.insert("lose-city".to_owned(), FunctionDocs::default());
    let error = check(&docs, &[find_city()], &[]).unwrap_err();
    assert!(
        matches!(&error, DocsError::UnknownFunction { exported, .. } if exported.contains(KEY))
    );
    let refused = Refusal { name: "lose-city".to_owned(), reason: "it streams".to_owned() };
    assert_eq!(check(&docs, &[find_city()], &[refused]), Ok(()));
}

#[test]
fn sections_that_are_no_docs() {
    for (data, part) in [
        (&b"not json"[..], "cannot be read"),
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "missing field `version`"),
        (br#"{"version": 2, "novel": 1}"#, "version 2"),
        (br#"{"version": 1, "novel": 1}"#, "unknown field `novel`"),
        (br#"{"version": 1, "functions": {"f": {"parms": {}}}}"#, "unknown field `parms`"),
        (b"\xff\xfe", "cannot be read"),
    ] {
        let error = extract(&with_section(data)).unwrap_err().to_string();
        assert!(error.contains(part), "{}: {error}", String::from_utf8_lossy(data));
    }
    let nested = format!("{{\"version\": 1, \"functions\": {}1", "{\"a\":".repeat(100_000));
    assert!(matches!(extract(&with_section(nested.as_bytes())), Err(DocsError::Unreadable { .. })));
    let large = vec![b' '; DOCS_BYTES_MAX + 1];
    assert!(matches!(extract(&with_section(&large)), Err(DocsError::TooLarge { .. })));

    let mut twice = with_section(br#"{"version": 1}"#);
    twice.extend(section(SECTION_NAME, br#"{"version": 1}"#));
    assert_eq!(extract(&twice), Err(DocsError::Repeated));
    let packed = inject(&twice, &Docs::default()).unwrap();
    assert_eq!(extract(&packed), Ok(Some(Docs::default())));
}

#[test]
fn bytes_that_are_no_component() {
    for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"hello", b"\0asm"] {
        assert_eq!(extract(bytes), Err(DocsError::Damaged { offset: 0 }));
        assert_eq!(inject(bytes, &Docs::default()), Err(DocsError::Damaged { offset: 0 }));
    }
    for tail in [&[0u8][..], &[0, 5], &[0, 0x80], &[0, 0xff, 0xff, 0xff, 0xff, 0x7f], &[1, 2, 3]] {
        let bytes = [EMPTY, tail].concat();
        assert_eq!(extract(&bytes), Err(DocsError::Damaged { offset: 8 }), "{tail:?}");
    }
    assert_eq!(extract(EMPTY), Ok(None));
}

/// Tools for dynamic languages leave functions of their own among a component's exports.
#[test]
fn exports_that_the_packed_wit_does_not_name_are_not_offered() {
    let init = || Function {
        name: "init".to_owned(),
        export: Some(Export { interface: None, function: "init".to_owned() }),
        ..find_city()
    };
    let attached = |docs: &Docs| {
        let component = inject(EMPTY, docs).unwrap();
        let (mut functions, mut refused) = (vec![find_city(), init()], Vec::new());
        attach(&component, &mut functions, &mut refused).unwrap();
        let names = |function: Function| function.name;
        (functions.into_iter().map(names).collect::<Vec<_>>(), refused)
    };
    let (offered, refused) = attached(&docs_of(json!({})));
    assert_eq!(offered, ["cities_find_city"]);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].name == "init" && refused[0].reason.contains("does not name it"));
    let (offered, refused) = attached(&Docs::default());
    assert_eq!((offered.len(), refused.len()), (2, 0), "docs that say nothing hide nothing");
}

#[test]
fn package_docs_serve_where_there_is_nothing_else() {
    let text = json!({"interfaces": {"cities": {"funcs": {
        "find-city": {"docs": "Finds a city.\n@param unit of temperatures"}
    }}}});
    let data = format!("\u{1}{text}");
    let component = [EMPTY, &section("package-docs", data.as_bytes())].concat();
    let mut functions = vec![find_city()];
    let attached = attach(&component, &mut functions, &mut Vec::new());
    assert_eq!(attached, Ok(DocsSource::PackageDocs));
    assert_eq!(functions[0].description, "Finds a city.");
    assert_eq!(functions[0].parameters.fields[1].doc, "of temperatures");

    for data in
        [&b""[..], b"\x01", b"\x01nonsense", b"\x02{}", b"\x01[]", b"\x01{\"interfaces\": 3}"]
    {
        let component = [EMPTY, &section("package-docs", data)].concat();
        let mut functions = vec![find_city()];
        assert_eq!(attach(&component, &mut functions, &mut Vec::new()), Ok(DocsSource::None));
        assert_eq!(functions, [find_city()]);
    }
}

/// Every function looks through the worlds, so a hostile million of them is not.
#[test]
fn package_docs_of_more_worlds_than_there_can_be_are_left() {
    for (others, described) in [(0, true), (63, true), (64, false), (50_000, false)] {
        let mut worlds: Map<String, Json> =
            (0..others).map(|index| (format!("w{index}"), json!({}))).collect();
        let funcs = json!({"find-city": {"docs": "Finds."}});
        worlds.insert("z".to_owned(), json!({"interface_exports": {"cities": {"funcs": funcs}}}));
        let data = format!("\u{1}{}", json!({"worlds": worlds}));
        let mut functions = [find_city()];
        assert_eq!(package::describe(data.as_bytes(), &mut functions), described, "{others}");
    }
}

/// Sections of three bytes each: a megabyte of them is read without a list of them.
#[test]
fn many_small_sections_are_gone_through() {
    let component = [EMPTY, &[0_u8, 1, 0].repeat(300_000)].concat();
    assert_eq!(extract(&component), Ok(None));
    let packed = inject(&component, &Docs::default()).unwrap();
    assert_eq!(extract(&packed), Ok(Some(Docs::default())));
    let cut = &component[..component.len() - 1];
    assert_eq!(extract(cut), Err(DocsError::Damaged { offset: component.len() - 3 }));
}

#[test]
fn package_docs_that_do_not_fit_give_the_summary() {
    for (text, description) in [
        ("Finds.\n@param nothing x", "Finds."),
        ("Finds.\n@since 0.2", "Finds.\n@since 0.2"),
        ("Finds.\n@example \"u\" {\"unit\": 3}", "Finds."),
    ] {
        let root = json!({"interfaces": {"cities": {"funcs": {"find-city": text}}}});
        let data = format!("\u{0}{root}");
        let mut functions = [find_city()];
        assert!(package::describe(data.as_bytes(), &mut functions));
        assert_eq!(functions[0].description, description);
        assert!(functions[0].examples.is_empty());
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            proptest::collection::vec((any::<String>(), inner), 0..3)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_type_docs() -> impl Strategy<Value = TypeDocs> {
    Just(TypeDocs::default()).prop_recursive(3, 8, 3, |inner| {
        let parts = proptest::collection::btree_map(
            any::<String>(),
            (any::<String>(), inner.clone()).prop_map(|(doc, of)| PartDocs { doc, of }),
            0..3,
        );
        (parts.clone(), parts, proptest::collection::vec(inner, 0..2))
            .prop_map(|(fields, cases, items)| TypeDocs { fields, cases, items })
    })
}

fn any_function_docs() -> impl Strategy<Value = FunctionDocs> {
    let param = (any::<String>(), proptest::option::of(any_json()), any_type_docs())
        .prop_map(|(doc, default, of)| ParamDocs { doc, default, of });
    let example = (any::<String>(), proptest::collection::vec((any::<String>(), any_json()), 0..3))
        .prop_map(|(utterance, arguments)| ExampleDocs {
            utterance,
            arguments: arguments.into_iter().collect(),
        });
    (
        any::<String>(),
        proptest::collection::btree_map(any::<String>(), param, 0..3),
        any_type_docs(),
        proptest::collection::vec(example, 0..3),
        proptest::option::of(any::<String>()),
    )
        .prop_map(|(summary, params, returns, examples, reply)| FunctionDocs {
            summary,
            params,
            returns,
            examples,
            reply,
        })
}

proptest! {
    #[test]
    fn what_is_injected_is_extracted(
        functions in proptest::collection::btree_map(any::<String>(), any_function_docs(), 0..3),
        other in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let docs = Docs { version: VERSION, functions };
        let component = section::replace(EMPTY, "other", &other).unwrap();
        let packed = inject(&component, &docs).unwrap();
        let again = inject(&packed, &docs).unwrap();
        prop_assert_eq!(&packed, &again);
        prop_assert_eq!(extract(&packed), Ok(Some(docs)));
        prop_assert!(packed.starts_with(&component));
    }

    #[test]
    fn foreign_sections_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..64)) {
        let bytes = [EMPTY, &tail].concat();
        let _ = extract(&bytes);
        let _ = inject(&bytes, &Docs::default());
        let _ = extract(&with_section(&tail));
        let _ = package::describe(&tail, &mut [find_city()]);
    }

    #[test]
    fn foreign_comments_never_panic(text in "(@(param|default|example|reply)? ?|[a-z\"{}: ]|\\n|\\PC){0,40}") {
        let _ = comment::parse(&text);
        let _ = comment::plain(&text);
    }
}
