//! [`Type`] to JSON Schema 2020-12 and back.
//!
//! What is written admits exactly the JSON that [`crate::json::from_json`] reads, patterns that the
//! `regex` crate cannot express apart. What is read may be narrower than the schema. It is wider only
//! where [`Reading::ignored`] says so, and in that `format` asserts nothing and `oneOf` is read as
//! `anyOf`: a call that a template of the type makes is one that the tool's author had in mind.

use serde_json::Value as Json;

use crate::function::Function;
use crate::types::{RecordType, Type};

mod budget;
mod combine;
mod dirt;
mod error;
mod objects;
mod read;
mod values;
mod write;

pub use budget::Budget;
pub use error::SchemaError;
pub use read::Ignored;

use write::Direction;

/// What a schema was read as.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<T> {
    /// The type or the function.
    pub read: T,
    /// What the schema says that the type does not hold, in the order met.
    pub ignored: Vec<Ignored>,
}

/// The schema of a type, as arguments have it.
pub fn to_schema(ty: &Type) -> Json {
    Direction::Arguments.schema(ty)
}

/// The schema of a function's parameters: an object.
pub fn parameters_schema(params: &RecordType) -> Json {
    Direction::Arguments.record(params)
}

/// The schema of what a function returns, where floats may be one of the strings `NaN`,
/// `Infinity`, `-Infinity`. A function that returns nothing gives `null`.
pub fn result_schema(returns: Option<&Type>) -> Json {
    Direction::Results.schema(returns.unwrap_or(&Type::Null))
}

/// Reads a schema, whatever dialect of JSON Schema or OpenAPI it is in.
///
/// # Errors
/// Where no type stands for it; see [`SchemaError`].
pub fn type_from_schema(schema: &Json) -> Result<Type, SchemaError> {
    read_type(schema).map(|reading| reading.read)
}

/// As [`type_from_schema`], with the constraints that were not taken over.
///
/// # Errors
/// As [`type_from_schema`].
pub fn read_type(schema: &Json) -> Result<Reading<Type>, SchemaError> {
    let mut budget = Budget::default();
    let mut reader = read::Reader::new(schema, &mut budget);
    let read = reader.schema(schema)?;
    Ok(Reading { read, ignored: reader.into_ignored()? })
}

/// Reads a function that a client sent: its parameters are an object schema. Nothing at all
/// (`null`, `{}`) is a function without parameters.
///
/// # Errors
/// As [`type_from_schema`], and where the parameters are not an object.
pub fn function_from_schema(
    name: &str,
    description: &str,
    parameters: &Json,
) -> Result<Function, SchemaError> {
    read_function(name, description, parameters).map(|reading| reading.read)
}

/// As [`function_from_schema`], with the constraints that were not taken over.
///
/// # Errors
/// As [`function_from_schema`].
pub fn read_function(
    name: &str,
    description: &str,
    parameters: &Json,
) -> Result<Reading<Function>, SchemaError> {
    read_function_within(name, description, parameters, &mut Budget::default())
}

/// As [`read_function`], for one of several functions that share a budget.
///
/// # Errors
/// As [`function_from_schema`].
pub fn read_function_within(
    name: &str,
    description: &str,
    parameters: &Json,
    budget: &mut Budget,
) -> Result<Reading<Function>, SchemaError> {
    let mut reader = read::Reader::new(parameters, budget);
    let record = reader.parameters(parameters)?;
    let read = Function {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: record,
        returns: None,
        examples: Vec::new(),
        reply: None,
        export: None,
    };
    Ok(Reading { read, ignored: reader.into_ignored()? })
}
