//! `hyfunc eval ablation`: what each part of the cascade is worth, each row trained on the same data,
//! from the same seed and for as many steps, and scored by the same rules.
//!
//! The paper's rows need a small model that writes; here is one, on the trunk that ships. The form
//! that ships, with heads instead, has two rows of its own: parameters beside each other, and one
//! after another.

mod free;
mod report;
mod score;
mod text;
mod variant;
mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};
use hyfunc_cascade::config::TinyConfig;
use hyfunc_cascade::model::Small;
use hyfunc_cascade::tiny::Tiny;

use crate::data::{self, Row};
use crate::error::TrainingError;
use crate::mix::Mix;
use crate::optimizer::AdamW;
use crate::phase::Phase;
use crate::report::Refused;
use crate::run::{Run, Settings};
use crate::sample;
use crate::schedule::{DECAY, Schedule, rng_of};
use crate::small::Teacher;
use crate::sources::{Data, REFUSED, Sources};
use crate::{load, small, variables};

pub use free::RETRIEVED_MAX;
pub use report::{AblationReport, DECIDING, FIXED, FUNCTIONS, GIVEN, READABLE, RowScore, Wrong};
pub use score::{Came, add};
use variant::Training;
pub use variant::Variant;

/// Rows of one shard of a step.
const BATCH: usize = 12;

/// Peak learning rate: that of `hyfunc train lms`.
const RATE: f64 = 1.5e-3;

/// Rows are scored on samples of this phase where nothing was held out: no step draws from it.
const SCORED_PHASE: u64 = 9;

/// What `hyfunc eval ablation` is told.
#[derive(Clone, Debug)]
pub struct AblationOptions {
    /// Files to train on.
    pub data: Data,
    /// Rows to score on; held-out ones of `data` if none.
    pub scored_on: Option<PathBuf>,
    /// So many of them at most, taken at equal distances.
    pub limit: usize,
    /// Folder of models whose large model and tokenizer every row shares; the shipped ones if none.
    pub models: Option<PathBuf>,
    /// Folder of the run; each row that is trained has its own in it.
    pub out: PathBuf,
    /// Steps of each row.
    pub steps: usize,
    /// Rows of the table.
    pub variants: Vec<Variant>,
    /// How steps are taken; `from` is not used.
    pub schedule: Schedule,
}

/// Trains and scores every row that is asked for.
///
/// # Errors
/// Data or models that cannot be used, a folder of another run, a loss that diverges.
pub fn ablate(options: &AblationOptions) -> Result<AblationReport, TrainingError> {
    let mut tiny = load::models(options.models.as_deref())?;
    // Thresholds are those of no model: a fair half, and no weight that another run found.
    tiny.config = TinyConfig {
        call_threshold: 0.5,
        more_threshold: 0.5,
        again_threshold: 0.5,
        cosine_weight: 0.0,
        ..tiny.config
    };
    let mut data = options.data.clone();
    // What is scored must not have been trained on: rows that repeat it are refused.
    data.evaluation.extend(options.scored_on.clone());
    let settings = Settings {
        step: "ablation".into(),
        steps_small: options.steps,
        from: vec![tiny.config.large_sha256.clone()],
        ..options.schedule.settings(&data)?
    };
    // Claims the folder, and refuses one of another run; every row then has one of its own.
    let whole = Run::open(&options.out, &settings, options.schedule.resume)?;
    let sources = data.read(&options.out)?;
    whole.begin(&sources.built_in)?;
    let (rows, source, left_out) = scored_on(options, &sources.mix, &sources.held_out)?;
    let mut report = AblationReport {
        model: format!("tiny preset, large model of {}", tiny.config.id),
        data: format!("{} rows: {source}", rows.len()),
        training: format!(
            "{} steps of {} rows each, seed {}, the same rows in the same order for every row of \
             the table",
            options.steps,
            BATCH * options.schedule.shards,
            options.schedule.seed,
        ),
        refused: left_out,
        ..AblationReport::default()
    };
    let refused: usize = sources.refused().values().sum();
    if refused > 0 {
        report.training.push_str(&format!("; {refused} rows refused, listed in {REFUSED}"));
    }
    let mut variants = options.variants.clone();
    variants.sort_unstable();
    variants.dedup();
    let mut trained = HashSet::new();
    for variant in variants {
        let weights = variant.trained_as();
        let run = Run::open(&options.out.join(weights.name()), &settings, true)?;
        let (small, seconds) = learn(&run, options, &sources, &tiny, weights)?;
        tiny.small = small;
        let mut row = score::score(&tiny, &rows, variant)?;
        row.seconds = trained.insert(weights.name()).then_some(seconds);
        report.rows.push(row);
        let json = serde_json::to_vec_pretty(&report.to_json())?;
        crate::checkpoint::replace_bytes(&options.out.join("report.json"), &json)?;
    }
    Ok(report)
}

/// The rows to score on, where they come from, and what could not be used of them.
fn scored_on(
    options: &AblationOptions,
    mix: &Mix,
    held_out: &[Row],
) -> Result<(Vec<Row>, String, Refused), TrainingError> {
    let part = |rows: &[Row]| -> Vec<Row> {
        sample::spread(rows.len(), options.limit).map(|index| rows[index].clone()).collect()
    };
    if let Some(path) = &options.scored_on {
        let read = data::import(path)?;
        return Ok((part(&read.rows), format!("of {}", name(path)), read.refused.into()));
    }
    if !held_out.is_empty() {
        let source = "held out of the training data".to_owned();
        return Ok((part(held_out), source, Refused::default()));
    }
    let mut rng = rng_of(options.schedule.seed, SCORED_PHASE, 0, 0);
    let rows = (0..options.limit).map(|_| mix.sample(&mut rng)).collect();
    let source = "fresh requests over the library, of wordings seen in training".to_owned();
    Ok((rows, source, Refused::default()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Trains a row's small model, or goes on where its last checkpoint stands; says how many seconds it
/// has taken in all.
fn learn(
    run: &Run,
    options: &AblationOptions,
    sources: &Sources,
    tiny: &Tiny,
    variant: Variant,
) -> Result<(Small, f64), TrainingError> {
    let (schedule, training) = (&options.schedule, variant.training());
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let small = Small::new(&tiny.config, &vb)?;
    // Every row begins with the same numbers.
    variables::seed(&map, schedule.seed + 1)?;
    let learnt = needed(&map, training);
    let mut optimizer = AdamW::new(&learnt, RATE * schedule.rate, DECAY, options.steps)?;
    let is_chained = training == Training::Heads { is_chained: true };
    let teacher = |_| {
        Teacher::new(&tiny.large, &tiny.tokenizer, &Device::Cpu)
            .speaking(tiny.words.as_ref())
            .chained(is_chained)
    };
    let mut teachers: Vec<Teacher<'_>> = (0..schedule.shards).map(teacher).collect();
    let phase = Phase::new(run, variant.name(), options.steps).saved(schedule.checkpoint_steps);
    // Some head may not be needed by any row of a run this short.
    let phase = if matches!(training, Training::Free(_)) { phase } else { phase.unprobed() };
    phase.go(&mut optimizer, &mut teachers, |step, shard, teacher| {
        let mut rng = rng_of(schedule.seed, 2, step, shard);
        let rows = sources.draw(BATCH, &mut rng)?;
        match training {
            Training::Free(form) => free::loss(&small, teacher, &rows, form, &mut rng),
            Training::Heads { .. } => small::loss(&small, teacher, &rows, &mut rng),
        }
    })?;
    Ok((frozen(&map, &tiny.config)?, run.spend()?))
}

/// The variables that a training changes: without heads these, and without soft token its projector,
/// stay as they were drawn.
fn needed(map: &VarMap, training: Training) -> VarMap {
    let all = map.data().lock().expect("no other thread holds this map");
    let is_needed = |name: &str| match training {
        Training::Heads { .. } => true,
        Training::Free(form) => {
            !name.starts_with("heads.") && (form.has_soft || !name.starts_with("projector."))
        }
    };
    let needed = VarMap::new();
    let mut data = needed.data().lock().expect("nobody else knows this map");
    let names = all.iter().filter(|(name, _)| is_needed(name));
    data.extend(names.map(|(name, var)| (name.clone(), var.clone())));
    drop(data);
    needed
}

/// The small model as it stands, to be read alone.
fn frozen(map: &VarMap, config: &TinyConfig) -> Result<Small, TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    let tensors = data.iter().map(|(name, var)| (name.clone(), var.as_tensor().detach()));
    let vb = VarBuilder::from_tensors(tensors.collect(), DType::F32, &Device::Cpu);
    Ok(Small::new(config, &vb)?)
}

#[cfg(test)]
mod tests;
