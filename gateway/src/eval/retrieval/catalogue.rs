//! Functions to find.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use hyfunc_training::lines::Lines;
use hyfunc_training::report::Refused;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::eval::EvalError;

/// The functions of some files. A function's place is its id in the index.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub functions: Vec<Arc<Function>>,
    /// Place of each name.
    pub places: HashMap<String, u32>,
    /// Lines that could not be used, by reason.
    pub refused: Refused,
}

#[derive(Deserialize)]
struct RawFunction {
    name: String,
    description: Option<String>,
    #[serde(default)]
    parameters: Json,
}

/// Reads `{"name", "description", "parameters"}`, one a line. Names are kept whole: requests name
/// functions by them.
pub(super) fn read(paths: &[PathBuf]) -> Result<Catalogue, EvalError> {
    let mut catalogue = Catalogue::default();
    for path in paths {
        for line in Lines::open(path)? {
            let line = line?;
            let name = format!("{} {}", path.display(), line.name());
            let read = line.text.map_err(str::to_owned).and_then(|text| function(&text));
            match read {
                Ok(function) if catalogue.places.contains_key(&function.name) => {
                    catalogue.refused.add("a function of a name that is there already", name);
                }
                Ok(function) => {
                    let place = catalogue.functions.len() as u32;
                    catalogue.places.insert(function.name.clone(), place);
                    catalogue.functions.push(Arc::new(function));
                }
                Err(reason) => catalogue.refused.add(reason, name),
            }
        }
    }
    if catalogue.functions.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(EvalError::NoFunction {
            path: names.join(", "),
            left_out: catalogue.refused.to_text(),
        });
    }
    Ok(catalogue)
}

fn function(text: &str) -> Result<Function, String> {
    let raw: RawFunction = serde_json::from_str(text)
        .map_err(|_| "not a function of name, description and parameters".to_owned())?;
    if raw.name.trim().is_empty() {
        return Err("a function without a name".into());
    }
    let description = raw.description.unwrap_or_default();
    function_from_schema(&raw.name, &description, &raw.parameters)
        .map_err(|_| "a function whose parameters are no JSON Schema".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_kept_whole_and_others_listed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = file(
            "one.jsonl",
            "{\"name\": \"Maps/routes/find\", \"description\": null}\n\
             {\"name\": \"b\", \"parameters\": {\"type\": \"string\"}}\n{\n{\"name\": \" \"}\n",
        );
        let two = file("two.jsonl", "{\"name\": \"Maps/routes/find\"}\n{\"name\": \"c\"}\n");
        let found = read(&[one, two]).unwrap();
        let names: Vec<&str> = found.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["Maps/routes/find", "c"]);
        assert_eq!(found.places["c"], 1);
        let reasons: Vec<&str> = found.refused.iter().map(|(reason, _)| reason).collect();
        assert_eq!(
            reasons,
            [
                "a function of a name that is there already",
                "a function whose parameters are no JSON Schema",
                "a function without a name",
                "not a function of name, description and parameters",
            ]
        );
        let none = file("none.jsonl", "{\n");
        let error = read(&[none]).unwrap_err().to_string();
        assert!(error.contains("none.jsonl") && error.contains("left out: 1"), "{error}");
        assert!(read(&[folder.path().join("absent")]).is_err());
    }
}
