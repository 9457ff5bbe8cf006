//! What `hyfunc train rows` says of every format's bad rows, of evaluation sets and of leakage.

use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::support::{bad, good, hyfunc, sources};

/// A case of the importer's own tests: its rows, and what must come of them.
fn case(name: &str) -> (PathBuf, Json) {
    let folder = sources().join("training/tests/formats").join(name);
    let expected = fs::read(folder.join("expected.json")).unwrap();
    (folder.join("rows.jsonl"), serde_json::from_slice(&expected).unwrap())
}

#[test]
fn bad_rows_of_every_format_are_counted_by_reason_and_listed() {
    for name in ["hyfunc-bad-rows", "xlam-bad-rows", "toolace-bad-rows"] {
        let folder = tempfile::tempdir().unwrap();
        let (rows, expected) = case(name);
        let (kept, wanted) = (&expected["rows"], expected["refused"].as_array().unwrap());
        let rows = rows.to_str().unwrap();
        let command = ["train", "rows", rows, "--refused", "refused.jsonl", "--out", "kept.jsonl"];
        let text = good(hyfunc(folder.path(), &command));
        for refused in wanted {
            let reason = refused["reason"].as_str().unwrap();
            let count = wanted.iter().filter(|other| other["reason"] == reason).count();
            let told = |line: &str| {
                let mut words = line.split_whitespace();
                words.next() == Some(count.to_string().as_str()) && line.contains(reason)
            };
            assert!(text.lines().any(told), "{name}: {count} {reason}: {text}");
        }
        let listed = fs::read_to_string(folder.path().join("refused.jsonl")).unwrap();
        let lines: Vec<Json> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), wanted.len(), "{name}: {listed}");
        for (line, wanted) in lines.iter().zip(wanted) {
            for key in ["line", "id", "reason"] {
                assert_eq!(line[key], wanted[key], "{name}: {line}");
            }
        }
        let written = fs::read_to_string(folder.path().join("kept.jsonl")).unwrap();
        assert_eq!(written.lines().count(), kept.as_array().unwrap().len(), "{name}");
    }
}

#[test]
fn an_evaluation_set_is_not_trained_on_and_the_row_that_tells_is_named() {
    for (name, row) in [
        ("bfcl", "`simple_python_0`"),
        ("bfcl-answers", "`parallel_3`"),
        ("bfcl-in-our-format", "`live_simple_106-63-0`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (rows, _) = case(name);
        let rows = rows.to_str().unwrap();
        let retriever = ["train", "retriever", "--rows", rows];
        // Twice: nothing was trained, so that the folder is free for rows that can be.
        for step in [["train", "rows", rows].as_slice(), &retriever, &retriever] {
            let error = bad(hyfunc(folder.path(), step));
            assert!(error.contains(row) && error.contains("is not trained on"), "{error}");
        }
    }
}

#[test]
fn rows_that_repeat_an_evaluation_set_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, expected) = case("leakage");
    let held = rows.with_file_name("evaluation.jsonl");
    let (rows, held) = (rows.to_str().unwrap(), held.to_str().unwrap());
    let command = ["train", "rows", rows, "--evaluation", held, "--refused", "refused.jsonl"];
    let text = good(hyfunc(folder.path(), &command));
    assert!(text.contains("equals a query of an evaluation set: equal, bench"), "{text}");
    assert!(text.contains("nearly equals a query of an evaluation set: near"), "{text}");
    let listed = fs::read_to_string(folder.path().join("refused.jsonl")).unwrap();
    for refused in expected["refused"].as_array().unwrap() {
        let detail = refused["detail"].as_str().unwrap();
        assert!(listed.contains(detail), "{detail} is not in {listed}");
    }

    fs::write(folder.path().join("half.jsonl"), "{\"query\": \"a\"}\n{\"query\": ").unwrap();
    let command = ["train", "rows", rows, "--evaluation", "half.jsonl"];
    let error = bad(hyfunc(folder.path(), &command));
    assert!(error.contains("half.jsonl") && error.contains("row 2"), "{error}");
}
