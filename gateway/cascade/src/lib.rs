//! The two models and everything between a query and typed calls.
//!
//! A large model reads the query once and leaves one *soft token*; a small model reads the
//! query beside a function's block and decides, along the function's template, whether to call
//! it and with which values. Nothing here sees JSON or a network: templates and typed values
//! go in and come out.

pub mod api;
pub mod ask;
pub mod assign;
mod blocks;
pub mod border;
pub mod branch;
pub mod cascade;
pub mod ceiling;
mod clauses;
pub mod config;
pub mod conversation;
pub mod decide;
pub mod decode;
mod disk;
pub mod engine;
pub mod error;
pub mod evidence;
pub mod generate;
mod key;
pub mod labels;
pub mod lexicon;
pub mod likeness;
pub mod model;
pub mod nearness;
pub mod numbers;
pub mod prior;
pub mod progress;
pub mod prompt;
mod reader;
mod record;
pub mod sequence;
pub mod series;
pub mod share;
pub mod shipped;
pub mod spans;
pub mod text;
pub mod tiny;
pub mod weights;
pub mod words;

pub use api::{
    Candidate, DecodeRequest, Decoded, DecodedCall, Intent, ModelInfo, Piece, PieceKind, Prepared,
    TokenCounts, ToolChoice,
};
pub use cascade::Cascade;
pub use config::{Ablation, CascadeConfig};
pub use conversation::Earlier;
pub use error::CascadeError;
pub use progress::{Progress, Settled, SettledCall};
