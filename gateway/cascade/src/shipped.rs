//! A tiny cascade as files: `cascade.json`, `tokenizer.json`, `large.safetensors`,
//! `small.safetensors`, `words.safetensors`. One such folder is embedded in the binary.

use std::path::Path;

use candle_core::Device;
use sha2::{Digest, Sha256};

use crate::config::TinyConfig;
use crate::error::{CascadeError, WeightsError};
use crate::text::Tokenizer;
use crate::tiny::Tiny;
use crate::weights::{self, File};
use crate::words::{self, Words};

/// Layout that this code reads.
pub const VERSION: u32 = 2;

/// Contents of a cascade's folder.
pub struct Files<'a> {
    /// `cascade.json`.
    pub config: &'a [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// `large.safetensors`.
    pub large: &'a [u8],
    /// `small.safetensors`.
    pub small: &'a [u8],
    /// `words.safetensors`, if `cascade.json` speaks of it.
    pub words: Option<&'a [u8]>,
}

/// The cascade in the binary. Not a constant, of which every crate that names it would hold its own.
pub static EMBEDDED: Files<'static> = Files {
    config: include_bytes!("../models/tiny/cascade.json"),
    tokenizer: include_bytes!("../models/tiny/tokenizer.json"),
    large: include_bytes!("../models/tiny/large.safetensors"),
    small: include_bytes!("../models/tiny/small.safetensors"),
    words: Some(include_bytes!("../models/tiny/words.safetensors")),
};

impl Files<'_> {
    /// Checks and loads everything.
    pub fn load(&self, device: &Device) -> Result<Tiny, CascadeError> {
        let config = self.config()?;
        verify("large.safetensors", self.large, &config.large_sha256)?;
        verify("small.safetensors", self.small, &config.small_sha256)?;
        let tokenizer = Tokenizer::from_bytes(self.tokenizer)?;
        for model in [&config.large, &config.small] {
            if model.vocab_size != tokenizer.vocab_size() {
                return Err(damaged(
                    "tokenizer.json",
                    format!(
                        "it has {} tokens, the models {}",
                        tokenizer.vocab_size(),
                        model.vocab_size
                    ),
                )
                .into());
            }
        }
        let large = File { name: "large.safetensors", bytes: self.large };
        let small = File { name: "small.safetensors", bytes: self.small };
        let (large, small) = weights::models(&config, &large, &small, device)?;
        let words = match (&config.words_sha256, self.words) {
            (None, _) => None,
            (Some(expected), Some(bytes)) => {
                verify(words::FILE, bytes, expected)?;
                Some(Words::from_bytes(bytes)?)
            }
            (Some(_), None) => {
                return Err(damaged(words::FILE, "it is missing".to_owned()).into());
            }
        };
        Ok(Tiny { config, tokenizer, large, small, words, device: device.clone() })
    }

    fn config(&self) -> Result<TinyConfig, WeightsError> {
        let config: TinyConfig = serde_json::from_slice(self.config)
            .map_err(|error| damaged("cascade.json", error.to_string()))?;
        if config.version != VERSION {
            return Err(damaged(
                "cascade.json",
                format!("its version is {}, this program reads {VERSION}", config.version),
            ));
        }
        for (name, model) in [("large", &config.large), ("small", &config.small)] {
            let heads = model.num_attention_heads;
            let sound = heads > 0
                && model.num_key_value_heads > 0
                && heads.is_multiple_of(model.num_key_value_heads)
                && model.head_dim > 0
                && model.head_dim.is_multiple_of(2)
                && (1..=8192).contains(&model.hidden_size)
                && (1..=65_536).contains(&model.intermediate_size)
                && (1..=256).contains(&model.num_hidden_layers)
                && heads * model.head_dim <= 65_536
                && model.vocab_size <= 1 << 20;
            if !sound {
                return Err(damaged(
                    "cascade.json",
                    format!("the shape of `{name}` is impossible"),
                ));
            }
        }
        Ok(config)
    }
}

/// Reads a folder and loads it.
pub fn load_dir(dir: &Path, device: &Device) -> Result<Tiny, CascadeError> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path)
            .map_err(|source| WeightsError::Read { path: path.display().to_string(), source })
    };
    let (config, tokenizer) = (read("cascade.json")?, read("tokenizer.json")?);
    let (large, small) = (read("large.safetensors")?, read("small.safetensors")?);
    // Whether it must be there is for `cascade.json` to say.
    let words = dir.join(words::FILE).exists().then(|| read(words::FILE)).transpose()?;
    let words = words.as_deref();
    Files { config: &config, tokenizer: &tokenizer, large: &large, small: &small, words }
        .load(device)
}

/// SHA-256 of bytes, hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn verify(file: &str, bytes: &[u8], expected: &str) -> Result<(), WeightsError> {
    let found = sha256(bytes);
    if found != expected {
        return Err(damaged(file, format!("its SHA-256 is {found}, cascade.json says {expected}")));
    }
    Ok(())
}

fn damaged(file: &str, reason: String) -> WeightsError {
    WeightsError::Damaged { file: file.to_owned(), reason }
}
