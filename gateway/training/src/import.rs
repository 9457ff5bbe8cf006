//! Rows to train on, in the formats that are about: read one at a time, checked, counted.
//!
//! Files may be JSON lines or one JSON array, gzipped or not. A row that cannot be used is refused
//! with its reason and listed; nothing is dropped silently. What is kept is bounded by
//! [`ROWS_MAX`] and [`KEPT_BYTES_MAX`]; what is read is not, so that ten gigabytes of rows need no ten
//! gigabytes.

mod bfcl;
mod calls;
mod catalogue;
mod evaluated;
mod export;
mod format;
mod importer;
mod ours;
mod refusals;
mod sets;
mod source;
mod toolace;
mod words;
mod xlam;

pub use calls::{CallsError, ParsedCall, parse_calls, write_calls};
pub use catalogue::catalogue;
pub use evaluated::{Evaluated, Leak, NEAR_SHARE, SHINGLE_WORDS};
pub use export::{ExportError, row as export_row};
pub use format::Format;
pub use importer::{Check, Imported, KEPT_BYTES_MAX, Options, ROWS_MAX, each, import};
pub use refusals::{Counted, LISTED_MAX, Reason, Refusals};
pub use sets::beside;
pub use words::normalized;
