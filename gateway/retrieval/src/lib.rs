//! Vectors and words in, function ids out.
//!
//! - [`exact`]: every row is scored. The truth, and the path of small libraries.
//! - [`hnsw`]: an approximate graph for large ones, checked against the truth when it is built.
//! - [`lexical`]: BM25 over the words of a function's text.
//! - [`index`]: both kinds of evidence under one score, with insert and remove.
//! - [`split`]: a request that holds several wishes is looked up wish by wish.
//! - [`select`]: the hits above a threshold, which may be none.
//!
//! ```
//! use hyfunc_retrieval::{Entry, Index, IndexConfig, select};
//!
//! let entry = |id, vector: [f32; 2], text: &str| Entry { id, vector: vector.into(), text: text.into() };
//! let entries = vec![
//!     entry(7, [1.0, 0.0], "weather_current: the weather in a city"),
//!     entry(9, [0.0, 1.0], "todo_add: adds an item to the list"),
//! ];
//! let index = Index::build(entries, IndexConfig::default())?;
//! let hits = index.search(&[0.9, 0.1], "What is the weather in Oslo?", 5)?;
//! assert_eq!(hits[0].id, 7);
//! assert_eq!(select(hits, 0.5, 5).len(), 1);
//! # Ok::<(), hyfunc_retrieval::RetrievalError>(())
//! ```

pub mod error;
pub mod exact;
pub mod hnsw;
pub mod index;
pub mod lexical;
pub mod select;
pub mod split;
mod stem;
mod words;

pub use error::RetrievalError;
pub use exact::{Exact, Scored};
pub use hnsw::{Hnsw, HnswConfig};
pub use index::{Entry, Hit, Index, IndexConfig, IndexReport};
pub use lexical::{Bm25, Bm25Config};
pub use select::select;
pub use split::wishes;
