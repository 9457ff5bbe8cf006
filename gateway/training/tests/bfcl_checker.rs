//! Our checker and the benchmark's own say the same of every row.
//!
//! Runs where `bfcl_eval` is installed for `$HYFUNC_PYTHON` (else `python3`). The predictions are
//! gold answers of the benchmark's own files, spoiled in every way that a model may spoil them;
//! `$HYFUNC_BFCL_PREDICTIONS` names a file of real ones to compare besides.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use hyfunc_training::bfcl::predictions::{self, Prediction};
use hyfunc_training::bfcl::{Answers, Call, Category, Row, check, official, rows};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};

/// Files of predictions, each spoiled more than the one before.
const FILES: u32 = 8;

fn python() -> PathBuf {
    std::env::var_os("HYFUNC_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// The benchmark's rows; `None` where it is not installed.
fn benchmark() -> Option<Vec<Row>> {
    let folder = official::folder(&python()).ok()?;
    let answers = Answers::open(&folder).unwrap();
    Some(rows(&folder, Some(&answers), &Category::ALL, None).unwrap().rows)
}

/// The checker's name for what is wrong; empty where nothing is.
fn ours(row: &Row, prediction: &Prediction) -> String {
    let none = Vec::new();
    let calls = match prediction {
        Err(_) if row.category.has_answers() => return "ast_decoder:decoder_failed".into(),
        Err(_) => &none,
        Ok(calls) => calls,
    };
    match check(row.category, &row.described, &row.answers, calls) {
        Ok(()) => String::new(),
        Err(miss) => miss.error_type.to_owned(),
    }
}

/// Compares every row of a file; gives how often each outcome came.
fn compare(benchmark: &[Row], file: &Path) -> BTreeMap<String, usize> {
    let predicted = predictions::read(file).unwrap();
    let verdicts = official::score(&python(), &std::fs::read_to_string(file).unwrap()).unwrap();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for row in benchmark {
        let Some(prediction) = predicted.by_id.get(&row.id) else { continue };
        let verdict = &verdicts[&row.id];
        let ours = ours(row, prediction);
        assert_eq!(
            (ours.is_empty(), ours.as_str()),
            (verdict.valid, verdict.error_type.as_str()),
            "{} of {}: {prediction:?}",
            row.id,
            file.display()
        );
        *outcomes.entry(ours).or_default() += 1;
    }
    outcomes
}

/// Gold calls, spoiled.
struct Spoiler {
    rng: ChaCha8Rng,
    /// 0 spoils nothing.
    degree: u32,
}

impl Spoiler {
    fn chance(&mut self, from_degree: u32, probability: f64) -> bool {
        self.degree >= from_degree && self.rng.random_bool(probability)
    }

    fn pick<'a>(&mut self, values: &'a [Json]) -> Option<&'a Json> {
        (!values.is_empty()).then(|| &values[self.rng.random_range(0..values.len())])
    }

    fn calls(&mut self, row: &Row) -> Vec<Call> {
        let mut calls: Vec<Call> = row.answers.iter().map(|answer| self.call(answer)).collect();
        if calls.is_empty() && self.rng.random_bool(0.5) {
            calls.push(Call { name: "f".into(), arguments: json!({}) });
        }
        calls.shuffle(&mut self.rng);
        if self.chance(4, 0.1) {
            calls.pop();
        }
        if self.chance(4, 0.1) {
            calls.extend(calls.first().cloned());
        }
        calls
    }

    fn call(&mut self, answer: &Json) -> Call {
        let (name, parameters) = answer.as_object().unwrap().iter().next().unwrap();
        let mut arguments = Map::new();
        for (parameter, accepted) in parameters.as_object().unwrap() {
            let Some(value) = self.pick(accepted.as_array().unwrap()).cloned() else { continue };
            let is_left_out = value == "" && self.rng.random_bool(0.9);
            if is_left_out || self.chance(3, 0.05) {
                continue;
            }
            let mut value = self.filled(&value);
            if self.chance(1, 0.05 * f64::from(self.degree)) {
                value = self.spoiled(&value);
            }
            arguments.insert(parameter.clone(), value);
        }
        if self.chance(4, 0.05) {
            arguments.insert("unheard_of".into(), json!(1));
        }
        let name = if self.chance(4, 0.05) { format!("{name}x") } else { name.clone() };
        let arguments = match self.rng.random_range(0..100) {
            0 if self.degree >= 6 => json!([1]),
            1 if self.degree >= 6 => json!(null),
            _ => Json::Object(arguments),
        };
        Call { name, arguments }
    }

    /// One of the values that a dict accepts for each of its keys.
    fn filled(&mut self, accepted: &Json) -> Json {
        match accepted {
            Json::Object(object) => {
                let mut filled = Map::new();
                for (key, values) in object {
                    let one = values.as_array().and_then(|values| self.pick(values)).cloned();
                    filled.insert(key.clone(), self.filled(&one.unwrap_or_else(|| values.clone())));
                }
                Json::Object(filled)
            }
            Json::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            other => other.clone(),
        }
    }

    fn spoiled(&mut self, value: &Json) -> Json {
        let way = self.rng.random_range(0..14);
        match (way, value) {
            (0, Json::Number(number)) => json!(number.as_f64()),
            (1, Json::Number(number)) => json!(number.as_f64().map(|float| float as i64)),
            (2, value) => json!(value.to_string()),
            (3, Json::String(text)) => json!(format!(" {}.", text.to_uppercase())),
            (4, Json::Array(items)) => items.iter().rev().cloned().collect(),
            (5, Json::Array(items)) => items.iter().skip(1).cloned().collect(),
            (5, Json::String(text)) => json!(text.chars().skip(1).collect::<String>()),
            (6, Json::Object(object)) => {
                object.iter().map(|(key, value)| (key.clone(), self.spoiled(value))).collect()
            }
            (7, Json::Array(items)) => items.iter().map(|item| self.spoiled(item)).collect(),
            (8, _) => json!(true),
            (9, value) => json!([value]),
            (10, Json::Object(object)) => {
                let extra = [("extra".to_owned(), json!(1))];
                object.clone().into_iter().chain(extra).collect()
            }
            (11, Json::Object(object)) => object.clone().into_iter().skip(1).collect(),
            (12, _) => json!(null),
            (13, _) => json!(""),
            (_, value) => value.clone(),
        }
    }
}

#[test]
fn both_checkers_agree_on_every_row() {
    let Some(benchmark) = benchmark() else {
        eprintln!("bfcl_eval is not installed for {}: nothing compared", python().display());
        return;
    };
    assert!(benchmark.len() > 3_400, "{} rows", benchmark.len());
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for degree in 0..FILES {
        let mut spoiler = Spoiler { rng: ChaCha8Rng::seed_from_u64(u64::from(degree)), degree };
        let lines: Vec<String> = benchmark
            .iter()
            .map(|row| predictions::line(&row.id, &spoiler.calls(row)).to_string())
            .collect();
        let file = folder.path().join(format!("degree{degree}.jsonl"));
        std::fs::write(&file, lines.join("\n")).unwrap();
        for (outcome, count) in compare(&benchmark, &file) {
            *outcomes.entry(outcome).or_default() += count;
        }
    }
    // The comparison means something only if most of the checker's rules have had their say.
    assert!(outcomes[""] > 5_000, "{outcomes:#?}");
    assert!(outcomes.len() > 14, "{outcomes:#?}");
}

#[test]
fn both_checkers_agree_on_real_predictions() {
    let Some(file) = std::env::var_os("HYFUNC_BFCL_PREDICTIONS") else { return };
    let Some(benchmark) = benchmark() else { return };
    let outcomes = compare(&benchmark, Path::new(&file));
    assert!(outcomes.values().sum::<usize>() > 0, "no row of the benchmark is in {file:?}");
    eprintln!("{outcomes:#?}");
}

/// Small files in the benchmark's form, so that the whole way is walked where it is not installed.
#[test]
fn rows_of_a_folder_are_checked_by_its_own_answers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("possible_answer")).unwrap();
    let schema = json!({"type": "dict", "properties": {"x": {"type": "float"}}, "required": ["x"]});
    let write = |path: PathBuf, row: Json| std::fs::write(path, row.to_string()).unwrap();
    let name = "BFCL_v4_live_parallel.json";
    write(
        folder.path().join(name),
        json!({
            "id": "live_parallel_0-0-0",
            "question": [[{"role": "user", "content": "one and two"}]],
            "function": [{"name": "f.g", "description": "", "parameters": schema}],
        }),
    );
    write(
        folder.path().join("possible_answer").join(name),
        json!({
            "id": "live_parallel_0-0-0",
            "ground_truth": [{"f.g": {"x": [1.0]}}, {"f.g": {"x": [2.0, 2.5]}}],
        }),
    );
    let row = rows(folder.path(), None, &Category::ALL, None).unwrap().rows.remove(0);
    let mut outcomes = HashMap::new();
    for (name, values) in [("right", [2.5, 1.0]), ("wrong", [2.0, 2.0])] {
        let call = |x: f64| Call { name: "f.g".into(), arguments: json!({"x": x}) };
        let file = folder.path().join("predictions.jsonl");
        write(file.clone(), predictions::line(&row.id, &values.map(call)));
        let read = predictions::read(&file).unwrap();
        outcomes.insert(name, ours(&row, &read.by_id[&row.id]));
    }
    assert_eq!(outcomes["right"], "");
    assert_eq!(outcomes["wrong"], "parallel_function_checker_no_order:cannot_find_match");
}
