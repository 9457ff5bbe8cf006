//! Sizes of a decoder, and of what it is given.

use crate::element::Float;
use crate::error::KernelError;

/// What a decoder is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Of weights, activations, keys and values.
    pub float: Float,
    /// Tokens that it knows.
    pub vocabulary: usize,
    /// Width of a state.
    pub hidden: usize,
    /// Width of the feed-forward part.
    pub inner: usize,
    /// How many layers.
    pub layers: usize,
    /// Of queries: a multiple of `heads_kv`.
    pub heads: usize,
    /// Of keys, and of values.
    pub heads_kv: usize,
    /// Of a head: a multiple of 8, up to 256.
    pub width: usize,
    /// Positions that it reads at most.
    pub context: usize,
    /// Under the norms' root.
    pub epsilon: f32,
}

/// What a decoder is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Pages of keys and values.
    pub pages: usize,
    /// Tokens of a page.
    pub page_tokens: usize,
    /// Tokens that one forward reads at most.
    pub batch_tokens_max: usize,
    /// Parts that attention may cut a row's pages into where there are few rows: the sums of the parts
    /// are rounded otherwise than one sum. With 1, no answer depends on who else is read.
    pub splits_max: usize,
}

/// A norm keeps its row in shared memory.
const HIDDEN_MAX: usize = 12_256;
/// Rows and tensors have no more elements: sizes are 31 bits wide in the kernels.
const LEN_MAX: usize = i32::MAX as usize;

impl Shape {
    /// Vectors of a token's projection: queries, keys, values.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.heads + 2 * self.heads_kv
    }

    /// Width of all queries.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.heads * self.width
    }

    /// Bytes of a page in all layers, keys and values.
    #[must_use]
    pub fn page_bytes(&self, page_tokens: usize) -> usize {
        let token = 2 * self.heads_kv * self.width * self.float.element().bytes();
        self.layers * page_tokens * token
    }

    /// What no launcher could say of a model as a whole.
    pub(super) fn check(&self, settings: &Settings) -> Result<(), KernelError> {
        let packed = self.width > 0 && self.width.is_multiple_of(8) && self.width <= 256;
        let grouped =
            self.heads_kv > 0 && self.heads > 0 && self.heads.is_multiple_of(self.heads_kv);
        let slots = settings.pages.saturating_mul(settings.page_tokens);
        for (holds, what, value) in [
            (packed, "a head's width must be a multiple of 8 up to 256", self.width),
            (grouped, "heads must be a multiple of the heads of keys", self.heads),
            (self.hidden > 0, "states must have a width", self.hidden),
            (self.hidden <= HIDDEN_MAX, "states must be at most 12,256 wide", self.hidden),
            (self.inner > 0, "the feed-forward part must have a width", self.inner),
            (self.layers > 0, "there must be a layer", self.layers),
            (self.vocabulary > 0, "there must be a token", self.vocabulary),
            (self.context > 0, "there must be a position", self.context),
            (settings.pages > 0, "there must be a page", settings.pages),
            (settings.page_tokens > 0, "a page must have a token", settings.page_tokens),
            (settings.batch_tokens_max > 0, "a forward must have a token", 0),
            (settings.splits_max > 0, "a row's pages must be one part at least", 0),
            (slots <= LEN_MAX, "pages must have fewer than 2^31 tokens", slots),
            (self.context < LEN_MAX, "positions must be fewer than 2^31", self.context),
        ] {
            if !holds {
                return Err(KernelError::Limit { kernel: "model", what, value });
            }
        }
        Ok(())
    }
}
