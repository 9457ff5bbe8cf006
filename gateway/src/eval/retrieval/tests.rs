//! Catalogues and requests from files, with vectors that a test can foresee.

use std::path::Path;

use serde_json::json;

use super::*;

/// Axes of the vectors: words that stand for themselves, whatever BM25 makes of them.
const WORDS: [&str; 4] = ["weather", "rain", "music", "song"];

/// Counts the words; *rain* leans towards *weather*, *song* towards *music*.
struct Counting;

impl Counting {
    fn vector(text: &str) -> Vec<f32> {
        let text = text.to_lowercase();
        let counts = WORDS.map(|word| text.matches(word).count() as f32);
        vec![counts[0] + counts[1], counts[2] + counts[3], 0.01]
    }
}

impl Encoder for Counting {
    fn name(&self) -> String {
        "counting".into()
    }

    fn functions(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>, CascadeError> {
        let texts = functions.iter().map(|f| format!("{} {}", f.name, f.description));
        Ok(texts.map(|text| Self::vector(&text)).collect())
    }

    fn query(&self, query: &str) -> Result<Vec<f32>, CascadeError> {
        if query.len() > 100 {
            return Err(CascadeError::QueryTooLong { tokens: query.len(), tokens_max: 100 });
        }
        Ok(Self::vector(query))
    }
}

fn write(folder: &Path, name: &str, rows: &[serde_json::Value]) -> PathBuf {
    let path = folder.join(name);
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn options(folder: &Path, queries: &[serde_json::Value]) -> RetrievalOptions {
    let functions = [
        json!({"name": "Sky/weather_current", "description": "The weather now."}),
        json!({"name": "play_music", "description": "Plays music."}),
        json!({"name": "add_numbers", "description": "Adds <b>two</b> numbers."}),
    ];
    RetrievalOptions {
        queries: write(folder, "queries.jsonl", queries),
        catalogues: vec![write(folder, "catalogue.jsonl", &functions)],
        limit: None,
        ks: vec![1, 3],
        candidates_max: 2,
        threshold: 0.3,
    }
}

fn shares(report: &RetrievalReport, method: Method) -> Vec<f64> {
    let scores = report.of(method);
    (0..2).map(|at| scores.recall(at).unwrap().share).collect()
}

#[test]
fn three_ways_are_measured_over_the_same_requests() {
    let folder = tempfile::tempdir().unwrap();
    let queries = [
        // Words and meaning both know.
        json!({"id": "a", "query": "weather in Oslo", "relevant": ["Sky/weather_current"]}),
        // Meaning alone knows.
        json!({"id": "b", "query": "will there be rain?", "relevant": ["Sky/weather_current"]}),
        // Nothing of the sky and nothing of music.
        json!({"id": "c", "query": "add these numbers", "relevant": ["add_numbers"]}),
        // Two wishes.
        json!({"id": "d", "query": "weather and music",
               "relevant": ["play_music", "Sky/weather_current"]}),
    ];
    let report = retrieval(&Counting, &options(folder.path(), &queries)).unwrap();
    assert_eq!(shares(&report, Method::Words), [2.5 / 4.0, 3.0 / 4.0]);
    assert!(shares(&report, Method::Vectors)[1] > 0.99, "three functions fit into three ranks");
    assert_eq!(shares(&report, Method::Index), [3.5 / 4.0, 1.0]);
    assert_eq!(report.of(Method::Index).reciprocal_rank().unwrap().share, 1.0);
    assert!(report.candidates_mean() <= 2.0 && report.served().is_some());
    let text = report.to_text();
    for part in ["recall@1", "recall@3", "MRR", "BM25 alone", "not found", "counting", "as served"]
    {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let json = report.to_json();
    assert_eq!(json["methods"]["index as served"]["recall"]["3"]["share"], 1.0);
    assert_eq!(json["methods"]["BM25 alone"]["ranks"]["not found"], 1);
    assert_eq!((json["rows"].as_u64(), json["functions"].as_u64()), (Some(4), Some(3)));
}

#[test]
fn hostile_and_unusable_lines_are_shown_as_text_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let script = "<script>alert(1)</script>";
    let queries = [
        json!({"id": script, "query": format!("{script} music"), "relevant": ["add_numbers"]}),
        json!({"id": "long", "query": "music ".repeat(40), "relevant": ["play_music"]}),
        json!({"id": "gone", "query": "music", "relevant": ["no_such_function"]}),
        json!({"query": 7}),
    ];
    let mut options = options(folder.path(), &queries);
    options.ks = vec![1];
    let report = retrieval(&Counting, &options).unwrap();
    assert_eq!(report.of(Method::Index).rows, 2);
    assert_eq!((report.unanswered.total(), report.refused.total()), (1, 2));
    // A request that the models refuse is not found by them, and words still look.
    assert_eq!(report.of(Method::Vectors).recall(0).unwrap().share, 0.0);
    assert_eq!(report.of(Method::Words).recall(0).unwrap().share, 0.5);
    let html = report.to_html();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(report.to_text().contains("line 4"), "{}", report.to_text());
}

#[test]
fn limits_take_requests_at_equal_distances() {
    let folder = tempfile::tempdir().unwrap();
    let queries: Vec<_> = (0..9)
        .map(|at| json!({"id": at.to_string(), "query": "music", "relevant": ["play_music"]}))
        .collect();
    let mut options = options(folder.path(), &queries);
    options.limit = Some(4);
    let report = retrieval(&Counting, &options).unwrap();
    assert_eq!(report.of(Method::Index).rows, 4);
    options.limit = Some(0);
    let error = retrieval(&Counting, &options).unwrap_err().to_string();
    assert!(error.contains("queries.jsonl"), "{error}");
}
