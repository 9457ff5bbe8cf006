//! Rows of training and evaluation data, from JSON lines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::error::TrainingError;
use crate::lines::Lines;

/// A request, the functions that could answer it, and the calls that do.
#[derive(Clone, Debug)]
pub struct Row {
    /// Unique within its file.
    pub id: String,
    /// What the person says.
    pub query: String,
    /// Functions on offer.
    pub functions: Vec<Arc<Function>>,
    /// Calls in the order in which the query asks for them: index of the function, arguments.
    pub calls: Vec<(usize, Map<String, Json>)>,
    /// Whether the query asks for something that only a function which is not on offer does: there is
    /// nothing to call, and the query alone does not tell.
    pub is_unmet: bool,
}

impl Row {
    /// The calls by the names of their functions.
    pub(crate) fn wanted(&self) -> Vec<(&str, Json)> {
        self.calls
            .iter()
            .map(|(at, arguments)| {
                (self.functions[*at].name.as_str(), Json::Object(arguments.clone()))
            })
            .collect()
    }
}

/// Rows of a file, and why others were left out.
#[derive(Debug, Default)]
pub struct Import {
    /// Usable rows.
    pub rows: Vec<Row>,
    /// Ids (or line numbers) of the others, by reason.
    pub refused: BTreeMap<String, Vec<String>>,
}

/// A row as it is written, nothing checked yet.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct RawRow {
    pub(crate) id: String,
    pub(crate) query: String,
    pub(crate) functions: Vec<RawFunction>,
    pub(crate) calls: Vec<RawCall>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct RawFunction {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) parameters: Json,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct RawCall {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Json>,
}

/// Functions that were read, by all that is said of them.
pub(crate) type Known = BTreeMap<String, Arc<Function>>;

/// Why a row's parts do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Parameters that no type stands for.
    Schema,
    /// A call of something that is not on offer.
    Function,
    /// Nothing is said.
    Query,
}

impl Misfit {
    /// In words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Schema => "a function's parameters are no JSON Schema",
            Self::Function => "calls a function that is not on offer",
            Self::Query => "an empty query",
        }
    }
}

/// Reads `{"id","query","functions","calls"}` rows; a path that ends in `.gz` is unzipped.
pub fn import(path: &Path) -> Result<Import, TrainingError> {
    let mut import = Import::default();
    let mut known = Known::new();
    for line in Lines::open(path)? {
        let line = line?;
        let read = match &line.text {
            Ok(text) => row(text, &mut known),
            Err(reason) => Err((None, (*reason).to_owned())),
        };
        match read {
            Ok(row) => import.rows.push(row),
            Err((id, reason)) => {
                let id = id.unwrap_or_else(|| line.name());
                import.refused.entry(reason).or_default().push(id);
            }
        }
    }
    if import.rows.is_empty() {
        return Err(TrainingError::NoRows { path: path.display().to_string() });
    }
    Ok(import)
}

fn row(line: &str, known: &mut Known) -> Result<Row, (Option<String>, String)> {
    let raw: RawRow =
        serde_json::from_str(line).map_err(|_| (None, "not a row of JSON".to_owned()))?;
    let id = raw.id.clone();
    built(raw, known).map_err(|(misfit, _)| (Some(id), misfit.text().to_owned()))
}

/// One row, or what does not fit and where. Equal functions of different rows become one, so that
/// equality is by pointer.
pub(crate) fn built(raw: RawRow, known: &mut Known) -> Result<Row, (Misfit, String)> {
    let mut functions = Vec::with_capacity(raw.functions.len());
    for function in &raw.functions {
        let key = format!("{}\n{}\n{}", function.name, function.description, function.parameters);
        if let Some(function) = known.get(&key) {
            functions.push(function.clone());
            continue;
        }
        let read =
            function_from_schema(&function.name, &function.description, &function.parameters)
                .map_err(|error| (Misfit::Schema, format!("`{}`: {error}", function.name)))?;
        let read = Arc::new(read);
        known.insert(key, read.clone());
        functions.push(read);
    }
    let mut calls = Vec::with_capacity(raw.calls.len());
    for call in raw.calls {
        let Some(index) = raw.functions.iter().position(|f| f.name == call.name) else {
            return Err((Misfit::Function, format!("`{}`", call.name)));
        };
        calls.push((index, call.arguments));
    }
    if raw.query.trim().is_empty() {
        return Err((Misfit::Query, String::new()));
    }
    Ok(Row { id: raw.id, query: raw.query, functions, calls, is_unmet: false })
}
