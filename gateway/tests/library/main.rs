//! The library at run time: a gateway whose plugins change while it serves.
//!
//! One binary, since linking it costs more than running it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod approval;
mod command;
mod conflicts;
mod crash;
#[path = "../http/support.rs"]
#[allow(dead_code, reason = "the gateway's other tests use the rest")]
mod models;
mod publish;
mod refused;
mod replace;
mod support;
