//! The authors' commands, typed as an author types them, on the built program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod build;
mod mistakes;
mod rust;
mod support;
