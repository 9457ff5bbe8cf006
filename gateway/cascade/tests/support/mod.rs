//! A cascade with random weights, as files in memory.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod scene;

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use hyfunc_cascade::config::{ModelConfig, TinyConfig};
use hyfunc_cascade::model::{Large, Small};
use hyfunc_cascade::shipped::{self, EMBEDDED, Files};
use hyfunc_cascade::text::Tokenizer;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use serde_json::{Value as Json, json};

/// The files of a cascade without a table of words, owned.
#[derive(Clone)]
pub struct OwnFiles {
    pub config: TinyConfig,
    pub tokenizer: Vec<u8>,
    pub large: HashMap<String, Tensor>,
    pub small: HashMap<String, Tensor>,
}

impl OwnFiles {
    /// Random weights of a small shape, with the shipped tokenizer.
    pub fn random() -> Self {
        let tokenizer = EMBEDDED.tokenizer.to_vec();
        let vocab_size = Tokenizer::from_bytes(&tokenizer).unwrap().vocab_size();
        let model = ModelConfig {
            vocab_size,
            hidden_size: 32,
            intermediate_size: 48,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            num_key_value_heads: 1,
            head_dim: 16,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
        };
        let config = TinyConfig {
            large: model.clone(),
            small: model,
            index_size: 32,
            ..TinyConfig::shapes(vocab_size)
        };
        let large = tensors(|vb| Large::new(&config, vb).map(drop));
        let small = tensors(|vb| Small::new(&config, vb).map(drop));
        Self { config, tokenizer, large, small }
    }

    /// Weights of the large and of the small model as files.
    pub fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (bytes(&self.large), bytes(&self.small))
    }

    /// Loads them, after hashes were made right and `damage` was done to the bytes.
    pub fn load(
        &self,
        damage: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>),
    ) -> Result<Tiny, hyfunc_cascade::CascadeError> {
        let (mut large, mut small) = (bytes(&self.large), bytes(&self.small));
        let mut config = self.config.clone();
        config.large_sha256 = shipped::sha256(&large);
        config.small_sha256 = shipped::sha256(&small);
        damage(&mut large, &mut small);
        self.load_bytes(&config, &large, &small)
    }

    /// The same, but the hashes are those of the damaged bytes: whoever made them meant them so.
    pub fn load_forged(
        &self,
        damage: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>),
    ) -> Result<Tiny, hyfunc_cascade::CascadeError> {
        let (mut large, mut small) = (bytes(&self.large), bytes(&self.small));
        damage(&mut large, &mut small);
        let mut config = self.config.clone();
        config.large_sha256 = shipped::sha256(&large);
        config.small_sha256 = shipped::sha256(&small);
        self.load_bytes(&config, &large, &small)
    }

    fn load_bytes(
        &self,
        config: &TinyConfig,
        large: &[u8],
        small: &[u8],
    ) -> Result<Tiny, hyfunc_cascade::CascadeError> {
        let config = serde_json::to_vec(config).unwrap();
        let files =
            Files { config: &config, tokenizer: &self.tokenizer, large, small, words: None };
        files.load(&Device::Cpu)
    }
}

fn tensors(
    build: impl FnOnce(&VarBuilder<'_>) -> candle_core::Result<()>,
) -> HashMap<String, Tensor> {
    let map = VarMap::new();
    build(&VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu)).unwrap();
    let data = map.data().lock().unwrap();
    data.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
}

fn bytes(tensors: &HashMap<String, Tensor>) -> Vec<u8> {
    safetensors::serialize(tensors, None).unwrap()
}

/// Random weights, loaded.
pub fn random_tiny() -> Tiny {
    OwnFiles::random().load(|_, _| ()).unwrap()
}

/// A function that has every kind of parameter a JSON Schema can ask for.
pub fn wide_function() -> Arc<Function> {
    let parameters: Json = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city."},
            "count": {"type": "integer", "minimum": 1, "maximum": 12},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "urgent": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
            "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"},
            "place": {
                "type": "object",
                "properties": {
                    "lat": {"type": "number"},
                    "lon": {"type": "number"},
                    "note": {"type": "string", "maxLength": 8},
                },
                "required": ["lat", "lon"],
                "additionalProperties": false,
            },
            "level": {"enum": [1, 2, "high", null]},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "extra": {"type": "object", "additionalProperties": {"type": "integer"}},
            "anything": {},
        },
        "required": ["city", "count", "unit", "tags", "code", "place"],
    });
    let function = function_from_schema("wide", "Take every kind of value.", &parameters).unwrap();
    Arc::new(function)
}

/// A plain function of two parameters.
pub fn plain_function(name: &str) -> Arc<Function> {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    });
    Arc::new(function_from_schema(name, "Tell the weather.", &parameters).unwrap())
}
