//! One request, asked and judged.

use std::time::Instant;

use hyfunc_cascade::TokenCounts;
use hyfunc_training::report::{FailureKind, classify};

use super::compare::named;
use super::route::{Routed, route};
use super::{Call, Gold, same_calls, same_functions};
use crate::clock;
use crate::pipeline::{Pipeline, Timings};

/// What came of one request.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The request and its right answers.
    pub gold: Gold,
    /// What was decided.
    pub calls: Vec<Call>,
    /// Names of the candidates, best first.
    pub candidates: Vec<String>,
    /// Why nothing was decided, where the gateway refused.
    pub refused: Option<String>,
    /// Whether the right functions are called, each as often as it should be.
    pub functions: bool,
    /// Whether every call is right, arguments included.
    pub whole: bool,
    /// Different functions of the right answer.
    pub wanted: usize,
    /// Of these, those among the candidates.
    pub found: usize,
    /// The whole request, in microseconds.
    pub took_us: u64,
    /// Its steps.
    pub timings: Timings,
    /// The first step that went wrong, against the nearest right answer.
    pub wrong: Option<FailureKind>,
    /// Tokens by how they came about.
    pub counts: TokenCounts,
    /// How sure the models were, 0 to 1.
    pub confidence: f32,
}

/// Sends one request through the gateway's steps and judges what was decided; nothing is run.
pub(crate) async fn ask(pipeline: &Pipeline, gold: Gold) -> Judged {
    let began = Instant::now();
    let routed = route(pipeline, &gold).await;
    let took_us = clock::micros(began.elapsed());
    judge(gold, routed.map_err(|error| error.to_string()), took_us)
}

fn judge(gold: Gold, routed: Result<Routed, String>, took_us: u64) -> Judged {
    let (routed, refused) = match routed {
        Ok(routed) => (routed, None),
        Err(reason) => (Routed::default(), Some(reason)),
    };
    let answered = refused.is_none();
    let whole = answered && gold.answers().any(|right| same_calls(right, &routed.calls));
    let functions = answered && gold.answers().any(|right| same_functions(right, &routed.calls));
    // Where another answer was given and is as good, its functions are those that were wanted.
    let right = gold.answers().find(|right| same_functions(right, &routed.calls));
    let mut wanted: Vec<&str> =
        right.unwrap_or(&gold.calls).iter().map(|call| call.name.as_str()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let is_candidate = |name: &str| routed.candidates.iter().any(|found| found == name);
    let found = wanted.iter().filter(|name| is_candidate(name)).count();
    let wanted = wanted.len();
    let wrong = match (whole, answered) {
        (true, _) => None,
        (false, false) => Some(FailureKind::Refused),
        (false, true) => gold.answers().filter_map(|right| parts(right, &routed)).max(),
    };
    Judged {
        functions,
        whole,
        wanted,
        found,
        calls: routed.calls,
        candidates: routed.candidates,
        refused,
        took_us,
        timings: routed.timings,
        wrong,
        counts: routed.counts,
        confidence: routed.confidence,
        gold,
    }
}

/// Where the calls that came first part from a right answer.
fn parts(right: &[Call], routed: &Routed) -> Option<FailureKind> {
    let is_candidate = |name: &str| routed.candidates.iter().any(|found| found == name);
    classify(&named(right), &named(&routed.calls), is_candidate)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn judged(found: Json, refused: Option<&str>) -> Judged {
        let gold = serde_json::from_value(json!({
            "id": "1", "kind": "one", "query": "q",
            "calls": [{"name": "f", "arguments": {"n": 1}}, {"name": "g"}],
            "accept": [[{"name": "h"}]],
        }))
        .unwrap();
        let routed = match refused {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(Routed {
                calls: serde_json::from_value(found).unwrap(),
                candidates: vec!["g".into(), "h".into()],
                ..Routed::default()
            }),
        };
        judge(gold, routed, 7)
    }

    #[test]
    fn any_right_answer_counts_and_a_refusal_is_never_right() {
        let f = |n: u32| json!([{"name": "g"}, {"name": "f", "arguments": {"n": n}}]);
        // The right function `f` is no candidate, but the second answer's `h` is.
        let h = |n: u32| json!([{"name": "h", "arguments": {"n": n}}]);
        for (found, refused, functions, whole, among, wrong) in [
            (f(1), None, true, true, (1, 2), None),
            (f(2), None, true, false, (1, 2), Some(FailureKind::Count)),
            (json!([{"name": "h"}]), None, true, true, (1, 1), None),
            (h(1), None, true, false, (1, 1), Some(FailureKind::Presence)),
            (json!([{"name": "g"}]), None, false, false, (1, 2), Some(FailureKind::Function)),
            (json!([]), None, false, false, (1, 2), Some(FailureKind::Call)),
            (json!([]), Some("busy"), false, false, (0, 2), Some(FailureKind::Refused)),
        ] {
            let judged = judged(found, refused);
            assert_eq!(judged.wrong, wrong, "{judged:?}");
            assert_eq!((judged.functions, judged.whole), (functions, whole), "{judged:?}");
            assert_eq!((judged.found, judged.wanted), among, "{judged:?}");
            assert_eq!(judged.refused.as_deref(), refused);
        }
    }
}
