//! A small catalogue whose vectors a test can foresee.

use std::sync::Arc;

use hyfunc_functions::Function;
use serde_json::json;

use super::*;

/// A point of the circle for each number in a text.
struct Circle;

impl Circle {
    fn vector(text: &str) -> Vec<f32> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let angle = digits.parse::<f32>().unwrap_or(0.0) / 100.0;
        vec![angle.cos(), angle.sin()]
    }
}

impl Encoder for Circle {
    fn name(&self) -> String {
        "circle".into()
    }

    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError> {
        Ok(functions.iter().map(|function| Self::vector(&function.name)).collect())
    }

    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError> {
        if query.len() > 100 {
            return Err(CascadeError::QueryTooLong { tokens: query.len(), tokens_max: 100 });
        }
        Ok(Self::vector(query))
    }
}

fn options(folder: &Path) -> NearestOptions {
    let write = |name: &str, lines: Vec<String>| {
        let path = folder.join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    let functions = (0..200).map(|at| json!({"name": format!("f{at}")}).to_string()).collect();
    let mut queries: Vec<String> = (0..20)
        .map(|at| json!({"query": format!("number {}", at * 7), "relevant": ["f1"]}).to_string())
        .collect();
    queries.push(json!({"id": "long", "query": "9".repeat(101), "relevant": ["f1"]}).to_string());
    NearestOptions {
        queries: write("queries.jsonl", queries),
        catalogues: vec![write("catalogue.jsonl", functions)],
        limit: None,
        k: 10,
        candidates: vec![32, 128],
        threads: 1,
        vectors: Some(folder.join("vectors")),
    }
}

#[test]
fn the_graph_is_held_against_the_scan_and_vectors_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let report = nearest(&Circle, &options(folder.path())).unwrap();
    assert_eq!((report.functions, report.dims, report.queries), (200, 2, 20));
    let candidates: Vec<usize> = report.graph.iter().map(|one| one.candidates).collect();
    assert_eq!(candidates, [32, 128]);
    assert!(report.graph.iter().all(|one| one.recall > 0.9), "{:?}", report.graph);
    assert_eq!(report.refused.total(), 1, "{}", report.refused.to_text());
    for (name, rows) in [(FUNCTIONS, 200), (QUERIES, 20)] {
        let bytes = std::fs::read(folder.path().join("vectors").join(name)).unwrap();
        assert_eq!(bytes.len() % 64, rows * 2 * 4 % 64, "{name}");
        assert!(bytes.len() > rows * 2 * 4 && bytes.len() < rows * 2 * 4 + 256, "{name}");
    }
    let text = report.to_text();
    for part in ["recall@10", "exact scan", "graph, 128 candidates", "100.00 %", "circle"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let json = report.to_json();
    assert_eq!(json["graph"]["searches"][1]["candidates"], 128);
    assert_eq!(json["scan"]["search_us"]["rows"], 20);
}

#[test]
fn recall_counts_by_score() {
    let hits = |scores: &[f32]| -> Vec<Scored> {
        (0..).zip(scores).map(|(id, score)| Scored { id, score: *score }).collect()
    };
    let truth = [hits(&[0.9, 0.8, 0.7]), hits(&[0.5])];
    for (found, expected) in [
        ([hits(&[0.9, 0.8, 0.7]), hits(&[0.5])], 1.0),
        // Another one that is as near is as good.
        ([hits(&[0.9, 0.7, 0.7]), hits(&[0.5])], 1.0),
        ([hits(&[0.9, 0.8, 0.6]), hits(&[0.4])], 0.5),
        ([hits(&[]), hits(&[])], 0.0),
        // More than was asked for is no better.
        ([hits(&[0.6, 0.6, 0.6, 0.9]), hits(&[0.4, 0.5])], 0.0),
    ] {
        assert_eq!(recall(&truth, &found), expected, "{found:?}");
    }
    assert_eq!(recall(&[], &[]), 0.0);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.vectors = Some(options.queries.join("below a file"));
    let error = nearest(&Circle, &options).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("below a file"), "{error}");
}
