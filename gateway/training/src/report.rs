//! What every evaluation reports, in one form: shares with 95 % intervals, failures by kind,
//! latency, the worst examples and what could not be read; as text, as JSON and as one page of
//! HTML.

mod calls;
mod classify;
mod difference;
mod estimate;
mod examples;
mod failures;
mod groups;
mod latency;
mod page;
mod picture;
mod refused;
mod table;
mod text;

pub use calls::{NamedCall, same_functions, written};
pub use classify::classify;
pub use difference::Difference;
pub use estimate::Estimate;
pub use examples::{EXAMPLES_PER_HEADING_MAX, Example, Examples};
pub use failures::{FailureCounts, FailureKind};
pub use groups::{Group, Groups, Tokens};
pub use latency::{Latency, ms, quantile};
pub use page::Page;
pub use picture::{bars, counts, stacks};
pub use refused::{LISTED_MAX, Refused};
pub use table::Table;
pub use text::{cut, escape, plain};
