//! Rows in every format: one folder a case under `tests/formats`, with the rows, what is kept of
//! them, and what is refused and why.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyfunc_functions::schema::parameters_schema;
use hyfunc_training::TrainingError;
use hyfunc_training::data::Row;
use hyfunc_training::import::{
    Check, Evaluated, Format, Imported, Options, Reason, Refusals, export_row, import,
};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new("tests/formats");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn rows_of(case: &Path) -> PathBuf {
    let names = ["rows.jsonl", "rows.json"];
    names.iter().map(|name| case.join(name)).find(|path| path.exists()).unwrap()
}

/// What is kept, and the list of what is refused.
fn read(
    files: &[PathBuf],
    options: &Options,
) -> (Result<Imported, TrainingError>, Vec<Json>, String) {
    let mut list = Vec::new();
    let mut refusals = Refusals::listed(&mut list, Path::new("refused.jsonl"));
    let imported = import(files, options, &mut refusals);
    let (total, table) = (refusals.total(), refusals.to_text());
    drop(refusals);
    let list = String::from_utf8(list).unwrap();
    let list: Vec<Json> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(list.len(), total, "what is listed is what is counted");
    (imported, list, table)
}

fn described(row: &Row) -> Json {
    let names: Vec<&str> = row.functions.iter().map(|function| function.name.as_str()).collect();
    let calls: Vec<Json> =
        row.calls.iter().map(|(at, arguments)| json!([names[*at], arguments])).collect();
    json!({"id": row.id, "query": row.query, "functions": names, "calls": calls})
}

fn check(case: &Path, files: &[PathBuf]) {
    let expected: Json =
        serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).unwrap();
    let evaluation = case.join("evaluation.jsonl");
    let evaluation = evaluation.exists().then_some(evaluation);
    let evaluated = Evaluated::read(evaluation.as_slice()).unwrap();
    let (imported, refused, _) = read(files, &Options { evaluated, ..Options::default() });
    let name = case.display();
    if let Some(part) = expected["error"].as_str() {
        let error = imported.map(|imported| imported.rows.len()).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
        return;
    }
    let imported = imported.unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows: Vec<Json> = imported.rows.iter().map(described).collect();
    assert_eq!(Json::from(rows), expected["rows"], "{name}");
    let wanted = expected["refused"].as_array().unwrap();
    assert_eq!(refused.len(), wanted.len(), "{name}: {refused:#?}");
    for (found, wanted) in refused.iter().zip(wanted) {
        for key in ["line", "id", "reason"] {
            assert_eq!(found[key], wanted[key], "{name}, {key} of {found}");
        }
        let detail = found["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(wanted["detail"].as_str().unwrap()), "{name}: {found}");
    }
    for (function, names) in expected["required"].as_object().into_iter().flatten() {
        let mut functions = imported.rows.iter().flat_map(|row| &row.functions);
        let function = functions.find(|one| one.name == *function).unwrap();
        assert_eq!(parameters_schema(&function.parameters)["required"], *names, "{name}");
    }
}

#[test]
fn rows_of_every_format_are_kept_or_refused_with_a_reason() {
    let cases = cases();
    assert!(cases.len() > 15, "the cases are not where they should be");
    for case in cases {
        check(&case, &[rows_of(&case)]);
    }
}

#[test]
fn gzipped_files_come_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases() {
        let rows = rows_of(&case);
        // The name tells nothing: what is gzipped is told by its first bytes.
        let zipped = folder.path().join(rows.file_name().unwrap());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&std::fs::read(&rows).unwrap()).unwrap();
        std::fs::write(&zipped, encoder.finish().unwrap()).unwrap();
        check(&case, &[zipped]);
    }
}

fn case_rows(name: &str) -> PathBuf {
    rows_of(&Path::new("tests/formats").join(name))
}

#[test]
fn a_named_format_is_taken_at_its_word() {
    let of = |format| Options { format: Some(format), ..Options::default() };
    let rows = case_rows("hyfunc");
    assert_eq!(read(std::slice::from_ref(&rows), &of(Format::Hyfunc)).0.unwrap().rows.len(), 3);
    let error = read(std::slice::from_ref(&rows), &of(Format::Xlam)).0.unwrap_err().to_string();
    assert!(error.contains("--format") && error.contains("missing or misshapen"), "{error}");
    let error = read(&[rows], &of(Format::Bfcl)).0.unwrap_err().to_string();
    assert!(error.contains("--evaluation"), "{error}");
    assert!("xml".parse::<Format>().unwrap_err().contains("toolace"));
}

#[test]
fn rows_in_the_benchmarks_form_are_read_where_that_is_named_and_its_own_never() {
    let function = json!({"name": "area", "description": "", "parameters": {"type": "dict",
        "properties": {"base": {"type": "integer"}}, "required": ["base"]}});
    let row = |id: &str, query: &str, answers: Json| {
        let question = json!([[{"role": "user", "content": query}]]);
        json!({"id": id, "question": question, "function": [function], "ground_truth": answers})
    };
    let good = json!([{"area": {"base": [3, 4]}}]);
    let mut rows = vec![
        row("mine-1", "area of three", good.clone()),
        row("mine-2", "area of four", json!([{"volume": {"base": [4]}}])),
        row("mine-3", "area of five", json!([{"area": {"base": ["five"]}}])),
        row("mine-4", "area of six", Json::Null),
        row("mine-5", "area of seven", good.clone()),
        row("mine-6", "area of nothing", json!([])),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let write = |rows: &[Json]| {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(&path, lines).unwrap();
    };
    write(&rows);
    let mut evaluated = Evaluated::default();
    evaluated.add("simple_python_9", "Area of seven?");
    let options = Options { format: Some(Format::Bfcl), evaluated, ..Options::default() };
    let files = std::slice::from_ref(&path);
    let (imported, refused, _) = read(files, &options);
    let kept: Vec<Json> = imported.unwrap().rows.iter().map(described).collect();
    let calls: Vec<&Json> = kept.iter().map(|row| &row["calls"]).collect();
    assert_eq!(calls, [&json!([["area", {"base": 3}]]), &json!([])]);
    let reasons: Vec<&str> = refused.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    let expected = [Reason::UnknownFunction, Reason::OffSchema, Reason::Fields, Reason::Evaluated];
    assert_eq!(reasons, expected.map(Reason::text));

    rows.push(row("simple_python_3", "area of eight", good));
    write(&rows);
    let error = read(files, &options).0.unwrap_err().to_string();
    assert!(error.contains("row `simple_python_3`"), "{error}");
}

#[test]
fn what_is_beyond_the_limit_is_counted_not_kept() {
    let options = Options { rows_max: 2, ..Options::default() };
    let (imported, refused, table) = read(&[case_rows("hyfunc"), case_rows("xlam")], &options);
    assert_eq!(imported.unwrap().rows.len(), 2);
    assert_eq!(refused.len(), 6);
    assert!(table.contains(Reason::BeyondMax.text()), "{table}");
}

#[test]
fn rows_of_several_files_are_compared_with_each_other() {
    let twice = [case_rows("hyfunc"), case_rows("hyfunc-bad-rows")];
    let (imported, refused, _) = read(&twice, &Options::default());
    assert_eq!(imported.unwrap().rows.len(), 4, "the first good row of the second is a duplicate");
    assert_eq!(refused[0]["id"], "good");
    assert_eq!(refused[0]["file"], "rows.jsonl");
}

#[test]
fn structure_alone_keeps_what_the_checks_would_refuse() {
    let options = Options { check: Check::Structure, ..Options::default() };
    let (imported, refused, _) = read(&[case_rows("hyfunc-bad-rows")], &options);
    let rows = imported.unwrap().rows;
    let kept: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    for id in ["missing", "off-type", "off-range", "extra", "twice", "long"] {
        assert!(kept.contains(&id), "{id}");
    }
    assert_eq!(kept.len() + refused.len(), 15);
}

#[test]
fn rows_are_read_one_at_a_time() {
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    let bad = json!({"id": "x", "query": "", "functions": [], "calls": []}).to_string();
    for _ in 0..50_000 {
        writeln!(file, "{bad}").unwrap();
    }
    writeln!(file, "{}", json!({"id": "y", "query": "hi", "functions": [], "calls": []})).unwrap();
    let mut refusals = Refusals::counted();
    let imported = import(&[file.path().to_owned()], &Options::default(), &mut refusals).unwrap();
    assert_eq!((imported.rows.len(), refusals.total()), (1, 50_000));
    let counted = &refusals.counts()[&Reason::EmptyQuery];
    assert!(counted.first.len() < 10, "names are not collected: {}", counted.first.len());
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zé'\" ,.]{0,12}"
}

/// A value that a kind of parameter takes.
fn value(kind: u8) -> BoxedStrategy<Json> {
    match kind {
        0 => (-1_000_000_i64..1_000_000).prop_map(Json::from).boxed(),
        1 => (-1e6..1e6_f64).prop_map(Json::from).boxed(),
        2 => any::<bool>().prop_map(Json::from).boxed(),
        3 => prop::collection::vec(text(), 0..3).prop_map(Json::from).boxed(),
        4 => prop::sample::select(vec!["red", "green"]).prop_map(Json::from).boxed(),
        _ => text().prop_map(Json::from).boxed(),
    }
}

fn schema(kind: u8) -> Json {
    match kind {
        0 => json!({"type": "integer", "description": "how many"}),
        1 => json!({"type": "number"}),
        2 => json!({"type": "boolean", "default": true}),
        3 => json!({"type": "array", "items": {"type": "string"}}),
        4 => json!({"type": "string", "enum": ["red", "green"]}),
        _ => json!({"type": "string"}),
    }
}

/// A function of some kinds of parameters, and a call of it.
fn offered() -> impl Strategy<Value = (Vec<u8>, Map<String, Json>)> {
    prop::collection::vec(0_u8..6, 0..4).prop_flat_map(|kinds| {
        let values: Vec<_> = kinds.iter().map(|kind| value(*kind)).collect();
        (Just(kinds), values).prop_map(|(kinds, values)| {
            let named = values.into_iter().enumerate();
            (kinds, named.map(|(at, value)| (format!("p{at}"), value)).collect())
        })
    })
}

fn row() -> impl Strategy<Value = Json> {
    let functions = prop::collection::vec(offered(), 1..4);
    ("[a-z]{3,9}", "[a-zA-Z0-9é?,' ]{0,40}[a-z]", functions, any::<bool>()).prop_map(
        |(id, query, offered, is_called)| {
            let function = |(at, (kinds, _)): (usize, &(Vec<u8>, Map<String, Json>))| {
                let schemas = kinds.iter().enumerate();
                let properties: Map<String, Json> =
                    schemas.map(|(at, kind)| (format!("p{at}"), schema(*kind))).collect();
                let required: Vec<&String> = properties.keys().collect();
                json!({
                    "name": format!("f{at}"),
                    "description": "Does something.",
                    "parameters":
                        {"type": "object", "properties": properties, "required": required},
                })
            };
            let functions: Vec<Json> = offered.iter().enumerate().map(function).collect();
            let call = |(at, (_, arguments)): (usize, &(Vec<u8>, Map<String, Json>))| {
                json!({"name": format!("f{at}"), "arguments": arguments})
            };
            let calls: Vec<Json> = offered.iter().enumerate().map(call).collect();
            let calls = if is_called { calls } else { Vec::new() };
            json!({"id": id, "query": query, "functions": functions, "calls": calls})
        },
    )
}

fn imported(rows: &[Json]) -> Vec<Row> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    rows.iter().for_each(|row| writeln!(file, "{row}").unwrap());
    let mut refusals = Refusals::counted();
    let found = import(&[file.path().to_owned()], &Options::default(), &mut refusals);
    found.unwrap_or_else(|error| panic!("{error}")).rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_imported_as_it_was(rows in prop::collection::vec(row(), 1..6)) {
        let rows = imported(&rows);
        for format in [Format::Hyfunc, Format::Xlam, Format::Toolace] {
            let written: Vec<Json> =
                rows.iter().map(|row| export_row(row, format).unwrap()).collect();
            let read = imported(&written);
            prop_assert_eq!(read.len(), rows.len(), "{}", format);
            for (read, row) in read.iter().zip(&rows) {
                prop_assert_eq!(&read.id, &row.id);
                prop_assert_eq!(&read.query, &row.query);
                prop_assert_eq!(&read.calls, &row.calls);
                prop_assert_eq!(&read.functions, &row.functions, "{}", format);
            }
        }
    }
}
