//! The gateway over HTTP, in process: the real plugins, and models that do what a test says.
//!
//! One binary, since linking it costs more than running it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod answer;
mod bad_input;
mod bench;
mod chat;
mod contract;
mod conversations;
mod cors;
mod deadlines;
mod endpoints;
mod every_field;
mod keys;
mod leaving;
mod limits;
mod live;
mod mcp;
mod once;
mod openapi;
mod operations;
mod playground;
mod properties;
mod question;
mod recent;
mod responses;
mod ring;
mod slow;
mod streaming;
mod support;
mod tls;
mod tracing_out;
mod upstream;
mod wire;
