//! Which models serve, and what each preset needs.

use super::{AUTO, ConfigError, Device, ModelsConfig};

/// The models that are trained here.
pub const TINY: &str = "tiny";

/// A checkpoint that somebody else trained.
pub const STOCK: &str = "stock";

/// The processor computes.
pub const CPU: &str = "cpu";

/// About a byte a weight, in blocks of 32.
pub const Q8_0: &str = "q8_0";

/// A little more than half a byte a weight, in blocks of 256.
pub const Q4_K: &str = "q4_k";

/// What weights may be held in; with `auto`, as the checkpoint has them.
const WEIGHTS: [&str; 3] = [AUTO, Q8_0, Q4_K];

/// How calls may be written, besides `auto`.
const SPELLINGS: [&str; 4] = [AUTO, "hermes", "llama", "bracket"];

/// Earlier turns are read.
pub const READ: &str = "read";

/// Earlier turns are read where the last one alone asks for nothing.
pub const FALLBACK: &str = "fallback";

/// The last turn is read alone.
pub const IGNORE: &str = "ignore";

/// When the last turn is read in the light of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Always.
    Whole,
    /// Where it asks for nothing alone.
    Fallback,
    /// Never.
    Alone,
}

impl ModelsConfig {
    /// When the last turn is read in the light of earlier ones. The models that are trained here lose
    /// more of requests that stand for themselves than they win of those that do not: see 0031.
    pub fn reading(&self) -> Reading {
        match self.earlier.as_str() {
            READ => Reading::Whole,
            FALLBACK => Reading::Fallback,
            IGNORE => Reading::Alone,
            _ if self.preset == STOCK => Reading::Whole,
            _ => Reading::Alone,
        }
    }
}

/// Checks what the keys of `[models]` must satisfy together.
pub(super) fn check(models: &ModelsConfig) -> Result<(), ConfigError> {
    let bad = |key: &'static str, reason: &str| {
        Err(ConfigError::Value { key, reason: reason.to_owned() })
    };
    if ![TINY, STOCK].contains(&models.preset.as_str()) {
        return bad("models.preset", "must be tiny or stock");
    }
    if !SPELLINGS.contains(&models.spelling.as_str()) {
        return bad("models.spelling", "must be auto, hermes, llama or bracket");
    }
    if !WEIGHTS.contains(&models.weights.as_str()) {
        return bad("models.weights", "must be auto, q8_0 or q4_k");
    }
    if ![AUTO, READ, FALLBACK, IGNORE].contains(&models.earlier.as_str()) {
        return bad("models.earlier", "must be auto, read, fallback or ignore");
    }
    let is_stock = models.preset == STOCK;
    if is_stock && models.checkpoint.is_empty() {
        return bad(
            "models.checkpoint",
            "the stock preset takes a checkpoint: name its folder or .gguf file",
        );
    }
    if !is_stock && !models.checkpoint.is_empty() {
        return bad(
            "models.checkpoint",
            "is for the stock preset: set models.preset to stock, too",
        );
    }
    if !is_stock && models.weights != AUTO {
        return bad("models.weights", "is for the stock preset: set models.preset to stock, too");
    }
    if !is_stock && !models.encoder.is_empty() {
        return bad("models.encoder", "is for the stock preset: set models.preset to stock, too");
    }
    if Device::parse(&models.device).is_none() {
        return bad("models.device", "must be cpu, cuda or cuda:N, with N from 0 on");
    }
    if !is_stock && models.device != CPU {
        return bad(
            "models.device",
            "a GPU computes checkpoints: set models.preset to stock, too, or models.device to cpu",
        );
    }
    if models.device != CPU && models.weights != AUTO {
        return bad(
            "models.weights",
            "is for the processor, and a GPU holds bf16: set it to auto, or models.device to cpu",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_says_what_it_lacks() {
        type Set = fn(&mut ModelsConfig);
        let cases: [(Set, Option<&str>); 16] = [
            (|_| {}, None),
            (|models| models.preset = "large".into(), Some("models.preset")),
            (|models| models.preset = STOCK.into(), Some("models.checkpoint")),
            (|models| models.checkpoint = "m".into(), Some("models.checkpoint")),
            (|models| models.encoder = "e".into(), Some("models.encoder")),
            (|models| models.spelling = "param".into(), Some("models.spelling")),
            (|models| models.earlier = "yes".into(), Some("models.earlier")),
            (|models| models.weights = "q5_1".into(), Some("models.weights")),
            (|models| models.weights = Q8_0.into(), Some("models.weights")),
            (|models| models.device = "gpu".into(), Some("models.device")),
            (|models| models.device = "cuda:".into(), Some("models.device")),
            (|models| models.device = "cuda:1".into(), Some("models.device")),
            (
                |models| {
                    models.preset = STOCK.into();
                    models.checkpoint = "m".into();
                    models.weights = Q4_K.into();
                },
                None,
            ),
            (
                |models| {
                    models.preset = STOCK.into();
                    models.checkpoint = "m".into();
                    models.device = "cuda:1".into();
                },
                None,
            ),
            (
                |models| {
                    models.preset = STOCK.into();
                    models.checkpoint = "m".into();
                    models.device = "cuda".into();
                    models.weights = Q8_0.into();
                },
                Some("models.weights"),
            ),
            (
                |models| {
                    models.preset = STOCK.into();
                    models.checkpoint = "m".into();
                    models.encoder = "e".into();
                },
                None,
            ),
        ];
        for (set, wrong) in cases {
            let mut models = ModelsConfig::default();
            set(&mut models);
            let found = match check(&models) {
                Err(ConfigError::Value { key, .. }) => Some(key),
                _ => None,
            };
            assert_eq!(found, wrong);
        }
    }
}
