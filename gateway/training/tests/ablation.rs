//! The ablation as its command runs it: every row trained, scored, resumed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::sync::Arc;

use hyfunc_functions::schema::function_from_schema;
use hyfunc_training::ablation::{AblationOptions, GIVEN, READABLE, Variant, ablate};
use hyfunc_training::import::Check;
use hyfunc_training::schedule::{CHECKPOINT_STEPS, Schedule};
use hyfunc_training::sources::Data;
use serde_json::json;

fn options(folder: &Path, variants: &[Variant], resume: bool) -> AblationOptions {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let library = function_from_schema("text_reverse", "Turns a text round.", &schema).unwrap();
    let number = json!({"type": "object", "properties": {"n": {"type": "integer"}},
                        "required": ["n"]});
    let city = json!({"type": "object", "properties": {"city": {"type": "string"},
                      "unit": {"enum": ["celsius", "kelvin"]}}, "required": ["city"]});
    let functions = json!([
        {"name": "is_prime", "description": "Whether a number is prime.", "parameters": number},
        {"name": "weather", "description": "How warm it is in a city.", "parameters": city},
    ]);
    let row = |at: usize| {
        let (query, calls) = match at % 3 {
            0 => (format!("is {at} prime"), json!([{"name": "is_prime", "arguments": {"n": at}}])),
            1 => {
                let city = format!("Town{at}");
                (
                    format!("how warm is it in {city}"),
                    json!([{"name": "weather", "arguments": {"city": city, "unit": "kelvin"}}]),
                )
            }
            _ => (format!("see you at {at}"), json!([])),
        };
        json!({"id": format!("set-{at}"), "query": query, "functions": functions, "calls": calls})
    };
    let write = |name: &str, rows: std::ops::Range<usize>| {
        let path = folder.join(name);
        let lines: String = rows.map(|at| format!("{}\n", row(at))).collect();
        std::fs::write(&path, lines).unwrap();
        path
    };
    AblationOptions {
        data: Data {
            library: vec![Arc::new(library)],
            rows: vec![write("train.jsonl", 0..40)],
            check: Check::Structure,
            ..Data::default()
        },
        scored_on: Some(write("scored.jsonl", 90..97)),
        limit: 3,
        models: None,
        out: folder.join("run"),
        steps: 2,
        variants: variants.to_vec(),
        schedule: Schedule {
            shards: 1,
            seed: 7,
            rate: 1.0,
            resume,
            from: None,
            checkpoint_steps: CHECKPOINT_STEPS,
        },
    }
}

#[test]
fn every_row_is_trained_scored_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let report = ablate(&options(folder.path(), &Variant::ALL, false)).unwrap();
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, Variant::ALL.map(Variant::name));
    let text = report.to_text();
    for (row, variant) in report.rows.iter().zip(Variant::ALL) {
        assert_eq!(row.group.rows, 3, "{variant}");
        assert_eq!(row.seconds.is_some(), variant == variant.trained_as(), "{variant}");
        assert!(text.contains(variant.title()) && text.contains(variant.meaning()), "{text}");
        let run = folder.path().join("run").join(variant.trained_as().name());
        for file in ["settings.json", "seconds"] {
            assert!(run.join(file).is_file(), "{variant}: {file}");
        }
        let name = variant.trained_as().name();
        for ending in ["checkpoint", "csv", "svg"] {
            assert!(run.join(format!("{name}.{ending}")).is_file(), "{variant}: {ending}");
        }
    }
    let json = report.to_json();
    for (row, variant) in json["rows"].as_array().unwrap().iter().zip(Variant::ALL) {
        let beside = variant.beside().map(|beside| json!(beside.name()));
        assert_eq!(row["beside"].get("row"), beside.as_ref(), "{variant}");
    }
    let share = |variant: Variant, name: &str| {
        let row = report.rows.iter().find(|row| row.name == variant.name()).unwrap();
        row.group.shared(name).map(|share| share.share)
    };
    for variant in [Variant::Templates, Variant::NoSoft, Variant::TemplatesAlone] {
        assert_eq!(share(variant, READABLE), Some(1.0), "{variant}");
    }
    for variant in [Variant::Parallel, Variant::Sequential] {
        assert!(share(variant, GIVEN).is_some(), "{variant}");
    }
    assert!(folder.path().join("run/report.json").is_file());

    // What is there is not trained again, and comes to the same.
    let some = [Variant::TemplatesAlone, Variant::Sequential];
    let again = ablate(&options(folder.path(), &some, true)).unwrap();
    for row in &again.rows {
        let before = report.rows.iter().find(|before| before.name == row.name).unwrap();
        assert_eq!(row.group.right, before.group.right, "{}", row.name);
        assert_eq!(row.group.failures, before.group.failures, "{}", row.name);
    }
    let error = ablate(&options(folder.path(), &some, false)).unwrap_err().to_string();
    assert!(error.contains("--resume"), "{error}");
    let other = AblationOptions { steps: 3, ..options(folder.path(), &some, true) };
    let error = ablate(&other).unwrap_err().to_string();
    assert!(error.contains("`steps_small` differs"), "{error}");
}

#[test]
fn rows_that_are_scored_are_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), &[Variant::Base], false);
    options.scored_on = options.data.rows.first().cloned();
    let error = ablate(&options).unwrap_err().to_string();
    assert!(error.contains("train.jsonl cannot be used"), "{error}");
    assert!(error.contains("equals a query of an evaluation set"), "{error}");
    let listed = std::fs::read_to_string(folder.path().join("run/refused.jsonl")).unwrap();
    assert_eq!(listed.lines().count(), 40, "{listed}");
    assert!(listed.contains("set-0 of train.jsonl"), "{listed}");
}
