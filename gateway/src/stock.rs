//! The `stock` preset behind the seam of the models: any checkpoint that calls functions, untrained.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::conversation::{self, Earlier};
use hyfunc_cascade::{CascadeError, DecodeRequest, Decoded, Intent, ModelInfo, Prepared};
use hyfunc_checkpoint::{
    Cache, ChatTemplate, Checkpoint, CheckpointError, Encoder, Footprint, Options, Precision,
};
use hyfunc_functions::{Function, Spelling};
use hyfunc_stock::{Causal, Chat, Decoder, Embed, Stock, StockConfig, StockError, Vocabulary};
use serde_json::Value as Json;

use crate::config::{self, CALIBRATED, ModelsConfig};
use crate::error::StartError;
use crate::models::Models;

/// Opens the checkpoint and the encoder that the configuration names. Blocking: it reads them whole.
///
/// # Errors
/// A checkpoint that cannot be used, with what to do about it.
pub fn open(config: &ModelsConfig) -> Result<Stock, StartError> {
    let Parts { decoder, encoder, id, .. } = parts(config)?;
    let info = ModelInfo {
        id,
        // What a checkpoint of somebody else's is made of is known to its card.
        parameters_large: 0,
        parameters_small: 0,
        digest: String::new(),
        retrieval_threshold: 0.0,
    };
    // One forward keeps all cores busy: more threads only help where many ask at once.
    let threads = config.threads.max(1);
    Ok(Stock::start(decoder, encoder, info, (threads, config.queue_jobs_max))?)
}

/// The parts of the preset, before any thread has them.
pub(crate) struct Parts {
    /// Decodes along templates, or freely.
    pub(crate) decoder: Decoder<Model>,
    /// Without one, functions are found by their words.
    pub(crate) encoder: Option<Box<dyn Embed>>,
    /// Name of the checkpoint.
    pub(crate) id: String,
    /// Tokens that end an answer.
    pub(crate) ends: Vec<u32>,
    /// How it writes calls.
    pub(crate) spelling: Spelling,
}

/// Opens the parts.
///
/// # Errors
/// As [`open`].
pub(crate) fn parts(config: &ModelsConfig) -> Result<Parts, StartError> {
    let checkpoint = checkpoint(config)?;
    let encoder: Option<Box<dyn Embed>> = match config.encoder.as_str() {
        "" => None,
        dir => Some(Box::new(Sentences(Encoder::open(Path::new(dir)).map_err(unopened)?))),
    };
    let settings = settings(config, &checkpoint);
    let spelling = settings.spelling;
    let Checkpoint { model, tokenizer, chat, id, eos } = checkpoint;
    let vocabulary = Vocabulary::new(tokenizer).map_err(unusable)?;
    let (model, chat) = (Model(model), Box::new(Template(chat)));
    let decoder = Decoder::new(model, vocabulary, chat, settings).map_err(unusable)?;
    Ok(Parts { decoder, encoder, id, ends: eos, spelling })
}

/// The checkpoint that the configuration names. Blocking: it is read whole.
///
/// # Errors
/// One that cannot be used, with what to do about it.
pub fn checkpoint(config: &ModelsConfig) -> Result<Checkpoint, StartError> {
    let precision = match config.weights.as_str() {
        config::Q8_0 => Precision::Q8,
        config::Q4_K => Precision::Q4,
        _ => Precision::F32,
    };
    let options = Options { precision, ..Options::default() };
    let mut checkpoint =
        Checkpoint::open(Path::new(&config.checkpoint), &options).map_err(unopened)?;
    // A thought before the answer would stand where calls begin; templates without it ignore this.
    checkpoint.chat.set("enable_thinking", Json::Bool(false));
    Ok(checkpoint)
}

/// Settings of the decoder, as configured or as the checkpoint tells.
pub fn settings(config: &ModelsConfig, checkpoint: &Checkpoint) -> StockConfig {
    let defaults = StockConfig::default();
    StockConfig {
        spelling: spelling(config, checkpoint),
        query_tokens_max: config.query_tokens_max,
        value_tokens_max: config.value_tokens_max,
        prefix_bytes_max: config.prefix_bytes_max,
        call_threshold: if config.call_threshold == CALIBRATED {
            defaults.call_threshold
        } else {
            config.call_threshold as f32
        },
        ..defaults
    }
}

fn unopened(error: CheckpointError) -> StartError {
    CascadeError::Stock { reason: error.to_string() }.into()
}

fn unusable(error: StockError) -> StartError {
    CascadeError::from(error).into()
}

/// As configured, or as the checkpoint's name and tokens tell.
fn spelling(config: &ModelsConfig, checkpoint: &Checkpoint) -> Spelling {
    let has = |token| checkpoint.tokenizer.token_to_id(token).is_some();
    match config.spelling.as_str() {
        "hermes" => Spelling::Hermes,
        "llama" => Spelling::Llama,
        "bracket" => Spelling::Bracket,
        _ if checkpoint.id.to_lowercase().contains("toolace") => Spelling::Bracket,
        _ if !has("<tool_call>") && has("<|python_tag|>") => Spelling::Llama,
        _ => Spelling::Hermes,
    }
}

impl Models for Stock {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(Stock::prepare(self, functions))
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(Stock::distil(self, query, deadline))
    }

    fn distil_after<'a>(
        &'a self,
        earlier: &'a [Earlier],
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async move {
            let words = conversation::words(earlier, query);
            Stock::distil(self, &words, deadline).await
        })
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(Stock::decode(self, request))
    }

    fn info(&self) -> ModelInfo {
        Stock::info(self).clone()
    }

    fn is_alive(&self) -> bool {
        Stock::is_alive(self)
    }

    fn p_call(&self, _distilled: f32, decoded: &Decoded) -> f32 {
        Stock::p_call(decoded)
    }
}

/// A checkpoint's model, for a decoder.
pub struct Model(pub Box<dyn hyfunc_checkpoint::Causal>);

impl Model {
    /// Memory that it holds.
    pub fn footprint(&self) -> Footprint {
        self.0.footprint()
    }
}

impl Causal for Model {
    type Cache = Cache;

    fn context_tokens_max(&self) -> usize {
        self.0.context_tokens_max()
    }

    fn new_cache(&self) -> Cache {
        self.0.new_cache()
    }

    fn truncate(&self, cache: &mut Cache, tokens: usize) {
        cache.truncate(tokens);
    }

    fn cache_bytes(&self, cache: &Cache) -> usize {
        cache.bytes()
    }

    fn head_rows_max(&self) -> usize {
        self.0.head_rows_max()
    }

    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.0.read(tokens, cache, last).map_err(|error| error.to_string())
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        self.0.logits(states, ids).map_err(|error| error.to_string())
    }
}

/// A checkpoint's chat template, for a decoder.
pub struct Template(pub ChatTemplate);

impl Chat for Template {
    fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, String> {
        let rendered = self.0.render(messages, tools, add_generation_prompt);
        rendered.map_err(|error| error.to_string())
    }
}

struct Sentences(Encoder);

impl Embed for Sentences {
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.0.embed(texts).map_err(|error| error.to_string())
    }
}
