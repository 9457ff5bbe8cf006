//! How steps are taken: from which seed, on how many cores, from which weights.

use std::path::PathBuf;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::error::TrainingError;
use crate::run::{self, Settings};
use crate::sources::Data;

/// Weight decay of both models.
pub(crate) const DECAY: f64 = 0.02;

/// Steps between checkpoints, unless said otherwise.
pub const CHECKPOINT_STEPS: usize = 200;

/// How steps are taken.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Parts of a step that run beside each other, a core each.
    pub shards: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Factor of the learning rates.
    pub rate: f64,
    /// Continue a run that was stopped.
    pub resume: bool,
    /// Folder of models whose tokenizer and weights the run begins with.
    pub from: Option<PathBuf>,
    /// Steps between checkpoints, which a kill may cost. What is trained is the same.
    pub checkpoint_steps: usize,
}

impl Schedule {
    /// Settings of a run, but for what is trained and how long.
    pub(crate) fn settings(&self, data: &Data) -> Result<Settings, TrainingError> {
        Ok(Settings {
            seed: self.seed,
            shards: self.shards,
            rate: self.rate,
            data: data.hashes()?,
            check: data.check.name().into(),
            evaluation: data.evaluation_hashes()?,
            ..Settings::default()
        })
    }

    /// SHA-256 of some files of the models that the run begins with.
    pub(crate) fn began_with(&self, files: &[&str]) -> Result<Vec<String>, TrainingError> {
        let Some(folder) = &self.from else { return Ok(Vec::new()) };
        files.iter().map(|file| run::file_hash(&folder.join(file))).collect()
    }
}

/// The rows of one shard depend on seed, phase, step and shard alone, so that a resumed run sees
/// what an unbroken one would.
pub(crate) fn rng_of(seed: u64, phase: u64, step: usize, shard: usize) -> ChaCha8Rng {
    let place = (phase << 56) ^ ((shard as u64) << 40) ^ step as u64;
    ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9) ^ place)
}
