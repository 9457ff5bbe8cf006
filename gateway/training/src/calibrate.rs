//! Thresholds, from rows that were not trained on.

use std::fmt;

use hyfunc_cascade::config::CascadeConfig;
use hyfunc_cascade::decode::weighed;
use hyfunc_cascade::tiny::Tiny;
use rand_chacha::ChaCha8Rng;

use crate::data::Row;
use crate::error::TrainingError;
use crate::eval::{Judge, Scores, Tally};
use crate::mix::Mix;

/// Fresh samples of the mix that are judged.
pub(crate) const SAMPLES: usize = 400;

/// Held-out rows that are judged.
pub(crate) const HELD_OUT_MAX: usize = 400;

/// What a cosine weighs in the index's score, which adds words to it: a function that shares no word
/// with the request scores this much of its cosine, and must still pass.
pub(crate) const DENSE_SHARE: f32 = 0.7;

/// Share of called functions that the retrieval threshold may lose.
pub(crate) const RETRIEVAL_LOSS: f64 = 0.003;

/// Functions that a request of the gateway may choose from: what is calibrated for is the default.
pub const CANDIDATES: usize = 8;

/// What a row that asks for nothing counts beside one that asks for calls.
const NONE_WEIGHT: usize = 3;

/// What calibration found.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Probability from which a candidate is called.
    pub call_threshold: f32,
    /// Probability from which a candidate is called beside a likelier one.
    pub more_threshold: f32,
    /// Probability from which a function is called once more.
    pub again_threshold: f32,
    /// Score of the index below which no function is a candidate.
    pub retrieval_threshold: f32,
    /// Weight of the retriever's cosine in the probability of a call.
    pub cosine_weight: f32,
    /// Fresh samples of the training mix: seen functions, seen phrases.
    pub sampled: Tally,
    /// Held-out rows of the imported data.
    pub held_out: Tally,
    /// Requests to practice plugins that no training has seen.
    pub strangers: Tally,
}

/// Picks the call threshold with which most rows get the right set of functions, then judges whole
/// rows with it.
pub fn calibrate(
    tiny: &mut Tiny,
    mix: &Mix,
    (held_out, strangers): (&[Row], &[Row]),
    rng: &mut ChaCha8Rng,
) -> Result<Calibration, TrainingError> {
    let sampled: Vec<Row> = (0..SAMPLES).map(|_| mix.sample(rng)).collect();
    let held_out = &held_out[..held_out.len().min(HELD_OUT_MAX)];
    let mut judge = Judge::new(tiny, CascadeConfig::default())?;
    let mut scored = Vec::new();
    let mut cosines = Vec::new();
    for row in sampled.iter().chain(held_out).chain(strangers) {
        let scores = judge.scores(row)?;
        for (index, cosine) in scores.cosines.iter().enumerate() {
            if row.calls.iter().any(|(called, _)| *called == index) {
                cosines.push(*cosine);
            }
        }
        scored.push((row, scores));
    }
    let (cosine_weight, call_threshold, more_threshold) = best(&scored, tiny.config.cosine_weight);
    cosines.sort_by(f32::total_cmp);
    let retrieval_threshold =
        cosines.get((cosines.len() as f64 * RETRIEVAL_LOSS) as usize).copied().unwrap_or(0.0);
    let retrieval_threshold = (DENSE_SHARE * retrieval_threshold).max(0.0);

    tiny.config.cosine_weight = cosine_weight;
    tiny.config.call_threshold = call_threshold;
    tiny.config.more_threshold = more_threshold;
    tiny.config.again_threshold = again(tiny, &sampled)?;
    let again_threshold = tiny.config.again_threshold;
    let mut judge = Judge::new(tiny, CascadeConfig::default())?;
    Ok(Calibration {
        call_threshold,
        more_threshold,
        again_threshold,
        cosine_weight,
        retrieval_threshold,
        sampled: judge.tally(&sampled, &mut |_| ())?,
        held_out: judge.tally(held_out, &mut |_| ())?,
        strangers: judge.tally(strangers, &mut |_| ())?,
    })
}

/// Probabilities that are tried as thresholds.
fn steps() -> impl Iterator<Item = f32> + Clone {
    (1..20).map(|step| step as f32 * 0.05)
}

/// The cosine's weight, the threshold of the likeliest candidate and that of the others with which
/// most rows get the right set of functions.
fn best(scored: &[(&Row, Scores)], weight_now: f32) -> (f32, f32, f32) {
    let mut found = (0, (0.0, 0.5, 0.5));
    for weight in (0..=12).map(|step| step as f32) {
        let rows: Vec<Vec<(f32, bool)>> =
            scored.iter().map(|(row, scores)| ranked(row, scores, weight_now, weight)).collect();
        for (first, more) in steps().flat_map(|first| steps().map(move |more| (first, more))) {
            let rights = rows.iter().filter(|row| is_right(row, first, more));
            let right = rights.map(|row| weight_of(row)).sum::<usize>();
            if right > found.0 {
                found = (right, (weight, first, more));
            }
        }
    }
    found.1
}

/// The probability of every candidate that retrieval would let through, with another weight of the
/// cosine, likeliest first, and whether it should be called.
fn ranked(row: &Row, scores: &Scores, weight_now: f32, weight: f32) -> Vec<(f32, bool)> {
    let each = scores.calls.iter().zip(&scores.cosines).enumerate();
    let ranked: Vec<(f32, bool)> = each
        .map(|(index, (&call, &cosine))| {
            let odds = call.clamp(1e-6, 1.0 - 1e-6);
            let logit = (odds / (1.0 - odds)).ln() - weight_now * (cosine - 0.5);
            let called = row.calls.iter().any(|(called, _)| *called == index);
            (weighed(logit, cosine, weight), called)
        })
        .collect();
    // A row offers more functions than a request of the gateway would: each more is one more that may
    // be called by mistake.
    let mut cosines = scores.cosines.clone();
    cosines.sort_by(|one, other| other.total_cmp(one));
    let least = cosines.get(CANDIDATES - 1).copied().unwrap_or(f32::NEG_INFINITY);
    let mut ranked: Vec<(f32, bool)> = ranked
        .into_iter()
        .zip(&scores.cosines)
        .filter(|((_, called), cosine)| *called || **cosine >= least)
        .map(|(one, _)| one)
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked
}

/// What a row counts. Rows that ask for nothing are rarer in the mix than among what people say, and a
/// call that nobody asked for does something, where a call that is missing is asked for again.
fn weight_of(ranked: &[(f32, bool)]) -> usize {
    if ranked.iter().any(|(_, wanted)| *wanted) { 1 } else { NONE_WEIGHT }
}

/// Whether exactly the right functions are called.
fn is_right(ranked: &[(f32, bool)], first: f32, more: f32) -> bool {
    let any = ranked.first().is_some_and(|(probability, _)| *probability >= first);
    ranked.iter().enumerate().all(|(place, &(probability, wanted))| {
        let called = any && (place == 0 || probability >= more);
        called == wanted
    })
}

/// The threshold of one more call of a function with which most rows come out right as a whole.
fn again(tiny: &mut Tiny, rows: &[Row]) -> Result<f32, TrainingError> {
    let mut found = (0, 0.5);
    for threshold in [0.3, 0.4, 0.5, 0.6, 0.7, 0.8] {
        tiny.config.again_threshold = threshold;
        let tally = Judge::new(tiny, CascadeConfig::default())?.tally(rows, &mut |_| ())?;
        if tally.whole > found.0 {
            found = (tally.whole, threshold);
        }
    }
    Ok(found.1)
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| rows | count | right functions | whole request |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (name, tally) in [
            ("fresh samples of the mix", &self.sampled),
            ("held-out imported rows", &self.held_out),
            ("held-out practice plugins", &self.strangers),
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
            "\nCall threshold {:.2}, of further functions {:.2}, of one more call {:.2}; weight of the \
             cosine {:.0}; retrieval threshold {:.3}.\n",
            self.call_threshold,
            self.more_threshold,
            self.again_threshold,
            self.cosine_weight,
            self.retrieval_threshold
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn row(called: &[usize]) -> Row {
        Row {
            id: String::new(),
            query: "q".into(),
            functions: Vec::new(),
            calls: called.iter().map(|index| (*index, Map::new())).collect(),
            is_unmet: false,
        }
    }

    /// Rows that want their first candidate, or none, with its probability.
    fn found(rows: &[(bool, f32)]) -> (f32, f32, f32) {
        let wish: Vec<Row> =
            rows.iter().map(|(wanted, _)| row(if *wanted { &[0] } else { &[] })).collect();
        let scores = |call: f32| Scores { calls: vec![call], cosines: vec![0.5] };
        let scored: Vec<(&Row, Scores)> =
            wish.iter().zip(rows).map(|(row, (_, call))| (row, scores(*call))).collect();
        best(&scored, 0.0)
    }

    #[test]
    fn a_row_is_right_when_exactly_what_it_wants_is_called() {
        for (ranked, first, more, expected) in [
            (vec![], 0.5, 0.5, true),
            (vec![(0.9, true)], 0.5, 0.5, true),
            (vec![(0.4, true)], 0.5, 0.5, false),
            (vec![(0.4, false)], 0.5, 0.5, true),
            (vec![(0.9, false)], 0.5, 0.5, false),
            (vec![(0.9, true), (0.4, false)], 0.5, 0.5, true),
            (vec![(0.9, true), (0.4, false)], 0.5, 0.3, false),
            (vec![(0.9, true), (0.4, true)], 0.5, 0.3, true),
            // Where the likeliest is not called, no other is.
            (vec![(0.4, false), (0.3, false)], 0.5, 0.1, true),
        ] {
            assert_eq!(is_right(&ranked, first, more), expected, "{ranked:?} {first} {more}");
        }
    }

    #[test]
    fn the_threshold_lies_between_wishes_and_what_asks_for_nothing() {
        let (_, first, _) = found(&[(true, 0.62), (false, 0.43)]);
        assert!(first > 0.43 && first <= 0.62, "{first}");
        // A call that nobody asked for weighs more than two that are missing.
        let (_, first, _) = found(&[(true, 0.5), (true, 0.5), (false, 0.57)]);
        assert!(first > 0.57, "{first}");
        let (_, first, _) = found(&[(true, 0.5); 4]);
        assert!(first <= 0.5, "{first}");
    }

    #[test]
    fn candidates_are_those_that_a_gateway_would_offer_and_what_is_called() {
        let count = CANDIDATES + 2;
        let cosines: Vec<f32> = (0..count).map(|at| 1.0 - at as f32 / 100.0).collect();
        let scores = Scores { calls: vec![0.9; count], cosines };
        assert_eq!(ranked(&row(&[]), &scores, 0.0, 0.0).len(), CANDIDATES);
        let last = ranked(&row(&[count - 1]), &scores, 0.0, 0.0);
        assert_eq!(last.len(), CANDIDATES + 1);
        assert_eq!(last.iter().filter(|(_, wanted)| *wanted).count(), 1);
        // With weight, the nearer is the likelier.
        let weighted = ranked(&row(&[0]), &scores, 0.0, 12.0);
        assert!(weighted[0].1 && weighted[0].0 > weighted[1].0, "{weighted:?}");
    }
}
