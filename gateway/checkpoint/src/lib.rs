//! Stock checkpoints: their models, tokenizers and chat templates, and fetching them from a hub.
//!
//! [`Checkpoint`] opens decoders of Llama 3, Qwen 2 and Qwen 3 (and so their fine-tuned descendants)
//! from safetensors or GGUF, [`Encoder`] sentence encoders of BERT's kind; both compute what
//! `transformers` computes. [`hub`] fetches them.

mod blueprint;
mod cache;
mod causal;
mod chat;
mod checkpoint;
mod config;
mod decoder;
mod encoder;
mod error;
mod files;
mod footprint;
pub mod hub;
mod options;
mod rope;
mod tokenizer;
mod weights;

pub use blueprint::{Blueprint, LayerParameters, Sizes};
pub use cache::Cache;
pub use causal::Causal;
pub use chat::ChatTemplate;
pub use checkpoint::Checkpoint;
pub use encoder::Encoder;
pub use error::CheckpointError;
pub use footprint::Footprint;
pub use options::{Options, Precision};
