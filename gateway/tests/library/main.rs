//! The library at run time: a gateway whose plugins change while it serves.
//!
//! One binary, since linking it costs more than running it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../http/answer.rs"]
#[allow(dead_code, reason = "the gateway's other tests use the rest")]
mod answer;
mod approval;
mod command;
mod conflicts;
#[path = "../http/contract.rs"]
mod contract;
mod crash;
mod follow;
mod full;
mod keys;
mod killed;
#[path = "../http/support.rs"]
#[allow(dead_code, reason = "the gateway's other tests use the rest")]
mod models;
mod openapi;
mod pages;
mod process;
mod publish;
mod refused;
mod registries;
#[path = "../../distribution/tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests of the client use the rest")]
mod registry;
mod replace;
#[path = "../http/ring.rs"]
mod ring;
mod start;
mod support;
