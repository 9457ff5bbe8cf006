//! `hyfunc train retriever`: the large model alone, a dual encoder of queries and functions.
//!
//! InfoNCE against the other functions of a batch, and against functions that stood beside the
//! called one in its row: those of the same library, the hardest to tell apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};
use hyfunc_cascade::config::TinyConfig;
use hyfunc_cascade::model::Large;
use hyfunc_cascade::text::Tokenizer;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::dual::{self, DualCalibration};
use crate::error::TrainingError;
use crate::mix::Mix;
use crate::optimizer::AdamW;
use crate::phase::Phase;
use crate::run::{self, Run, Settings};
use crate::schedule::{DECAY, Schedule, rng_of};
use crate::sources::{Data, Sources};
use crate::{checkpoint, large, variables, vocabulary};

/// Rows of one shard of a step.
const BATCH: usize = 40;

/// Peak learning rate.
const RATE: f64 = 1.5e-3;

/// Rows from which the tokenizer learns, beside imported ones.
const VOCABULARY_ROWS: usize = 20_000;

/// What `hyfunc train retriever` is told.
#[derive(Clone, Debug)]
pub struct RetrieverOptions {
    /// Files to train on.
    pub data: Data,
    /// Folder of the run; the model is written to `models` in it.
    pub out: PathBuf,
    /// Steps.
    pub steps: usize,
    /// Not-called functions of each row that join a batch: one as it comes, the further ones those
    /// whose parameters are most like the called one's.
    pub hard_negatives: usize,
    /// How steps are taken.
    pub schedule: Schedule,
}

/// What it came to; `retriever.json` beside the model.
#[derive(Clone, Debug, Serialize)]
pub struct RetrieverReport {
    /// Folder with the model.
    #[serde(skip)]
    pub models: PathBuf,
    /// Wall time of all stretches, in seconds.
    pub seconds: f64,
    /// What calibration found.
    pub calibration: DualCalibration,
    /// SHA-256 of `large.safetensors`, hex.
    pub large_sha256: String,
    /// Rows that could not be used, by reason.
    pub refused: BTreeMap<String, usize>,
}

/// Trains and calibrates it.
///
/// # Errors
/// Data that cannot be used, a folder of another run, a loss that diverges.
pub fn train(options: &RetrieverOptions) -> Result<RetrieverReport, TrainingError> {
    let settings = Settings {
        step: "retriever".into(),
        steps_large: options.steps,
        hard_negatives: options.hard_negatives,
        from: options.schedule.began_with(&["tokenizer.json", "large.safetensors"])?,
        ..options.schedule.settings(&options.data)?
    };
    let run = Run::open(&options.out, &settings, options.schedule.resume)?;
    let sources = options.data.read(&options.out)?;
    run.begin(&sources.built_in)?;
    let tokenizer_json = tokenizer(&run, &sources.mix, &options.schedule)?;
    let tokenizer =
        Tokenizer::from_bytes(&tokenizer_json).map_err(hyfunc_cascade::CascadeError::from)?;
    let (large, map) = model(&tokenizer, &options.schedule)?;
    let steps = Steps { count: options.steps, hard_negatives: options.hard_negatives };
    learn(&run, steps, &options.schedule, &sources, &tokenizer, (&large, &map))?;

    let mut rng = ChaCha8Rng::seed_from_u64(options.schedule.seed ^ 0xca11);
    let unseen = (sources.held_out.as_slice(), sources.strangers.as_slice());
    let calibration = dual::calibrate(&large, &tokenizer, &sources.mix, unseen, &mut rng)?;
    dual::fold(&map, &calibration)?;
    let models = options.out.join("models");
    write(&models, &map, &tokenizer_json)?;
    let report = RetrieverReport {
        seconds: run.spend()?,
        calibration,
        large_sha256: run::file_hash(&models.join("large.safetensors"))?,
        refused: sources.refused(),
        models,
    };
    let path = report.models.join("retriever.json");
    checkpoint::replace_bytes(&path, &serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}

/// The tokenizer that a run goes on with, begins with, or trains.
pub(crate) fn tokenizer(
    run: &Run,
    mix: &Mix,
    schedule: &Schedule,
) -> Result<Vec<u8>, TrainingError> {
    let path = match &schedule.from {
        Some(from) => from.join("tokenizer.json"),
        None => run.path("tokenizer.json"),
    };
    if schedule.from.is_some() || path.exists() {
        return std::fs::read(&path).map_err(TrainingError::file(&path));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(schedule.seed ^ 0x70c);
    let json = vocabulary::train(mix.texts(&mut rng, VOCABULARY_ROWS))?;
    run.write("tokenizer.json", &json)?;
    Ok(json)
}

/// A large model as it begins: drawn, or another run's.
pub(crate) fn model(
    tokenizer: &Tokenizer,
    schedule: &Schedule,
) -> Result<(Large, VarMap), TrainingError> {
    let config = TinyConfig::shapes(tokenizer.vocab_size());
    let map = VarMap::new();
    let large = Large::new(&config, &VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    variables::seed(&map, schedule.seed)?;
    variables::begin(&map, schedule.from.as_deref(), "large.safetensors")?;
    Ok((large, map))
}

/// A large model of a folder that `hyfunc train retriever` or `hyfunc train tiny` made.
///
/// # Errors
/// Files that cannot be read, or that are not such a model.
pub(crate) fn load(models: &Path) -> Result<(Vec<u8>, Tokenizer, Large), TrainingError> {
    let path = models.join("tokenizer.json");
    let json = std::fs::read(&path).map_err(TrainingError::file(&path))?;
    let tokenizer = Tokenizer::from_bytes(&json).map_err(hyfunc_cascade::CascadeError::from)?;
    let config = TinyConfig::shapes(tokenizer.vocab_size());
    let map = VarMap::new();
    let large = Large::new(&config, &VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    variables::load(&map, &models.join("large.safetensors"))?;
    Ok((json, tokenizer, large))
}

/// How many steps, and with how many hard negatives of each row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) count: usize,
    pub(crate) hard_negatives: usize,
}

/// The steps of the large model.
pub(crate) fn learn(
    run: &Run,
    steps: Steps,
    schedule: &Schedule,
    sources: &Sources,
    tokenizer: &Tokenizer,
    (large, map): (&Large, &VarMap),
) -> Result<(), TrainingError> {
    let mut optimizer = AdamW::new(map, RATE * schedule.rate, DECAY, steps.count)?;
    let phase = Phase::new(run, "large", steps.count).saved(schedule.checkpoint_steps);
    phase.go(&mut optimizer, &mut vec![(); schedule.shards], |step, shard, ()| {
        let mut rng = rng_of(schedule.seed, 1, step, shard);
        let rows = sources.draw(BATCH, &mut rng)?;
        large::loss(large, tokenizer, &rows, steps.hard_negatives, &Device::Cpu).map(Some)
    })
}

/// Writes model and tokenizer.
pub(crate) fn write(models: &Path, map: &VarMap, tokenizer: &[u8]) -> Result<(), TrainingError> {
    std::fs::create_dir_all(models).map_err(TrainingError::file(models))?;
    variables::write_half(map, &models.join("large.safetensors"))?;
    checkpoint::replace_bytes(&models.join("tokenizer.json"), tokenizer)
}
