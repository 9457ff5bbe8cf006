//! What every kind of node looks like, in both spellings: `cases/notation.txt`.

use std::fmt::Write as _;
use std::sync::Arc;

use hyfunc_functions::Type;
use hyfunc_functions::function::Function;
use hyfunc_functions::notation::{self, LINE_FEED};
use hyfunc_functions::schema::type_from_schema;
use hyfunc_functions::template::{Cursor, Spelling, Template, TemplateLimits};
use hyfunc_functions::types::{Case, Field, ListType, RecordType, StringType, VariantCase};
use serde_json::Value as Json;

const CASES: &str = include_str!("cases/notation.txt");

fn string() -> Type {
    Type::String(StringType::default())
}

fn names(names: &[&str]) -> Vec<Case> {
    names.iter().map(|name| Case { name: (*name).to_owned(), doc: String::new() }).collect()
}

/// A type as the table writes it: a name for what only WIT has, else a JSON Schema.
fn type_of(json: &Json) -> Type {
    let case =
        |name: &str, payload| VariantCase { name: name.to_owned(), doc: String::new(), payload };
    match json.as_str() {
        Some("char") => Type::Char,
        Some("bytes") => Type::Bytes,
        Some("flags") => Type::Flags(names(&["read", "write", "run"])),
        Some("option") => Type::Option(Box::new(string())),
        Some("option of option") => Type::Option(Box::new(Type::Option(Box::new(string())))),
        Some("list of option") => Type::List(ListType {
            element: Box::new(Type::Option(Box::new(string()))),
            len_min: 0,
            len_max: None,
        }),
        Some("list of flags") => Type::List(ListType {
            element: Box::new(Type::Flags(names(&["read", "write"]))),
            len_min: 0,
            len_max: None,
        }),
        Some("shape") => Type::Variant(vec![
            case("dot", None),
            case("circle", Some(Type::Float(Default::default()))),
            case(
                "words",
                Some(Type::List(ListType {
                    element: Box::new(string()),
                    len_min: 0,
                    len_max: None,
                })),
            ),
        ]),
        Some("result") => Type::Result { ok: Some(Box::new(string())), err: None },
        _ => type_from_schema(json).expect("a schema that is read"),
    }
}

/// Parameters as the table writes them: `name` is required, `name?` optional.
fn parameters(text: &str) -> RecordType {
    let json: Json = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let fields = json.as_object().expect("an object").iter().map(|(name, ty)| {
        let ty = type_of(ty);
        let required = !name.ends_with('?') && !matches!(ty, Type::Option(_));
        let name = name.trim_end_matches('?').to_owned();
        Field { name, doc: String::new(), ty, required, default: None }
    });
    RecordType { fields: fields.collect() }
}

fn line(spelling: &str, schema: &str, gold: &str) -> String {
    let spelling = match spelling {
        "param" => Spelling::Param,
        "hermes" => Spelling::Hermes,
        "llama" => Spelling::Llama,
        "bracket" => Spelling::Bracket,
        other => panic!("no spelling `{other}`"),
    };
    let function = Function {
        name: "f".to_owned(),
        description: String::new(),
        parameters: parameters(schema),
        returns: None,
        examples: Vec::new(),
        reply: None,
        export: None,
    };
    let limits = TemplateLimits { list_len_max: 3, depth_max: 2, keys_max: 2, calls_max: 2 };
    let template = Arc::new(Template::with_limits(&function, spelling, limits));
    let gold = serde_json::from_str(gold).unwrap_or_else(|error| panic!("{error}: {gold}"));
    match notation::call(Cursor::call(template), &gold) {
        Ok(line) => line,
        Err(error) => format!("error: {error}"),
    }
}

/// The table with the lines as they are now; differs from the file where a test fails.
fn retold() -> String {
    let mut table = String::new();
    let (mut schema, mut gold) = (String::new(), String::new());
    for row in CASES.lines() {
        let told = match row.split_once(' ') {
            Some(("#", _)) | None => row.to_owned(),
            Some(("schema", rest)) => {
                schema = rest.trim().to_owned();
                row.to_owned()
            }
            Some(("gold", rest)) => {
                gold = rest.trim().to_owned();
                row.to_owned()
            }
            Some((spelling, _)) => format!("{spelling:<6} {}", line(spelling, &schema, &gold)),
        };
        writeln!(table, "{}", told.trim_end()).expect("a string takes all");
    }
    table
}

/// With `HYFUNC_BLESS` set the table is written anew: read the difference before committing it.
#[test]
fn every_line_is_as_told() {
    let retold = retold();
    if std::env::var_os("HYFUNC_BLESS").is_some() {
        let path = "tests/cases/notation.txt";
        return std::fs::write(path, retold).expect("a writable table");
    }
    for (written, told) in CASES.lines().zip(retold.lines()) {
        assert_eq!(written, told);
    }
    assert_eq!(CASES.lines().count(), retold.lines().count());
}

#[test]
fn a_line_without_its_marks_is_the_call() {
    let mut lines = 0;
    for row in CASES.lines().filter_map(|row| row.strip_prefix("hermes ")) {
        let text = row.trim().replace(['⟦', '⟧', '⟨', '⟩'], "").replace(LINE_FEED, "\n");
        let Some(call) =
            text.strip_prefix("<tool_call>").and_then(|rest| rest.strip_suffix("</tool_call>"))
        else {
            assert!(text.starts_with("error: "), "{text}");
            continue;
        };
        let call: Json =
            serde_json::from_str(call).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(call["arguments"].is_object(), "{text}");
        lines += 1;
    }
    assert!(lines >= 20, "only {lines} lines");
}
