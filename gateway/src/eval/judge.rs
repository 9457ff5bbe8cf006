//! One request, asked and judged.

use std::time::Instant;

use super::route::{Routed, route};
use super::{Call, Gold, same_calls, same_functions};
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
}

pub(super) async fn ask(pipeline: &Pipeline, gold: Gold) -> Judged {
    let began = Instant::now();
    let routed = route(pipeline, &gold.id, &gold.query).await;
    let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    judge(gold, routed.map_err(|error| error.to_string()), took_us)
}

fn judge(gold: Gold, routed: Result<Routed, String>, took_us: u64) -> Judged {
    let (routed, refused) = match routed {
        Ok(routed) => (routed, None),
        Err(reason) => {
            let nothing =
                Routed { calls: Vec::new(), candidates: Vec::new(), timings: Timings::default() };
            (nothing, Some(reason))
        }
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
        gold,
    }
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
                timings: Timings::default(),
            }),
        };
        judge(gold, routed, 7)
    }

    #[test]
    fn any_right_answer_counts_and_a_refusal_is_never_right() {
        let f = |n: u32| json!([{"name": "g"}, {"name": "f", "arguments": {"n": n}}]);
        for (found, refused, functions, whole, among) in [
            (f(1), None, true, true, (1, 2)),
            (f(2), None, true, false, (1, 2)),
            (json!([{"name": "h"}]), None, true, true, (1, 1)),
            (json!([]), None, false, false, (1, 2)),
            (json!([]), Some("busy"), false, false, (0, 2)),
        ] {
            let judged = judged(found, refused);
            assert_eq!((judged.functions, judged.whole), (functions, whole), "{judged:?}");
            assert_eq!((judged.found, judged.wanted), among, "{judged:?}");
            assert_eq!(judged.refused.as_deref(), refused);
        }
    }
}
