//! A gateway that turns what a person asks into function calls and runs them in sandboxes.
//!
//! [`pipeline`] is the way of a request, [`app`] puts the parts together, [`http`] is what clients
//! see, [`config`] holds every limit.

// The MCP server's futures are nested deeper than the default allows.
#![recursion_limit = "256"]

pub mod admission;
pub mod app;
pub mod audit;
pub mod bench;
pub mod cli;
mod clock;
pub mod commands;
pub mod config;
pub mod demo;
pub mod error;
pub mod eval;
mod file;
pub mod follow;
pub mod http;
pub mod keys;
pub mod library;
pub mod mcp;
pub mod models;
mod open_files;
pub mod pipeline;
pub mod publish;
pub mod recent;
pub mod replays;
pub mod stock;
mod suggest;
pub mod telemetry;
pub mod threads;
pub mod upstream;

pub use app::App;
pub use config::Config;
pub use error::{RequestError, StartError};
