//! Everything that can be wrong with a checkpoint, and with what is asked of one.

use std::io;
use std::path::PathBuf;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error(
        "cannot read {path}: {source}; name a folder with config.json, tokenizer.json and \
         safetensors, or one .gguf file (`hyfunc models pull` fetches either)",
        path = .path.display()
    )]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither safetensors nor GGUF.
    #[error(
        "{path} holds no weights that are read here: neither *.safetensors nor one *.gguf; \
         checkpoints of other kinds must be converted first",
        path = .path.display()
    )]
    NoWeights {
        /// As asked for.
        path: PathBuf,
    },
    /// A description that cannot be followed.
    #[error("{path} cannot be followed: {reason}", path = .path.display())]
    Config {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An architecture that no code here computes.
    #[error(
        "{path} is of the architecture `{found}`, which is not computed here; known are {known}",
        path = .path.display()
    )]
    Architecture {
        /// Path of the file.
        path: PathBuf,
        /// As the file names it.
        found: String,
        /// What is computed.
        known: &'static str,
    },
    /// A known architecture with a setting that no code here computes.
    #[error(
        "{path} sets `{setting}` to {found}, which is not computed here; take a checkpoint without",
        path = .path.display()
    )]
    Setting {
        /// Path of the file.
        path: PathBuf,
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// A shard that the index names is not there.
    #[error(
        "{index} names the shard {shard}, which is not there; fetch the checkpoint again: what is \
         there already is kept",
        index = .index.display()
    )]
    MissingShard {
        /// Path of the index.
        index: PathBuf,
        /// Name of the shard.
        shard: String,
    },
    /// A file that ends too early, or goes on too long.
    #[error(
        "{path} has {bytes} bytes, its header says {bytes_wanted}: it was cut or mixed up; fetch it \
         again",
        path = .path.display()
    )]
    Cut {
        /// Path of the file.
        path: PathBuf,
        /// Bytes found.
        bytes: u64,
        /// Bytes that its header speaks of.
        bytes_wanted: u64,
    },
    /// A file that is not what it claims to be.
    #[error("{path} is damaged: {reason}; fetch it again", path = .path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor is missing.
    #[error(
        "{path} has no tensor `{name}` {shape:?}, which its config needs; a shard is missing, or the \
         config is of another checkpoint",
        path = .path.display()
    )]
    MissingTensor {
        /// Path of the checkpoint.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Shape that the model needs.
        shape: Vec<usize>,
    },
    /// A tensor has another shape.
    #[error(
        "tensor `{name}` in {path} is {found:?}, its config needs {wanted:?}; the config is of \
         another checkpoint",
        path = .path.display()
    )]
    Shape {
        /// Path of the file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the model needs.
        wanted: Vec<usize>,
    },
    /// A tensor has a dtype that is not read.
    #[error("tensor `{name}` in {path} is {found}; F32, F16 and BF16 are read", path = .path.display())]
    Dtype {
        /// Path of the file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Dtype in the file.
        found: String,
    },
    /// A head of its own is promised and missing.
    #[error(
        "{path} has no tensor `{name}`, yet its config says tie_word_embeddings = false; take a whole \
         checkpoint, or set it to true if the embedding is the head",
        path = .path.display()
    )]
    MissingHead {
        /// Path of the checkpoint.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
    },
    /// Two heads that differ.
    #[error(
        "{path} has a tensor `{name}` that differs from the embedding, yet its config says \
         tie_word_embeddings = true; set it to false if this head was trained, or remove it",
        path = .path.display()
    )]
    TwoHeads {
        /// Path of the checkpoint.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
    },
    /// A weight is not a number.
    #[error(
        "tensor `{name}` in {path} holds NaN or infinity; the checkpoint is damaged, or its training \
         diverged",
        path = .path.display()
    )]
    NotNumbers {
        /// Path of the checkpoint.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
    },
    /// The tokenizer cannot be read.
    #[error("{path} is no tokenizer that is read here: {reason}", path = .path.display())]
    Tokenizer {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The tokenizer belongs to another model.
    #[error(
        "{path} gives `{token}` the id {id}, but the model knows {vocab_size} tokens: it is the \
         tokenizer of another model",
        path = .path.display()
    )]
    WrongTokenizer {
        /// Path of the tokenizer.
        path: PathBuf,
        /// A token.
        token: String,
        /// Its id.
        id: u32,
        /// Ids of the model.
        vocab_size: usize,
    },
    /// The checkpoint brings no chat template.
    #[error(
        "{id} has no chat template: neither chat_template.jinja, nor one in tokenizer_config.json or \
         the GGUF; take the instruction-tuned variant"
    )]
    NoTemplate {
        /// Name of the checkpoint.
        id: String,
    },
    /// The chat template cannot be read or rendered.
    #[error("the chat template failed: {reason}")]
    Template {
        /// What is wrong.
        reason: String,
    },
    /// The chat template refused the messages.
    #[error("the chat template refuses these messages: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// More than the model can read.
    #[error("{tokens} tokens are more than the {tokens_max} that the model reads; shorten them")]
    TooLong {
        /// Tokens, those read before included.
        tokens: usize,
        /// Tokens at most.
        tokens_max: usize,
    },
    /// A token that the model does not know.
    #[error("token {token} is not one of the {vocab_size} that the model knows")]
    Token {
        /// The token.
        token: u32,
        /// Ids of the model.
        vocab_size: usize,
    },
    /// Logits of positions that were not asked to be read, or none.
    #[error("logits of {last} positions are asked for, of {tokens} tokens; ask for 1 to {tokens}")]
    Positions {
        /// As asked for.
        last: usize,
        /// Tokens given.
        tokens: usize,
    },
    /// States of another model.
    #[error("a state has {found} numbers, the model's have {wanted}: it is of another model")]
    ForeignState {
        /// Numbers of the state.
        found: usize,
        /// Numbers of the model's.
        wanted: usize,
    },
    /// A cache of another model.
    #[error("this cache has {found} layers, the model has {wanted}: it is of another model")]
    ForeignCache {
        /// Layers of the cache.
        found: usize,
        /// Layers of the model.
        wanted: usize,
    },
    /// A text cannot be encoded.
    #[error("a text cannot be encoded: {reason}")]
    Text {
        /// What the tokenizer said.
        reason: String,
    },
    /// A tensor operation failed.
    #[error("the model failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
