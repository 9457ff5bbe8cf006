//! The Berkeley Function-Calling Leaderboard, version 4: the single-turn Python categories.
//!
//! - [`Category`]: what a row is a case of, and how it is scored.
//! - [`Answers`]: the benchmark's own files, with the answers that it accepts.
//! - [`rows`]: requests with their functions.
//! - [`check`]: whether calls are right, exactly as the benchmark's own checker says.
//! - [`predictions`]: calls in a file, as the benchmark's scripts read them.
//! - [`official`]: the benchmark's own checker, through Python, where it is installed.

mod answers;
mod category;
mod check;
pub mod official;
pub mod predictions;
mod python;
mod rows;

pub use answers::{Answers, Asked};
pub use category::{Category, Scoring};
pub use check::{Miss, check};
pub use rows::{Row, Rows, Source, rows};

use serde_json::Value as Json;

/// A predicted call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name.
    pub name: String,
    /// An object, if the prediction is any good.
    pub arguments: Json,
}
