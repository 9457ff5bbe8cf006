//! The decode loop: which candidates are called, how often, and with which values.

use std::ops::Range;
use std::time::Instant;

use candle_core::Tensor;
use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;

use crate::api::{Candidate, DecodeRequest, Decoded, DecodedCall, TokenCounts, ToolChoice};
use crate::blocks::Block;
use crate::branch::Branch;
use crate::config::CascadeConfig;
use crate::decide::{Asked, CallFilling, Filled, States, written};
use crate::error::CascadeError;
use crate::generate::{Masks, Written, plainest};
use crate::likeness::Likeness;
use crate::model::heads::CALL_FEATURES;
use crate::model::small::{BranchRow, Placed, Read};
use crate::model::{Kv, body, ops};
use crate::progress::{Progress, SettledCall};
use crate::prompt;
use crate::sequence::Batch;
use crate::text::Token;
use crate::tiny::{Tiny, call_features, sigmoid};

/// Decodes requests, one at a time.
pub struct Decoder<'a> {
    /// The models.
    pub tiny: &'a Tiny,
    /// Masks for values that are written.
    pub masks: &'a Masks,
    /// Limits.
    pub config: &'a CascadeConfig,
}

/// A decode under way.
struct Job<'a> {
    request: &'a DecodeRequest,
    asked: Asked<'a>,
    counts: TokenCounts,
    progress: &'a Progress,
}

/// A candidate's call, and the words of the query in it.
struct Found {
    call: DecodedCall,
    copied: Vec<Range<usize>>,
}

impl Found {
    /// Whether it takes words of the query, and others take all of them.
    fn says_nothing_new(&self, others: &[Found]) -> bool {
        let overlap = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
        let taken = |one: &Range<usize>| {
            others.iter().flat_map(|other| &other.copied).any(|other| overlap(one, other))
        };
        !self.copied.is_empty() && self.copied.iter().all(taken)
    }

    /// Whether a call of which these values are known differs from this one already.
    fn differs(&self, settled: &[Option<Value>]) -> bool {
        match &self.call.arguments {
            Value::Record(fields) => fields.iter().zip(settled).any(|(own, other)| own != other),
            _ => false,
        }
    }
}

/// Probability from which a function may be called with nothing but words that likelier ones have
/// taken: in *weather and time in Paris* both mean the same word, but such a pair is more often one
/// wish and two functions that could answer it.
const SHARED_WORDS_PROBABILITY: f32 = 0.9;

impl Decoder<'_> {
    /// Decides every call of a request.
    pub fn decode(&self, request: &DecodeRequest) -> Result<Decoded, CascadeError> {
        self.decode_told(request, &Progress::silent())
    }

    /// Decides every call of a request, and tells what can no longer change: the order of the
    /// answer is the order in which its calls are decided.
    pub fn decode_told(
        &self,
        request: &DecodeRequest,
        progress: &Progress,
    ) -> Result<Decoded, CascadeError> {
        let tokens = self.tiny.tokenizer.encode(&request.query);
        if tokens.len() > self.config.query_tokens_max {
            return Err(CascadeError::QueryTooLong {
                tokens: tokens.len(),
                tokens_max: self.config.query_tokens_max,
            });
        }
        if request.candidates.is_empty()
            || request.choice == ToolChoice::None
            || request.query.trim().is_empty()
        {
            return Ok(Decoded {
                scores: vec![0.0; request.candidates.len()],
                ..Decoded::default()
            });
        }
        let likeness = Likeness::new(&request.query);
        let asked = Asked { query: &request.query, tokens: &tokens, likeness: &likeness };
        let mut job = Job { request, asked, counts: TokenCounts::default(), progress };
        let all: Vec<usize> = (0..request.candidates.len()).collect();
        let (read, scores) = self.read(&mut job, &all, &vec![Vec::new(); all.len()])?;
        let called = as_named(&job, self.called(request, &scores), &scores);
        let mut found: Vec<Found> = Vec::new();
        for (room, &index) in called.iter().enumerate() {
            let reserved = called.len() - room - 1;
            let calls_max = request.calls_max.saturating_sub(found.len() + reserved);
            // The best one takes words that nobody has taken.
            let is_sure = found.is_empty() || scores[index] >= SHARED_WORDS_PROBABILITY;
            let told_at = is_sure.then_some(found.len());
            let calls =
                self.calls_of(&mut job, index, &read, (scores[index], calls_max), told_at)?;
            if !is_sure && calls.iter().any(|call| call.says_nothing_new(&found)) {
                continue;
            }
            for call in calls {
                progress.tell_whole(found.len(), &call.call);
                found.push(call);
            }
        }
        let calls = found.into_iter().map(|found| found.call).collect();
        Ok(Decoded { calls, scores, counts: job.counts })
    }

    /// Candidates that are called, best first.
    fn called(&self, request: &DecodeRequest, scores: &[f32]) -> Vec<usize> {
        let told = self.config.call_threshold;
        let threshold = told.unwrap_or(self.tiny.config.call_threshold);
        let more_threshold = told.unwrap_or(self.tiny.config.more_threshold);
        let mut best: Vec<usize> = (0..scores.len()).collect();
        best.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let first = best[0];
        let wanted = request.choice == ToolChoice::Required || scores[first] >= threshold;
        let mut called: Vec<usize> = match request.choice {
            ToolChoice::None => Vec::new(),
            ToolChoice::Named(index) => vec![index],
            ToolChoice::Auto | ToolChoice::Required if !wanted => Vec::new(),
            ToolChoice::Auto | ToolChoice::Required => best
                .into_iter()
                .filter(|index| *index == first || scores[*index] >= more_threshold)
                .collect(),
        };
        called.truncate(request.calls_max);
        called
    }

    /// Reads the query beside candidates' blocks; gives the probability of one more call of each.
    fn read(
        &self,
        job: &mut Job<'_>,
        candidates: &[usize],
        earlier: &[Vec<Vec<Token>>],
    ) -> Result<(Reading, Vec<f32>), CascadeError> {
        self.check(job.request.deadline)?;
        let request = job.request;
        let of = |index: &usize| -> &Candidate { &request.candidates[*index] };
        let rows = earlier.iter().map(|e| prompt::small_query(job.asked.tokens, e)).collect();
        let batch = Batch::new(rows);
        job.counts.prompt += batch.len();
        let blocks: Vec<&Block> = candidates.iter().map(|i| &of(i).prepared.block).collect();
        let kv = body::join(&blocks.iter().map(|block| &block.kv).collect::<Vec<_>>())?;
        let mut from = 0;
        let mut beside = Vec::with_capacity(blocks.len());
        for block in &blocks {
            beside.push(Placed { tokens: &block.tokens, from });
            from += block.tokens.len();
        }
        let soft = &request.intent.soft_token;
        let soft = Tensor::from_slice(soft, (1, soft.len()), &self.tiny.device)?
            .broadcast_as((batch.size(), soft.len()))?
            .contiguous()?;
        let read = self.tiny.small.read(&batch, &soft, &kv, &beside)?;
        let last = ops::rows(&read.states, &batch.last())?;
        // Of all candidates, since how a cosine lies among the others tells more than itself.
        let all = || request.candidates.iter().map(|candidate| &candidate.prepared);
        let cosines: Vec<f32> =
            all().map(|one| dot(&request.intent.query_vector, one.vector())).collect();
        let features: Vec<f32> = candidates
            .iter()
            .flat_map(|&index| {
                let likeness = of(&index).prepared.profile.likeness(job.asked.likeness);
                call_features(&cosines, index, request.intent.p_call, likeness)
            })
            .collect();
        let shape = (batch.size(), CALL_FEATURES);
        let features = Tensor::from_vec(features, shape, &self.tiny.device)?;
        let heads = &self.tiny.small.heads;
        let first = earlier.iter().all(Vec::is_empty);
        let scores = if first {
            let weight = self.tiny.config.cosine_weight;
            let logits = heads.call(&last, &features)?.to_vec1::<f32>()?;
            let each = logits.into_iter().zip(candidates);
            each.map(|(logit, &index)| weighed(logit, cosines[index], weight)).collect()
        } else {
            let logits = heads.again(&last, &features)?.to_vec1::<f32>()?;
            logits.into_iter().map(sigmoid).collect()
        };
        let at = beside.iter().map(|placed| placed.from).collect();
        let queries = (0..batch.size()).map(|list| batch.range(list)).collect();
        Ok((Reading { read, blocks: at, queries }, scores))
    }

    /// Every call of one candidate, which is called at least once; the first has that probability,
    /// and there are so many at most. `told_at` is the first one's place in the answer, where it is
    /// sure to have one.
    fn calls_of(
        &self,
        job: &mut Job<'_>,
        index: usize,
        first: &Reading,
        (mut score, calls_max): (f32, usize),
        told_at: Option<usize>,
    ) -> Result<Vec<Found>, CascadeError> {
        let threshold = self.config.call_threshold.unwrap_or(self.tiny.config.again_threshold);
        let progress = job.progress;
        let mut earlier: Vec<Vec<Token>> = Vec::new();
        let mut found: Vec<Found> = Vec::new();
        let mut again: Option<Reading> = None;
        loop {
            let (read, row) = again.as_ref().map_or((first, index), |read| (read, 0));
            let at = told_at.map(|at| at + found.len());
            let tell = |filling: &CallFilling| {
                let Some(at) = at.filter(|_| progress.is_heard()) else { return };
                let arguments = filling.settled();
                // A call that is there already is none.
                if found.iter().all(|found| found.differs(&arguments)) {
                    let is_whole = false;
                    progress.tell(at, || SettledCall { candidate: index, arguments, is_whole });
                }
            };
            let (filled, values) = self.fill(job, index, (read, row), &earlier, &tell)?;
            if found.iter().any(|found| found.call.arguments == filled.arguments) {
                return Ok(found);
            }
            let Filled { arguments, pieces, copied } = filled;
            let call = DecodedCall { candidate: index, arguments, score, pieces };
            if let Some(at) = at {
                progress.tell_whole(at, &call);
            }
            found.push(Found { call, copied });
            if found.len() >= calls_max {
                return Ok(found);
            }
            earlier.push(values);
            let (read, scores) = self.read(job, &[index], std::slice::from_ref(&earlier))?;
            if scores[0] < threshold {
                return Ok(found);
            }
            score = scores[0];
            again = Some(read);
        }
    }

    /// Fills one call: rounds of one forward over all of its branches. Tells how far it is before
    /// the first and after each.
    fn fill(
        &self,
        job: &mut Job<'_>,
        index: usize,
        (read, row): (&Reading, usize),
        earlier: &[Vec<Token>],
        tell: &dyn Fn(&CallFilling),
    ) -> Result<(Filled, Vec<Token>), CascadeError> {
        let prepared = &job.request.candidates[index].prepared;
        let scene = Scene::new(self, read, row, &prepared.block.tokens, job.asked.tokens, earlier)?;
        let mut filling = CallFilling::new(&prepared.template);
        let mut counts = job.counts;
        let mut waiting = filling.begin(self.tiny, &mut counts);
        tell(&filling);
        while !waiting.is_empty() {
            self.check(job.request.deadline)?;
            let branches: Vec<&Branch> =
                waiting.iter().map(|&index| &filling.parameters[index].branch).collect();
            let states =
                States { asked: scene.states(&branches)?, query: scene.query.clone(), waiting };
            let mut write = |branch: &Branch, slot: &Slot| {
                self.check(job.request.deadline)?;
                self.write(&scene, branch, slot, job.request.deadline)
            };
            waiting = filling.answer(self.tiny, &job.asked, &states, &mut write, &mut counts)?;
            tell(&filling);
        }
        job.counts = counts;
        let values = filling.value_tokens();
        Ok((filling.finish()?, values))
    }

    /// Writes one value, token by token.
    fn write(
        &self,
        scene: &Scene<'_>,
        branch: &Branch,
        slot: &Slot,
        deadline: Instant,
    ) -> Result<(Value, Vec<u32>), CascadeError> {
        let tokens_max = self.config.value_tokens_max;
        let mut writing = self.masks.begin(slot)?;
        let mut branch = branch.clone();
        loop {
            self.check(deadline)?;
            let state = scene.states(&[&branch])?;
            let logits = self.tiny.small.vocabulary(&state)?.squeeze(0)?.to_vec1::<f32>()?;
            match writing.step(&logits, tokens_max) {
                Some(Written::Token(id)) => branch.write([written(id)]),
                Some(Written::Done) | None => break,
            }
        }
        let value = self.masks.value(slot, &writing).or_else(|| plainest(slot));
        let subject = || slot.subject.clone();
        let value =
            value.ok_or_else(|| CascadeError::Unfilled { subject: subject(), tokens_max })?;
        Ok((value, writing.tokens().to_vec()))
    }

    fn check(&self, deadline: Instant) -> Result<(), CascadeError> {
        if Instant::now() >= deadline {
            return Err(CascadeError::Deadline { step: "decode" });
        }
        Ok(())
    }
}

/// Queries that were read, and where blocks and queries stand.
struct Reading {
    read: Read,
    /// Where each candidate's block begins.
    blocks: Vec<usize>,
    /// Where each candidate's query stands among the queries.
    queries: Vec<Range<usize>>,
}

/// What the branches of one call continue.
struct Scene<'a> {
    decoder: &'a Decoder<'a>,
    /// Keys and values of this candidate's block and then its query: every forward copies them, so
    /// the other candidates' stay out.
    kv: Kv,
    block: Placed<'a>,
    row: Vec<Token>,
    /// States of the query's own tokens, `[tokens, d]`.
    query: Tensor,
}

impl<'a> Scene<'a> {
    fn new(
        decoder: &'a Decoder<'a>,
        reading: &Reading,
        index: usize,
        block: &'a [Token],
        tokens: &[Token],
        earlier: &[Vec<Token>],
    ) -> Result<Self, CascadeError> {
        let range = &reading.queries[index];
        let (start, read_from) = (range.start, reading.read.blocks_len + range.start);
        let parts = [(reading.blocks[index], block.len()), (read_from, range.len())];
        Ok(Self {
            decoder,
            kv: body::parts(&reading.read.kv, &parts)?,
            block: Placed { tokens: block, from: 0 },
            row: prompt::small_query(tokens, earlier),
            query: reading.read.states.narrow(0, start + prompt::QUERY_OFFSET, tokens.len())?,
        })
    }

    /// States of the branches' last tokens, `[branches, d]`.
    fn states(&self, branches: &[&Branch]) -> Result<Tensor, CascadeError> {
        let mut row = BranchRow::default();
        let last: Vec<u32> = branches
            .iter()
            .map(|branch| (row.push(branch.tokens()) + branch.tokens().len() - 1) as u32)
            .collect();
        let after = Placed { tokens: &self.row, from: self.block.tokens.len() };
        let small = &self.decoder.tiny.small;
        let states = small.branches(&[row], &self.kv, &[self.block], &[after])?;
        Ok(ops::rows(&states, &last)?)
    }
}

/// The same candidates, best first, but those that nothing can take back in the order in which the
/// query speaks of them; of such as it does not name, the likelier first, after the others.
fn as_named(job: &Job<'_>, mut called: Vec<usize>, scores: &[f32]) -> Vec<usize> {
    let sure = called.iter().take_while(|index| scores[**index] >= SHARED_WORDS_PROBABILITY);
    let sure = sure.count();
    called[..sure].sort_by_key(|index| {
        let prepared = &job.request.candidates[*index].prepared;
        prepared.profile.mention(job.asked.likeness).unwrap_or(usize::MAX)
    });
    called
}

/// Probability of a call: the small model's logit, moved by how far the retriever's cosine lies from
/// one half.
pub fn weighed(logit: f32, cosine: f32, weight: f32) -> f32 {
    sigmoid(logit + weight * (cosine - 0.5))
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
