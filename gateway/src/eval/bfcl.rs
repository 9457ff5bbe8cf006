//! `hyfunc eval bfcl`: the Berkeley Function-Calling Leaderboard's rows, each with its own
//! functions.
//!
//! The models read a row's request beside all of its functions: nothing is retrieved. Rows go one
//! after the other, so that their times are those of a gateway at rest.

mod decode;
mod report;

use std::path::{Path, PathBuf};

use hyfunc_training::bfcl::{
    Answers, Call, Category, Miss, Row, Rows, check, official, predictions, rows,
};
use hyfunc_training::report::FailureKind;
use serde_json::json;

pub use decode::{Answered, PREPARED_MAX};
pub use report::{BfclReport, Mean, Official};

use super::EvalError;
use crate::models::Models;

/// What is asked of an evaluation.
#[derive(Clone, Debug)]
pub struct BfclOptions {
    /// A file of rows, or the benchmark's own folder.
    pub data: PathBuf,
    /// The benchmark's own folder, for the answers that it accepts.
    pub answers: Option<PathBuf>,
    /// A Python with `bfcl_eval`, to have its checker's word besides.
    pub python: Option<PathBuf>,
    /// Which rows.
    pub categories: Vec<Category>,
    /// Most rows of each category.
    pub limit: Option<usize>,
    /// Most calls of one row.
    pub calls_max: usize,
    /// Folder for predictions, scores and reports.
    pub out: Option<PathBuf>,
}

/// Lets the models answer every row, and scores them.
///
/// # Errors
/// Rows, answers or a Python that cannot be used, models that stop, or a folder that cannot be
/// written. What the models refuse is a row that is wrong, not an error.
pub async fn decoded(models: &dyn Models, options: &BfclOptions) -> Result<BfclReport, EvalError> {
    let found = read(options)?;
    let bar = hyfunc_training::run::bar("bfcl", found.rows.len(), 0);
    let mut decoder = decode::Decoder::new(models, options.calls_max);
    let mut answers = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        answers.push(Some(decoder.answer(row).await?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    score(&models.info().id, options, &found, &answers)
}

/// Scores the predictions of a file.
///
/// # Errors
/// As [`decoded`], and a file that cannot be read.
pub fn predicted(file: &Path, options: &BfclOptions) -> Result<BfclReport, EvalError> {
    let mut found = read(options)?;
    let mut predicted = predictions::read(file)?;
    let answers: Vec<Option<Answered>> = found
        .rows
        .iter()
        .map(|row| predicted.by_id.remove(&row.id).map(Answered::of_file))
        .collect();
    found.refused.merge(predicted.refused);
    score(&file.display().to_string(), options, &found, &answers)
}

/// Reads the rows. Whatever would fail after minutes of work is tried here.
fn read(options: &BfclOptions) -> Result<Rows, EvalError> {
    if let Some(out) = &options.out {
        std::fs::create_dir_all(out)
            .map_err(|source| EvalError::Write { path: out.clone(), source })?;
    }
    let installed = options.python.as_deref().map(official::folder).transpose()?;
    let folder = options.answers.clone().or(installed);
    // A folder of the benchmark brings its own answers.
    let folder = folder.filter(|_| !options.data.is_dir());
    let answers = folder.as_deref().map(Answers::open).transpose()?;
    Ok(rows(&options.data, answers.as_ref(), &options.categories, options.limit)?)
}

fn score(
    model: &str,
    options: &BfclOptions,
    found: &Rows,
    answers: &[Option<Answered>],
) -> Result<BfclReport, EvalError> {
    let mut report = BfclReport::new(model, &options.data, found.refused.clone());
    let mut lines = String::new();
    let mut scores = String::new();
    for (row, answer) in found.rows.iter().zip(answers) {
        let Some(answer) = answer else {
            report.refused.add("a row without a prediction", row.id.as_str());
            continue;
        };
        let outcome = checked(row, answer);
        let calls = answer.prediction.as_deref().unwrap_or_default();
        lines.push_str(&format!("{}\n", predictions::line(&row.id, calls)));
        let (error_type, error) = match &outcome {
            Ok(()) => ("", ""),
            Err(miss) => (miss.error_type, miss.message.as_str()),
        };
        let line = json!({
            "id": row.id,
            "category": row.category.name(),
            "valid": outcome.is_ok(),
            "error_type": error_type,
            "error": error,
            "failure": outcome.as_ref().err().map(|miss| miss.kind.name()),
        });
        scores.push_str(&format!("{line}\n"));
        report.add(row, answer, outcome);
    }
    if report.groups.total().rows == 0 {
        return Err(EvalError::NoPrediction);
    }
    if let Some(python) = &options.python {
        report.official = Some(second_opinion(python, &lines, found, &report)?);
    }
    if let Some(out) = &options.out {
        let write = |name: &str, text: &str| super::write(&out.join(name), text);
        write("predictions.jsonl", &lines)?;
        write("scores.jsonl", &scores)?;
        write("report.json", &format!("{:#}\n", report.to_json()))?;
        write("report.html", &report.to_html())?;
    }
    Ok(report)
}

/// The checker's word. What the models refused has no call; a prediction that is none is wrong, and
/// counts as no call where none is wanted.
fn checked(row: &Row, answer: &Answered) -> Result<(), Miss> {
    let refused = |reason: &str| Miss {
        error_type: "ast_decoder:decoder_failed",
        message: reason.to_owned(),
        kind: FailureKind::Refused,
    };
    let calls: &[Call] = match &answer.prediction {
        Err(reason) if row.category.has_answers() => return Err(refused(reason)),
        Err(_) => &[],
        Ok(calls) => calls.as_slice(),
    };
    check(row.category, &row.described, &row.answers, calls).map_err(|miss| {
        let kind = if answer.refused.is_some() { FailureKind::Refused } else { miss.kind };
        Miss { kind, ..miss }
    })
}

/// The benchmark's own checker over the same predictions.
fn second_opinion(
    python: &Path,
    lines: &str,
    found: &Rows,
    report: &BfclReport,
) -> Result<Official, EvalError> {
    let verdicts = official::score(python, lines)?;
    Ok(Official::compare(&verdicts, &found.rows, &report.right))
}

#[cfg(test)]
mod tests;
