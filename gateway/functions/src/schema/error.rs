//! Why a JSON Schema cannot be read as a type.

/// A schema that no type stands for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Neither an object nor a boolean.
    #[error("at `{path}`: a schema is an object, found {found}; write {{\"type\": …}}")]
    NotASchema {
        /// Where in the schema, such as `$.properties.city`.
        path: String,
        /// Kind of JSON that stands there.
        found: String,
    },
    /// Parameters that are not an object.
    #[error(
        "parameters must be an object schema, found {found}; write {{\"type\": \"object\", \"properties\": …}}"
    )]
    NotAnObject {
        /// What they are instead.
        found: String,
    },
    /// Contradicts itself.
    #[error("at `{path}`: no value fits this schema ({reason}); widen it")]
    Nothing {
        /// Where in the schema.
        path: String,
        /// The contradiction.
        reason: String,
    },
    /// A reference that leads nowhere in this document.
    #[error(
        "at `{path}`: cannot follow $ref {reference:?}; only references within the same schema (`#/$defs/…`) are read: inline what it names"
    )]
    Reference {
        /// Where in the schema.
        path: String,
        /// What it refers to.
        reference: String,
    },
    /// Nested too deeply.
    #[error("at `{path}`: nested deeper than {depth_max} schemas; flatten it")]
    TooDeep {
        /// Where in the schema.
        path: String,
        /// The limit.
        depth_max: usize,
    },
    /// Too many parts, each use of a `$ref` and each element that must be written counted.
    #[error(
        "the schema has more than {nodes_max} parts once its references are followed and the elements that it asks for are counted; make it smaller"
    )]
    TooLarge {
        /// The limit.
        nodes_max: usize,
    },
    /// Too much text, each use of a `$ref` counted.
    #[error(
        "the schema has more than {bytes_max} bytes once its references and alternatives are written out; make it smaller"
    )]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// Too many patterns to compile.
    #[error("the schema has more than {patterns_max} different patterns; leave some of them out")]
    TooManyPatterns {
        /// The limit.
        patterns_max: usize,
    },
}
