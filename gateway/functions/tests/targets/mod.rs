//! What must hold of every input that strangers write: one function a parser, from bytes.
//!
//! The targets in `fuzz/` run these over bytes that a fuzzer makes, and `foreign.rs` over the seeds
//! and the regressions that are kept as files.

pub mod component;
pub mod docs;
pub mod json;
pub mod reply;
pub mod schema;
pub mod slot;
pub mod wit;
