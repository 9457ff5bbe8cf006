//! Calibration of the retriever by itself: where its index should stop, and what its probability
//! of a call is worth.

use std::fmt;

use candle_core::{Device, Tensor};
use candle_nn::VarMap;
use hyfunc_cascade::model::Large;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_cascade::tiny::cosine;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::calibrate::{DENSE_SHARE, HELD_OUT_MAX, RETRIEVAL_LOSS, SAMPLES};
use crate::data::Row;
use crate::error::TrainingError;
use crate::mix::Mix;
use crate::small::Teacher;

/// Rows of a batch.
const BATCH: usize = 40;

/// Newton steps of the fit; it settles within a few.
const FIT_STEPS: usize = 50;

/// Weight that keeps the fit at the model's own logits where rows say little.
const FIT_RIDGE: f64 = 1.0;

/// What calibration of the retriever found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DualCalibration {
    /// Rows that it was found on, none of them trained on.
    pub rows: usize,
    /// Score of the index below which no function is a candidate.
    pub retrieval_threshold: f32,
    /// Share of called functions that stand first among those of their row.
    pub recall_1: f64,
    /// Share of called functions that stand among the first five.
    pub recall_5: f64,
    /// Factor of the logit of a call; folded into the weights.
    pub call_scale: f64,
    /// Summand of the logit of a call; folded into the weights.
    pub call_shift: f64,
    /// Mean squared error of the probability of a call, as trained.
    pub brier_before: f64,
    /// The same, calibrated.
    pub brier_after: f64,
}

/// Calibrates on fresh samples of the mix, and on held-out rows: imported ones and those of held-out
/// practice plugins.
pub(crate) fn calibrate(
    large: &Large,
    tokenizer: &Tokenizer,
    mix: &Mix,
    (held_out, strangers): (&[Row], &[Row]),
    rng: &mut ChaCha8Rng,
) -> Result<DualCalibration, TrainingError> {
    let mut rows: Vec<Row> = (0..SAMPLES).map(|_| mix.sample(rng)).collect();
    rows.extend_from_slice(&held_out[..held_out.len().min(HELD_OUT_MAX)]);
    rows.extend_from_slice(strangers);
    let mut teacher = Teacher::new(large, tokenizer, &Device::Cpu);
    let (mut cosines, mut places, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for rows in rows.chunks(BATCH) {
        let seen = teacher.distil(rows)?;
        for ((row, vector), logit) in rows.iter().zip(&seen.vectors).zip(&seen.call_logits) {
            // What nothing on offer fits is a wish all the same; see the large model's loss.
            if !row.is_unmet {
                calls.push((f64::from(*logit), !row.calls.is_empty()));
            }
            let scores: Vec<f32> = row
                .functions
                .iter()
                .map(|function| Ok(cosine(&teacher.vector(function)?, vector)))
                .collect::<Result<_, TrainingError>>()?;
            let mut called: Vec<usize> = row.calls.iter().map(|(called, _)| *called).collect();
            called.sort_unstable();
            called.dedup();
            for &at in &called {
                cosines.push(scores[at]);
                // Another called function in front is no mistake.
                let others = (0..scores.len()).filter(|other| !called.contains(other));
                places.push(others.filter(|&other| scores[other] > scores[at]).count());
            }
        }
    }
    cosines.sort_by(f32::total_cmp);
    let least = cosines.get((cosines.len() as f64 * RETRIEVAL_LOSS) as usize);
    let (call_scale, call_shift) = fit(&calls);
    let within = |place: usize| {
        places.iter().filter(|at| **at < place).count() as f64 / places.len().max(1) as f64
    };
    Ok(DualCalibration {
        rows: rows.len(),
        retrieval_threshold: (DENSE_SHARE * least.copied().unwrap_or(0.0)).max(0.0),
        recall_1: within(1),
        recall_5: within(5),
        call_scale,
        call_shift,
        brier_before: brier(&calls, 1.0, 0.0),
        brier_after: brier(&calls, call_scale, call_shift),
    })
}

/// Factor and summand with which logits say best what is so (Platt's scaling), by Newton's method.
fn fit(calls: &[(f64, bool)]) -> (f64, f64) {
    let (mut scale, mut shift) = (1.0, 0.0);
    for _ in 0..FIT_STEPS {
        let (mut by_scale, mut by_shift) = (FIT_RIDGE * (scale - 1.0), FIT_RIDGE * shift);
        let (mut both, mut scales, mut shifts) = (0.0, FIT_RIDGE, FIT_RIDGE);
        for &(logit, is_call) in calls {
            let p = probability(logit, scale, shift);
            let (error, spread) = (p - f64::from(u8::from(is_call)), p * (1.0 - p));
            by_scale += error * logit;
            by_shift += error;
            scales += spread * logit * logit;
            both += spread * logit;
            shifts += spread;
        }
        let determinant = scales * shifts - both * both;
        if determinant < 1e-12 {
            break;
        }
        let step_scale = (shifts * by_scale - both * by_shift) / determinant;
        let step_shift = (scales * by_shift - both * by_scale) / determinant;
        // A step that is too long would overshoot where probabilities are near 0 and 1.
        scale = (scale - step_scale.clamp(-0.5, 0.5)).max(0.05);
        shift -= step_shift.clamp(-0.5, 0.5);
        if step_scale.abs() + step_shift.abs() < 1e-9 {
            break;
        }
    }
    (scale, shift)
}

fn probability(logit: f64, scale: f64, shift: f64) -> f64 {
    1.0 / (1.0 + (-(scale * logit + shift)).exp())
}

fn brier(calls: &[(f64, bool)], scale: f64, shift: f64) -> f64 {
    let error = |&(logit, is_call): &(f64, bool)| {
        (probability(logit, scale, shift) - f64::from(u8::from(is_call))).powi(2)
    };
    calls.iter().map(error).sum::<f64>() / calls.len().max(1) as f64
}

/// Works factor and summand into the model's own weights, so that what it serves is calibrated.
pub(crate) fn fold(map: &VarMap, found: &DualCalibration) -> Result<(), TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    for (name, summand) in [("call.weight", 0.0), ("call.bias", found.call_shift)] {
        let var = data.get(name).ok_or_else(|| TrainingError::Unusable {
            path: name.to_owned(),
            reason: "the large model has no such variable".into(),
        })?;
        let folded: Tensor = var.as_tensor().affine(found.call_scale, summand)?;
        var.set(&folded)?;
    }
    Ok(())
}

impl fmt::Display for DualCalibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| calibrated on {} rows that were not trained on | |", self.rows)?;
        writeln!(f, "|---|---|")?;
        writeln!(f, "| called functions that stand first | {:.1} % |", 100.0 * self.recall_1)?;
        writeln!(f, "| among the first five | {:.1} % |", 100.0 * self.recall_5)?;
        writeln!(f, "| retrieval threshold | {:.3} |", self.retrieval_threshold)?;
        let (scale, shift) = (self.call_scale, self.call_shift);
        writeln!(f, "| logit of a call | × {scale:.2} {shift:+.2} |")?;
        let (before, after) = (self.brier_before, self.brier_after);
        writeln!(f, "| squared error of p(call) | {before:.4} → {after:.4} |")
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    /// Logits from -4 to 4 that are `scale` too large and `shift` too high, by their shares.
    fn calls(scale: f64, shift: f64) -> Vec<(f64, bool)> {
        let logits = (-40..=40).map(|tenth| f64::from(tenth) / 10.0);
        let each = move |logit: f64| {
            let yes = (1000.0 * probability(logit, 1.0, 0.0)) as usize;
            (0..1000).map(move |at| ((logit - shift) / scale, at < yes))
        };
        logits.flat_map(each).collect()
    }

    #[test]
    fn the_fit_finds_what_was_put_in() {
        for (scale, shift) in [(1.0, 0.0), (2.0, 0.0), (0.5, 1.5), (1.5, -2.0)] {
            let calls = calls(scale, shift);
            let (found_scale, found_shift) = fit(&calls);
            assert!((found_scale - scale).abs() < 0.05, "{found_scale} for {scale}");
            assert!((found_shift - shift).abs() < 0.05, "{found_shift} for {shift}");
            let before = brier(&calls, 1.0, 0.0);
            assert!(brier(&calls, found_scale, found_shift) <= before + 1e-4);
        }
    }

    #[test]
    fn nothing_to_fit_changes_nothing_and_one_kind_alone_stays_finite() {
        assert_eq!(fit(&[]), (1.0, 0.0));
        for is_call in [true, false] {
            let (scale, shift) = fit(&[(3.0, is_call); 100]);
            assert!(scale.is_finite() && shift.is_finite() && scale > 0.0, "{scale} {shift}");
        }
    }

    #[test]
    fn folded_weights_say_the_calibrated_logit() {
        let map = VarMap::new();
        let var =
            |values: &[f32]| Var::from_tensor(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap();
        for (name, values) in [("call.weight", [2.0, -1.0].as_slice()), ("call.bias", &[0.5])] {
            map.data().lock().unwrap().insert(name.into(), var(values));
        }
        let found =
            DualCalibration { call_scale: 2.0, call_shift: 1.0, ..DualCalibration::default() };
        fold(&map, &found).unwrap();
        let data = map.data().lock().unwrap();
        let values = |name: &str| data[name].as_tensor().to_vec1::<f32>().unwrap();
        assert_eq!((values("call.weight"), values("call.bias")), (vec![4.0, -2.0], vec![2.0]));
    }
}
