//! What a decoder is made of, as `config.json` tells it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::CheckpointError;
use crate::files::read_json;
use crate::rope::{Pairs, Scaling};

/// What is computed here, as messages name it.
pub(crate) const KNOWN: &str = "llama, qwen2 and qwen3";

/// Sizes beyond which a config is not believed.
const SIZE_MAX: usize = 1 << 24;
/// Layers beyond which a config is not believed.
const LAYERS_MAX: usize = 1_024;

/// What a decoder is made of.
#[derive(Clone, Debug)]
pub(crate) struct DecoderConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    /// Width of the feed-forward part.
    pub(crate) inner_size: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Heads of keys and of values; each serves `heads / key_heads` queries.
    pub(crate) key_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) norm_epsilon: f32,
    pub(crate) context_tokens_max: usize,
    /// Whether the embedding is the head.
    pub(crate) is_tied: bool,
    /// Of queries, keys and values.
    pub(crate) has_query_bias: bool,
    pub(crate) has_output_bias: bool,
    pub(crate) has_inner_bias: bool,
    /// Whether queries and keys are normalized, head by head.
    pub(crate) has_head_norms: bool,
    pub(crate) rope_base: f32,
    pub(crate) rope_scaling: Scaling,
    pub(crate) rope_pairs: Pairs,
}

/// The families that are computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Llama,
    Qwen2,
    Qwen3,
}

impl Family {
    pub(crate) fn read(path: &Path, name: &str) -> Result<Self, CheckpointError> {
        match name {
            "llama" => Ok(Self::Llama),
            "qwen2" => Ok(Self::Qwen2),
            "qwen3" => Ok(Self::Qwen3),
            _ => Err(CheckpointError::Architecture {
                path: path.to_owned(),
                found: name.to_owned(),
                known: KNOWN,
            }),
        }
    }
}

/// As written; what is not there has the default of `transformers`.
#[derive(Deserialize)]
struct Written {
    architectures: Option<Vec<String>>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f32>,
    max_position_embeddings: Option<usize>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    use_sliding_window: Option<bool>,
    partial_rotary_factor: Option<f64>,
    quantization_config: Option<Json>,
    rope_theta: Option<f32>,
    rope_scaling: Option<Json>,
    rope_parameters: Option<Json>,
}

impl DecoderConfig {
    /// Reads `config.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, CheckpointError> {
        let json: Json = read_json(path)?;
        let name = json["model_type"].as_str().unwrap_or_default();
        let family = Family::read(path, name)?;
        let written: Written = serde_json::from_value(json).map_err(|error| {
            CheckpointError::Config { path: path.to_owned(), reason: error.to_string() }
        })?;
        written.check(path, family)?;
        let config = written.config(path, family)?;
        config.check(path)?;
        Ok(config)
    }

    /// Sizes that fit each other.
    pub(crate) fn check(&self, path: &Path) -> Result<(), CheckpointError> {
        let wrong = |reason: String| CheckpointError::Config { path: path.to_owned(), reason };
        for (name, size, size_max) in [
            ("vocab_size", self.vocab_size, SIZE_MAX),
            ("hidden_size", self.hidden_size, SIZE_MAX),
            ("intermediate_size", self.inner_size, SIZE_MAX),
            ("num_hidden_layers", self.layers, LAYERS_MAX),
            ("num_attention_heads", self.heads, SIZE_MAX),
            ("num_key_value_heads", self.key_heads, SIZE_MAX),
            ("head_dim", self.head_width, SIZE_MAX),
            ("max_position_embeddings", self.context_tokens_max, usize::MAX),
        ] {
            if size == 0 || size > size_max {
                return Err(wrong(format!("{name} is {size}; it must be 1 to {size_max}")));
            }
        }
        if !self.heads.is_multiple_of(self.key_heads) {
            let (heads, key_heads) = (self.heads, self.key_heads);
            return Err(wrong(format!("{heads} heads cannot share {key_heads} heads of keys")));
        }
        if !self.head_width.is_multiple_of(2) {
            let width = self.head_width;
            return Err(wrong(format!("heads of {width} values cannot be turned in pairs")));
        }
        let is_positive = |number: f32| number.is_finite() && number > 0.0;
        if !is_positive(self.norm_epsilon) || !is_positive(self.rope_base) {
            return Err(wrong("rms_norm_eps and rope_theta must be above 0".to_owned()));
        }
        Ok(())
    }
}

impl Written {
    /// Refuses settings that would be computed wrong.
    fn check(&self, path: &Path, family: Family) -> Result<(), CheckpointError> {
        let setting = |setting, found: String| {
            Err(CheckpointError::Setting { path: path.to_owned(), setting, found })
        };
        if let Some(found) = self.architectures.as_ref().and_then(|all| all.first()) {
            let is_causal = found.ends_with("ForCausalLM");
            if !is_causal {
                let (path, found) = (path.to_owned(), found.clone());
                return Err(CheckpointError::Architecture { path, found, known: KNOWN });
            }
        }
        if let Some(act) = self.hidden_act.as_deref().filter(|act| *act != "silu") {
            return setting("hidden_act", act.to_owned());
        }
        if self.use_sliding_window == Some(true) && family != Family::Llama {
            return setting("use_sliding_window", "true".to_owned());
        }
        if let Some(part) = self.partial_rotary_factor.filter(|part| *part != 1.0) {
            return setting("partial_rotary_factor", part.to_string());
        }
        if let Some(found) = self.quantization_config.as_ref().filter(|found| !found.is_null()) {
            return setting("quantization_config", found["quant_method"].to_string());
        }
        Ok(())
    }

    fn config(&self, path: &Path, family: Family) -> Result<DecoderConfig, CheckpointError> {
        let heads = self.num_attention_heads;
        let head_width = self.head_dim.unwrap_or_else(|| match family {
            Family::Qwen3 => 128,
            Family::Llama | Family::Qwen2 => self.hidden_size / heads.max(1),
        });
        let has_attention_bias = family != Family::Qwen2 && self.attention_bias == Some(true);
        let (rope_base, rope_scaling) = self.rope(path)?;
        Ok(DecoderConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            inner_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            key_heads: self.num_key_value_heads.unwrap_or(heads),
            head_width,
            norm_epsilon: self.rms_norm_eps.unwrap_or(1e-6),
            context_tokens_max: self.max_position_embeddings.unwrap_or(2_048),
            is_tied: self.tie_word_embeddings.unwrap_or(false),
            has_query_bias: has_attention_bias || family == Family::Qwen2,
            has_output_bias: has_attention_bias,
            has_inner_bias: family == Family::Llama && self.mlp_bias == Some(true),
            has_head_norms: family == Family::Qwen3,
            rope_base,
            rope_scaling,
            rope_pairs: Pairs::Halves,
        })
    }

    /// Newer configs have all of it in `rope_parameters`.
    fn rope(&self, path: &Path) -> Result<(f32, Scaling), CheckpointError> {
        let none = Json::Null;
        let parameters = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        let parameters = parameters.unwrap_or(&none);
        let number = |name: &'static str| match parameters[name].as_f64() {
            Some(number) if number > 0.0 => Ok(number as f32),
            _ => Err(CheckpointError::Setting {
                path: path.to_owned(),
                setting: name,
                found: parameters[name].to_string(),
            }),
        };
        let written = parameters["rope_theta"].as_f64().map(|base| base as f32);
        let base = written.or(self.rope_theta).unwrap_or(10_000.0);
        let kind = parameters["rope_type"].as_str().or(parameters["type"].as_str());
        let scaling = match kind.unwrap_or("default") {
            "default" => Scaling::None,
            "linear" => Scaling::Linear { factor: number("factor")? },
            "llama3" => Scaling::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                context: number("original_max_position_embeddings")?,
            },
            other => {
                let (path, found) = (path.to_owned(), other.to_owned());
                return Err(CheckpointError::Setting { path, setting: "rope_type", found });
            }
        };
        Ok((base, scaling))
    }
}
