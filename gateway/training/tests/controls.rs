//! What an evaluation of rows may control: functions that are given, and another's soft token.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Write as _;

use hyfunc_training::rows::{RowsOptions, rows};
use hyfunc_training::soft::SoftToken;
use serde_json::json;

/// A request that the first function fits, one that nothing fits but which is said to want a call,
/// and one that wants none.
fn file() -> tempfile::NamedTempFile {
    let string = json!({"type": "object", "properties": {"city": {"type": "string"}},
                        "required": ["city"]});
    let number = json!({"type": "object", "properties": {"n": {"type": "integer"}},
                        "required": ["n"]});
    let functions = json!([
        {"name": "current_weather", "description": "Weather of a city now", "parameters": string},
        {"name": "is_prime", "description": "Whether a number is prime", "parameters": number},
    ]);
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    for (id, query, calls) in [
        (
            "fits",
            "what's the weather in Paris",
            json!([("current_weather", json!({"city": "Paris"}))]),
        ),
        (
            "both",
            "hm",
            json!([("current_weather", json!({"city": "hm"})), ("is_prime", json!({"n": 1}))]),
        ),
        ("none", "thanks a lot", json!([])),
    ] {
        let call = |call: &serde_json::Value| json!({"name": call[0], "arguments": call[1]});
        let calls: Vec<_> = calls.as_array().unwrap().iter().map(call).collect();
        let row = json!({"id": id, "query": query, "functions": functions, "calls": calls});
        writeln!(file, "{row}").unwrap();
    }
    file
}

#[test]
fn given_functions_are_called_and_rows_that_call_none_are_left_out() {
    let file = file();
    let options = RowsOptions { is_given: true, ..RowsOptions::default() };
    let report = rows(file.path(), &options).unwrap();
    assert_eq!(report.tally.rows, 2);
    assert_eq!(report.tally.functions, 2, "{}", report.to_text());
    assert_eq!(report.to_json()["functions_given"], true);
}

#[test]
fn offered_functions_may_stay_uncalled() {
    let file = file();
    let report = rows(file.path(), &RowsOptions::default()).unwrap();
    assert_eq!((report.tally.rows, report.tally.none), (3, 1));
    assert!(report.tally.functions < 3, "nobody calls is_prime for `hm`: {}", report.to_text());
}

#[test]
fn every_soft_token_is_named_in_the_report() {
    let file = file();
    for soft in [SoftToken::Own, SoftToken::None, SoftToken::Shuffled] {
        let report = rows(file.path(), &RowsOptions { soft, ..RowsOptions::default() }).unwrap();
        assert_eq!(report.tally.rows, 3);
        assert_eq!(report.to_json()["soft_token"], soft.name());
        let page = report.to_html(file.path());
        assert!(page.contains("soft token") && page.contains(soft.name()));
    }
}
