//! The page for operators cites tests: each must be there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::path::PathBuf;

const PAGE: &str = include_str!("../README.md");

/// `tests/grants.rs` of this folder, or `e2e/hostile.rs` of the tests at the root.
fn file(cited: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let is_file = ["tests/", "src/", "e2e/"].iter().any(|folder| cited.starts_with(folder));
    if !is_file || !cited.ends_with(".rs") {
        return None;
    }
    Some(match cited.strip_prefix("e2e/") {
        Some(name) => here.join("../../tests/tests").join(name),
        None => here.join(cited),
    })
}

/// Names of tests have several words; limits end in `_max`.
fn is_test(cited: &str) -> bool {
    let is_name = cited.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name && cited.matches('_').count() >= 2 && !cited.ends_with("_max")
}

#[test]
fn every_cited_test_is_there() {
    let mut cited = 0;
    for line in PAGE.lines() {
        let mut source = None;
        for word in line.split('`').skip(1).step_by(2) {
            if let Some(path) = file(word) {
                let text = fs::read_to_string(&path);
                source = Some(text.unwrap_or_else(|error| panic!("{word}: {error}")));
            } else if is_test(word)
                && let Some(text) = &source
            {
                assert!(text.contains(&format!("fn {word}(")), "no test `{word}`: {line}");
                cited += 1;
            }
        }
    }
    assert!(cited >= 50, "only {cited} tests are cited");
}

#[test]
fn every_sentence_of_a_table_cites_a_test() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| "));
    for row in rows.filter(|row| !row.contains("proved by")) {
        assert!(row.split('`').any(is_test), "nothing proves: {row}");
    }
}
