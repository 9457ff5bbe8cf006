//! The decode loop: which candidates are called, how often, and with which values.
//!
//! A decode is a chain of steps. In each, everything that a request can have read at once is one
//! list of one forward: first the query beside every candidate, then a round of branches of every
//! called candidate, then the question for one more call. Lists of other requests may join
//! ([`Engine`](crate::engine::Engine)); alone or together, a request's results are the same.

mod calling;
mod given;
mod pen;
mod writes;

use std::sync::Arc;

use candle_core::Tensor;

use crate::api::{DecodeRequest, Decoded, DecodedCall, TokenCounts, ToolChoice};
use crate::clauses;
use crate::config::CascadeConfig;
use crate::error::CascadeError;
use crate::evidence::Profile;
use crate::generate::Masks;
use crate::model::heads::CALL_FEATURES;
use crate::model::small::{List, Step};
use crate::progress::Progress;
use crate::tiny::{Tiny, sigmoid};

use calling::{Calling, Found};
use given::{Blocks, Given};

/// Probability from which a function may be called with nothing but words that likelier ones have
/// taken: in *weather and time in Paris* both mean the same word, but such a pair is more often one
/// wish and two functions that could answer it.
const SHARED_WORDS_PROBABILITY: f32 = 0.9;

/// What requests are decoded with.
#[derive(Clone, Copy)]
pub struct Decoder<'a> {
    /// The models.
    pub tiny: &'a Tiny,
    /// Masks for values that are written.
    pub masks: &'a Masks,
    /// Limits.
    pub config: &'a CascadeConfig,
}

impl Decoder<'_> {
    /// Decides every call of a request.
    ///
    /// # Errors
    /// A query that is too long, a deadline that passes, a value that cannot be written.
    pub fn decode(&self, request: &DecodeRequest) -> Result<Decoded, CascadeError> {
        self.decode_told(request, Progress::silent())
    }

    /// Decides every call of a request, and tells what can no longer change.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_told(
        &self,
        request: &DecodeRequest,
        progress: Progress,
    ) -> Result<Decoded, CascadeError> {
        let mut decoding = Decoding::new(*self, request.clone(), progress)?;
        while !decoding.is_done() {
            decoding.check()?;
            let step = Arc::new(self.tiny.small.step(&decoding.lists())?);
            decoding.take(&step, 0)?;
        }
        decoding.finish()
    }
}

/// A request under way, between two steps.
pub struct Decoding<'a> {
    given: Given<'a>,
    counts: TokenCounts,
    /// Probability of a call, one a candidate.
    scores: Vec<f32>,
    /// Candidates that are called, in the order of the answer.
    calls: Vec<Calling>,
    stage: Stage,
    progress: Progress,
}

/// What the answer has of a candidate.
struct Kept<'a> {
    calling: &'a Calling,
    found: &'a [Found],
    /// Calls that it has room for.
    room: usize,
}

/// What is to be read next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The candidates' blocks, where those that were read at load are not to be used.
    Blocks,
    /// The query beside every candidate's block.
    Query,
    /// Whatever the calls need.
    Calls,
}

impl<'a> Decoding<'a> {
    /// A request of which nothing is decided.
    ///
    /// # Errors
    /// A query that is too long.
    pub fn new(
        decoder: Decoder<'a>,
        request: DecodeRequest,
        progress: Progress,
    ) -> Result<Self, CascadeError> {
        let given = Given::new(decoder, request)?;
        let request = &given.request;
        let nothing = request.candidates.is_empty()
            || request.choice == ToolChoice::None
            || request.query.trim().is_empty();
        let stage = match decoder.config.ablate.kept_blocks {
            _ if nothing => Stage::Calls,
            true => Stage::Blocks,
            false => Stage::Query,
        };
        let scores = vec![0.0; request.candidates.len()];
        let (counts, calls) = (TokenCounts::default(), Vec::new());
        Ok(Self { given, counts, scores, calls, stage, progress })
    }

    /// Whether everything is decided: there are no more lists.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Calls && self.calls.iter().all(Calling::is_done)
    }

    /// Whether its answer is still of use.
    ///
    /// # Errors
    /// The deadline has passed.
    pub fn check(&self) -> Result<(), CascadeError> {
        self.given.check()
    }

    /// Keys and values of its query, in bytes: it is read beside every candidate, and once more after
    /// a call for every candidate that may have a further one.
    pub fn query_bytes(&self) -> usize {
        if self.is_done() {
            return 0;
        }
        let request = &self.given.request;
        let candidates = request.candidates.len();
        let reads = candidates + candidates.min(request.calls_max);
        reads * self.given.query_tokens() * self.given.decoder.tiny.config.small.token_bytes()
    }

    /// What it needs read next.
    pub fn lists(&self) -> Vec<List<'_>> {
        let given = &self.given;
        let candidates = 0..given.request.candidates.len();
        match self.stage {
            Stage::Blocks => {
                candidates.map(|index| List::block(given.prepared(index).tokens.clone())).collect()
            }
            Stage::Query => candidates.map(|index| given.query(index, &[])).collect(),
            Stage::Calls => self.calls.iter().flat_map(|calling| calling.lists(given)).collect(),
        }
    }

    /// Takes what [`Decoding::lists`] asked for, of which list `first` of the step is the first.
    ///
    /// # Errors
    /// A tensor operation that fails.
    pub fn take(&mut self, step: &Arc<Step>, first: usize) -> Result<(), CascadeError> {
        match self.stage {
            Stage::Blocks => {
                self.given.blocks = Some(Blocks { step: step.clone(), first });
                self.stage = Stage::Query;
            }
            Stage::Query => {
                self.call(step, first)?;
                self.stage = Stage::Calls;
            }
            Stage::Calls => {
                let mut list = first;
                for calling in self.calls.iter_mut().filter(|calling| !calling.is_done()) {
                    let lists = calling.lists_len();
                    calling.take(&self.given, (step, list), &mut self.counts);
                    list += lists;
                }
            }
        }
        self.prune();
        self.tell();
        Ok(())
    }

    /// The calls of a request that is done, in the order in which they were told.
    ///
    /// # Errors
    /// The first call that could not be filled.
    pub fn finish(self) -> Result<Decoded, CascadeError> {
        let each = self.kept().into_iter().map(|kept| (kept.room, kept.found.len()));
        let each: Vec<(usize, usize)> = each.collect();
        let mut calls: Vec<DecodedCall> = Vec::new();
        for (Calling { failed, found, .. }, (room, kept)) in self.calls.into_iter().zip(each) {
            if let Some(error) = failed.filter(|_| found.len() < room) {
                return Err(error);
            }
            calls.extend(found.into_iter().take(kept).map(|found| found.call));
        }
        Ok(Decoded { calls, scores: self.scores, counts: self.counts })
    }

    /// Scores the candidates from the query's last states and begins the calls of those that are
    /// called.
    fn call(&mut self, step: &Arc<Step>, first: usize) -> Result<(), CascadeError> {
        let given = &self.given;
        let (tiny, size) = (given.decoder.tiny, given.features.len());
        self.counts.prompt += (0..size).map(|of| given.query(of, &[]).tokens.len()).sum::<usize>();
        let features: Vec<f32> = given.features.iter().flatten().copied().collect();
        let features = Tensor::from_vec(features, (size, CALL_FEATURES), &tiny.device)?;
        let states = step.states(first..first + size)?;
        let logits = tiny.small.heads.call(&states, &features)?.to_vec1::<f32>()?;
        let weight = tiny.config.cosine_weight;
        let each = logits.into_iter().zip(&given.cosines);
        self.scores = each.map(|(logit, cosine)| weighed(logit, *cosine, weight)).collect();
        let called = as_named(given, called(given, &self.scores), &self.scores);
        let profiles: Vec<&Profile> =
            called.iter().map(|index| &given.prepared(*index).profile).collect();
        let parts = clauses::parts(&given.request.query, &profiles);
        for ((before, &index), parts) in called.iter().enumerate().zip(parts) {
            // The first has at least one call, and each further one has room for one.
            let reserved = called.len() - before - 1 + usize::from(before > 0);
            let room = given.request.calls_max.saturating_sub(reserved).max(1);
            let (of, read) = ((index, self.scores[index]), (step, first + index));
            self.calls.push(Calling::new(given, of, (parts, room), read, &mut self.counts)?);
        }
        Ok(())
    }

    /// What of the answer can no longer change, candidate by candidate in its order: calls of those
    /// that nothing leaves out, one candidate after another, and those of others once they are
    /// complete.
    fn kept(&self) -> Vec<Kept<'_>> {
        let mut all: Vec<Kept<'_>> = Vec::new();
        for (index, calling) in self.calls.iter().enumerate() {
            let before = all.iter().flat_map(|kept| kept.found);
            let (count, left) = (before.clone().count(), self.calls.len() - index - 1);
            let room = room(self.given.request.calls_max, count, left);
            let found = &calling.found[..calling.found.len().min(room)];
            // The first one takes words that nobody has taken.
            let is_sure = count == 0 || is_likely(self.scores[calling.candidate]);
            if !is_sure && !calling.is_done() {
                break;
            }
            let is_new = |call: &Found| !call.says_nothing_new(before.clone());
            let is_kept = is_sure || found.iter().all(is_new);
            all.push(Kept { calling, found: if is_kept { found } else { &[] }, room });
            if !calling.is_done() {
                break;
            }
        }
        all
    }

    /// Tells what of the answer can no longer change.
    fn tell(&self) {
        if !self.progress.is_heard() {
            return;
        }
        let mut at = 0;
        for Kept { calling, found, room } in self.kept() {
            for call in found {
                self.progress.tell_whole(at, &call.call);
                at += 1;
            }
            if let Some(settled) = calling.settled().filter(|_| found.len() < room) {
                self.progress.tell(at, || settled);
            }
        }
    }

    /// Stops candidates whose calls will not be kept: asking for more of them would be in vain.
    fn prune(&mut self) {
        let in_vain: Vec<usize> =
            (1..self.calls.len()).filter(|index| self.is_in_vain(*index)).collect();
        for index in in_vain {
            self.calls[index].stop();
        }
    }

    /// Whether [`Decoding::finish`] will leave out a candidate, whatever else is found.
    fn is_in_vain(&self, index: usize) -> bool {
        let calling = &self.calls[index];
        let Some(call) = calling.found.first().filter(|_| calling.is_asking_again()) else {
            return false;
        };
        let likely = |of: &Calling| is_likely(self.scores[of.candidate]);
        // What is kept for sure: all calls of the first candidate, and the first of each likely one.
        let kept = self.calls[..index].iter().enumerate().flat_map(|(at, before)| {
            let kept = if at == 0 { usize::MAX } else { usize::from(likely(before)) };
            before.found.iter().take(kept)
        });
        !likely(calling) && call.says_nothing_new(kept)
    }
}

/// Calls that a candidate has room for after `kept` ones, when each of the `left` further candidates
/// is to have room for one.
fn room(calls_max: usize, kept: usize, left: usize) -> usize {
    calls_max.saturating_sub(kept + left).max(1)
}

/// Whether a candidate is called whatever words others take.
fn is_likely(score: f32) -> bool {
    score >= SHARED_WORDS_PROBABILITY
}

/// The same candidates, best first, but those that nothing can take back in the order in which the
/// query speaks of them; of such as it does not name, the likelier first, after the others.
fn as_named(given: &Given<'_>, mut called: Vec<usize>, scores: &[f32]) -> Vec<usize> {
    let sure = called.iter().take_while(|index| is_likely(scores[**index])).count();
    called[..sure].sort_by_key(|index| given.mention(*index).unwrap_or(usize::MAX));
    called
}

/// Candidates that are called, best first.
fn called(given: &Given<'_>, scores: &[f32]) -> Vec<usize> {
    let (config, calibrated) = (given.decoder.config, &given.decoder.tiny.config);
    let threshold = config.call_threshold.unwrap_or(calibrated.call_threshold);
    let more_threshold = config.call_threshold.unwrap_or(calibrated.more_threshold);
    let choice = given.request.choice;
    let mut best: Vec<usize> = (0..scores.len()).collect();
    best.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let first = best[0];
    let wanted = choice == ToolChoice::Required || scores[first] >= threshold;
    let mut called: Vec<usize> = match choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Named(index) => vec![index],
        ToolChoice::Auto | ToolChoice::Required if !wanted => Vec::new(),
        ToolChoice::Auto | ToolChoice::Required => best
            .into_iter()
            .filter(|index| *index == first || scores[*index] >= more_threshold)
            .collect(),
    };
    called.truncate(given.request.calls_max);
    called
}

/// Probability of a call: the small model's logit, moved by how far the retriever's cosine lies from
/// one half.
pub fn weighed(logit: f32, cosine: f32, weight: f32) -> f32 {
    sigmoid(logit + weight * (cosine - 0.5))
}
