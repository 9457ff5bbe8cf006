//! The page for operators cites tests: each must be there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

const PAGE: &str = include_str!("../README.md");

/// `tests/grants.rs` of this folder, `functions/plain.rs` of its sibling, or `e2e/hostile.rs` of the
/// tests at the root.
fn file(cited: &str) -> Option<PathBuf> {
    let here = PathBuf::from(".");
    let folders = ["tests/", "src/", "functions/", "e2e/"];
    let is_file = folders.iter().any(|folder| cited.starts_with(folder));
    if !is_file || !cited.ends_with(".rs") {
        return None;
    }
    Some(match cited.split_once('/') {
        Some(("e2e", name)) => here.join("../../tests/tests").join(name),
        Some(("functions", name)) => here.join("../functions/src").join(name),
        _ => here.join(cited),
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
    for row in rows.filter(|row| !row.contains("proved by") && !row.ends_with("| cases |")) {
        let is_proved = row.split('`').any(|word| is_test(word) || is_case(word));
        assert!(is_proved, "nothing proves: {row}");
    }
}

/// Folders of hostile plugins have names of several words.
fn is_case(cited: &str) -> bool {
    let is_name = cited.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    is_name && cited.contains('-') && !cited.starts_with('-')
}

#[test]
fn the_page_cites_every_hostile_plugin_and_no_other() {
    let corpus = PathBuf::from(".").join("../../tests/hostile");
    let folders: BTreeSet<String> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("case.toml").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let words = PAGE.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let cited: BTreeSet<String> = words.filter(|word| is_case(word)).map(str::to_owned).collect();
    assert_eq!(cited, folders);
    assert!(
        PAGE.contains(&format!("holds {} plugins", folders.len())),
        "there are {}",
        folders.len()
    );
}
