//! Catalogues: functions to make up requests for, `{"name", "description", "parameters"}` each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::importer::{KEPT_BYTES_MAX, ROWS_MAX};
use super::refusals::{Reason, Refusals};
use super::source;
use crate::data::RawFunction;
use crate::error::TrainingError;
use crate::run;

/// Reads catalogues: JSON lines or an array, gzipped or not. What cannot be used goes to `refusals`.
///
/// # Errors
/// A file that cannot be read, or of which no function can be used; a list of refusals that cannot be
/// written.
pub fn catalogue(
    files: &[PathBuf],
    refusals: &mut Refusals<'_>,
) -> Result<Vec<Arc<Function>>, TrainingError> {
    let mut functions = Vec::new();
    let mut kept_bytes = 0;
    for path in files {
        let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::metadata(path).map_err(TrainingError::file(path))?.len();
        let bar = run::bytes_bar("read", bytes);
        let (mut read, mut usable) = (0, 0);
        for line in source::open(path, &bar)? {
            let line = line?;
            read += 1;
            let bytes = line.text.as_ref().map_or(0, String::len);
            let text = line.text.map_err(|reason| (None, Reason::NotJson, reason.to_owned()));
            let found = text.and_then(|text| function(&text));
            usable += usize::from(found.is_ok());
            let (name, reason, detail) = match found {
                Ok(function) if functions.len() < ROWS_MAX && kept_bytes < KEPT_BYTES_MAX => {
                    kept_bytes += bytes;
                    functions.push(Arc::new(function));
                    continue;
                }
                Ok(function) => (Some(function.name), Reason::BeyondMax, String::new()),
                Err(refused) => refused,
            };
            refusals.add(&label, line.number, name.as_deref(), reason, &detail)?;
        }
        bar.finish_and_clear();
        if usable == 0 {
            return Err(unusable(path, read, refusals));
        }
    }
    refusals.finish()?;
    Ok(functions)
}

/// Name of a function that is refused, why, and what exactly.
type Refused = (Option<String>, Reason, String);

fn function(text: &str) -> Result<Function, Refused> {
    let described: Json =
        serde_json::from_str(text).map_err(|error| (None, Reason::NotJson, error.to_string()))?;
    let name = described.get("name").and_then(Json::as_str).map(str::to_owned);
    let raw = RawFunction::deserialize(&described)
        .map_err(|error| (name.clone(), Reason::Fields, error.to_string()))?;
    // A catalogue of servers names functions `Server/function`.
    let short = raw.name.rsplit('/').next().unwrap_or(&raw.name);
    function_from_schema(short, &raw.description, &raw.parameters)
        .map_err(|error| (name, Reason::Schema, error.to_string()))
}

fn unusable(path: &Path, read: usize, refusals: &Refusals<'_>) -> TrainingError {
    let reason = match read {
        0 => "it is empty; a function is one JSON object a line".to_owned(),
        _ => format!(
            "none of its {read} functions can be used; each is {{\"name\", \"description\", \
             \"parameters\": a JSON Schema}}. Refused so far:\n{}",
            refusals.to_text()
        ),
    };
    TrainingError::Unusable { path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_counted_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tools.jsonl");
        let lines = [
            r#"{"name": "weather", "description": "d", "parameters": {"type": "object"}}"#,
            r#"{"name": "server/tides", "parameters": {}}"#,
            r#"{"description": "nameless", "parameters": {}}"#,
            r#"{"name": "no-parameters"}"#,
            r#"{"name": "wrong", "parameters": {"type": "string"}}"#,
            "not JSON",
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let mut list = Vec::new();
        let mut refusals = Refusals::listed(&mut list, Path::new("refused.jsonl"));
        let functions = catalogue(std::slice::from_ref(&path), &mut refusals).unwrap();
        let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["weather", "tides"]);
        drop(refusals);
        let list: Vec<Json> = String::from_utf8(list)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told: Vec<(u64, &str)> = list
            .iter()
            .map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
            .collect();
        let expected =
            [(3, Reason::Fields), (4, Reason::Fields), (5, Reason::Schema), (6, Reason::NotJson)];
        assert_eq!(told, expected.map(|(line, reason)| (line, reason.text())));
        assert_eq!(list[1]["id"], "no-parameters");
    }

    #[test]
    fn a_catalogue_without_a_function_is_an_error_that_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tools.jsonl");
        for (text, part) in [("", "it is empty"), ("[]", "it is empty"), ("{}\n", "misshapen")] {
            std::fs::write(&path, text).unwrap();
            let mut refusals = Refusals::counted();
            let error = catalogue(std::slice::from_ref(&path), &mut refusals).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("tools.jsonl") && error.contains(part), "{error}");
        }
    }
}
