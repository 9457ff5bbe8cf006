//! What decoding needs of a model, whatever its architecture.

use crate::cache::Cache;
use crate::error::CheckpointError;
use crate::footprint::Footprint;

/// A model that predicts the next token.
///
/// Reading and predicting are apart: a step reads all layers once, and the head, a quarter of a small
/// model, is read for the positions and the tokens alone of which somebody wants to know.
pub trait Causal: Send + Sync {
    /// Ids that it knows, 0 to this.
    fn vocab_size(&self) -> usize;

    /// Tokens that it reads at most, those in the cache included.
    fn context_tokens_max(&self) -> usize;

    /// Memory that it holds.
    fn footprint(&self) -> Footprint;

    /// Ids up to which asking for their logits alone is cheaper than asking for all.
    fn head_rows_max(&self) -> usize;

    /// An empty cache.
    fn new_cache(&self) -> Cache;

    /// Reads `tokens` after what the cache holds; states of the last `last` positions, for
    /// [`Causal::logits`]: `[last][hidden]`. After an error, the cache is as before.
    ///
    /// # Errors
    /// No tokens, unknown ones or too many, positions that are not there, or a cache of another model.
    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, CheckpointError>;

    /// What the model says comes behind positions that were read: logits of `ids` in their order, or
    /// of every id: `[states][ids]`.
    ///
    /// # Errors
    /// Unknown ids, or states of another model.
    fn logits(
        &self,
        states: &[Vec<f32>],
        ids: Option<&[u32]>,
    ) -> Result<Vec<Vec<f32>>, CheckpointError>;

    /// Both at once: logits of the last `last` positions: `[last][vocab]`.
    ///
    /// # Errors
    /// As [`Causal::read`].
    fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, CheckpointError> {
        self.logits(&self.read(tokens, cache, last)?, None)
    }
}
