//! Every function in public catalogues of real tools is read.
//!
//! The catalogues lie where `HYFUNC_DATA` says, else in `../shared/data` beside the workspace; a
//! sample of their kinds of dirt is always there.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hyfunc_functions::json::{arguments_from_json, arguments_to_json};
use hyfunc_functions::schema::{function_from_schema, parameters_schema};
use serde_json::Value as Json;

const CATALOGUES: [&str; 6] = [
    "bfcl_eval.jsonl.gz",
    "train_en.jsonl.gz",
    "retr_toucan_mcp_catalogue.jsonl.gz",
    "sealtools_catalogue.jsonl.gz",
    "retr_stabletoolbench_catalogue.jsonl.gz",
    "retr_toolbench_full_catalogue.jsonl.gz",
];

fn data_dir() -> Option<PathBuf> {
    let manifest = Path::new(".");
    let beside = manifest.join("../../../shared/data");
    std::env::var_os("HYFUNC_DATA").map(PathBuf::from).or(Some(beside)).filter(|dir| dir.is_dir())
}

fn lines(path: &Path) -> impl Iterator<Item = Json> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> =
        if is_gzip { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str(&line.expect("a readable line")).expect("a line of JSON"))
}

/// The functions of a line: it has some, or it is one.
fn functions(line: &Json) -> Vec<&Json> {
    match line.get("functions") {
        Some(Json::Array(functions)) => functions.iter().collect(),
        _ => vec![line],
    }
}

/// Reads every function of a file; how many there are, and what could not be read.
fn read_all(path: &Path) -> (usize, Vec<String>) {
    let mut seen = HashSet::new();
    let mut failures = Vec::new();
    for line in lines(path) {
        for function in functions(&line) {
            if !seen.insert(function.to_string()) {
                continue;
            }
            let name = function["name"].as_str().unwrap_or_default();
            let description = function["description"].as_str().unwrap_or_default();
            match function_from_schema(name, description, &function["parameters"]) {
                Ok(read) => {
                    let schema = parameters_schema(&read.parameters);
                    if let Err(error) = function_from_schema(name, description, &schema) {
                        failures.push(format!("{name}, its own schema {schema}: {error}"));
                    }
                }
                Err(error) => failures.push(format!("{name}: {error}")),
            }
        }
    }
    (seen.len(), failures)
}

#[test]
fn every_function_of_the_fixture_is_read() {
    let path = Path::new(".").join("tests/fixtures/dirty_tools.jsonl");
    let (count, failures) = read_all(&path);
    assert!(count >= 12, "only {count} functions");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_function_of_the_catalogues_is_read() {
    let Some(dir) = data_dir() else { return };
    for name in CATALOGUES {
        let path = dir.join(name);
        if !path.is_file() {
            continue;
        }
        let (count, failures) = read_all(&path);
        assert!(count > 0, "{name} is empty");
        assert!(
            failures.is_empty(),
            "{name}: {} of {count}\n{}",
            failures.len(),
            failures.join("\n")
        );
    }
}

/// Share of the gold calls of a file whose arguments are read and written back as they were.
fn share_of_calls_read(path: &Path) -> (usize, Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    for line in lines(path) {
        let functions = functions(&line);
        for call in line["calls"].as_array().into_iter().flatten() {
            let Some(function) = functions.iter().find(|function| function["name"] == call["name"])
            else {
                continue;
            };
            count += 1;
            let name = call["name"].as_str().unwrap_or_default();
            let read = function_from_schema(name, "", &function["parameters"]).expect("read above");
            match arguments_from_json(&read.parameters, &call["arguments"]) {
                Ok(value) => {
                    let written = arguments_to_json(&read.parameters, &value);
                    if arguments_from_json(&read.parameters, &written).as_ref() != Ok(&value) {
                        failures.push(format!("{}: {written} is read otherwise", line["id"]));
                    }
                }
                Err(error) => failures.push(format!("{}: {error}", line["id"])),
            }
        }
    }
    (count, failures)
}

#[test]
fn gold_calls_fit_their_functions() {
    let Some(path) = data_dir().map(|dir| dir.join("bfcl_eval.jsonl.gz")) else { return };
    if !path.is_file() {
        return;
    }
    let (count, failures) = share_of_calls_read(&path);
    // Some gold answers are wrong by their own schema: strings where arrays are declared, values
    // outside of the enumeration, booleans for strings.
    assert!(count > 3000, "only {count} calls");
    assert!(failures.len() <= 30, "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}
