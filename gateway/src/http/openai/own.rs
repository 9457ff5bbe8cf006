//! The `hyfunc` member of an answer: how it came about.

use serde::Serialize;

use super::candidate::CandidateJson;
use super::outcome::CallJson;
use super::usage::TokensJson;
use super::worded::WordedJson;
use crate::pipeline::{Answer, Timings, Unheld};

/// The `hyfunc` member.
#[derive(Serialize)]
pub struct OwnJson<'a> {
    pub(super) request_id: &'a str,
    pub(super) p_call: f64,
    pub(super) candidates: Vec<CandidateJson<'a>>,
    pub(super) calls: Vec<CallJson<'a>>,
    pub(super) tokens: TokensJson,
    pub(super) timings_us: Timings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<WordedJson<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) unheld: &'a [Unheld],
}

impl<'a> OwnJson<'a> {
    /// That of an answer, with its calls in their order, as far as they have come.
    pub fn new(answer: &'a Answer, calls: impl Iterator<Item = CallJson<'a>>) -> Self {
        let decided = calls.zip(&answer.decoded.calls);
        Self {
            request_id: &answer.arrival.id,
            p_call: answer.p_call.into(),
            candidates: CandidateJson::list(&answer.candidates, &answer.decoded),
            calls: decided.map(|(call, decision)| call.with_decision(decision)).collect(),
            tokens: TokensJson::of(&answer.decoded.counts),
            timings_us: answer.timings,
            upstream: answer.worded.as_ref().map(WordedJson::of),
            unheld: &answer.request.unheld,
        }
    }
}
