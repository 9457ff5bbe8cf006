//! Which rows belong to the sets that models are measured on.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::format::Format;
use crate::bfcl::Category;

/// Names of evaluation sets as they are handed on, without `.jsonl` and `.gz`. One that lies beside
/// a file of rows is looked up without being named.
const NAMES: [&str; 5] = [
    "bfcl_eval",
    "sealtools_out_domain",
    "retr_sealtools_queries",
    "retr_metatool_queries",
    "retr_stabletoolbench_queries",
];

/// Categories of the benchmark that are not scored here.
const UNSCORED: [&str; 9] = [
    "simple",
    "simple_java",
    "simple_javascript",
    "multi_turn_base",
    "multi_turn_miss_func",
    "multi_turn_miss_param",
    "multi_turn_long_context",
    "exec_simple",
    "exec_parallel",
];

/// The evaluation set that a row is of, if it is of one. A row in the benchmark's form is of the
/// benchmark, unless somebody named the form: `is_other`.
pub(super) fn set_of(row: &Json, is_other: bool) -> Option<&'static str> {
    let id = row.get("id").and_then(Json::as_str).unwrap_or_default();
    if (!is_other && Format::of(row) == Some(Format::Bfcl)) || is_bfcl(id) {
        return Some("the Berkeley Function-Calling Leaderboard (BFCL)");
    }
    if id.starts_with("sealtools-test_out_domain-") || id.starts_with("test_out_domain-") {
        return Some("Seal-Tools' test set out of the domain");
    }
    let is_retrieval =
        row.get("relevant").is_some_and(Json::is_array) && row.get("calls").is_none();
    is_retrieval.then_some("an evaluation of retrieval (queries with their relevant functions)")
}

/// Whether an id is one of the benchmark's: a category, `_`, and digits with `-` between them.
fn is_bfcl(id: &str) -> bool {
    let Some((category, number)) = id.rsplit_once('_') else { return false };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && number.bytes().any(|byte| byte.is_ascii_digit());
    is_number && (Category::of_name(category).is_some() || UNSCORED.contains(&category))
}

/// The evaluation sets that lie beside files of rows, each once.
pub fn beside(rows: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in rows.iter().filter_map(|path| path.parent()) {
        for name in NAMES {
            for ending in [".jsonl.gz", ".jsonl"] {
                let path = folder.join(format!("{name}{ending}"));
                if path.is_file() && !found.contains(&path) && !rows.contains(&path) {
                    found.push(path);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evaluation_sets_are_told_by_their_rows() {
        for (row, part) in [
            (json!({"id": "simple_python_0", "query": "q", "functions": [], "calls": []}), "BFCL"),
            (json!({"id": "live_multiple_862-181-3"}), "BFCL"),
            (json!({"id": "multi_turn_base_7"}), "BFCL"),
            (json!({"id": "x", "question": [], "function": []}), "BFCL"),
            (json!({"id": "x", "ground_truth": []}), "BFCL"),
            (json!({"id": "sealtools-test_out_domain-easy-0"}), "Seal-Tools"),
            (json!({"id": "a", "query": "q", "relevant": ["f"]}), "retrieval"),
        ] {
            assert!(set_of(&row, false).is_some_and(|set| set.contains(part)), "{row}");
        }
        for id in
            ["", "row_1", "simple_python_", "simple_python_a", "sealtools-dev-easy-0", "snips-1"]
        {
            assert_eq!(set_of(&json!({"id": id, "calls": []}), false), None, "{id}");
        }
        let row = |id: &str| json!({"id": id, "question": [], "function": []});
        assert_eq!(set_of(&row("mine-1"), true), None);
        assert!(set_of(&row("simple_python_0"), true).is_some());
    }

    #[test]
    fn sets_beside_rows_are_found_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["bfcl_eval.jsonl.gz", "sealtools_out_domain.jsonl", "other.jsonl"] {
            std::fs::write(path(name), "").unwrap();
        }
        let rows = [path("a.jsonl"), path("b.jsonl")];
        let expected = [path("bfcl_eval.jsonl.gz"), path("sealtools_out_domain.jsonl")];
        assert_eq!(beside(&rows), expected);
        assert_eq!(beside(&[path("bfcl_eval.jsonl.gz")]), expected[1..]);
        assert!(beside(&[]).is_empty());
    }
}
