//! What a model remembers of the tokens that it has read.

use candle_core::{Result, Tensor};

/// Keys and values of a layer, each `[heads, tokens, width]`.
type Pair = (Tensor, Tensor);

/// Keys and values of the tokens read so far, owned by whoever decodes.
///
/// A clone costs nothing, and neither of the two changes when the other goes on reading: a prefix can
/// be read once and branched from. Therefore reading appends by copying, which is small beside the
/// weights that each token is multiplied with.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<Option<Pair>>,
    tokens: usize,
}

impl Cache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: vec![None; layers], tokens: 0 }
    }

    /// Tokens that were read.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Forgets all but the first `tokens`; does nothing when there are no more.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Memory that it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let of = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        self.layers.iter().flatten().map(|(keys, values)| of(keys) + of(values)).sum()
    }

    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Puts keys and values of new tokens behind those of a layer, and gives all of them. The tokens
    /// count once every layer has its own: [`advance`](Self::advance).
    pub(crate) fn extend(&mut self, layer: usize, keys: Tensor, values: Tensor) -> Result<Pair> {
        let joined = match &self.layers[layer] {
            Some((old_keys, old_values)) if self.tokens > 0 => {
                (self.join(old_keys, keys)?, self.join(old_values, values)?)
            }
            _ => (keys, values),
        };
        self.layers[layer] = Some(joined.clone());
        Ok(joined)
    }

    pub(crate) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }

    fn join(&self, old: &Tensor, new: Tensor) -> Result<Tensor> {
        let kept = old.narrow(1, 0, self.tokens)?;
        Tensor::cat(&[&kept, &new], 1)?.contiguous()
    }
}
