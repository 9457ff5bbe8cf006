//! Limits of the engine and shapes of the models.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Questions about one parameter after which lists end and optional values are left out: a free JSON
/// value could otherwise nest lists of lists for minutes.
pub const PARAMETER_QUESTIONS_MAX: usize = 96;

/// Tokens of one call's branches that one forward reads, but for a branch that is longer alone. What
/// does not fit is read by the next ones: between two forwards others have their turn, and the
/// deadline is looked at. A call of sixty parameters fits.
pub const ROUND_TOKENS_MAX: usize = 512;

/// Last tokens of a branch that are read; those before them are forgotten.
pub const BRANCH_TOKENS_MAX: usize = 1024;

/// Values of one call that are written at a time. Each holds a mask, and keys and values of its own,
/// some hundred kilobytes of either.
pub const WRITES_MAX: usize = 16;

/// Tokens of a function's earlier calls after which one more is asked for. Every token of the query
/// sees every one of them: their cost is the square.
pub const EARLIER_TOKENS_MAX: usize = 1024;

/// Limits of the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadeConfig {
    /// Engine threads, each with its own copy of nothing: weights are shared.
    pub threads: usize,
    /// Jobs that may wait for an engine thread.
    pub queue_jobs_max: usize,
    /// Tokens of a query.
    pub query_tokens_max: usize,
    /// Tokens of one generated value.
    pub value_tokens_max: usize,
    /// Probability from which a candidate is called; `None` takes the calibrated one. It stands for
    /// [`TinyConfig::more_threshold`] and [`TinyConfig::again_threshold`] as well.
    pub call_threshold: Option<f32>,
    /// Tokens that one forward reads of several requests; a request that needs more is read alone.
    pub batch_tokens_max: usize,
    /// Bytes of keys and values of queries that are read, of all threads together: each has its share
    /// of them. Whoever finds no room waits, unless it is the oldest of its thread.
    pub live_bytes_max: usize,
    /// What is left out of the engine, to measure what it gains.
    pub ablate: Ablation,
    /// Whether a call's parameters are asked one after another, each after the values of those before
    /// it, instead of beside each other. For models that were trained so: others do worse.
    pub chained_slots: bool,
    /// Bytes of the library's blocks that stay in memory; others come back when they are asked for.
    pub blocks_bytes_max: usize,
    /// Folder for what the models make of the library's functions, for this user alone; `None`
    /// keeps nothing.
    pub prepared_dir: Option<PathBuf>,
    /// Bytes of that folder.
    pub prepared_bytes_max: u64,
}

/// Parts of the engine that a measurement leaves out, each alone. Results stay the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ablation {
    /// Every request reads its candidates' blocks anew instead of taking those that were read at
    /// load.
    pub kept_blocks: bool,
    /// Every parameter's branch is a forward of its own.
    pub parallel_slots: bool,
    /// A copied value takes a forward a token.
    pub bulk_copy: bool,
    /// Every request's forwards are its own.
    pub batching: bool,
}

impl Default for CascadeConfig {
    fn default() -> Self {
        Self {
            threads: 1,
            queue_jobs_max: 256,
            query_tokens_max: 384,
            value_tokens_max: 48,
            call_threshold: None,
            batch_tokens_max: 256,
            live_bytes_max: 512 << 20,
            ablate: Ablation::default(),
            chained_slots: false,
            blocks_bytes_max: 512 << 20,
            prepared_dir: None,
            prepared_bytes_max: 4 << 30,
        }
    }
}

/// Shape of a Qwen3-style transformer. Names are those of `config.json` on the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of a state.
    pub hidden_size: usize,
    /// Width inside the feed-forward.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Added to the mean square before its root.
    pub rms_norm_eps: f64,
    /// Base of the rotary wavelengths.
    pub rope_theta: f64,
}

impl ModelConfig {
    /// Keys and values of one token in all layers, in bytes; they are f32.
    pub fn token_bytes(&self) -> usize {
        2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim * size_of::<f32>()
    }
}

/// Shapes and calibration of a tiny cascade: `cascade.json` beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TinyConfig {
    /// Layout of the folder; this code reads 2.
    pub version: u32,
    /// Name under which clients ask for it.
    pub id: String,
    /// The large model.
    pub large: ModelConfig,
    /// The small model.
    pub small: ModelConfig,
    /// Width of the retriever's space.
    pub index_size: usize,
    /// Probability from which a candidate is called, calibrated on held-out rows.
    pub call_threshold: f32,
    /// Probability from which a candidate is called beside a likelier one, calibrated likewise.
    #[serde(default)]
    pub more_threshold: f32,
    /// Probability from which a function is called once more, calibrated likewise.
    #[serde(default)]
    pub again_threshold: f32,
    /// Score of the index below which no function is a candidate, calibrated on held-out rows.
    pub retrieval_threshold: f32,
    /// Weight of the retriever's cosine in the probability of a call, calibrated on held-out rows.
    #[serde(default)]
    pub cosine_weight: f32,
    /// SHA-256 of `large.safetensors`, hex.
    pub large_sha256: String,
    /// SHA-256 of `small.safetensors`, hex.
    pub small_sha256: String,
    /// SHA-256 of `words.safetensors`, hex; models that were made before there was one have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_sha256: Option<String>,
}

impl TinyConfig {
    /// The shapes that `hyfunc train tiny` trains: about 5 million parameters in all.
    pub fn shapes(vocab_size: usize) -> Self {
        let model = |hidden_size, layers| ModelConfig {
            vocab_size,
            hidden_size,
            intermediate_size: hidden_size * 8 / 3 / 32 * 32,
            num_hidden_layers: layers,
            num_attention_heads: hidden_size / 32,
            num_key_value_heads: hidden_size / 32,
            head_dim: 32,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
        };
        Self {
            version: 2,
            id: "hyfunc-tiny".into(),
            large: model(160, 3),
            small: model(160, 4),
            index_size: 160,
            call_threshold: 0.5,
            more_threshold: 0.5,
            again_threshold: 0.5,
            retrieval_threshold: 0.0,
            cosine_weight: 0.0,
            large_sha256: String::new(),
            small_sha256: String::new(),
            words_sha256: None,
        }
    }
}
