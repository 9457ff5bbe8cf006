//! A decoder as its files have it, for whoever computes it elsewhere.

use candle_core::quantized::QMatMul;
use candle_core::{DType, Device, Tensor};

use crate::config::DecoderConfig;
use crate::decoder::{EMBEDDING, HEAD, NORM};
use crate::error::CheckpointError;
use crate::options::Options;
use crate::rope::{Pairs, Rope};
use crate::weights::{Role, Weights};

/// What a decoder is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Ids that it knows, 0 to this.
    pub vocab_size: usize,
    /// Of a state.
    pub hidden_size: usize,
    /// Width of the feed-forward part.
    pub inner_size: usize,
    /// How many layers.
    pub layers: usize,
    /// Of queries.
    pub heads: usize,
    /// Of keys, and of values; each serves `heads / key_heads` queries.
    pub key_heads: usize,
    /// Of one head.
    pub head_width: usize,
    /// Under the norms' root.
    pub norm_epsilon: f32,
    /// Tokens that it reads at most.
    pub context_tokens_max: usize,
    /// Whether something is added behind attention's output.
    pub has_output_bias: bool,
    /// Whether something is added in the feed-forward part.
    pub has_inner_bias: bool,
}

/// One layer's weights, dense; matrices are `[out, in]`. Dimension `i` of a head is turned with
/// `i + width / 2`, however the files have them.
#[derive(Clone, Debug)]
pub struct LayerParameters {
    /// `[hidden]`.
    pub attention_norm: Vec<f32>,
    /// `[(heads + 2 · key_heads) · width, hidden]`: queries, keys, values.
    pub projection: Vec<f32>,
    /// `[(heads + 2 · key_heads) · width]`, if anything is added.
    pub projection_bias: Option<Vec<f32>>,
    /// `[width]`, if queries are normed.
    pub query_norm: Option<Vec<f32>>,
    /// `[width]`, if keys are normed.
    pub key_norm: Option<Vec<f32>>,
    /// `[hidden, heads · width]`.
    pub output: Vec<f32>,
    /// `[hidden]`.
    pub feed_forward_norm: Vec<f32>,
    /// `[2 · inner, hidden]`: the gate, then what it gates.
    pub gate_up: Vec<f32>,
    /// `[hidden, inner]`.
    pub down: Vec<f32>,
}

/// A decoder before it is loaded: its sizes, and its weights one by one, as exact as the files have
/// them, whatever [`Options::precision`] says.
pub struct Blueprint<'a> {
    config: DecoderConfig,
    weights: &'a dyn Weights,
}

impl<'a> Blueprint<'a> {
    pub(crate) fn new(
        mut config: DecoderConfig,
        weights: &'a dyn Weights,
        options: &Options,
    ) -> Self {
        if let Some(tokens_max) = options.context_tokens_max {
            config.context_tokens_max = config.context_tokens_max.min(tokens_max);
        }
        Self { config, weights }
    }

    pub(crate) fn config(&self) -> &DecoderConfig {
        &self.config
    }

    pub(crate) fn weights(&self) -> &'a dyn Weights {
        self.weights
    }

    /// What it is made of.
    pub fn sizes(&self) -> Sizes {
        let config = &self.config;
        Sizes {
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            inner_size: config.inner_size,
            layers: config.layers,
            heads: config.heads,
            key_heads: config.key_heads,
            head_width: config.head_width,
            norm_epsilon: config.norm_epsilon,
            context_tokens_max: config.context_tokens_max,
            has_output_bias: config.has_output_bias,
            has_inner_bias: config.has_inner_bias,
        }
    }

    /// The embedding, `[vocab, hidden]`.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit.
    pub fn embedding(&self) -> Result<Vec<f32>, CheckpointError> {
        self.matrix(EMBEDDING, [self.config.vocab_size, self.config.hidden_size])
    }

    /// The head, `[vocab, hidden]`, unless the embedding is the head.
    ///
    /// # Errors
    /// As [`Blueprint::embedding`]; a head that is promised and missing, or there and not promised.
    pub fn head(&self) -> Result<Option<Vec<f32>>, CheckpointError> {
        let shape = [self.config.vocab_size, self.config.hidden_size];
        self.has_head()?.then(|| self.matrix(HEAD, shape)).transpose()
    }

    /// The norm behind the last layer, `[hidden]`.
    ///
    /// # Errors
    /// As [`Blueprint::embedding`].
    pub fn norm(&self) -> Result<Vec<f32>, CheckpointError> {
        self.vector(NORM, self.config.hidden_size)
    }

    /// Cosines and sines of the first `positions`, each `[positions, head_width / 2]`.
    ///
    /// # Errors
    /// As [`Blueprint::embedding`].
    pub fn turns(&self, positions: usize) -> Result<(Vec<f32>, Vec<f32>), CheckpointError> {
        let (cosines, sines) = self.rope()?.at(0, positions)?;
        Ok((dense(cosines)?, dense(sines)?))
    }

    /// The weights of layer `index`.
    ///
    /// # Errors
    /// As [`Blueprint::embedding`].
    pub fn layer(&self, index: usize) -> Result<LayerParameters, CheckpointError> {
        let config = &self.config;
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let (hidden, inner, width) = (config.hidden_size, config.inner_size, config.head_width);
        let (queries, keys) = (config.heads * width, config.key_heads * width);
        let parts = [("q_proj", queries, true), ("k_proj", keys, true), ("v_proj", keys, false)];
        let (mut projection, mut bias) = (Vec::new(), Vec::new());
        for (part, rows, is_turned) in parts {
            let part = name(&format!("self_attn.{part}"));
            let matrix = self.matrix(&format!("{part}.weight"), [rows, hidden])?;
            projection.extend(self.halves(matrix, hidden, is_turned));
            if config.has_query_bias {
                let vector = self.vector(&format!("{part}.bias"), rows)?;
                bias.extend(self.halves(vector, 1, is_turned));
            }
        }
        let head_norm = |part: &str| {
            let norm = || self.vector(&name(part), width).map(|norm| self.halves(norm, 1, true));
            config.has_head_norms.then(norm).transpose()
        };
        let mut gate_up = self.matrix(&name("mlp.gate_proj.weight"), [inner, hidden])?;
        gate_up.extend(self.matrix(&name("mlp.up_proj.weight"), [inner, hidden])?);
        Ok(LayerParameters {
            attention_norm: self.vector(&name("input_layernorm.weight"), hidden)?,
            projection,
            projection_bias: config.has_query_bias.then_some(bias),
            query_norm: head_norm("self_attn.q_norm.weight")?,
            key_norm: head_norm("self_attn.k_norm.weight")?,
            output: self.matrix(&name("self_attn.o_proj.weight"), [hidden, queries])?,
            feed_forward_norm: self.vector(&name("post_attention_layernorm.weight"), hidden)?,
            gate_up,
            down: self.matrix(&name("mlp.down_proj.weight"), [hidden, inner])?,
        })
    }

    /// Whether the head is a tensor of its own.
    pub(crate) fn has_head(&self) -> Result<bool, CheckpointError> {
        let (path, name) = (|| self.weights.path().to_owned(), HEAD.to_owned());
        match (self.config.is_tied, self.weights.has(HEAD)) {
            (false, true) => Ok(true),
            (false, false) => Err(CheckpointError::MissingHead { path: path(), name }),
            (true, true) if !self.weights.is_same(EMBEDDING, HEAD)? => {
                Err(CheckpointError::TwoHeads { path: path(), name })
            }
            (true, _) => Ok(false),
        }
    }

    pub(crate) fn rope(&self) -> Result<Rope, CheckpointError> {
        let config = &self.config;
        let mut rope =
            Rope::new(config.head_width, config.rope_base, config.rope_scaling, config.rope_pairs);
        if let Some(divisors) = self.weights.rope_divisors(config.head_width / 2)? {
            rope.divide(&divisors);
        }
        Ok(rope)
    }

    /// Rows `[heads · head_width, width]` of heads whose dimensions lie as pairs are turned.
    fn halves(&self, rows: Vec<f32>, width: usize, is_turned: bool) -> Vec<f32> {
        match self.config.rope_pairs {
            Pairs::Neighbours if is_turned => halves(&rows, width, self.config.head_width),
            Pairs::Neighbours | Pairs::Halves => rows,
        }
    }

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, CheckpointError> {
        dense(match self.weights.matrix(name, shape, Role::Dense)? {
            QMatMul::QTensor(tensor) => tensor.dequantize(&Device::Cpu)?,
            QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor) => tensor,
        })
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, CheckpointError> {
        dense(self.weights.vector(name, size)?)
    }
}

fn dense(tensor: Tensor) -> Result<Vec<f32>, CheckpointError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Rows of `width` in heads of `head_width`, of which `2 i` was turned with `2 i + 1`, in the order in
/// which `i` is turned with `i + head_width / 2`.
fn halves(rows: &[f32], width: usize, head_width: usize) -> Vec<f32> {
    let heads = rows.chunks_exact(head_width * width);
    let turned = heads.flat_map(|head| {
        let evens = head.chunks_exact(width).step_by(2);
        evens.chain(head.chunks_exact(width).skip(1).step_by(2))
    });
    turned.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_halves_head_by_head() {
        let rows: Vec<f32> = (0..16).map(|x| x as f32).collect();
        let wanted = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15];
        assert_eq!(halves(&rows, 2, 4), wanted.map(|x| x as f32));
    }
}
