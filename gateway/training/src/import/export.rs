//! Rows as the formats have them, so that what was read can be handed on.

use hyfunc_functions::schema::parameters_schema;
use serde_json::{Map, Value as Json, json};

use super::calls::{CallsError, write_calls};
use super::format::Format;
use crate::data::Row;

/// Why a row cannot be written in a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Its calls cannot.
    #[error("row `{id}`: {source}")]
    Calls {
        /// Its id.
        id: String,
        /// What stands in the way.
        source: CallsError,
    },
    /// Rows of this format are only read.
    #[error("rows are not written in the format `{0}`; use hyfunc, xlam or toolace")]
    Format(Format),
}

/// One row in a format; what is read back from it is the same row.
///
/// # Errors
/// A format that is only read, or names that the format has no way to write.
pub fn row(row: &Row, format: Format) -> Result<Json, ExportError> {
    let functions: Vec<Json> = row
        .functions
        .iter()
        .map(|function| {
            let parameters = parameters_schema(&function.parameters);
            json!({
                "name": function.name,
                "description": function.description,
                "parameters": parameters,
            })
        })
        .collect();
    let calls = row.calls.iter().map(|(called, arguments)| (name(row, *called), arguments));
    match format {
        Format::Hyfunc => {
            let calls: Vec<Json> = calls.map(call).collect();
            Ok(json!({
                "id": row.id, "query": row.query, "functions": functions, "calls": calls,
            }))
        }
        Format::Xlam => {
            let answers = Json::from_iter(calls.map(call)).to_string();
            let tools = Json::from(functions).to_string();
            Ok(json!({"id": row.id, "query": row.query, "tools": tools, "answers": answers}))
        }
        Format::Toolace => {
            let answer = match row.calls.is_empty() {
                true => "None of these functions does that.".to_owned(),
                false => write_calls(calls)
                    .map_err(|source| ExportError::Calls { id: row.id.clone(), source })?,
            };
            let functions = Json::from(functions);
            Ok(json!({
                "id": row.id,
                "system": format!("Functions in JSON format that you can invoke:\n{functions}\n"),
                "conversations": [
                    {"from": "user", "value": row.query},
                    {"from": "assistant", "value": answer},
                ],
            }))
        }
        Format::Bfcl => Err(ExportError::Format(format)),
    }
}

fn name(row: &Row, called: usize) -> &str {
    &row.functions[called].name
}

fn call((name, arguments): (&str, &Map<String, Json>)) -> Json {
    json!({"name": name, "arguments": arguments})
}
