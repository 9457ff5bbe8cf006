//! The decoders of Llama 3, Qwen 2 and Qwen 3: one model, whose config says what differs.

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{
    DType, Device, Error as TensorError, Module as _, Result as TensorResult, Tensor,
};
use candle_nn::ops::{rms_norm, softmax_last_dim};

use crate::blueprint::Blueprint;
use crate::cache::Cache;
use crate::causal::Causal;
use crate::config::DecoderConfig;
use crate::error::CheckpointError;
use crate::footprint::{Footprint, of_matrix, of_tensor};
use crate::rope::Rope;
use crate::weights::{Role, Weights};

/// Tokens that are read at once: bounds the memory of scores, which grow with its product with the
/// context.
const CHUNK_TOKENS_MAX: usize = 256;

/// How many times as long a row of the head takes that is fetched and unpacked by itself as one of all.
const GATHER_COST: usize = 32;

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
        let weight = weights.matrix(&format!("{name}.weight"), [out, width], Role::Layer)?;
        let bias = has_bias.then(|| weights.vector(&format!("{name}.bias"), out)).transpose()?;
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.biased(self.weight.forward(x)?)
    }

    fn biased(&self, product: Tensor) -> TensorResult<Tensor> {
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }

    /// Several of the same rows: where they can, they round these once, and the threads meet once.
    fn forward_all<const N: usize>(all: [&Linear; N], x: &Tensor) -> TensorResult<[Tensor; N]> {
        let quantized: Vec<&QTensor> = all
            .iter()
            .filter_map(|linear| match &linear.weight {
                QMatMul::QTensor(tensor) => Some(tensor.as_ref()),
                QMatMul::Tensor(_) | QMatMul::TensorF16(_) => None,
            })
            .collect();
        let products = match quantized.len() == N {
            true => QTensor::gemv_fused_shared_lhs(&quantized, x)?,
            false => None,
        };
        let products: Vec<Tensor> = match products {
            Some(products) => {
                let pairs = all.iter().zip(products);
                pairs
                    .map(|(linear, product)| linear.biased(product))
                    .collect::<TensorResult<_>>()?
            }
            None => all.iter().map(|linear| linear.forward(x)).collect::<TensorResult<_>>()?,
        };
        products.try_into().map_err(|_| TensorError::msg("not one product a matrix"))
    }

    fn add_to(&self, footprint: &mut Footprint) {
        let (bytes, weights) = of_matrix(&self.weight);
        footprint.layers_bytes += bytes + self.bias.as_ref().map_or(0, |bias| of_tensor(bias).0);
        footprint.layers_weights += weights;
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
        let (embedding, head) = match blueprint.has_head()? {
            true => {
                let embedding = weights.matrix(EMBEDDING, shape, Role::Embedding)?;
                (embedding, weights.matrix(HEAD, shape, Role::Head)?)
            }
            false => {
                // Held once, in what heads are held in.
                let head = weights.matrix(EMBEDDING, shape, Role::Head)?;
                (head.clone(), head)
            }
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

    /// States of the last `last` positions, ready for the head: `[last][hidden]`.
    fn states(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> TensorResult<Vec<Vec<f32>>> {
        let unasked = tokens.len() - last;
        let mut states = Vec::with_capacity(last);
        let mut start = 0;
        for chunk in tokens.chunks(CHUNK_TOKENS_MAX) {
            let hidden = self.hidden(chunk, cache)?;
            let skipped = unasked.saturating_sub(start).min(chunk.len());
            if skipped < chunk.len() {
                let rows = hidden.narrow(0, skipped, chunk.len() - skipped)?.contiguous()?;
                let rows = rms_norm(&rows, &self.norm, self.config.norm_epsilon)?;
                states.extend(rows.to_vec2::<f32>()?);
            }
            start += chunk.len();
        }
        Ok(states)
    }

    /// Logits of states: of a few ids by taking their rows of the head, of many or all by all of it.
    fn predict(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> TensorResult<Vec<Vec<f32>>> {
        let rows = (states.len(), self.config.hidden_size);
        let states = Tensor::from_vec(states.concat(), rows, &Device::Cpu)?;
        if let Some(ids) = ids.filter(|ids| ids.len() <= self.head_rows_max()) {
            let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?;
            let taken = self.head.embedding(&ids)?.to_dtype(DType::F32)?;
            return states.matmul(&taken.t()?)?.to_vec2();
        }
        let all = self.head.forward(&states)?.to_vec2::<f32>()?;
        let Some(ids) = ids else { return Ok(all) };
        let pick = |row: Vec<f32>| -> Vec<f32> { ids.iter().map(|id| row[*id as usize]).collect() };
        Ok(all.into_iter().map(pick).collect())
    }

    /// What the last layer says of each token: `[tokens, hidden]`.
    fn hidden(&self, tokens: &[u32], cache: &mut Cache) -> TensorResult<Tensor> {
        let turns = self.rope.at(cache.len(), tokens.len())?;
        let mask = mask(cache.len(), tokens.len())?;
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let mut x = self.embedding.embedding(&ids)?.to_dtype(DType::F32)?;
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

    fn footprint(&self) -> Footprint {
        let config = &self.config;
        let (head_bytes, head_weights) = of_matrix(&self.head);
        let mut footprint = Footprint {
            embedding_bytes: if config.is_tied { 0 } else { of_matrix(&self.embedding).0 },
            head_bytes,
            head_weights,
            // Keys and values, f32.
            token_bytes: 2
                * config.layers
                * config.key_heads
                * config.head_width
                * size_of::<f32>(),
            ..Footprint::default()
        };
        self.layers.iter().for_each(|layer| layer.add_to(&mut footprint));
        footprint.layers_bytes += of_tensor(&self.norm).0;
        footprint
    }

    fn head_rows_max(&self) -> usize {
        self.config.vocab_size / GATHER_COST
    }

    fn new_cache(&self) -> Cache {
        Cache::new(self.config.layers)
    }

    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, CheckpointError> {
        self.check(tokens, cache, last)?;
        let before = cache.len();
        let read = self.states(tokens, cache, last);
        if read.is_err() {
            cache.truncate(before);
        }
        Ok(read?)
    }

    fn logits(
        &self,
        states: &[Vec<f32>],
        ids: Option<&[u32]>,
    ) -> Result<Vec<Vec<f32>>, CheckpointError> {
        let (wanted, vocab_size) = (self.config.hidden_size, self.config.vocab_size);
        if let Some(other) = states.iter().find(|state| state.len() != wanted) {
            return Err(CheckpointError::ForeignState { found: other.len(), wanted });
        }
        let unknown = |id: &&u32| **id as usize >= vocab_size;
        if let Some(&token) = ids.and_then(|ids| ids.iter().find(unknown)) {
            return Err(CheckpointError::Token { token, vocab_size });
        }
        if states.is_empty() || ids.is_some_and(<[u32]>::is_empty) {
            return Ok(vec![Vec::new(); states.len()]);
        }
        Ok(self.predict(states, ids)?)
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

impl Layer {
    fn add_to(&self, footprint: &mut Footprint) {
        let Attention { query, key, value, output, query_norm, key_norm } = &self.attention;
        let FeedForward { gate, up, down } = &self.feed_forward;
        for linear in [query, key, value, output, gate, up, down] {
            linear.add_to(footprint);
        }
        let norms = [&self.attention_norm, &self.feed_forward_norm];
        for norm in norms.into_iter().chain(query_norm).chain(key_norm) {
            footprint.layers_bytes += of_tensor(norm).0;
        }
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
        let [queries, keys, values] =
            Linear::forward_all([&self.query, &self.key, &self.value], x)?;
        let queries = rope.turn(&split(queries, heads, &self.query_norm)?, turns)?;
        let keys = rope.turn(&split(keys, key_heads, &self.key_norm)?, turns)?;
        let values = split(values, key_heads, &None)?;
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
        let [gate, up] = Linear::forward_all([&self.gate, &self.up], x)?;
        self.down.forward(&(gate.silu()? * up)?)
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
