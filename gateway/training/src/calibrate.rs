//! Thresholds, from rows that were not trained on.

use std::fmt;

use hyfunc_cascade::config::CascadeConfig;
use hyfunc_cascade::tiny::Tiny;
use rand_chacha::ChaCha8Rng;

use crate::data::Row;
use crate::error::TrainingError;
use crate::eval::{Judge, Tally};
use crate::mix::Mix;

/// Fresh samples of the mix that are judged.
const SAMPLES: usize = 400;

/// Held-out rows that are judged.
const HELD_OUT_MAX: usize = 400;

/// What a cosine weighs in the index's score, which adds words to it: a function that shares no word
/// with the request scores this much of its cosine, and must still pass.
const DENSE_SHARE: f32 = 0.5;

/// Share of called functions that the retrieval threshold may lose.
const RETRIEVAL_LOSS: f64 = 0.003;

/// What calibration found.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Probability from which a candidate is called.
    pub call_threshold: f32,
    /// Score of the index below which no function is a candidate.
    pub retrieval_threshold: f32,
    /// Fresh samples of the training mix: seen functions, seen phrases.
    pub sampled: Tally,
    /// Held-out rows of the imported data.
    pub held_out: Tally,
}

/// Picks the call threshold with which most rows get the right set of functions, then judges whole
/// rows with it.
pub fn calibrate(
    tiny: &Tiny,
    mix: &Mix,
    held_out: &[Row],
    rng: &mut ChaCha8Rng,
) -> Result<Calibration, TrainingError> {
    let sampled: Vec<Row> = (0..SAMPLES).map(|_| mix.sample(rng)).collect();
    let held_out = &held_out[..held_out.len().min(HELD_OUT_MAX)];
    let mut judge = Judge::new(tiny, CascadeConfig::default())?;
    let mut scored = Vec::new();
    let mut cosines = Vec::new();
    for row in sampled.iter().chain(held_out) {
        let scores = judge.scores(row)?;
        for (index, cosine) in scores.cosines.iter().enumerate() {
            if row.calls.iter().any(|(called, _)| *called == index) {
                cosines.push(*cosine);
            }
        }
        scored.push((row, scores.calls));
    }
    let right = |threshold: f32| {
        let exact = |(row, scores): &&(&Row, Vec<f32>)| {
            scores.iter().enumerate().all(|(index, score)| {
                (*score >= threshold) == row.calls.iter().any(|(called, _)| *called == index)
            })
        };
        scored.iter().filter(exact).count()
    };
    let call_threshold = (1..20)
        .map(|step| step as f32 * 0.05)
        .max_by_key(|&threshold| (right(threshold), -((threshold - 0.5).abs() * 100.0) as i32))
        .unwrap_or(0.5);
    cosines.sort_by(f32::total_cmp);
    let retrieval_threshold =
        cosines.get((cosines.len() as f64 * RETRIEVAL_LOSS) as usize).copied().unwrap_or(0.0);
    let retrieval_threshold = (DENSE_SHARE * retrieval_threshold).max(0.0);

    let config = CascadeConfig { call_threshold: Some(call_threshold), ..CascadeConfig::default() };
    let mut judge = Judge::new(tiny, config)?;
    Ok(Calibration {
        call_threshold,
        retrieval_threshold,
        sampled: judge.tally(&sampled, &mut |_| ())?,
        held_out: judge.tally(held_out, &mut |_| ())?,
    })
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| rows | count | right functions | whole request |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (name, tally) in [
            ("fresh samples of the mix", &self.sampled),
            ("held-out imported rows", &self.held_out),
        ] {
            let share = |count: usize| 100.0 * count as f64 / tally.rows.max(1) as f64;
            writeln!(
                f,
                "| {name} | {} | {:.1} % | {:.1} % |",
                tally.rows,
                share(tally.functions),
                share(tally.whole),
            )?;
        }
        write!(
            f,
            "\nCall threshold {:.2}; retrieval threshold {:.3}.\n",
            self.call_threshold, self.retrieval_threshold
        )
    }
}
