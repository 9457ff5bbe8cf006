//! Two collections, two encoders, with vectors that a test can foresee.

use std::path::Path;

use hyfunc_cascade::CascadeError;
use serde_json::json;

use super::*;

/// Knows one word and its opposite.
struct Knows(&'static str);

impl Knows {
    fn vector(&self, text: &str) -> Vec<f32> {
        let is_there = text.to_lowercase().contains(self.0);
        if is_there { vec![1.0, 0.1] } else { vec![0.1, 1.0] }
    }
}

impl Encoder for Knows {
    fn name(&self) -> String {
        format!("knows {}", self.0)
    }

    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError> {
        Ok(functions.iter().map(|function| self.vector(&function.description)).collect())
    }

    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError> {
        if query.len() > 100 {
            return Err(CascadeError::QueryTooLong { tokens: query.len(), tokens_max: 100 });
        }
        Ok(self.vector(query))
    }
}

fn collection(folder: &Path, name: &str, queries: &[serde_json::Value]) -> Collection {
    let write = |file: &str, rows: &[serde_json::Value]| {
        let path = folder.join(format!("{name}.{file}.jsonl"));
        let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    let functions = [
        json!({"name": "alpha", "description": "Says whether it rains."}),
        json!({"name": "beta", "description": "Plays <b>music</b>."}),
    ];
    Collection {
        name: name.to_owned(),
        queries: write("queries", queries),
        catalogues: vec![write("catalogue", &functions)],
    }
}

fn encoders() -> Vec<Box<dyn Encoder>> {
    vec![Box::new(Knows("rain")), Box::new(Knows("music"))]
}

#[test]
fn every_way_is_a_row_and_every_collection_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let one = [json!({"id": "a", "query": "will there be rain", "relevant": ["alpha"]})];
    let two = [
        json!({"id": "b", "query": "loud music", "relevant": ["beta"]}),
        json!({"id": "c", "query": "music ".repeat(40), "relevant": ["beta"]}),
        json!({"id": "<script>", "query": "q", "relevant": ["gamma"]}),
    ];
    let options = ComparisonOptions {
        collections: vec![
            collection(folder.path(), "sky", &one),
            collection(folder.path(), "sound", &two),
        ],
        limit: None,
        ks: vec![1],
    };
    let report = compare(&encoders(), &options).unwrap();
    let share = |way: &str, column: usize| report.recall(way, column, 0).unwrap().share;
    assert_eq!(report.collections[1].rows(), 2);
    for (way, sky, sound) in [
        // Of the second's requests, one is too long for the encoders.
        ("knows rain", 1.0, 0.5),
        ("knows music", 1.0, 0.5),
        ("all + BM25, min-max", 1.0, 0.5),
        // Words know both, however long.
        ("BM25", 1.0, 1.0),
    ] {
        assert_eq!((share(way, 0), share(way, 1)), (sky, sound), "{way}");
    }
    assert_eq!(report.recall("no such way", 0, 0), None);
    let text = report.to_text();
    for part in ["recall@1", "sky", "sound", "knows music + BM25, as served", "100.0 %", " *"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(text.contains("sound: unread, left out: 1"), "{text}");
    assert!(text.contains("sound: refused, left out: 2"), "{text}");
    let json = report.to_json();
    assert_eq!(json["collections"][1]["ways"]["BM25"]["recall"]["1"]["share"], 1.0);
    assert_eq!(json["collections"][0]["functions"], 2);
    assert_eq!(json["encoders"][1], "knows music");
    let html = report.to_html();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(html.contains("<svg") && html.contains("Recall@1"), "{html}");
}

#[test]
fn without_encoders_words_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let queries: Vec<_> = (0..5)
        .map(|at| json!({"id": at.to_string(), "query": "music", "relevant": ["beta"]}))
        .collect();
    let mut options = ComparisonOptions {
        collections: vec![collection(folder.path(), "sound", &queries)],
        limit: Some(3),
        ks: vec![1, 2],
    };
    let report = compare(&[], &options).unwrap();
    assert_eq!(report.collections[0].rows(), 3);
    assert_eq!(report.recall("BM25 by wish", 0, 1).unwrap().share, 1.0);
    assert!(!report.to_text().contains("min-max"));
    options.collections[0].queries = folder.path().join("none.jsonl");
    assert!(compare(&[], &options).is_err());
}
