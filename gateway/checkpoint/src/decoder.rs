//! The decoders of Llama 3, Qwen 2 and Qwen 3: one model, whose config says what differs.

use candle_core::quantized::QMatMul;
use candle_core::{Device, Module as _, Result as TensorResult, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim};

use crate::blueprint::Blueprint;
use crate::cache::Cache;
use crate::causal::Causal;
use crate::config::DecoderConfig;
use crate::error::CheckpointError;
use crate::rope::Rope;
use crate::weights::Weights;

/// Tokens that are read at once: bounds the memory of scores, which grow with its product with the
/// context.
const CHUNK_TOKENS_MAX: usize = 256;

/// A matrix, and what is added.
struct Linear {
    weight: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    fn load(
        weights: &dyn Weights,
        name: &str,
        [out, width]: [usize; 2],
        has_bias: bool,
    ) -> Result<Self, CheckpointError> {
        let weight = weights.matrix(&format!("{name}.weight"), [out, width])?;
        let bias = has_bias.then(|| weights.vector(&format!("{name}.bias"), out)).transpose()?;
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let product = self.weight.forward(x)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<Tensor>,
    key_norm: Option<Tensor>,
}

struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Layer {
    attention_norm: Tensor,
    attention: Attention,
    feed_forward_norm: Tensor,
    feed_forward: FeedForward,
}

/// A decoder in memory.
pub(crate) struct Decoder {
    config: DecoderConfig,
    rope: Rope,
    embedding: QMatMul,
    layers: Vec<Layer>,
    norm: Tensor,
    head: QMatMul,
}

impl Decoder {
    pub(crate) fn load(blueprint: &Blueprint<'_>) -> Result<Self, CheckpointError> {
        let (config, weights) = (blueprint.config().clone(), blueprint.weights());
        let shape = [config.vocab_size, config.hidden_size];
        let embedding = weights.matrix(EMBEDDING, shape)?;
        let head = match blueprint.has_head()? {
            true => weights.matrix(HEAD, shape)?,
            false => embedding.clone(),
        };
        let layers = (0..config.layers).map(|layer| Layer::load(&config, weights, layer));
        let layers = layers.collect::<Result<_, _>>()?;
        let norm = weights.vector(NORM, config.hidden_size)?;
        let rope = blueprint.rope()?;
        Ok(Self { config, rope, embedding, layers, norm, head })
    }

    fn check(&self, tokens: &[u32], cache: &Cache, last: usize) -> Result<(), CheckpointError> {
        if last == 0 || last > tokens.len() {
            return Err(CheckpointError::Positions { last, tokens: tokens.len() });
        }
        if cache.layers() != self.config.layers {
            let (found, wanted) = (cache.layers(), self.config.layers);
            return Err(CheckpointError::ForeignCache { found, wanted });
        }
        let (all, tokens_max) = (cache.len() + tokens.len(), self.config.context_tokens_max);
        if all > tokens_max {
            return Err(CheckpointError::TooLong { tokens: all, tokens_max });
        }
        let vocab_size = self.config.vocab_size;
        match tokens.iter().find(|token| **token as usize >= vocab_size) {
            Some(&token) => Err(CheckpointError::Token { token, vocab_size }),
            None => Ok(()),
        }
    }

    fn read(&self, tokens: &[u32], cache: &mut Cache, last: usize) -> TensorResult<Vec<Vec<f32>>> {
        let unasked = tokens.len() - last;
        let mut logits = Vec::with_capacity(last);
        let mut start = 0;
        for chunk in tokens.chunks(CHUNK_TOKENS_MAX) {
            let hidden = self.hidden(chunk, cache)?;
            let skipped = unasked.saturating_sub(start).min(chunk.len());
            if skipped < chunk.len() {
                let rows = hidden.narrow(0, skipped, chunk.len() - skipped)?.contiguous()?;
                let rows = rms_norm(&rows, &self.norm, self.config.norm_epsilon)?;
                logits.extend(self.head.forward(&rows)?.to_vec2::<f32>()?);
            }
            start += chunk.len();
        }
        Ok(logits)
    }

    /// What the last layer says of each token: `[tokens, hidden]`.
    fn hidden(&self, tokens: &[u32], cache: &mut Cache) -> TensorResult<Tensor> {
        let turns = self.rope.at(cache.len(), tokens.len())?;
        let mask = mask(cache.len(), tokens.len())?;
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let mut x = self.embedding.embedding(&ids)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = rms_norm(&x, &layer.attention_norm, self.config.norm_epsilon)?;
            let mut attend = |keys, values| cache.extend(index, keys, values);
            let attended = layer.attention.forward(
                &self.config,
                &self.rope,
                &normed,
                &turns,
                &mask,
                &mut attend,
            )?;
            x = (x + attended)?;
            let normed = rms_norm(&x, &layer.feed_forward_norm, self.config.norm_epsilon)?;
            x = (x + layer.feed_forward.forward(&normed)?)?;
        }
        cache.advance(tokens.len());
        Ok(x)
    }
}

/// Names as `transformers` writes them; a GGUF is asked for its own.
pub(crate) const EMBEDDING: &str = "model.embed_tokens.weight";
pub(crate) const HEAD: &str = "lm_head.weight";
pub(crate) const NORM: &str = "model.norm.weight";

impl Causal for Decoder {
    fn vocab_size(&self) -> usize {
        self.config.vocab_size
    }

    fn context_tokens_max(&self) -> usize {
        self.config.context_tokens_max
    }

    fn new_cache(&self) -> Cache {
        Cache::new(self.config.layers)
    }

    fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, CheckpointError> {
        self.check(tokens, cache, last)?;
        let before = cache.len();
        let read = self.read(tokens, cache, last);
        if read.is_err() {
            cache.truncate(before);
        }
        Ok(read?)
    }
}

impl Layer {
    fn load(
        config: &DecoderConfig,
        weights: &dyn Weights,
        layer: usize,
    ) -> Result<Self, CheckpointError> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let (hidden, inner) = (config.hidden_size, config.inner_size);
        let queries = config.heads * config.head_width;
        let keys = config.key_heads * config.head_width;
        let linear =
            |part: &str, shape, has_bias| Linear::load(weights, &name(part), shape, has_bias);
        let norm = |part: &str, size| weights.vector(&name(part), size);
        let head_norm =
            |part: &str| config.has_head_norms.then(|| norm(part, config.head_width)).transpose();
        Ok(Self {
            attention_norm: norm("input_layernorm.weight", hidden)?,
            attention: Attention {
                query: linear("self_attn.q_proj", [queries, hidden], config.has_query_bias)?,
                key: linear("self_attn.k_proj", [keys, hidden], config.has_query_bias)?,
                value: linear("self_attn.v_proj", [keys, hidden], config.has_query_bias)?,
                output: linear("self_attn.o_proj", [hidden, queries], config.has_output_bias)?,
                query_norm: head_norm("self_attn.q_norm.weight")?,
                key_norm: head_norm("self_attn.k_norm.weight")?,
            },
            feed_forward_norm: norm("post_attention_layernorm.weight", hidden)?,
            feed_forward: FeedForward {
                gate: linear("mlp.gate_proj", [inner, hidden], config.has_inner_bias)?,
                up: linear("mlp.up_proj", [inner, hidden], config.has_inner_bias)?,
                down: linear("mlp.down_proj", [hidden, inner], config.has_inner_bias)?,
            },
        })
    }
}

impl Attention {
    /// `x [tokens, hidden]` → the same; `extend` puts keys and values behind those read before.
    fn forward(
        &self,
        config: &DecoderConfig,
        rope: &Rope,
        x: &Tensor,
        turns: &(Tensor, Tensor),
        mask: &Option<Tensor>,
        extend: &mut dyn FnMut(Tensor, Tensor) -> TensorResult<(Tensor, Tensor)>,
    ) -> TensorResult<Tensor> {
        let tokens = x.dim(0)?;
        let (heads, key_heads, width) = (config.heads, config.key_heads, config.head_width);
        let split = |x: Tensor, heads: usize, norm: &Option<Tensor>| {
            let x = x.reshape((tokens, heads, width))?;
            let x = match norm {
                Some(norm) => rms_norm(&x.contiguous()?, norm, config.norm_epsilon)?,
                None => x,
            };
            x.transpose(0, 1)?.contiguous()
        };
        let queries = rope.turn(&split(self.query.forward(x)?, heads, &self.query_norm)?, turns)?;
        let keys = rope.turn(&split(self.key.forward(x)?, key_heads, &self.key_norm)?, turns)?;
        let values = split(self.value.forward(x)?, key_heads, &None)?;
        let (keys, values) = extend(keys, values)?;
        // Heads that share keys lie beside each other, so that one product serves them all.
        let (shared, context) = (heads / key_heads, keys.dim(1)?);
        let queries = queries.reshape((key_heads, shared * tokens, width))?;
        let scale = 1.0 / (width as f64).sqrt();
        let scores = (queries.matmul(&keys.transpose(1, 2)?)? * scale)?;
        let scores = match mask {
            Some(mask) => scores
                .reshape((key_heads, shared, tokens, context))?
                .broadcast_add(mask)?
                .reshape((key_heads, shared * tokens, context))?,
            None => scores,
        };
        let attended = softmax_last_dim(&scores.contiguous()?)?.matmul(&values)?;
        let attended = attended.reshape((heads, tokens, width))?.transpose(0, 1)?.contiguous()?;
        self.output.forward(&attended.reshape((tokens, heads * width))?)
    }
}

impl FeedForward {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let gate = self.gate.forward(x)?.silu()?;
        self.down.forward(&(gate * self.up.forward(x)?)?)
    }
}

/// Added to scores `[tokens, past + tokens]` so that no token sees later ones; one token sees all.
fn mask(past: usize, tokens: usize) -> TensorResult<Option<Tensor>> {
    if tokens == 1 {
        return Ok(None);
    }
    let context = past + tokens;
    let row = |token: usize| {
        (0..context).map(move |other| if other > past + token { f32::NEG_INFINITY } else { 0.0 })
    };
    let mask: Vec<f32> = (0..tokens).flat_map(row).collect();
    Tensor::from_vec(mask, (tokens, context), &Device::Cpu).map(Some)
}
