//! A Qwen3 transformer: RMSNorm, grouped-query attention with normed queries and keys, rotary
//! positions, SwiGLU. Tensor names are those of the hub's checkpoints.
//!
//! The caller gives every position and every attention bias, so one body serves causal,
//! prefix-bidirectional and branching layouts, in training and in serving.

mod serve;

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::config::ModelConfig;
use crate::model::fused::{self, Angles};
use crate::model::matrix::Matrix;
use crate::sequence::Pairs;

pub use serve::{Below, Beside, Part};

/// Keys and values of one layer, `[tokens, heads_kv · head_dim]`, f32.
pub type LayerKv = (Tensor, Tensor);

/// Keys and values of every layer.
pub type Kv = Vec<LayerKv>;

/// What one forward reads beside its rows.
pub struct Context<'a> {
    /// Position of every row.
    pub positions: Vec<f32>,
    /// Which of the keys, `past`'s and then the rows' own, every row sees.
    pub pairs: Arc<Pairs>,
    /// Keys and values that stand before these rows.
    pub past: Option<&'a Kv>,
}

struct Layer {
    q: Matrix,
    k: Matrix,
    v: Matrix,
    o: Matrix,
    q_norm: Tensor,
    k_norm: Tensor,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    input_norm: Tensor,
    post_norm: Tensor,
    /// Learned bias between tokens of the same word, `[heads]`.
    word_bias: Tensor,
}

/// The stack of layers, without embedding or head.
pub struct Body {
    config: ModelConfig,
    layers: Vec<Layer>,
    norm: Tensor,
    /// `[head_dim / 2]`: radians a position.
    frequencies: Vec<f32>,
}

fn weight(vb: &VarBuilder, name: &str, out: usize, input: usize) -> Result<Matrix> {
    let init = Init::Randn { mean: 0.0, stdev: (input as f64).sqrt().recip() };
    Matrix::get(vb, (out, input), &format!("{name}.weight"), init)
}

fn ones(vb: &VarBuilder, name: &str, width: usize) -> Result<Tensor> {
    vb.get_with_hints(width, &format!("{name}.weight"), Init::Const(1.0))
}

impl Layer {
    fn new(config: &ModelConfig, vb: &VarBuilder) -> Result<Self> {
        let d = config.hidden_size;
        let (hq, hkv) = (
            config.num_attention_heads * config.head_dim,
            config.num_key_value_heads * config.head_dim,
        );
        let (attention, mlp) = (vb.pp("self_attn"), vb.pp("mlp"));
        Ok(Self {
            q: weight(&attention, "q_proj", hq, d)?,
            k: weight(&attention, "k_proj", hkv, d)?,
            v: weight(&attention, "v_proj", hkv, d)?,
            o: weight(&attention, "o_proj", d, hq)?,
            q_norm: ones(&attention, "q_norm", config.head_dim)?,
            k_norm: ones(&attention, "k_norm", config.head_dim)?,
            gate: weight(&mlp, "gate_proj", config.intermediate_size, d)?,
            up: weight(&mlp, "up_proj", config.intermediate_size, d)?,
            down: weight(&mlp, "down_proj", d, config.intermediate_size)?,
            input_norm: ones(vb, "input_layernorm", d)?,
            post_norm: ones(vb, "post_attention_layernorm", d)?,
            word_bias: attention.get_with_hints(
                config.num_attention_heads,
                "word_bias",
                Init::Const(0.5),
            )?,
        })
    }

    fn attend(
        &self,
        config: &ModelConfig,
        x: &Tensor,
        angles: &Arc<Angles>,
        pairs: &Arc<Pairs>,
        past: Option<&LayerKv>,
    ) -> Result<(Tensor, LayerKv)> {
        let q = self.queries(config, x, angles)?;
        let (k, v) = self.keys_values(config, x, angles)?;
        let kv = match past {
            Some((past_k, past_v)) => Tensor::cat(&[past_k, &k, past_v, &v], 0)?,
            None => Tensor::cat(&[&k, &v], 0)?,
        };
        let mixed = fused::attend(&q, &kv, &self.word_bias, pairs)?;
        Ok((self.o.apply(&mixed)?, (k, v)))
    }

    fn queries(&self, config: &ModelConfig, x: &Tensor, angles: &Arc<Angles>) -> Result<Tensor> {
        let normed = fused::rms_norm(&self.q.apply(x)?, &self.q_norm, config.rms_norm_eps)?;
        fused::rotate(&normed, angles)
    }

    fn keys_values(
        &self,
        config: &ModelConfig,
        x: &Tensor,
        angles: &Arc<Angles>,
    ) -> Result<LayerKv> {
        let normed = fused::rms_norm(&self.k.apply(x)?, &self.k_norm, config.rms_norm_eps)?;
        Ok((fused::rotate(&normed, angles)?, self.v.apply(x)?))
    }

    /// What follows attention: `x` with what was mixed in, through the feed-forward.
    fn feed(&self, config: &ModelConfig, x: &Tensor, mixed: &Tensor) -> Result<Tensor> {
        let x = (x + mixed)?;
        let normed = fused::rms_norm(&x, &self.post_norm, config.rms_norm_eps)?;
        let gated = fused::swiglu(&self.gate.apply(&normed)?, &self.up.apply(&normed)?)?;
        &x + self.down.apply(&gated)?
    }
}

impl Body {
    /// Reads the layers under `model`, as the hub's checkpoints name them.
    pub fn new(config: &ModelConfig, vb: &VarBuilder) -> Result<Self> {
        let vb = vb.pp("model");
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::new(config, &vb.pp("layers").pp(index)))
            .collect::<Result<_>>()?;
        let half = config.head_dim / 2;
        let frequencies =
            (0..half).map(|i| config.rope_theta.powf(-(i as f64) / half as f64) as f32).collect();
        Ok(Self {
            config: config.clone(),
            layers,
            norm: ones(&vb, "norm", config.hidden_size)?,
            frequencies,
        })
    }

    /// Shape of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// `rows [rows, hidden]` → last-layer states of the same shape, and the keys and
    /// values of these rows alone (without `past`).
    pub fn forward(&self, rows: &Tensor, context: &Context<'_>) -> Result<(Tensor, Kv)> {
        let angles = Arc::new(Angles::new(&context.positions, &self.frequencies));
        let mut x = rows.clone();
        let mut kv = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let past = context.past.map(|past| &past[index]);
            let normed = fused::rms_norm(&x, &layer.input_norm, self.config.rms_norm_eps)?;
            let (mixed, layer_kv) =
                layer.attend(&self.config, &normed, &angles, &context.pairs, past)?;
            x = layer.feed(&self.config, &x, &mixed)?;
            kv.push(layer_kv);
        }
        Ok((fused::rms_norm(&x, &self.norm, self.config.rms_norm_eps)?, kv))
    }
}

/// Caches one after another.
pub fn join(parts: &[&Kv]) -> Result<Kv> {
    let layers = parts.first().map_or(0, |kv| kv.len());
    (0..layers)
        .map(|layer| {
            let keys: Vec<&Tensor> = parts.iter().map(|kv| &kv[layer].0).collect();
            let values: Vec<&Tensor> = parts.iter().map(|kv| &kv[layer].1).collect();
            Ok((Tensor::cat(&keys, 0)?, Tensor::cat(&values, 0)?))
        })
        .collect()
}

/// Parts of a cache, each from a token on and so many tokens long, one after another in memory of
/// their own.
pub fn parts(kv: &Kv, parts: &[(usize, usize)]) -> Result<Kv> {
    let own = |t: &Tensor| {
        let narrowed = parts.iter().map(|&(from, len)| t.narrow(0, from, len));
        let narrowed: Vec<Tensor> = narrowed.collect::<Result<_>>()?;
        // Joining a single part would not copy it, and keep the whole alive.
        match narrowed.as_slice() {
            [one] => one.copy(),
            several => Tensor::cat(several, 0),
        }
    };
    kv.iter().map(|(k, v)| Ok((own(k)?, own(v)?))).collect()
}
