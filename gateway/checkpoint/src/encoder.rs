//! Sentence encoders of BERT's kind: one vector of unit length for a text.

use std::path::Path;

use candle_core::quantized::QMatMul;
use candle_core::{Device, Module as _, Result as TensorResult, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};
use serde::Deserialize;
use serde_json::Value as Json;
use tokenizers::Tokenizer;

use crate::error::CheckpointError;
use crate::files::{read_json, read_json_if_any};
use crate::options::Options;
use crate::tokenizer;
use crate::weights::shards::Shards;
use crate::weights::{Role, Weights};

/// What is computed here, as messages name it.
const KNOWN: &str = "bert";
/// Where some checkpoints put everything under.
const PREFIX: &str = "bert.";

/// As `config.json` has it.
#[derive(Clone, Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: Option<f32>,
    hidden_act: Option<Json>,
    position_embedding_type: Option<String>,
}

/// What stands for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    /// The mean of its tokens.
    Mean,
    /// Its first token.
    First,
}

/// How feed-forward parts bend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

struct Linear {
    weight: QMatMul,
    bias: Tensor,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    output_norm: Norm,
    inner: Linear,
    outer: Linear,
    outer_norm: Norm,
}

/// A sentence encoder in memory.
pub struct Encoder {
    config: Config,
    tokenizer: Tokenizer,
    tokens_max: usize,
    pooling: Pooling,
    activation: Activation,
    epsilon: f32,
    words: QMatMul,
    positions: Tensor,
    /// Of the first kind of token, the only one there is in a single text.
    kind: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Opens a folder as the hub has it: `config.json`, `tokenizer.json`, safetensors, and where it
    /// was made by sentence-transformers, how tokens are pooled.
    ///
    /// # Errors
    /// Whatever would be computed wrong is refused by name: see [`CheckpointError`].
    pub fn open(dir: &Path) -> Result<Self, CheckpointError> {
        let path = dir.join("config.json");
        let config = Config::read(&path)?;
        let tokenizer_path = dir.join("tokenizer.json");
        let tokenizer = tokenizer::read(&tokenizer_path)?;
        tokenizer::check(&tokenizer_path, &tokenizer, config.vocab_size)?;
        let activation = config.activation(&path)?;
        let pooling = pooling(dir)?;
        let sentences: Json =
            read_json_if_any(&dir.join("sentence_bert_config.json"))?.unwrap_or_default();
        let written = sentences["max_seq_length"].as_u64().map(|tokens| tokens as usize);
        let tokens_max = written.unwrap_or(usize::MAX).min(config.max_position_embeddings).max(1);
        let weights = Shards::open(dir, &Options::default())?;
        let hidden = config.hidden_size;
        let source = Source { weights: &weights };
        let embeddings = |part: &str| format!("embeddings.{part}");
        let kinds =
            source.matrix(&embeddings("token_type_embeddings"), config.type_vocab_size, hidden)?;
        let positions = source.matrix(
            &embeddings("position_embeddings"),
            config.max_position_embeddings,
            hidden,
        )?;
        let layers =
            (0..config.num_hidden_layers).map(|layer| Layer::load(&config, &source, layer));
        Ok(Self {
            tokenizer,
            tokens_max,
            pooling,
            activation,
            epsilon: config.layer_norm_eps.unwrap_or(1e-12),
            words: source.matrix(&embeddings("word_embeddings"), config.vocab_size, hidden)?,
            positions: rows(&positions, config.max_position_embeddings)?,
            kind: rows(&kinds, 1)?,
            norm: source.norm("embeddings.LayerNorm", hidden)?,
            layers: layers.collect::<Result<_, _>>()?,
            config,
        })
    }

    /// Numbers in a vector.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// A vector of unit length for each text; of a text that is too long, the beginning counts.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode, or a failure of the model.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, CheckpointError> {
        texts.iter().map(|text| self.embed_one(text)).collect()
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>, CheckpointError> {
        let failed = |reason: String| CheckpointError::Text { reason };
        let encoded =
            self.tokenizer.encode(text, true).map_err(|error| failed(error.to_string()))?;
        let mut ids = encoded.get_ids().to_vec();
        if ids.len() > self.tokens_max {
            // The mark at the end stays at the end.
            let last = ids[ids.len() - 1];
            ids.truncate(self.tokens_max - 1);
            ids.push(last);
        }
        if ids.is_empty() {
            return Err(failed("it has no tokens".to_owned()));
        }
        Ok(self.pooled(&ids)?.to_vec1::<f32>()?)
    }

    fn pooled(&self, ids: &[u32]) -> TensorResult<Tensor> {
        let states = self.states(ids)?;
        let pooled = match self.pooling {
            Pooling::Mean => states.mean(0)?,
            Pooling::First => states.get(0)?,
        };
        let length = pooled.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
        // As torch's `normalize` bounds it.
        pooled / f64::from(length.max(1e-12))
    }

    /// What the last layer says of each token: `[tokens, hidden]`.
    fn states(&self, ids: &[u32]) -> TensorResult<Tensor> {
        let tokens = ids.len();
        let words = self.words.embedding(&Tensor::from_slice(ids, tokens, &Device::Cpu)?)?;
        let placed = (words + self.positions.narrow(0, 0, tokens)?)?.broadcast_add(&self.kind)?;
        let mut x = self.norm.forward(&placed, self.epsilon)?;
        for layer in &self.layers {
            let attended = layer.attend(&x, self.config.num_attention_heads)?;
            x = layer.output_norm.forward(&(attended + x)?, self.epsilon)?;
            let inner = layer.inner.forward(&x)?;
            let inner = match self.activation {
                Activation::Gelu => inner.gelu_erf()?,
                Activation::GeluTanh => inner.gelu()?,
                Activation::Relu => inner.relu()?,
            };
            let outer = layer.outer.forward(&inner)?;
            x = layer.outer_norm.forward(&(outer + x)?, self.epsilon)?;
        }
        Ok(x)
    }
}

impl Config {
    fn read(path: &Path) -> Result<Self, CheckpointError> {
        let json: Json = read_json(path)?;
        let name = json["model_type"].as_str().unwrap_or_default();
        if name != "bert" {
            let (path, found) = (path.to_owned(), name.to_owned());
            return Err(CheckpointError::Architecture { path, found, known: KNOWN });
        }
        let wrong = |reason: String| CheckpointError::Config { path: path.to_owned(), reason };
        let config: Self =
            serde_json::from_value(json).map_err(|error| wrong(error.to_string()))?;
        if let Some(found) =
            config.position_embedding_type.as_ref().filter(|kind| *kind != "absolute")
        {
            let (path, found) = (path.to_owned(), found.clone());
            return Err(CheckpointError::Setting {
                path,
                setting: "position_embedding_type",
                found,
            });
        }
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
            return Err(wrong(format!("{heads} heads cannot share a width of {hidden}")));
        }
        if config.type_vocab_size == 0 || config.max_position_embeddings == 0 {
            let reason = "type_vocab_size and max_position_embeddings must be above 0";
            return Err(wrong(reason.to_owned()));
        }
        Ok(config)
    }

    fn activation(&self, path: &Path) -> Result<Activation, CheckpointError> {
        match self.hidden_act.as_ref().map_or(Some("gelu"), Json::as_str) {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("relu") => Ok(Activation::Relu),
            other => Err(CheckpointError::Setting {
                path: path.to_owned(),
                setting: "hidden_act",
                found: other.unwrap_or("no name").to_owned(),
            }),
        }
    }
}

/// How sentence-transformers was told to pool; the mean, where it was not.
fn pooling(dir: &Path) -> Result<Pooling, CheckpointError> {
    let path = dir.join("1_Pooling").join("config.json");
    let written: Json = read_json_if_any(&path)?.unwrap_or_default();
    let fields = written.as_object().into_iter().flatten();
    let chosen: Vec<&str> = fields
        .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(name, _)| name.as_str())
        .collect();
    match chosen.as_slice() {
        [] | ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::First),
        others => {
            let found = others.join(", ");
            Err(CheckpointError::Setting { path, setting: "pooling_mode", found })
        }
    }
}

/// The first rows of a matrix.
fn rows(matrix: &QMatMul, rows: usize) -> TensorResult<Tensor> {
    let ids: Vec<u32> = (0..rows as u32).collect();
    matrix.embedding(&Tensor::from_vec(ids, rows, &Device::Cpu)?)
}

/// Tensors under either of the names that they go by.
struct Source<'a> {
    weights: &'a Shards,
}

impl Source<'_> {
    fn named(&self, name: &str, ending: &str) -> String {
        let prefixed = format!("{PREFIX}{name}.{ending}");
        if self.weights.has(&prefixed) { prefixed } else { format!("{name}.{ending}") }
    }

    fn matrix(&self, name: &str, out: usize, width: usize) -> Result<QMatMul, CheckpointError> {
        self.weights.matrix(&self.named(name, "weight"), [out, width], Role::Layer)
    }

    fn linear(&self, name: &str, out: usize, width: usize) -> Result<Linear, CheckpointError> {
        let weight = self.matrix(name, out, width)?;
        Ok(Linear { weight, bias: self.weights.vector(&self.named(name, "bias"), out)? })
    }

    /// The oldest checkpoints call them gamma and beta.
    fn norm(&self, name: &str, size: usize) -> Result<Norm, CheckpointError> {
        let old = self.named(name, "gamma");
        let endings = if self.weights.has(&old) { ["gamma", "beta"] } else { ["weight", "bias"] };
        let [weight, bias] =
            endings.map(|ending| self.weights.vector(&self.named(name, ending), size));
        Ok(Norm { weight: weight?, bias: bias? })
    }
}

impl Linear {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.weight.forward(x)?.broadcast_add(&self.bias)
    }
}

impl Norm {
    fn forward(&self, x: &Tensor, epsilon: f32) -> TensorResult<Tensor> {
        layer_norm(&x.contiguous()?, &self.weight, &self.bias, epsilon)
    }
}

impl Layer {
    fn load(config: &Config, source: &Source<'_>, layer: usize) -> Result<Self, CheckpointError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        Ok(Self {
            query: source.linear(&name("attention.self.query"), hidden, hidden)?,
            key: source.linear(&name("attention.self.key"), hidden, hidden)?,
            value: source.linear(&name("attention.self.value"), hidden, hidden)?,
            output: source.linear(&name("attention.output.dense"), hidden, hidden)?,
            output_norm: source.norm(&name("attention.output.LayerNorm"), hidden)?,
            inner: source.linear(&name("intermediate.dense"), inner, hidden)?,
            outer: source.linear(&name("output.dense"), hidden, inner)?,
            outer_norm: source.norm(&name("output.LayerNorm"), hidden)?,
        })
    }

    fn attend(&self, x: &Tensor, heads: usize) -> TensorResult<Tensor> {
        let (tokens, hidden) = x.dims2()?;
        let width = hidden / heads;
        let split = |x: Tensor| x.reshape((tokens, heads, width))?.transpose(0, 1)?.contiguous();
        let queries = split(self.query.forward(x)?)?;
        let keys = split(self.key.forward(x)?)?;
        let values = split(self.value.forward(x)?)?;
        let scale = 1.0 / (width as f64).sqrt();
        let scores = (queries.matmul(&keys.transpose(1, 2)?)? * scale)?;
        let attended = softmax_last_dim(&scores)?.matmul(&values)?;
        let attended = attended.transpose(0, 1)?.contiguous()?.reshape((tokens, hidden))?;
        self.output.forward(&attended)
    }
}
