//! BM25: the formula, changes, and recall on requests that people write.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hyfunc_retrieval::{Bm25, Bm25Config, RetrievalError, wishes};
use serde_json::Value as Json;

fn bm25(documents: &[&str]) -> Bm25 {
    let mut bm25 = Bm25::new(Bm25Config::default()).expect("sound");
    for (id, text) in documents.iter().enumerate() {
        bm25.insert(id as u32, text).expect("ids are unique");
    }
    bm25
}

#[test]
fn agrees_with_the_formula_by_hand() {
    let bm25 = bm25(&["cat cat dog", "dog", "bird bird"]);
    let scores = bm25.scores("cats and the dog, dogs");
    // idf of one holder in three: ln(1 + 2.5 / 1.5); of two: ln(1 + 1.5 / 2.5). Mean length is 2.
    let (one, two) = ((1.0f32 + 2.5 / 1.5).ln(), (1.0f32 + 1.5 / 2.5).ln());
    let part = |count: f32, length: f32| count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 2.0));
    let expected = HashMap::from([
        (0, one * part(2.0, 3.0) + two * part(1.0, 3.0)),
        (1, two * part(1.0, 1.0)),
    ]);
    assert_eq!(scores.len(), 2);
    for (id, score) in expected {
        assert!(
            (scores[&id] - score).abs() < 1e-5,
            "{id}: {} where {score} was meant",
            scores[&id]
        );
    }
}

#[test]
fn normalised_scores_span_zero_to_one() {
    let some = bm25(&["cat dog", "dog", "bird"]);
    let scores = some.scores_normalised("cat dog");
    assert_eq!(scores[&0], 1.0);
    assert!(scores[&1] > 0.0 && scores[&1] < 1.0 && !scores.contains_key(&2), "{scores:?}");
    let all = bm25(&["cat dog", "cat"]).scores_normalised("cat dog");
    assert_eq!((all[&0], all[&1]), (1.0, 0.0));
    assert_eq!(
        bm25(&["cat", "cat"]).scores_normalised("cat"),
        [(0, 1.0), (1, 1.0)].into_iter().collect()
    );
    assert!(some.scores_normalised("the of and").is_empty());
    assert!(bm25(&[]).scores_normalised("cat").is_empty());
}

#[test]
fn insert_and_remove_leave_no_trace() {
    let mut changed = bm25(&["cat dog", "dog", "bird"]);
    let before = changed.scores("cat dog bird");
    changed.insert(9, "cat cat fish").expect("9 is free");
    assert_eq!(changed.insert(9, "x"), Err(RetrievalError::DuplicateId { id: 9 }));
    assert_ne!(changed.scores("cat dog bird"), before);
    assert!(changed.remove(9));
    assert!(!changed.remove(9));
    assert_eq!(changed.scores("cat dog bird"), before);
    assert!(changed.scores("fish").is_empty());
}

#[test]
fn a_clone_and_its_origin_do_not_see_each_other_change() {
    let origin = bm25(&["cat dog", "dog", "bird"]);
    let before = origin.scores("cat dog bird fish");
    let mut clone = origin.clone();
    assert!(clone.remove(2));
    clone.insert(9, "fish dog").expect("9 is free");
    clone.insert(10, "bird").expect("10 is free");
    assert_eq!(origin.scores("cat dog bird fish"), before);
    // As if it had been made of these documents at once.
    let mut fresh = bm25(&["cat dog", "dog"]);
    fresh.insert(10, "bird").expect("10 is free");
    fresh.insert(9, "fish dog").expect("9 is free");
    assert_eq!(clone.scores("cat dog bird fish"), fresh.scores("cat dog bird fish"));
    // Words that nobody holds are as if they had never been there.
    for id in [0, 1, 9, 10] {
        assert!(clone.remove(id));
    }
    assert!(clone.is_empty() && clone.scores("cat dog bird fish").is_empty());
    clone.insert(0, "cat dog").expect("0 is free");
    assert_eq!(clone.scores("cat"), bm25(&["cat dog"]).scores("cat"));
}

#[test]
fn settings_are_checked() {
    for (k1, b) in [
        (-1.0, 0.5),
        (f32::NAN, 0.5),
        (f32::INFINITY, 0.5),
        (1.2, -0.1),
        (1.2, 1.1),
        (1.2, f32::NAN),
    ] {
        assert!(
            matches!(Bm25::new(Bm25Config { k1, b }), Err(RetrievalError::Setting { .. })),
            "k1 {k1}, b {b}"
        );
    }
    assert_eq!(bm25(&["cat"]).search("cat", 0), Err(RetrievalError::KZero));
}

/// Lines of a JSONL file, gzipped or not.
fn lines(path: &Path) -> Vec<Json> {
    let file = std::fs::File::open(path).expect("the file is there");
    let reader: Box<dyn std::io::Read> = if path.extension().is_some_and(|ext| ext == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str(&line.expect("text")).expect("every line is JSON"))
        .collect()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or("")
}

fn function_text(function: &Json) -> String {
    let mut all = format!("{} {}", text(&function["name"]), text(&function["description"]));
    for (name, schema) in function["parameters"]["properties"].as_object().into_iter().flatten() {
        all.push_str(&format!(" {name} {}", text(&schema["description"])));
    }
    all
}

/// Mean share of the relevant functions among the five best of the whole request and its parts.
fn recall_at_5(catalogue: &Path, queries: &Path) -> f64 {
    let functions = lines(catalogue);
    let mut bm25 = Bm25::new(Bm25Config::default()).expect("sound");
    for (id, function) in functions.iter().enumerate() {
        bm25.insert(id as u32, &function_text(function)).expect("ids are unique");
    }
    let queries = lines(queries);
    let mut total = 0.0;
    for query in &queries {
        let mut best: HashMap<u32, f32> = HashMap::new();
        for wish in wishes(text(&query["query"]), 8) {
            for (id, score) in bm25.scores_normalised(wish) {
                let kept = best.entry(id).or_default();
                *kept = kept.max(score);
            }
        }
        let mut ranked: Vec<(u32, f32)> = best.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let found: Vec<&str> =
            ranked.iter().take(5).map(|(id, _)| text(&functions[*id as usize]["name"])).collect();
        let relevant = query["relevant"].as_array().expect("names");
        let hits = relevant.iter().filter(|name| found.contains(&text(name))).count();
        total += hits as f64 / relevant.len() as f64;
    }
    total / queries.len() as f64
}

#[test]
fn recall_on_the_fixture() {
    let fixtures = Path::new(".").join("tests/fixtures");
    let recall = recall_at_5(&fixtures.join("catalogue.jsonl"), &fixtures.join("queries.jsonl"));
    assert!(recall >= 0.95, "recall@5 is {recall:.3}");
}

/// `HYFUNC_DATA`, or the folder beside the repository; nothing where neither is there.
fn data() -> Option<PathBuf> {
    let beside = || Path::new(".").join("../../../shared/data");
    let folder = std::env::var_os("HYFUNC_DATA").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn recall_on_public_catalogues() {
    let Some(folder) = data() else {
        println!("skipped: set HYFUNC_DATA to a folder with the retrieval sets");
        return;
    };
    // Floors just below what was measured when they were set.
    for (catalogue, queries, floor) in [
        ("sealtools_catalogue", "retr_sealtools_queries", 0.86),
        ("retr_stabletoolbench_catalogue", "retr_stabletoolbench_queries", 0.63),
    ] {
        let path = |name: &str| folder.join(format!("{name}.jsonl.gz"));
        let recall = recall_at_5(&path(catalogue), &path(queries));
        println!("{catalogue}: recall@5 {recall:.3}");
        assert!(recall >= floor, "{catalogue}: recall@5 is {recall:.3}");
    }
}
