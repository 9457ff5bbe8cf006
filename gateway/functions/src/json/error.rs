//! What can be wrong with a JSON text or value.

/// Why JSON could not be read as a value of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Something else than the type wants.
    #[error("at `{path}`: expected {expected}, found {found}; {advice}")]
    Mismatch {
        /// Where, such as `$.address.city[2]`.
        path: String,
        /// What the type wants there.
        expected: String,
        /// What stands there.
        found: String,
        /// What to do.
        advice: String,
    },
    /// A key that must be there is not.
    #[error("at `{path}`: this is required but missing; write {expected}")]
    Missing {
        /// Where it should be.
        path: String,
        /// What the type wants there.
        expected: String,
    },
    /// A key that the type does not know.
    #[error("at `{path}`: no such key is known; remove it or use one of: {known}")]
    Unknown {
        /// Where it is.
        path: String,
        /// The keys that the type knows.
        known: String,
    },
    /// A key written twice.
    #[error("at `{path}`: this key is written twice; keep one of the two")]
    DuplicateKey {
        /// Where it is.
        path: String,
    },
    /// Nested too deeply.
    #[error("at `{path}`: nested deeper than {depth_max} levels; flatten it")]
    TooDeep {
        /// Where the limit was passed.
        path: String,
        /// The limit.
        depth_max: usize,
    },
    /// Too many bytes of text.
    #[error("the JSON has {bytes} bytes and {bytes_max} are allowed; send less")]
    TooLong {
        /// Bytes that were sent.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not JSON.
    #[error(
        "not JSON at line {line}, column {column}: {reason}; send one valid JSON value (RFC 8259)"
    )]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
}

impl JsonError {
    /// Where it is wrong, such as `$.address.city[2]`; `$` where that is the whole.
    pub fn path(&self) -> &str {
        match self {
            Self::Mismatch { path, .. }
            | Self::Missing { path, .. }
            | Self::Unknown { path, .. }
            | Self::DuplicateKey { path }
            | Self::TooDeep { path, .. } => path,
            Self::TooLong { .. } | Self::Syntax { .. } => "$",
        }
    }
}
