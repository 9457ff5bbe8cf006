//! Templates over any causal language model, without training: the `stock` preset.
//!
//! The candidates go to the model in its own chat template; what it answers follows the templates
//! of [`hyfunc_functions`]. Fixed text is injected, alternatives are weighed by the tokens that
//! tell them apart, values are sampled greedily under the mask of their type. Where injected text
//! meets sampled text, the model itself chooses the token at the seam ([`line`]).
//!
//! The model reads ([`Causal::read`]) and is asked ([`Causal::logits`]) apart: the head, a quarter of a
//! small model, is multiplied only where somebody wants to know what comes next, and of it only the
//! rows of tokens that may.
//!
//! Every call is valid by construction, with any weights.

pub mod causal;
pub mod decode;
mod earlier;
pub mod engine;
pub mod error;
pub mod free;
pub mod leaves;
pub mod line;
pub mod lookup;
pub mod masks;
pub mod prefixes;
pub mod preset;
pub mod prompt;
pub mod room;
pub mod vocabulary;
mod walk;
pub mod weigh;
mod write;

pub use causal::{Causal, Chat, Embed};
pub use decode::{Decoder, Reply, StockConfig, StockRequest};
pub use engine::described;
pub use error::StockError;
pub use free::Said;
pub use preset::Stock;
pub use vocabulary::Vocabulary;
