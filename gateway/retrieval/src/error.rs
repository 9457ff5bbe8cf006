//! What can be wrong with an entry, a query or a setting.

use thiserror::Error;

/// Why an index could not be built, changed or searched.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RetrievalError {
    /// A vector of another width than those in the index.
    #[error(
        "a vector has {found} dimensions where the index has {expected}: embed functions and queries with one model"
    )]
    Dimension {
        /// Width of the index.
        expected: usize,
        /// Width of the vector given.
        found: usize,
    },
    /// A vector holds NaN or an infinity.
    #[error(
        "dimension {position} of a vector is not finite: check the encoder's weights and its number type"
    )]
    NotFinite {
        /// Index of the first such number.
        position: usize,
    },
    /// A vector has no direction: it is empty, or all of it is zero.
    #[error(
        "a vector is empty or zero throughout, so it has no direction: check the encoder's output"
    )]
    NoDirection,
    /// The id is in the index already.
    #[error("function id {id} is in the index already: remove it first, or use another id")]
    DuplicateId {
        /// The id given twice.
        id: u32,
    },
    /// Nothing was asked for.
    #[error("k is 0: ask for at least one hit")]
    KZero,
    /// A setting is outside its range.
    #[error("setting `{name}` is {value}: it must be {range}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}
