//! `hyfunc train lms`: the small model and the projector of the soft token, beside a large model
//! that is frozen.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};
use hyfunc_cascade::config::TinyConfig;
use hyfunc_cascade::model::{Large, Small};
use hyfunc_cascade::shipped;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_cascade::words::{self, Words};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::calibrate;
use crate::card;
use crate::embeddings::{self, Embeddings};
use crate::error::TrainingError;
use crate::optimizer::AdamW;
use crate::phase::Phase;
use crate::run::{self, Run, Settings};
use crate::schedule::{DECAY, Schedule, rng_of};
use crate::small::Teacher;
use crate::sources::{Data, Sources};
use crate::tiny::Report;
use crate::{checkpoint, retriever, small, variables};

/// Rows of one shard of a step.
const BATCH: usize = 20;

/// Peak learning rate.
const RATE: f64 = 1.5e-3;

/// What `hyfunc train lms` is told.
#[derive(Clone, Debug)]
pub struct LmsOptions {
    /// Files to train on.
    pub data: Data,
    /// Folder with the large model and its tokenizer.
    pub retriever: PathBuf,
    /// What `hyfunc train embed` wrote: its file, or the folder with it.
    pub embeddings: Option<PathBuf>,
    /// Folder of the run; the models are written to `models` in it.
    pub out: PathBuf,
    /// Steps.
    pub steps: usize,
    /// How steps are taken.
    pub schedule: Schedule,
}

/// Trains the small model, and calibrates it with the large one.
///
/// # Errors
/// Data or a large model that cannot be used, a folder of another run, a loss that diverges.
pub fn train(options: &LmsOptions) -> Result<Report, TrainingError> {
    let digest = embeddings::digest(&options.retriever)?;
    let mut from = vec![digest.clone()];
    from.extend(options.schedule.began_with(&["small.safetensors"])?);
    let settings = Settings {
        step: "lms".into(),
        steps_small: options.steps,
        from,
        ..options.schedule.settings(&options.data)?
    };
    let (json, tokenizer, large) = retriever::load(&options.retriever)?;
    let table = table(Some(&options.retriever))?;
    let words = Words::from_bytes(&table).map_err(hyfunc_cascade::CascadeError::from)?;
    let known = match &options.embeddings {
        None => None,
        Some(path) if path.is_dir() => {
            Some(Embeddings::load(&Embeddings::path(path, &digest), &digest)?)
        }
        Some(path) => Some(Embeddings::load(path, &digest)?),
    };
    let run = Run::open(&options.out, &settings, options.schedule.resume)?;
    let sources = options.data.read(&options.out)?;
    run.begin(&sources.built_in)?;
    let (small, map) = model(&tokenizer, &options.schedule)?;
    let known = known.as_ref();
    let frozen = Frozen { large: &large, tokenizer: &tokenizer, words: &words, known };
    learn(&run, options.steps, &options.schedule, &sources, &frozen, (&small, &map))?;

    let models = options.out.join("models");
    std::fs::create_dir_all(&models).map_err(TrainingError::file(&models))?;
    let path = options.retriever.join("large.safetensors");
    let weights = std::fs::read(&path).map_err(TrainingError::file(&path))?;
    checkpoint::replace_bytes(&models.join("large.safetensors"), &weights)?;
    checkpoint::replace_bytes(&models.join("tokenizer.json"), &json)?;
    finish(&run, &settings, sources, (&tokenizer, &table), &map, &models)
}

/// The table of words that models are trained and served with: that of a folder, or the embedded
/// one where the folder has none.
pub(crate) fn table(folder: Option<&Path>) -> Result<Vec<u8>, TrainingError> {
    match folder.map(|folder| folder.join(words::FILE)).filter(|path| path.exists()) {
        Some(path) => std::fs::read(&path).map_err(TrainingError::file(&path)),
        None => Ok(shipped::EMBEDDED.words.unwrap_or_default().to_vec()),
    }
}

/// A small model as it begins: drawn, or another run's.
pub(crate) fn model(
    tokenizer: &Tokenizer,
    schedule: &Schedule,
) -> Result<(Small, VarMap), TrainingError> {
    let config = TinyConfig::shapes(tokenizer.vocab_size());
    let map = VarMap::new();
    let small = Small::new(&config, &VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    variables::seed(&map, schedule.seed + 1)?;
    variables::begin(&map, schedule.from.as_deref(), "small.safetensors")?;
    Ok((small, map))
}

/// What the small model reads beside, and does not change.
pub(crate) struct Frozen<'a> {
    pub(crate) large: &'a Large,
    pub(crate) tokenizer: &'a Tokenizer,
    /// Says what texts are about.
    pub(crate) words: &'a Words,
    /// What the large model made of some texts already.
    pub(crate) known: Option<&'a Embeddings>,
}

/// The steps of the small model.
pub(crate) fn learn(
    run: &Run,
    steps: usize,
    schedule: &Schedule,
    sources: &Sources,
    frozen: &Frozen<'_>,
    (small, map): (&Small, &VarMap),
) -> Result<(), TrainingError> {
    let mut optimizer = AdamW::new(map, RATE * schedule.rate, DECAY, steps)?;
    let teacher = |_| {
        let teacher = Teacher::new(frozen.large, frozen.tokenizer, &Device::Cpu);
        teacher.knowing(frozen.known).speaking(Some(frozen.words))
    };
    let mut teachers: Vec<Teacher<'_>> = (0..schedule.shards).map(teacher).collect();
    let phase = Phase::new(run, "small", steps).saved(schedule.checkpoint_steps);
    phase.go(&mut optimizer, &mut teachers, |step, shard, teacher| {
        let mut rng = rng_of(schedule.seed, 2, step, shard);
        let rows = sources.draw(BATCH, &mut rng)?;
        small::loss(small, teacher, &rows, &mut rng)
    })
}

/// Writes the small model beside the large one and its tokenizer, calibrates both, and writes
/// configuration and card.
pub(crate) fn finish(
    run: &Run,
    settings: &Settings,
    sources: Sources,
    (tokenizer, table): (&Tokenizer, &[u8]),
    small: &VarMap,
    models: &Path,
) -> Result<Report, TrainingError> {
    variables::write_half(small, &models.join("small.safetensors"))?;
    checkpoint::replace_bytes(&models.join(words::FILE), table)?;
    let mut config = TinyConfig::shapes(tokenizer.vocab_size());
    config.large_sha256 = run::file_hash(&models.join("large.safetensors"))?;
    config.small_sha256 = run::file_hash(&models.join("small.safetensors"))?;
    config.words_sha256 = Some(shipped::sha256(table));
    let path = models.join("cascade.json");
    checkpoint::replace_bytes(&path, &serde_json::to_vec_pretty(&config)?)?;

    // Calibrated on what was written, not on what is in memory: f16 is what serves.
    let mut tiny = shipped::load_dir(models, &Device::Cpu)?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed ^ 0xca11);
    let unseen = (sources.held_out.as_slice(), sources.strangers.as_slice());
    let calibration = calibrate::calibrate(&mut tiny, &sources.mix, unseen, &mut rng)?;
    config.call_threshold = calibration.call_threshold;
    config.more_threshold = calibration.more_threshold;
    config.again_threshold = calibration.again_threshold;
    config.retrieval_threshold = calibration.retrieval_threshold;
    config.cosine_weight = calibration.cosine_weight;
    checkpoint::replace_bytes(&path, &serde_json::to_vec_pretty(&config)?)?;
    let seconds = run.spend()?;
    let card = card::write(&config, settings, &calibration, seconds);
    checkpoint::replace_bytes(&models.join("README.md"), card.as_bytes())?;
    let refused = sources.refused();
    Ok(Report { models: models.to_owned(), seconds, calibration, refused })
}
