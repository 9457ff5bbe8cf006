//! Predicted calls in a file, one row a line, as the benchmark's scripts read them:
//! `{"id": …, "result": [{"name": …, "arguments": {…}}]}`.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::Call;
use crate::error::TrainingError;
use crate::lines::Lines;
use crate::report::Refused;

/// What was predicted for one row: calls, or why the prediction is none that can be read. Such a
/// row is wrong, and counts as one without a call.
pub type Prediction = Result<Vec<Call>, String>;

/// Predictions by the id of their row.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// The last one of each id.
    pub by_id: HashMap<String, Prediction>,
    /// Lines that predict nothing.
    pub refused: Refused,
}

/// One line of such a file.
pub fn line(id: &str, calls: &[Call]) -> Json {
    let result: Vec<Json> =
        calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments})).collect();
    json!({"id": id, "result": result})
}

/// Reads a file. Besides lists of calls, the benchmark's `[{"f": {…}}]` is read, a single call, and
/// both as text. Calls written in Python's syntax are not.
///
/// # Errors
/// A file that cannot be read, or that holds no prediction.
pub fn read(path: &Path) -> Result<Predictions, TrainingError> {
    let mut found = Predictions::default();
    for line in Lines::open(path)? {
        let line = line?;
        let name = line.name();
        let row = line.text.map_err(str::to_owned).and_then(|text| {
            serde_json::from_str::<Json>(&text).map_err(|_| "not JSON".to_owned())
        });
        match row.and_then(|row| prediction(&row)) {
            Ok((id, prediction)) => {
                found.by_id.insert(id, prediction);
            }
            Err(reason) => found.refused.add(reason, name),
        }
    }
    if found.by_id.is_empty() {
        return Err(TrainingError::Unusable {
            path: path.display().to_string(),
            reason: format!(
                "it holds no prediction; a line is {{\"id\", \"result\": [{{\"name\", \
                 \"arguments\"}}]}}\n{}",
                found.refused.to_text()
            ),
        });
    }
    Ok(found)
}

fn prediction(row: &Json) -> Result<(String, Prediction), String> {
    let id = row["id"].as_str().ok_or("a prediction without `id`")?.to_owned();
    let result = row.get("result").ok_or("a prediction without `result`")?;
    let Json::String(text) = result else { return Ok((id, calls(result))) };
    let text = text.trim();
    if !(text.starts_with("[{") || text.starts_with('{')) {
        return Err("calls in Python's syntax are not read; write them as JSON".into());
    }
    let read = serde_json::from_str(text).map_err(|error| error.to_string());
    Ok((id, read.and_then(|json| calls(&json))))
}

fn calls(result: &Json) -> Prediction {
    match result {
        Json::Array(result) => result.iter().map(call).collect(),
        Json::Object(_) => Ok(vec![call(result)?]),
        other => Err(format!("{other} is no list of calls")),
    }
}

fn call(json: &Json) -> Result<Call, String> {
    let object = json.as_object().ok_or_else(|| format!("{json} is no call"))?;
    let (name, arguments) = match (object.get("name"), object.get("arguments")) {
        (Some(name), Some(arguments)) => {
            (name.as_str().ok_or("a call whose name is no text")?, arguments)
        }
        _ => match object.iter().next() {
            Some((name, arguments)) if object.len() == 1 => (name.as_str(), arguments),
            _ => return Err(format!("{json} has neither name and arguments nor one key")),
        },
    };
    let arguments = match arguments {
        Json::String(text) => serde_json::from_str(text).map_err(|error| error.to_string())?,
        arguments => arguments.clone(),
    };
    Ok(Call { name: name.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Predictions, TrainingError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.jsonl");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn every_spelling_of_a_call_is_read() {
        let wanted = vec![Call { name: "f".into(), arguments: json!({"a": 1}) }];
        for result in [
            r#"[{"name": "f", "arguments": {"a": 1}}]"#,
            r#"[{"name": "f", "arguments": "{\"a\": 1}"}]"#,
            r#"{"name": "f", "arguments": {"a": 1}}"#,
            r#"[{"f": {"a": 1}}]"#,
            r#"[{"f": "{\"a\": 1}"}]"#,
            r#"" [{\"f\": {\"a\": 1}}] ""#,
        ] {
            let found = file(&format!(r#"{{"id": "x", "result": {result}}}"#)).unwrap();
            assert_eq!(found.by_id["x"], Ok(wanted.clone()), "{result}");
            let again = file(&line("x", &wanted).to_string()).unwrap();
            assert_eq!(again.by_id["x"], Ok(wanted.clone()));
        }
        let none = file(r#"{"id": "x", "result": []}"#).unwrap();
        assert_eq!(none.by_id["x"], Ok(vec![]));
    }

    #[test]
    fn what_is_no_call_is_wrong_and_what_is_no_line_is_listed() {
        for result in [
            "7",
            "null",
            "[7]",
            r#"[{"a": {}, "b": {}}]"#,
            r#"[{"name": 7, "arguments": {}}]"#,
            r#"[{"name": "f", "arguments": "{"}]"#,
            r#""[{""#,
        ] {
            let found = file(&format!(r#"{{"id": "x", "result": {result}}}"#)).unwrap();
            assert!(found.by_id["x"].is_err(), "{result}");
        }
        let good = r#"{"id": "x", "result": []}"#;
        for (line, reason) in [
            ("{", "not JSON"),
            (r#"{"result": []}"#, "without `id`"),
            (r#"{"id": "y"}"#, "without `result`"),
            (r#"{"id": "y", "result": "[f(a=1)]"}"#, "Python's syntax"),
        ] {
            let found = file(&format!("{good}\n{line}\n")).unwrap();
            assert_eq!((found.by_id.len(), found.refused.total()), (1, 1), "{line}");
            let error = file(line).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("no prediction"), "{error}");
        }
    }
}
