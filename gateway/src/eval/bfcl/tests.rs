//! Rows of a file through models that do what a test says.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{
    CascadeError, DecodeRequest, Decoded, DecodedCall, Intent, ModelInfo, Prepared, TokenCounts,
};
use hyfunc_functions::Function;
use hyfunc_functions::json::arguments_from_json;
use hyfunc_training::report::FailureKind;
use serde_json::{Value as Json, json};

use super::*;

/// Calls the first candidate with the integers of the query, a call each; `long` and `stop` fail.
struct Counting;

impl Models for Counting {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        let prepared = |function| Arc::new(Prepared::without_block(function, vec![1.0]));
        let prepared: Vec<_> = functions.into_iter().map(prepared).collect();
        Box::pin(std::future::ready(Ok(prepared)))
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        let intent = match query {
            "long" => Err(CascadeError::QueryTooLong { tokens: 999, tokens_max: 384 }),
            "stop" => Err(CascadeError::Stopped),
            _ => Ok(Intent { soft_token: Vec::new(), query_vector: vec![1.0], p_call: 0.5 }),
        };
        Box::pin(std::future::ready(intent))
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        let parameters = request.candidates[0].prepared.function().parameters.clone();
        let numbers = request.query.split_whitespace().filter_map(|word| word.parse::<i64>().ok());
        let call = |n: i64| DecodedCall {
            candidate: 0,
            arguments: arguments_from_json(&parameters, &json!({"n": n})).unwrap(),
            score: 0.9,
            pieces: Vec::new(),
        };
        let decoded = Decoded {
            calls: numbers.take(request.calls_max).map(call).collect(),
            scores: vec![0.25; request.candidates.len()],
            counts: TokenCounts { injected: 4, copied: 1, ..TokenCounts::default() },
        };
        Box::pin(std::future::ready(Ok(decoded)))
    }

    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: "counting".into(),
            parameters_large: 1,
            parameters_small: 1,
            digest: "00".into(),
            retrieval_threshold: -1.0,
        }
    }
}

fn row(id: &str, query: &str, answers: &[Json]) -> Json {
    let schema =
        json!({"type": "dict", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    json!({
        "id": id,
        "query": query,
        "functions": [{"name": "math.count", "description": "Counts.", "parameters": schema}],
        "ground_truth": answers,
    })
}

fn accepts(values: &[i64]) -> Json {
    json!({"math.count": {"n": values}})
}

fn options(folder: &Path, rows: &[Json]) -> BfclOptions {
    let data = folder.join("rows.jsonl");
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    std::fs::write(&data, lines.join("\n")).unwrap();
    BfclOptions {
        data,
        answers: None,
        python: None,
        categories: Category::ALL.to_vec(),
        limit: None,
        calls_max: 8,
        out: Some(folder.join("out")),
    }
}

#[tokio::test]
async fn rows_are_answered_scored_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let script = "<script>alert(1)</script> 5";
    let rows = [
        row("simple_python_0", "count to 5", &[accepts(&[5])]),
        row("simple_python_1", "count to 5 ", &[accepts(&[6, 7])]),
        row("simple_python_2", script, &[accepts(&[6])]),
        row("simple_python_3", "count", &[accepts(&[6])]),
        row("parallel_0", "count to 1 and 2", &[accepts(&[2]), accepts(&[1])]),
        row("parallel_1", "count to 1", &[accepts(&[2]), accepts(&[1])]),
        row("irrelevance_0", "hello", &[]),
        row("irrelevance_1", "hello 7", &[]),
        row("live_simple_0-0-0", "long", &[accepts(&[1])]),
        row("simple_java_0", "count to 5", &[accepts(&[5])]),
    ];
    let options = options(folder.path(), &rows);
    let report = decoded(&Counting, &options).await.unwrap();
    let group = |name: &str| report.groups.get(name).cloned().unwrap_or_default();
    let simple = group("simple_python");
    assert_eq!((simple.rows, simple.right), (4, 1));
    assert_eq!(simple.failures.get(FailureKind::Value), 2);
    assert_eq!(simple.failures.get(FailureKind::Call), 1);
    let parallel = group("parallel");
    assert_eq!((parallel.right, parallel.failures.get(FailureKind::Count)), (1, 1));
    let none = group("irrelevance");
    assert_eq!((none.right, none.failures.get(FailureKind::Call)), (1, 1));
    assert_eq!(group("live_simple").failures.get(FailureKind::Refused), 1);
    assert_eq!((report.unanswered.total(), report.refused.total(), report.strict), (1, 1, 0));
    assert_eq!((simple.tokens.injected, simple.tokens.rows), (16, 4));
    // No mean is taken of categories without rows.
    assert!(report.means().is_empty());

    let out = folder.path().join("out");
    let scores = std::fs::read_to_string(out.join("scores.jsonl")).unwrap();
    assert_eq!(scores.lines().count(), 9);
    let html = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains("<script"), "{html}");
    let text = std::fs::read_to_string(out.join("report.json")).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(json["categories"]["simple_python"]["right"]["share"], 0.25);
    assert_eq!(json["official_checker"], Json::Null);

    // The predictions say the same when they are read again.
    let again = predicted(&out.join("predictions.jsonl"), &options).unwrap();
    assert_eq!(again.right, report.right);
    assert!(again.groups.total().latency.is_empty(), "a file says nothing about time");
    assert!(!again.to_text().contains("p50"), "{}", again.to_text());
}

#[tokio::test]
async fn limits_and_categories_choose_rows() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Json> = (0..10)
        .flat_map(|at| {
            let simple = row(&format!("simple_python_{at}"), "count to 5", &[accepts(&[5])]);
            [simple, row(&format!("irrelevance_{at}"), "hello", &[])]
        })
        .collect();
    let mut options = options(folder.path(), &rows);
    options.limit = Some(3);
    let report = decoded(&Counting, &options).await.unwrap();
    let counted: Vec<_> = report.groups.iter().map(|(name, group)| (name, group.rows)).collect();
    assert_eq!(counted, [("simple_python", 3), ("irrelevance", 3)]);
    options.categories = vec![Category::Irrelevance];
    let report = decoded(&Counting, &options).await.unwrap();
    assert_eq!(report.groups.total().rows, 3);
    // Every row of this folder's predictions is of a category that is not wanted now.
    options.categories = vec![Category::SimplePython];
    let file = folder.path().join("out/predictions.jsonl");
    let error = predicted(&file, &options).unwrap_err().to_string();
    assert!(error.contains("no row has a prediction"), "{error}");
}

#[tokio::test]
async fn models_that_stop_end_the_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), &[row("simple_python_0", "stop", &[accepts(&[5])])]);
    let error = decoded(&Counting, &options).await.unwrap_err().to_string();
    assert!(error.contains("the models failed"), "{error}");
}

#[tokio::test]
async fn a_python_that_is_not_there_is_said_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), &[row("simple_python_0", "stop", &[accepts(&[5])])]);
    options.python = Some("/nonexistent/python".into());
    let error = decoded(&Counting, &options).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent/python"), "{error}");
}

#[tokio::test]
async fn many_functions_are_not_all_kept_ready() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Json> = (0..PREPARED_MAX + 10)
        .map(|at| {
            let mut row = row(&format!("simple_python_{at}"), "count to 5", &[accepts(&[5])]);
            row["functions"][0]["description"] = Json::from(format!("Counts, way {at}."));
            row
        })
        .collect();
    let options = options(folder.path(), &rows);
    let report = decoded(&Counting, &options).await.unwrap();
    let total = report.groups.total();
    assert_eq!((total.rows, total.right), (PREPARED_MAX + 10, PREPARED_MAX + 10));
}

#[test]
fn both_checkers_are_compared_row_by_row() {
    let verdict = |id: &str, valid: bool| official::Verdict {
        id: id.to_owned(),
        valid,
        error_type: String::new(),
    };
    let verdicts = [verdict("simple_python_0", true), verdict("simple_python_1", true)];
    let verdicts = verdicts.into_iter().map(|verdict| (verdict.id.clone(), verdict)).collect();
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Json> =
        (0..3).map(|at| row(&format!("simple_python_{at}"), "q", &[accepts(&[5])])).collect();
    let found = read(&options(folder.path(), &rows)).unwrap();
    let right = ["simple_python_0".to_owned()].into_iter().collect();
    let official = Official::compare(&verdicts, &found.rows, &right);
    assert_eq!((official.rows, official.right), (2, 2));
    assert_eq!(official.disagreements, ["simple_python_1"]);
}
