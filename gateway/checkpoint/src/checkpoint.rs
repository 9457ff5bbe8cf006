//! A stock checkpoint as a whole: model, tokenizer and chat template.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tokenizers::Tokenizer;

use crate::blueprint::Blueprint;
use crate::causal::Causal;
use crate::chat::ChatTemplate;
use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::error::CheckpointError;
use crate::files::read_json_if_any;
use crate::options::Options;
use crate::tokenizer;
use crate::weights::gguf::Gguf;
use crate::weights::shards::Shards;

/// A stock checkpoint, ready to decode with.
pub struct Checkpoint<M = Box<dyn Causal>> {
    /// Predicts tokens.
    pub model: M,
    /// Its own tokenizer, which neither cuts nor pads.
    pub tokenizer: Tokenizer,
    /// Its own way to write a conversation.
    pub chat: ChatTemplate,
    /// Its name in answers.
    pub id: String,
    /// Tokens that end an answer, ascending.
    pub eos: Vec<u32>,
}

impl Checkpoint {
    /// Opens a folder as the hub has it, or a GGUF (a file, or a folder with one).
    ///
    /// # Errors
    /// Whatever would be computed wrong is refused by name: see [`CheckpointError`].
    pub fn open(dir_or_gguf: &Path, options: &Options) -> Result<Self, CheckpointError> {
        let opened = Self::open_as(dir_or_gguf, options, |blueprint| {
            Ok::<Box<dyn Causal>, CheckpointError>(Box::new(Decoder::load(blueprint)?))
        })?;
        tracing::info!(
            id = opened.id.as_str(),
            vocab_size = opened.model.vocab_size(),
            context_tokens_max = opened.model.context_tokens_max(),
            weights_bytes = opened.model.footprint().weights_bytes(),
            "a checkpoint is open"
        );
        Ok(opened)
    }
}

impl<M> Checkpoint<M> {
    /// Opens it with a model that `load` makes of its sizes and weights.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], and what `load` says.
    pub fn open_as<E: From<CheckpointError>>(
        dir_or_gguf: &Path,
        options: &Options,
        load: impl FnOnce(&Blueprint<'_>) -> Result<M, E>,
    ) -> Result<Self, E> {
        match find(dir_or_gguf)? {
            Found::Folder(folder) => Self::open_folder(&folder, options, load),
            Found::Gguf(path) => Self::open_gguf(&path, options, load),
        }
    }

    /// The same with another model, made of its own.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> Checkpoint<N> {
        let Self { model, tokenizer, chat, id, eos } = self;
        Checkpoint { model: change(model), tokenizer, chat, id, eos }
    }

    fn open_folder<E: From<CheckpointError>>(
        folder: &Path,
        options: &Options,
        load: impl FnOnce(&Blueprint<'_>) -> Result<M, E>,
    ) -> Result<Self, E> {
        let path = folder.join("config.json");
        let config = DecoderConfig::read(&path)?;
        let id = id(folder, options);
        let tokenizer_path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::read(&tokenizer_path)?;
        tokenizer::check(&tokenizer_path, &tokenizer, config.vocab_size)?;
        let settings: Json =
            read_json_if_any(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let chat = ChatTemplate::read(folder, &settings, &id)?;
        let mut eos = BTreeSet::new();
        for path in [path, folder.join("generation_config.json")] {
            let written: Json = read_json_if_any(&path)?.unwrap_or_default();
            eos.extend(ids(&written["eos_token_id"]));
        }
        let end = text_of(&settings["eos_token"]);
        eos.extend(end.and_then(|end| tokenizer.token_to_id(end)));
        let shards = Shards::open(folder, options)?;
        let model = load(&Blueprint::new(config, &shards, options))?;
        Ok(Self { model, tokenizer, chat, id, eos: eos.into_iter().collect() })
    }

    fn open_gguf<E: From<CheckpointError>>(
        path: &Path,
        options: &Options,
        load: impl FnOnce(&Blueprint<'_>) -> Result<M, E>,
    ) -> Result<Self, E> {
        let gguf = Gguf::open(path, options)?;
        let config = gguf.config()?;
        let id = id(path, options);
        let beside = path.with_file_name("tokenizer.json");
        let (tokenizer_path, tokenizer) = if beside.exists() {
            let tokenizer = tokenizer::read(&beside)?;
            (beside, tokenizer)
        } else {
            (path.to_owned(), tokenizer::from_gguf(path, &gguf)?)
        };
        tokenizer::check(&tokenizer_path, &tokenizer, config.vocab_size)?;
        let token = |name: &str| {
            gguf.number(&format!("tokenizer.ggml.{name}_token_id")).map(|id| id as u32)
        };
        let text = |name: &str| token(name).and_then(|id| tokenizer.id_to_token(id));
        let source = gguf.text("tokenizer.chat_template");
        let source = source.ok_or_else(|| CheckpointError::NoTemplate { id: id.clone() })?;
        let tokens = ["bos", "eos", "padding", "unknown"].map(|name| (name, text(name)));
        let named = tokens.into_iter().filter_map(|(name, token)| {
            // As `transformers` calls them.
            let name = match name {
                "padding" => "pad",
                "unknown" => "unk",
                name => name,
            };
            Some((format!("{name}_token"), token?))
        });
        let chat = ChatTemplate::new(source, named.collect())?;
        let eos: BTreeSet<u32> = [token("eos"), token("eot")].into_iter().flatten().collect();
        let model = load(&Blueprint::new(config, &gguf, options))?;
        Ok(Self { model, tokenizer, chat, id, eos: eos.into_iter().collect() })
    }
}

enum Found {
    Folder(PathBuf),
    Gguf(PathBuf),
}

/// Safetensors go before a GGUF that lies beside them.
fn find(path: &Path) -> Result<Found, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let is_gguf = |path: &Path| path.extension().is_some_and(|ending| ending == "gguf");
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return match is_gguf(path) {
            true => Ok(Found::Gguf(path.to_owned())),
            false => Err(CheckpointError::NoWeights { path: path.to_owned() }),
        };
    }
    if path.join("config.json").exists() {
        return Ok(Found::Folder(path.to_owned()));
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if is_gguf(&entry) {
            found.push(entry);
        }
    }
    match found.as_slice() {
        [one] => Ok(Found::Gguf(one.clone())),
        _ => Err(CheckpointError::NoWeights { path: path.to_owned() }),
    }
}

fn id(path: &Path, options: &Options) -> String {
    let named = || {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
        name.map_or_else(|| "checkpoint".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    options.id.clone().unwrap_or_else(named)
}

/// One id, or several.
fn ids(written: &Json) -> Vec<u32> {
    let id = |id: &Json| id.as_u64().and_then(|id| u32::try_from(id).ok());
    match written {
        Json::Array(all) => all.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

/// A token, as text or with its settings.
pub(crate) fn text_of(token: &Json) -> Option<&str> {
    token.as_str().or_else(|| token["content"].as_str())
}
