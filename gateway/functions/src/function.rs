//! A function of the library: what it is called, what it takes, what it means.

use serde_json::{Map, Value as Json};

use crate::types::{RecordType, Type};

/// A function that can be called, whoever runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Unique in its library; `[a-zA-Z0-9_-]{1,64}` for functions of plugins and of API clients.
    pub name: String,
    /// What it does, in the author's words; empty when nobody said.
    pub description: String,
    /// What it takes.
    pub parameters: RecordType,
    /// What it returns; `None` when it returns nothing.
    pub returns: Option<Type>,
    /// Things people say that this function answers, with the arguments meant.
    pub examples: Vec<Example>,
    /// A minijinja template that turns the result into a sentence.
    pub reply: Option<String>,
    /// Where the plugin exports it; `None` for a function that a client sent.
    pub export: Option<Export>,
}

/// Where a component exports a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    /// Full name of the instance, such as `hyfunc:geo/cities@0.1.0`; `None` at world level.
    pub interface: Option<String>,
    /// Name in WIT's spelling, such as `find-city`.
    pub function: String,
}

/// An utterance and the arguments that it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What a person says.
    pub utterance: String,
    /// Arguments by name, as JSON.
    pub arguments: Map<String, Json>,
}

/// A decided call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Name of the function.
    pub function: String,
    /// Of the function's parameters: always a `Value::Record`.
    pub arguments: crate::value::Value,
}
