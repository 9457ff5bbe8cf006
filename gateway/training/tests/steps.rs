//! The steps of training as commands run them: begun, resumed, refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use hyfunc_training::embed::{EmbedOptions, embed};
use hyfunc_training::embeddings::digest;
use hyfunc_training::retriever::{RetrieverOptions, train};
use hyfunc_training::schedule::{CHECKPOINT_STEPS, Schedule};
use hyfunc_training::sources::Data;
use serde_json::{Value as Json, json};

fn library() -> Vec<Arc<Function>> {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    vec![Arc::new(function_from_schema("text_reverse", "Turns a text round.", &schema).unwrap())]
}

/// Sixty rows, one of them without a query and one of an evaluation set.
fn rows(folder: &Path) -> (PathBuf, PathBuf) {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}},
                      "required": ["city"]});
    let number = json!({"type": "object", "properties": {"n": {"type": "integer"}},
                        "required": ["n"]});
    let functions = json!([
        {"name": "weather", "description": "How warm it is in a city.", "parameters": city},
        {"name": "is_prime", "description": "Whether a number is prime.", "parameters": number},
    ]);
    let row = |at: usize| {
        let (query, call) = match at % 3 {
            0 => (format!("is {at} prime?"), json!([{"name": "is_prime", "arguments": {"n": at}}])),
            1 => {
                let city = format!("Town{at}");
                let call = json!([{"name": "weather", "arguments": {"city": city}}]);
                (format!("how warm is it in Town{at}"), call)
            }
            _ => (format!("thanks, see you at {at}"), json!([])),
        };
        let query = if at == 59 { String::new() } else { query };
        json!({"id": format!("set-{at}"), "query": query, "functions": functions, "calls": call})
    };
    let rows: String = (0..60).map(|at| format!("{}\n", row(at))).collect();
    let path = folder.join("rows.jsonl");
    std::fs::write(&path, rows).unwrap();
    let evaluation = folder.join("held.jsonl");
    std::fs::write(&evaluation, "{\"id\": \"e\", \"query\": \"Is 30 prime\"}\n").unwrap();
    (path, evaluation)
}

fn options(folder: &Path, seed: u64, resume: bool) -> RetrieverOptions {
    let (rows, evaluation) = rows(folder);
    RetrieverOptions {
        data: Data {
            library: library(),
            rows: vec![rows],
            evaluation: vec![evaluation],
            ..Data::default()
        },
        out: folder.join("run"),
        steps: 2,
        hard_negatives: 2,
        schedule: Schedule {
            shards: 1,
            seed,
            rate: 1.0,
            resume,
            from: None,
            checkpoint_steps: CHECKPOINT_STEPS,
        },
    }
}

#[test]
fn a_retriever_is_trained_resumed_and_embeds_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = options(folder.path(), 7, false);
    let report = train(&first).unwrap();
    assert_eq!(report.refused.values().sum::<usize>(), 2, "{:?}", report.refused);
    let run = |name: &str| first.out.join(name);
    for name in [
        "settings.json",
        "stretches.jsonl",
        "refused.jsonl",
        "tokenizer.json",
        "large.checkpoint",
        "large.csv",
        "large.svg",
        "models/large.safetensors",
        "models/tokenizer.json",
        "models/retriever.json",
    ] {
        assert!(run(name).is_file(), "{name}");
    }
    let settings: Json =
        serde_json::from_slice(&std::fs::read(run("settings.json")).unwrap()).unwrap();
    assert_eq!((&settings["step"], &settings["steps_large"]), (&json!("retriever"), &json!(2)));
    assert!(settings["data"]["rows.jsonl"].is_string());
    assert!(settings["evaluation"]["held.jsonl"].is_string());
    let calibration = report.calibration;
    assert!(calibration.rows >= 400 && calibration.call_scale > 0.0, "{calibration}");
    assert!(calibration.brier_after <= calibration.brier_before + 0.01, "{calibration}");

    // Resumed after its end, it comes to the same; begun again or with another seed, it is refused.
    let again = train(&options(folder.path(), 7, true)).unwrap();
    assert_eq!(again.large_sha256, report.large_sha256);
    for (seed, resume, part) in [(7, false, "--resume"), (8, true, "`seed` differs")] {
        let error = train(&options(folder.path(), seed, resume)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    let stretches = std::fs::read_to_string(run("stretches.jsonl")).unwrap();
    let stretches: Vec<Json> =
        stretches.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stretches.len(), 2, "begun and resumed; what was refused is none");
    for part in ["hyfunc", "candle", "tokenizers", "rustc"] {
        let version = stretches[0]["versions"][part].as_str().unwrap();
        assert!(version.contains(|char: char| char.is_ascii_digit()), "{part}: {version}");
    }
    for part in ["library", "phrases", "practice"] {
        let digest = &stretches[0]["built_in_sha256"][part];
        assert_eq!(digest.as_str().map(str::len), Some(64), "{part}");
        assert_eq!(digest, &stretches[1]["built_in_sha256"][part], "{part}");
    }

    let embedding = EmbedOptions {
        data: first.data.clone(),
        retriever: report.models.clone(),
        out: folder.path().join("embeddings"),
    };
    let made = embed(&embedding).unwrap();
    assert_eq!((made.functions, made.queries, made.known), (3, 58, 0));
    assert_eq!(made.computed, 61);
    let name = made.path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains(&digest(&report.models).unwrap()[..16]), "{name}");
    let bytes = std::fs::read(&made.path).unwrap();
    let again = embed(&embedding).unwrap();
    assert_eq!((again.computed, again.known), (0, 61), "nothing is computed twice");
    assert_eq!(std::fs::read(&made.path).unwrap(), bytes);
}

#[test]
fn what_is_no_large_model_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, _) = rows(folder.path());
    let models = folder.path().join("models");
    let options = EmbedOptions {
        data: Data { rows: vec![rows], ..Data::default() },
        retriever: models.clone(),
        out: folder.path().join("embeddings"),
    };
    assert!(embed(&options).unwrap_err().to_string().contains("large.safetensors"));
    std::fs::create_dir(&models).unwrap();
    let shipped = Path::new("../cascade/models/tiny");
    std::fs::copy(shipped.join("tokenizer.json"), models.join("tokenizer.json")).unwrap();
    // The small model in the large one's place.
    std::fs::copy(shipped.join("small.safetensors"), models.join("large.safetensors")).unwrap();
    let error = embed(&options).unwrap_err().to_string();
    assert!(error.contains("large.safetensors cannot be used"), "{error}");
    assert!(error.contains("hyfunc train retriever"), "{error}");
}
