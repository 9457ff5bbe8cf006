//! What a checkpoint must bring: a model, a chat template, perhaps an encoder.

use serde_json::Value as Json;

/// A model that predicts the next token.
pub trait Causal: Send + Sync + 'static {
    /// What it remembers of tokens that it has read. Of two clones, neither sees what the other reads.
    type Cache: Clone + Send + 'static;

    /// Tokens that it reads at most, those in the cache included.
    fn context_tokens_max(&self) -> usize;

    /// An empty cache.
    fn new_cache(&self) -> Self::Cache;

    /// Forgets all but the first `tokens` of a cache.
    fn truncate(&self, cache: &mut Self::Cache, tokens: usize);

    /// Memory that a cache holds, in bytes.
    fn cache_bytes(&self, cache: &Self::Cache) -> usize;

    /// Memory for the caches of all requests, in bytes, if that is bounded.
    fn room_bytes_max(&self) -> Option<usize> {
        None
    }

    /// Of that, what a cache of so many tokens takes at most, however it came to them.
    fn room_bytes(&self, _tokens: usize) -> usize {
        0
    }

    /// Ids up to which asking for their logits alone is cheaper than asking for all.
    fn head_rows_max(&self) -> usize;

    /// Reads `tokens` after what the cache holds; states of the last `last` positions, for
    /// [`Causal::logits`].
    ///
    /// # Errors
    /// What the model says, in words.
    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Self::Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String>;

    /// What comes behind positions that were read: logits of `ids` in their order, or of every id:
    /// `[states][ids]`.
    ///
    /// # Errors
    /// What the model says, in words.
    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String>;

    /// Whether it will never answer again, as when its device is lost: the gateway is unready then.
    fn is_lost(&self) -> bool {
        false
    }
}

/// How a checkpoint puts a conversation into words.
pub trait Chat: Send + Sync {
    /// The text of messages, `[{"role", "content"}]`, with functions in OpenAI's form.
    ///
    /// # Errors
    /// What the template says, in words.
    fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, String>;
}

/// A sentence encoder.
pub trait Embed: Send + Sync {
    /// Vectors of texts, `[texts][d]`, of one width and of any length above 0.
    ///
    /// # Errors
    /// What the encoder says, in words.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String>;
}
