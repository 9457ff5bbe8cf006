//! GGUF: one file with weights, quantized or not, config, tokenizer and chat template.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Device, Tensor};

use super::{Role, Weights, check_numbers, matrix};
use crate::config::{DecoderConfig, Family};
use crate::error::CheckpointError;
use crate::options::{Options, Precision};
use crate::rope::{Pairs, Scaling};

/// What `transformers` calls a tensor, and what llama.cpp does.
const NAMES: [(&str, &str); 15] = [
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
    ("model.layers", "blk"),
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// A file whose header was read.
pub(crate) struct Gguf {
    path: PathBuf,
    file: File,
    content: Content,
    options: Options,
}

impl Gguf {
    /// Reads the header; every tensor that it lists must lie in the file.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, CheckpointError> {
        let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let content = Content::read(&mut BufReader::new(&file)).map_err(|error| {
            CheckpointError::Damaged { path: path.to_owned(), reason: error.to_string() }
        })?;
        let ends = content.tensor_infos.values().map(|info| {
            let blocks = info.shape.elem_count().div_ceil(info.ggml_dtype.block_size());
            let size = blocks.saturating_mul(info.ggml_dtype.type_size()) as u64;
            content.tensor_data_offset.saturating_add(info.offset).saturating_add(size)
        });
        let bytes_wanted = ends.max().unwrap_or_default();
        if bytes < bytes_wanted {
            return Err(CheckpointError::Cut { path: path.to_owned(), bytes, bytes_wanted });
        }
        Ok(Self { path: path.to_owned(), file, content, options: options.clone() })
    }

    /// What the model is made of.
    pub(crate) fn config(&self) -> Result<DecoderConfig, CheckpointError> {
        let name = self.text("general.architecture").unwrap_or_default();
        let family = Family::read(&self.path, name)?;
        let number = |key: &str| self.number(&format!("{name}.{key}"));
        let size = |key: &str| number(key).map(|number| number as usize);
        let needed = |key: &str| size(key).ok_or_else(|| self.lacks(&format!("{name}.{key}")));
        let (hidden_size, heads) = (needed("embedding_length")?, needed("attention.head_count")?);
        let embedding = self.content.tensor_infos.get("token_embd.weight");
        let embedding =
            embedding.ok_or_else(|| self.missing("token_embd.weight", &[hidden_size]))?;
        let has_bias = |part: &str| self.has(&format!("model.layers.0.{part}.bias"));
        let scaling = self.text(&format!("{name}.rope.scaling.type")).unwrap_or("none");
        let factor = number("rope.scaling.factor").unwrap_or(1.0) as f32;
        let rope_scaling = match scaling {
            "none" => Scaling::None,
            "linear" if factor > 0.0 => Scaling::Linear { factor },
            other => {
                let (path, found) = (self.path.clone(), other.to_owned());
                return Err(CheckpointError::Setting { path, setting: "rope.scaling.type", found });
            }
        };
        let config = DecoderConfig {
            vocab_size: embedding.shape.dims().first().copied().unwrap_or_default(),
            hidden_size,
            inner_size: needed("feed_forward_length")?,
            layers: needed("block_count")?,
            heads,
            key_heads: size("attention.head_count_kv").unwrap_or(heads),
            head_width: size("attention.key_length").unwrap_or(hidden_size / heads.max(1)),
            norm_epsilon: number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5) as f32,
            context_tokens_max: needed("context_length")?,
            is_tied: !self.has(crate::decoder::HEAD),
            has_query_bias: has_bias("self_attn.q_proj"),
            has_output_bias: has_bias("self_attn.o_proj"),
            has_inner_bias: has_bias("mlp.up_proj"),
            has_head_norms: family == Family::Qwen3,
            rope_base: number("rope.freq_base").unwrap_or(10_000.0) as f32,
            rope_scaling,
            rope_pairs: match family {
                Family::Llama => Pairs::Neighbours,
                Family::Qwen2 | Family::Qwen3 => Pairs::Halves,
            },
        };
        config.check(&self.path)?;
        let turned = size("rope.dimension_count").unwrap_or(config.head_width);
        if turned != config.head_width {
            let (path, found) = (self.path.clone(), turned.to_string());
            return Err(CheckpointError::Setting { path, setting: "rope.dimension_count", found });
        }
        Ok(config)
    }

    /// A text of the header.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.content.metadata.get(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A number of the header, of whatever width.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        number(self.content.metadata.get(key)?)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<&str>> {
        let Some(Value::Array(values)) = self.content.metadata.get(key) else { return None };
        let texts = values.iter().map(|value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// A list of numbers.
    pub(crate) fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let Some(Value::Array(values)) = self.content.metadata.get(key) else { return None };
        values.iter().map(number).collect()
    }

    fn lacks(&self, key: &str) -> CheckpointError {
        let reason = format!("its header has no `{key}`");
        CheckpointError::Config { path: self.path.clone(), reason }
    }

    fn missing(&self, name: &str, shape: &[usize]) -> CheckpointError {
        let (path, name, shape) = (self.path.clone(), name.to_owned(), shape.to_vec());
        CheckpointError::MissingTensor { path, name, shape }
    }

    fn quantized(&self, name: &str, shape: &[usize]) -> Result<QTensor, CheckpointError> {
        let name = own_name(name);
        let info = self.content.tensor_infos.get(&name);
        let info = info.ok_or_else(|| self.missing(&name, shape))?;
        if info.shape.dims() != shape {
            let (found, wanted) = (info.shape.dims().to_vec(), shape.to_vec());
            return Err(CheckpointError::Shape { path: self.path.clone(), name, found, wanted });
        }
        let mut file = &self.file;
        let tensor = self.content.tensor(&mut file, &name, &Device::Cpu).map_err(|error| {
            let reason = format!("tensor `{name}`: {error}");
            CheckpointError::Damaged { path: self.path.clone(), reason }
        })?;
        if self.options.must_be_numbers {
            check_numbers(&self.path, &name, &tensor.dequantize(&Device::Cpu)?)?;
        }
        Ok(tensor)
    }
}

impl Weights for Gguf {
    fn path(&self) -> &Path {
        &self.path
    }

    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(&own_name(name))
    }

    fn is_same(&self, name: &str, other: &str) -> Result<bool, CheckpointError> {
        // A GGUF has no word on tying: a head that is there is used.
        Ok(own_name(name) == own_name(other))
    }

    fn matrix(
        &self,
        name: &str,
        shape: [usize; 2],
        role: Role,
    ) -> Result<QMatMul, CheckpointError> {
        let loaded = QMatMul::from_qtensor(self.quantized(name, &shape)?)?;
        match loaded {
            QMatMul::Tensor(tensor) if self.options.precision != Precision::F32 => {
                matrix(tensor, &self.options, role)
            }
            loaded => Ok(loaded),
        }
    }

    fn vector(&self, name: &str, size: usize) -> Result<Tensor, CheckpointError> {
        Ok(self.quantized(name, &[size])?.dequantize(&Device::Cpu)?)
    }

    fn rope_divisors(&self, size: usize) -> Result<Option<Vec<f32>>, CheckpointError> {
        let name = "rope_freqs.weight";
        if !self.content.tensor_infos.contains_key(name) {
            return Ok(None);
        }
        let divisors = self.quantized(name, &[size])?.dequantize(&Device::Cpu)?;
        let divisors = divisors.to_vec1::<f32>()?;
        match divisors.iter().all(|divisor| divisor.is_finite() && *divisor > 0.0) {
            true => Ok(Some(divisors)),
            false => {
                let (path, name) = (self.path.clone(), name.to_owned());
                Err(CheckpointError::NotNumbers { path, name })
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::U8(number) => Some(f64::from(*number)),
        Value::I8(number) => Some(f64::from(*number)),
        Value::U16(number) => Some(f64::from(*number)),
        Value::I16(number) => Some(f64::from(*number)),
        Value::U32(number) => Some(f64::from(*number)),
        Value::I32(number) => Some(f64::from(*number)),
        Value::U64(number) => Some(*number as f64),
        Value::I64(number) => Some(*number as f64),
        Value::F32(number) => Some(f64::from(*number)),
        Value::F64(number) => Some(*number),
        Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn own_name(name: &str) -> String {
    NAMES.iter().fold(name.to_owned(), |name, (other, own)| name.replace(other, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_asked_for_by_the_names_of_llama_cpp() {
        for (name, own) in [
            ("model.embed_tokens.weight", "token_embd.weight"),
            ("lm_head.weight", "output.weight"),
            ("model.norm.weight", "output_norm.weight"),
            ("model.layers.10.input_layernorm.weight", "blk.10.attn_norm.weight"),
            ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"),
            ("model.layers.0.self_attn.q_proj.bias", "blk.0.attn_q.bias"),
            ("model.layers.1.self_attn.k_norm.weight", "blk.1.attn_k_norm.weight"),
            ("model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"),
            ("rope_freqs.weight", "rope_freqs.weight"),
        ] {
            assert_eq!(own_name(name), own);
        }
    }
}
