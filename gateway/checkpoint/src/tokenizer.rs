//! A checkpoint's own tokenizer: `tokenizer.json`, or what a GGUF says of it.

use std::path::Path;

use serde_json::{Map, Value as Json, json};
use tokenizers::Tokenizer;

use crate::error::CheckpointError;
use crate::files;
use crate::weights::gguf::Gguf;

/// How Llama 3 cuts text before merging.
const LLAMA_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Qwen does: digits one by one.
const QWEN_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Kinds of tokens in a GGUF: control marks, and those that a user added.
const KIND_CONTROL: f64 = 3.0;
const KIND_ADDED: f64 = 4.0;

/// Reads `tokenizer.json`.
pub(crate) fn read(path: &Path) -> Result<Tokenizer, CheckpointError> {
    parse(path, &files::read(path, files::BYTES_MAX)?)
}

/// The tokenizer that a GGUF describes.
pub(crate) fn from_gguf(path: &Path, gguf: &Gguf) -> Result<Tokenizer, CheckpointError> {
    let refused = |reason: String| CheckpointError::Tokenizer { path: path.to_owned(), reason };
    let advice = "put the tokenizer.json of the original checkpoint beside the file";
    let model = gguf.text("tokenizer.ggml.model").unwrap_or("nothing");
    if model != "gpt2" {
        return Err(refused(format!("its kind is `{model}`, only `gpt2` is read; {advice}")));
    }
    let (pattern, ignores_merges, normalizer) = match gguf.text("tokenizer.ggml.pre") {
        Some("llama-bpe" | "llama3" | "llama-v3") => (LLAMA_PATTERN, true, Json::Null),
        Some("qwen2") => (QWEN_PATTERN, false, json!({"type": "NFC"})),
        other => {
            let other = other.unwrap_or("nothing");
            return Err(refused(format!("how it cuts text is called `{other}`; {advice}")));
        }
    };
    let list = |key: &str| gguf.texts(key).ok_or_else(|| refused(format!("it has no `{key}`")));
    let (tokens, merges) = (list("tokenizer.ggml.tokens")?, list("tokenizer.ggml.merges")?);
    let kinds = gguf.numbers("tokenizer.ggml.token_type").unwrap_or_default();
    let mut vocab = Map::with_capacity(tokens.len());
    let mut added = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        vocab.insert((*token).to_owned(), json!(id));
        let kind = kinds.get(id).copied().unwrap_or_default();
        if kind == KIND_CONTROL || kind == KIND_ADDED {
            added.push(json!({
                "id": id, "content": token, "special": kind == KIND_CONTROL, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            }));
        }
    }
    let bytes = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    let cut = json!({
        "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false,
    });
    let described = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [cut, bytes]},
        "post_processor": bytes, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": ignores_merges, "vocab": vocab, "merges": merges,
        },
    });
    parse(path, described.to_string().as_bytes())
}

/// Refuses a tokenizer with ids that the model does not know.
pub(crate) fn check(
    path: &Path,
    tokenizer: &Tokenizer,
    vocab_size: usize,
) -> Result<(), CheckpointError> {
    let vocab = tokenizer.get_vocab(true);
    let most = vocab.into_iter().max_by_key(|(_, id)| *id);
    match most {
        Some((token, id)) if id as usize >= vocab_size => {
            Err(CheckpointError::WrongTokenizer { path: path.to_owned(), token, id, vocab_size })
        }
        Some(_) => Ok(()),
        None => {
            let reason = "it has no tokens".to_owned();
            Err(CheckpointError::Tokenizer { path: path.to_owned(), reason })
        }
    }
}

/// Without cutting or padding: whoever decodes says how long a text may be.
fn parse(path: &Path, bytes: &[u8]) -> Result<Tokenizer, CheckpointError> {
    let refused = |reason: String| CheckpointError::Tokenizer { path: path.to_owned(), reason };
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| refused(error.to_string()))?;
    tokenizer.with_truncation(None).map_err(|error| refused(error.to_string()))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}
