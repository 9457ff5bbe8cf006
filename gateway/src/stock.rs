//! The `stock` preset behind the seam of the models: any checkpoint that calls functions, untrained.

mod bounded;
#[cfg(test)]
mod schedules;

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

use crate::config::{self, CALIBRATED, Device, ModelsConfig};
use crate::error::StartError;
use crate::models::Models;
use bounded::{Bounded, Room};

/// Opens the checkpoint and the encoder that the configuration names. Blocking: it reads them whole.
///
/// # Errors
/// A checkpoint that cannot be used, with what to do about it.
pub fn open(config: &ModelsConfig) -> Result<Stock, StartError> {
    match Device::parse(&config.device) {
        Some(Device::Cuda { ordinal }) => on_gpu(config, ordinal),
        // No other value is let in.
        Some(Device::Cpu) | None => on_cpu(config),
    }
}

/// One forward keeps all cores busy: more threads only help where many ask at once.
fn on_cpu(config: &ModelsConfig) -> Result<Stock, StartError> {
    let checkpoint = checkpoint(config)?;
    let room = Room::new(&*checkpoint.model, config.cache_bytes_max);
    let room = room.map_err(|reason| CascadeError::Stock { reason })?;
    let bounded = checkpoint.map(|model| Bounded { model: Model(model), room });
    serve(config, assembled(config, bounded)?, 1)
}

/// Requests that are rows of one forward.
#[cfg(feature = "cuda")]
const GPU_THREADS: usize = 8;

#[cfg(feature = "cuda")]
fn on_gpu(config: &ModelsConfig, ordinal: usize) -> Result<Stock, StartError> {
    let bytes = config.cache_bytes_max;
    let (path, room) = (Path::new(&config.checkpoint), hyfunc_device::Room::serving(bytes));
    let opened = hyfunc_device::open(path, &Options::default(), ordinal, room);
    let checkpoint = without_thoughts(opened.map_err(uncomputed)?);
    // Prompts that are kept lie in the same memory: half of it is for requests at work.
    let kept = config.prefix_bytes_max.min(bytes / 2);
    let config = ModelsConfig { prefix_bytes_max: kept, ..config.clone() };
    serve(&config, assembled(&config, checkpoint)?, GPU_THREADS)
}

#[cfg(feature = "cuda")]
fn uncomputed(error: hyfunc_device::DeviceError) -> StartError {
    CascadeError::Stock { reason: error.to_string() }.into()
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: &ModelsConfig, ordinal: usize) -> Result<Stock, StartError> {
    let reason = format!(
        "cuda:{ordinal} is asked for, but this hyfunc was built without GPUs: build it with \
         `cargo build --release --features cuda` (deploy/cuda-toolkit.sh has what that needs), or \
         set models.device to cpu"
    );
    Err(CascadeError::Stock { reason }.into())
}

/// Starts so many threads, unless the configuration names another number.
fn serve<M: Causal>(
    config: &ModelsConfig,
    parts: Parts<M>,
    threads: usize,
) -> Result<Stock, StartError> {
    let Parts { decoder, encoder, id, .. } = parts;
    let info = ModelInfo {
        id,
        // What a checkpoint of somebody else's is made of is known to its card.
        parameters_large: 0,
        parameters_small: 0,
        digest: String::new(),
        retrieval_threshold: 0.0,
    };
    let threads = match config.threads {
        0 => threads,
        threads => threads,
    };
    Ok(Stock::start(decoder, encoder, info, (threads, config.queue_jobs_max))?)
}

/// The parts of the preset, before any thread has them.
pub(crate) struct Parts<M: Causal = Model> {
    /// Decodes along templates, or freely.
    pub(crate) decoder: Decoder<M>,
    /// Without one, functions are found by their words.
    pub(crate) encoder: Option<Box<dyn Embed>>,
    /// Name of the checkpoint.
    pub(crate) id: String,
    /// Tokens that end an answer.
    pub(crate) ends: Vec<u32>,
    /// How it writes calls.
    pub(crate) spelling: Spelling,
}

/// Opens the parts, on the processor.
///
/// # Errors
/// As [`checkpoint`], and an encoder that cannot be used.
pub(crate) fn parts(config: &ModelsConfig) -> Result<Parts, StartError> {
    assembled(config, checkpoint(config)?.map(Model))
}

fn assembled<M: Causal>(
    config: &ModelsConfig,
    checkpoint: Checkpoint<M>,
) -> Result<Parts<M>, StartError> {
    let encoder: Option<Box<dyn Embed>> = match config.encoder.as_str() {
        "" => None,
        dir => Some(Box::new(Sentences(Encoder::open(Path::new(dir)).map_err(unopened)?))),
    };
    let settings = settings(config, &checkpoint);
    let spelling = settings.spelling;
    let Checkpoint { model, tokenizer, chat, id, eos } = checkpoint;
    let vocabulary = Vocabulary::new(tokenizer).map_err(unusable)?;
    let chat = Box::new(Template(chat));
    let decoder = Decoder::new(model, vocabulary, chat, settings).map_err(unusable)?;
    Ok(Parts { decoder, encoder, id, ends: eos, spelling })
}

/// The checkpoint that the configuration names, on the processor. Blocking: it is read whole.
///
/// # Errors
/// One that cannot be used, with what to do about it; a configuration that names a GPU.
pub fn checkpoint(config: &ModelsConfig) -> Result<Checkpoint, StartError> {
    if let Some(Device::Cuda { ordinal }) = Device::parse(&config.device) {
        // Only `open` leads to a GPU: measured here, the processor would pass for it.
        let reason = format!(
            "models.device names cuda:{ordinal}, and this is of the processor alone: add \
             `--set models.device=cpu`"
        );
        return Err(CascadeError::Stock { reason }.into());
    }
    let precision = match config.weights.as_str() {
        config::Q8_0 => Precision::Q8,
        config::Q4_K => Precision::Q4,
        _ => Precision::F32,
    };
    let options = Options { precision, ..Options::default() };
    let opened = Checkpoint::open(Path::new(&config.checkpoint), &options);
    Ok(without_thoughts(opened.map_err(unopened)?))
}

/// A thought before the answer would stand where calls begin; templates without it ignore this.
fn without_thoughts<M>(mut checkpoint: Checkpoint<M>) -> Checkpoint<M> {
    checkpoint.chat.set("enable_thinking", Json::Bool(false));
    checkpoint
}

/// Settings of the decoder, as configured or as the checkpoint tells.
pub fn settings<M>(config: &ModelsConfig, checkpoint: &Checkpoint<M>) -> StockConfig {
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
fn spelling<M>(config: &ModelsConfig, checkpoint: &Checkpoint<M>) -> Spelling {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::STOCK;

    fn on_a_gpu() -> ModelsConfig {
        ModelsConfig {
            preset: STOCK.into(),
            checkpoint: "no/such/folder".into(),
            device: "cuda:4095".into(),
            ..ModelsConfig::default()
        }
    }

    #[test]
    fn what_is_of_the_processor_alone_is_not_said_of_a_gpu() {
        let Err(error) = parts(&on_a_gpu()) else { panic!("it would be the processor's") };
        let said = error.to_string();
        assert!(said.contains("cuda:4095") && said.contains("models.device=cpu"), "{said}");
    }

    #[test]
    fn a_gpu_that_cannot_be_used_is_said_at_the_start() {
        let Err(error) = open(&on_a_gpu()) else { panic!("there are not so many GPUs") };
        let said = error.to_string();
        if cfg!(feature = "cuda") {
            // No driver, an old one, or no such device: the checkpoint is not looked at.
            assert!(said.contains("NVIDIA driver") || said.contains("no cuda:4095"), "{said}");
        } else {
            assert!(said.contains("cuda:4095") && said.contains("--features cuda"), "{said}");
        }
    }
}
