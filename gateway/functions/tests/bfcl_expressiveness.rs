//! Whether templates, built from the functions alone, can express the calls of a public benchmark.
//!
//! The rows come from `$HYFUNC_DATA/bfcl_eval.jsonl.gz`, else from `../shared/data` beside the
//! workspace, else from a small fixture. An oracle answers every step so as to reach the gold
//! calls. Where `bfcl_eval` is installed for `$HYFUNC_PYTHON` (else `python3`) and a scorer is at
//! `$HYFUNC_BFCL_SCORER` (else `../shared/eval/bfcl_score.py`), the benchmark's own checker counts.
//!
//! Two readings of the functions are measured:
//! - as declared, which is how they are served: what the schemas admit and nothing else;
//! - open: every parameter as declared *or* any JSON, for callers that do not hold models to their
//!   schemas. Some gold answers break their own schemas, and only this reading reaches them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use flate2::read::GzDecoder;
use hyfunc_functions::function::Function;
use hyfunc_functions::json::{arguments_to_json, json_equal};
use hyfunc_functions::oracle::{GoldCall, drive_plan};
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::template::PlanOptions;
use hyfunc_functions::{PlanCursor, Spelling, Template, Type};
use serde_json::{Value as Json, json};

/// Rows with calls, and how many of them the gold itself wins by the benchmark's checker.
const CALL_ROWS: usize = 2351;
const OPEN_CEILING: usize = 2347;

/// Rows of which gold breaks its own schema, and how. Nothing read from the schema alone can
/// express them. The last four no answer can win.
const OFF_SCHEMA: [(&str, &str); 21] = [
    ("parallel_multiple_21", "a string for an array of numbers"),
    ("parallel_multiple_94", "strings in an array of integers"),
    ("live_multiple_87-38-4", "outside the enum"),
    ("live_multiple_189-83-0", "keys that the object does not declare"),
    ("live_multiple_552-153-1", "a boolean for an enum of strings"),
    ("live_multiple_595-158-1", "an integer for an enum of strings"),
    ("live_multiple_596-158-2", "an integer for an enum of strings"),
    ("live_multiple_731-167-2", "a boolean for an enum of strings"),
    ("live_multiple_733-167-4", "a boolean for an enum of strings"),
    ("live_multiple_735-167-6", "a boolean for an enum of strings"),
    ("live_multiple_750-169-5", "outside the enum"),
    ("live_multiple_756-169-11", "outside the enum: another case"),
    ("live_multiple_835-178-10", "outside the enum"),
    ("live_multiple_871-182-8", "outside the enum"),
    ("live_multiple_947-197-0", "outside the enum"),
    ("live_multiple_1038-265-0", "null for a string"),
    ("live_parallel_multiple_2-2-0", "outside the enum"),
    ("live_simple_106-63-0", "empty strings for arrays"),
    ("live_simple_112-68-0", "empty strings for arrays"),
    ("live_multiple_862-181-3", "an argument that no parameter declares"),
    (
        "live_multiple_964-207-0",
        "an argument that no parameter declares, and a required one absent",
    ),
];

struct Row {
    id: String,
    functions: Vec<Function>,
    gold: Vec<GoldCall>,
}

struct Rows {
    rows: Vec<Row>,
    /// Whether this is the benchmark, not the fixture.
    whole: bool,
}

fn beside_workspace(path: &str) -> PathBuf {
    Path::new(".").join("../../../shared").join(path)
}

fn load() -> Rows {
    let folder =
        std::env::var_os("HYFUNC_DATA").map_or_else(|| beside_workspace("data"), PathBuf::from);
    let (lines, whole): (Box<dyn std::io::Read>, bool) =
        match File::open(folder.join("bfcl_eval.jsonl.gz")) {
            Ok(file) => (Box::new(GzDecoder::new(file)), true),
            Err(_) => (Box::new(&include_bytes!("fixtures/bfcl_like.jsonl")[..]), false),
        };
    let rows = BufReader::new(lines).lines().map(|line| row(&line.expect("readable data")));
    Rows { rows: rows.collect(), whole }
}

fn row(line: &str) -> Row {
    let row: Json = serde_json::from_str(line).expect("a row is JSON");
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let array = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let functions = array(&row["functions"]).into_iter().map(|function| {
        let (name, description) = (text(&function["name"]), text(&function["description"]));
        function_from_schema(&name, &description, &function["parameters"])
            .unwrap_or_else(|error| panic!("{}: {name}: {error}", row["id"]))
    });
    let functions = functions.collect();
    let gold = array(&row["calls"])
        .iter()
        .map(|call| GoldCall { name: text(&call["name"]), arguments: call["arguments"].clone() })
        .collect();
    Row { id: text(&row["id"]), functions, gold }
}

/// Every parameter as declared, or any JSON.
fn open(mut function: Function) -> Function {
    for field in &mut function.parameters.fields {
        let declared = std::mem::replace(&mut field.ty, Type::Any);
        field.ty = Type::OneOf(vec![declared, Type::Any]);
    }
    function
}

/// The calls that a plan over the row's functions is led to, as JSON.
fn decode(row: &Row, functions: &[Function], spelling: Spelling) -> Result<Vec<Json>, String> {
    let templates = functions.iter().map(|function| Arc::new(Template::new(function, spelling)));
    let plan = PlanCursor::new(templates.collect(), PlanOptions { required: false, calls_max: 32 });
    let calls = drive_plan(plan, &row.gold, |_, _| {}).map_err(|error| error.to_string())?;
    let call = |(index, arguments): &(usize, _)| {
        let function = &functions[*index];
        json!({"name": function.name, "arguments": arguments_to_json(&function.parameters, arguments)})
    };
    Ok(calls.iter().map(call).collect())
}

/// Decodes every row in both spellings, asserts that what came out is gold, writes a result file
/// and gives back the rows that cannot be expressed.
fn decode_all(
    rows: &Rows,
    reading: impl Fn(Function) -> Function,
    results: &Path,
) -> BTreeMap<String, String> {
    let mut out = File::create(results).expect("a writable target folder");
    let mut refused = BTreeMap::new();
    for row in &rows.rows {
        let functions: Vec<Function> = row.functions.iter().cloned().map(&reading).collect();
        let decoded = decode(row, &functions, Spelling::Param);
        assert_eq!(decoded, decode(row, &functions, Spelling::Hermes), "{}", row.id);
        let calls = decoded.unwrap_or_else(|error| {
            refused.insert(row.id.clone(), error);
            Vec::new()
        });
        if !refused.contains_key(&row.id) {
            let gold: Vec<Json> = row
                .gold
                .iter()
                .map(|call| json!({"name": call.name, "arguments": call.arguments}))
                .collect();
            let (calls, gold) = (Json::from(calls.clone()), Json::from(gold));
            assert!(json_equal(&calls, &gold), "{}: {calls} is not {gold}", row.id);
        }
        writeln!(out, "{}", json!({"id": row.id, "result": calls}))
            .expect("a writable target folder");
    }
    refused
}

/// How many rows with calls the benchmark's own checker counts as right; `None` where it is not
/// installed.
fn score(results: &Path) -> Option<usize> {
    let python = std::env::var("HYFUNC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let scorer = std::env::var_os("HYFUNC_BFCL_SCORER")
        .map_or_else(|| beside_workspace("eval/bfcl_score.py"), PathBuf::from);
    let installed = Command::new(&python).args(["-c", "import bfcl_eval"]).output().ok()?;
    if !installed.status.success() || !scorer.exists() {
        return None;
    }
    let output = Command::new(&python).arg(scorer).arg(results).output().expect("python runs");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // `live_simple    251/258   97.29%`
    let right = table.lines().filter(|line| !line.contains("relevance")).filter_map(|line| {
        let (right, _) = line.split_whitespace().nth(1)?.split_once('/')?;
        right.parse::<usize>().ok()
    });
    Some(right.sum())
}

fn results(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn as_declared() {
    let rows = load();
    let path = results("bfcl_as_declared.jsonl");
    let refused = decode_all(&rows, |function| function, &path);
    let refused_ids: BTreeSet<&str> = refused.keys().map(String::as_str).collect();
    if !rows.whole {
        assert!(refused.is_empty(), "{refused:#?}");
        return;
    }
    assert_eq!(rows.rows.iter().filter(|row| !row.gold.is_empty()).count(), CALL_ROWS);
    let off_schema: BTreeSet<&str> = OFF_SCHEMA.iter().map(|(id, _)| *id).collect();
    assert_eq!(refused_ids, off_schema, "{refused:#?}");
    if let Some(right) = score(&path) {
        assert!(
            right >= CALL_ROWS - OFF_SCHEMA.len(),
            "{right} of {CALL_ROWS} right, see {}",
            path.display()
        );
    }
}

#[test]
fn open_to_any_json() {
    let rows = load();
    let path = results("bfcl_open.jsonl");
    let refused = decode_all(&rows, open, &path);
    if !rows.whole {
        assert!(refused.is_empty(), "{refused:#?}");
        return;
    }
    let undeclared = BTreeSet::from(["live_multiple_862-181-3", "live_multiple_964-207-0"]);
    let refused_ids: BTreeSet<&str> = refused.keys().map(String::as_str).collect();
    assert_eq!(refused_ids, undeclared, "{refused:#?}");
    if let Some(right) = score(&path) {
        assert!(right >= OPEN_CEILING, "{right} of {CALL_ROWS} right, see {}", path.display());
    }
}
