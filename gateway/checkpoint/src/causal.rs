//! What decoding needs of a model, whatever its architecture.

use crate::cache::Cache;
use crate::error::CheckpointError;

/// A model that predicts the next token.
pub trait Causal: Send + Sync {
    /// Ids that it knows, 0 to this.
    fn vocab_size(&self) -> usize;

    /// Tokens that it reads at most, those in the cache included.
    fn context_tokens_max(&self) -> usize;

    /// An empty cache.
    fn new_cache(&self) -> Cache;

    /// Reads `tokens` after what the cache holds; logits of the last `last` positions: `[last][vocab]`.
    /// After an error, the cache is as before.
    ///
    /// # Errors
    /// No tokens, unknown ones or too many, positions that are not there, or a cache of another model.
    fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, CheckpointError>;
}
