//! `hyfunc train tiny`: tokenizer, large model, small model, calibration, model card. The steps are
//! those of `hyfunc train retriever` and `hyfunc train lms`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hyfunc_cascade::text::Tokenizer;
use hyfunc_cascade::words::Words;

use crate::calibrate;
use crate::error::TrainingError;
use crate::large::HARD_NEGATIVES;
use crate::lms::{self, Frozen};
use crate::retriever::{self, Steps};
use crate::run::{Run, Settings};
use crate::schedule::Schedule;
use crate::sources::Data;

/// Files of models that a run may begin with.
const FROM: [&str; 3] = ["tokenizer.json", "large.safetensors", "small.safetensors"];

/// What `hyfunc train tiny` is told.
#[derive(Clone, Debug)]
pub struct TinyOptions {
    /// Files to train on.
    pub data: Data,
    /// Folder of the run; the models are written to `models` in it.
    pub out: PathBuf,
    /// Steps of the large model.
    pub steps_large: usize,
    /// Steps of the small model.
    pub steps_small: usize,
    /// How steps are taken.
    pub schedule: Schedule,
}

/// What a training run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Folder with the five files of the models.
    pub models: PathBuf,
    /// Wall time of all its stretches, in seconds; what a kill threw away does not count.
    pub seconds: f64,
    /// What calibration found on held-out rows.
    pub calibration: calibrate::Calibration,
    /// Rows that could not be used, by reason.
    pub refused: BTreeMap<String, usize>,
}

/// Trains everything.
///
/// # Errors
/// Data that cannot be used, a folder of another run, a loss that diverges.
pub fn train(options: &TinyOptions) -> Result<Report, TrainingError> {
    let schedule = &options.schedule;
    let settings = Settings {
        steps_large: options.steps_large,
        steps_small: options.steps_small,
        from: schedule.began_with(&FROM)?,
        ..schedule.settings(&options.data)?
    };
    let run = Run::open(&options.out, &settings, schedule.resume)?;
    let sources = options.data.read(&options.out)?;
    run.begin(&sources.built_in)?;
    let tokenizer_json = retriever::tokenizer(&run, &sources.mix, schedule)?;
    let tokenizer =
        Tokenizer::from_bytes(&tokenizer_json).map_err(hyfunc_cascade::CascadeError::from)?;

    let table = lms::table(schedule.from.as_deref())?;
    let words = Words::from_bytes(&table).map_err(hyfunc_cascade::CascadeError::from)?;

    let (large, large_map) = retriever::model(&tokenizer, schedule)?;
    let steps = Steps { count: options.steps_large, hard_negatives: HARD_NEGATIVES };
    retriever::learn(&run, steps, schedule, &sources, &tokenizer, (&large, &large_map))?;

    let (small, small_map) = lms::model(&tokenizer, schedule)?;
    // Requests are drawn anew at every step, so that few texts would be known from before.
    let frozen = Frozen { large: &large, tokenizer: &tokenizer, words: &words, known: None };
    lms::learn(&run, options.steps_small, schedule, &sources, &frozen, (&small, &small_map))?;

    let models = options.out.join("models");
    retriever::write(&models, &large_map, &tokenizer_json)?;
    lms::finish(&run, &settings, sources, (&tokenizer, &table), &small_map, &models)
}
