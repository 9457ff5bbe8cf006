//! The calls of one candidate: filled one after another, each in rounds of one forward.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;
use hyfunc_functions::Value;

use crate::api::{DecodedCall, TokenCounts};
use crate::branch::Branch;
use crate::clauses::Part;
use crate::config::{EARLIER_TOKENS_MAX, ROUND_TOKENS_MAX};
use crate::decide::{CallFilling, Filled, States};
use crate::error::CascadeError;
use crate::evidence;
use crate::model::heads::AGAIN_FEATURES;
use crate::model::small::{Before, BranchRow, List, Step};
use crate::progress::SettledCall;
use crate::prompt::{self, BLOCK_TOKENS_MAX};
use crate::text::Token;
use crate::tiny::sigmoid;

use super::given::Given;
use super::writes::{self, Target, Writes};

/// A candidate's call, and the words of the query in it.
pub(super) struct Found {
    pub call: DecodedCall,
    pub copied: Vec<(usize, Range<usize>)>,
}

impl Found {
    /// Whether it takes words of the query, and others take all of them.
    pub fn says_nothing_new<'a>(&self, others: impl Iterator<Item = &'a Found> + Clone) -> bool {
        let overlap = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
        let taken = |one: &Range<usize>| {
            others.clone().flat_map(|other| &other.copied).any(|(_, other)| overlap(one, other))
        };
        !self.copied.is_empty() && self.copied.iter().all(|(_, one)| taken(one))
    }

    /// Whether a call of which these values are known differs from this one already.
    fn differs(&self, settled: &[Option<Value>]) -> bool {
        match &self.call.arguments {
            Value::Record(fields) => fields.iter().zip(settled).any(|(own, other)| own != other),
            _ => false,
        }
    }
}

/// The calls of one candidate, which is called at least once.
pub(super) struct Calling {
    pub candidate: usize,
    /// Calls that are complete.
    pub found: Vec<Found>,
    /// Why there are no more than these.
    pub failed: Option<CascadeError>,
    /// Probability of the call that is being filled.
    score: f32,
    calls_max: usize,
    /// Where the query is about this candidate and where about others.
    parts: Vec<Part>,
    /// Values of the calls that are complete.
    earlier: Vec<Vec<Token>>,
    query: Query,
    stage: Stage,
}

/// The query beside this candidate's block, as it was last read.
struct Query {
    step: Arc<Step>,
    /// Which list of that step it was.
    list: usize,
    tokens: Vec<Token>,
    /// States of the query's own tokens, `[tokens, d]`.
    states: Tensor,
}

/// What is to be read next.
enum Stage {
    /// The branches of a round: `asked` holds the states that were read already, those of the first.
    Round { filling: CallFilling, waiting: Vec<usize>, asked: Vec<Tensor> },
    /// Values that are being written; after them `waiting` is the next round.
    Write { filling: CallFilling, waiting: Vec<usize>, writes: Writes },
    /// The query, to ask for one more call.
    Again,
    /// Nothing.
    Done,
}

impl Query {
    fn new(
        given: &Given<'_>,
        candidate: usize,
        earlier: &[Vec<Token>],
        (step, list): (&Arc<Step>, usize),
    ) -> Result<Self, CascadeError> {
        let query = given.query(candidate, earlier);
        let own = prompt::QUERY_OFFSET..prompt::QUERY_OFFSET + given.tokens.len();
        let states = given.decoder.tiny.small.more(step, list, &query, own)?;
        Ok(Self { step: step.clone(), list, tokens: query.tokens, states })
    }

    fn before(&self) -> Before<'_> {
        Before { tokens: &self.tokens, kv: self.step.kv(), from: self.step.from(self.list) }
    }
}

impl Calling {
    /// A candidate that is called with probability `score`; the query beside its block is list `read`.
    pub fn new(
        given: &Given<'_>,
        (candidate, score): (usize, f32),
        (parts, calls_max): (Vec<Part>, usize),
        read: (&Arc<Step>, usize),
        counts: &mut TokenCounts,
    ) -> Result<Self, CascadeError> {
        let mut calling = Self {
            candidate,
            found: Vec::new(),
            failed: None,
            score,
            calls_max,
            parts,
            earlier: Vec::new(),
            query: Query::new(given, candidate, &[], read)?,
            stage: Stage::Done,
        };
        calling.failed = calling.begin(given, counts).err();
        Ok(calling)
    }

    /// Whether there is nothing more to read: [`Calling::lists`] gives none.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether all that is left is to ask for one more call.
    pub fn is_asking_again(&self) -> bool {
        matches!(self.stage, Stage::Again)
    }

    /// The call that is being filled, as far as it can no longer change; `None` before it differs
    /// from the calls that are complete, since one that is there already is none.
    pub fn settled(&self) -> Option<SettledCall> {
        let (Stage::Round { filling, .. } | Stage::Write { filling, .. }) = &self.stage else {
            return None;
        };
        let (arguments, pieces) = filling.settled();
        let is_new = self.found.iter().all(|found| found.differs(&arguments));
        let candidate = self.candidate;
        is_new.then_some(SettledCall { candidate, arguments, pieces, is_whole: false })
    }

    /// Leaves it at the calls that are complete.
    pub fn stop(&mut self) {
        self.stage = Stage::Done;
    }

    /// Number of lists that it needs read next.
    pub fn lists_len(&self) -> usize {
        match &self.stage {
            Stage::Done => 0,
            Stage::Again | Stage::Round { .. } => 1,
            Stage::Write { writes, .. } => writes.lists_len(),
        }
    }

    /// What it needs read next.
    pub fn lists<'a>(&'a self, given: &'a Given<'_>) -> Vec<List<'a>> {
        match &self.stage {
            Stage::Done => Vec::new(),
            Stage::Again => vec![given.query(self.candidate, &self.earlier)],
            Stage::Write { writes, .. } => writes.lists(self.before(given), self.position()),
            Stage::Round { filling, waiting, asked } => {
                let config = given.decoder.config;
                let rest = &waiting[states_of(asked)..];
                let together = match config.chained_slots || config.ablate.parallel_slots {
                    true => 1,
                    false => fitting(filling, rest),
                };
                let branch = |index: &usize| (*index, &filling.parameters[*index].branch);
                vec![self.branches(given, filling, rest[..together].iter().map(branch))]
            }
        }
    }

    fn branches<'a>(
        &'a self,
        given: &'a Given<'_>,
        filling: &CallFilling,
        branches: impl Iterator<Item = (usize, &'a Branch)>,
    ) -> List<'a> {
        let mut row = BranchRow::default();
        let mut wanted = Vec::new();
        for (index, branch) in branches {
            let tokens = writes::before(given, filling, index, branch);
            wanted.push(row.push(&tokens) + tokens.len() - 1);
        }
        List {
            before: self.before(given).into(),
            position: self.position(),
            tokens: row.tokens,
            places: Some(row.places),
            soft: None,
            wanted,
        }
    }

    /// What every branch sees.
    fn before<'a>(&'a self, given: &'a Given<'_>) -> [Before<'a>; 2] {
        [given.block(self.candidate), self.query.before()]
    }

    /// Position of a branch's first token.
    fn position(&self) -> usize {
        BLOCK_TOKENS_MAX + self.query.tokens.len()
    }

    /// Takes what [`Calling::lists`] asked for, from list `list` of a step on. An error ends this
    /// candidate's calls alone.
    pub fn take(
        &mut self,
        given: &Given<'_>,
        (step, list): (&Arc<Step>, usize),
        counts: &mut TokenCounts,
    ) {
        let lists = list..list + self.lists_len();
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let taken = step.states(lists).map_err(CascadeError::from).and_then(|states| match stage {
            Stage::Done => Ok(()),
            Stage::Again => self.again(given, (step, list), &states, counts),
            Stage::Write { filling, waiting, writes } => {
                let read = (step, list, &states);
                self.write(given, filling, (waiting, writes), read, counts)
            }
            Stage::Round { filling, waiting, mut asked } => {
                asked.push(states);
                self.round(given, filling, (waiting, asked), counts)
            }
        });
        self.failed = taken.err();
    }

    /// Begins a call.
    fn begin(&mut self, given: &Given<'_>, counts: &mut TokenCounts) -> Result<(), CascadeError> {
        let earlier = self.found.iter().flat_map(|found| found.copied.iter().cloned()).collect();
        let mut filling = CallFilling::new(&given.prepared(self.candidate).template, earlier);
        let waiting = filling.begin(given.decoder.tiny, counts);
        self.wait(filling, waiting)
    }

    fn wait(&mut self, filling: CallFilling, waiting: Vec<usize>) -> Result<(), CascadeError> {
        if waiting.is_empty() {
            return self.complete(filling);
        }
        self.stage = Stage::Round { filling, waiting, asked: Vec::new() };
        Ok(())
    }

    /// Ends a call. One that was there before is not made twice.
    fn complete(&mut self, filling: CallFilling) -> Result<(), CascadeError> {
        let read: usize = self.earlier.iter().map(Vec::len).sum();
        let values = filling.value_tokens(EARLIER_TOKENS_MAX.saturating_sub(read));
        let Filled { arguments, pieces, copied } = filling.finish()?;
        if self.found.iter().any(|found| found.call.arguments == arguments) {
            return Ok(());
        }
        let call = DecodedCall { candidate: self.candidate, arguments, score: self.score, pieces };
        self.found.push(Found { call, copied });
        if self.found.len() < self.calls_max {
            self.earlier.push(values);
            self.stage = Stage::Again;
        }
        Ok(())
    }

    /// Answers a round, once the states of all its branches are there.
    fn round(
        &mut self,
        given: &Given<'_>,
        mut filling: CallFilling,
        (mut waiting, asked): (Vec<usize>, Vec<Tensor>),
        counts: &mut TokenCounts,
    ) -> Result<(), CascadeError> {
        let is_chained = given.decoder.config.chained_slots;
        if !is_chained && states_of(&asked) < waiting.len() {
            self.stage = Stage::Round { filling, waiting, asked };
            return Ok(());
        }
        let asked = match asked.as_slice() {
            [one] => one.clone(),
            several => Tensor::cat(several, 0)?,
        };
        let (tiny, prepared) = (given.decoder.tiny, given.prepared(self.candidate));
        let known = (&prepared.labels, &prepared.spoken);
        // In a chain those after the first wait until it is complete.
        let later = if is_chained { waiting.split_off(1) } else { Vec::new() };
        let at = States { waiting, asked, query: self.query.states.clone() };
        let mut answered = filling.answer(tiny, known, &given.asked(&self.parts), &at, counts)?;
        let mut waiting = std::mem::take(&mut answered.waiting);
        let mut writes = Writes::new(given, &filling, answered, &at.asked)?;
        let mut target = Target { filling: &mut filling, waiting: &mut waiting, counts };
        writes.begin(given, &mut target)?;
        waiting.extend(later);
        self.go_on(filling, waiting, writes)
    }

    /// Writes one token of every value that is being written.
    fn write(
        &mut self,
        given: &Given<'_>,
        mut filling: CallFilling,
        (mut waiting, mut writes): (Vec<usize>, Writes),
        (step, list, states): (&Arc<Step>, usize, &Tensor),
        counts: &mut TokenCounts,
    ) -> Result<(), CascadeError> {
        let mut target = Target { filling: &mut filling, waiting: &mut waiting, counts };
        writes.feed(given, (step, list), states, &mut target)?;
        self.go_on(filling, waiting, writes)
    }

    /// The next round begins when every value of this one is there: slots that are asked together
    /// share the query's words among them.
    fn go_on(
        &mut self,
        filling: CallFilling,
        mut waiting: Vec<usize>,
        writes: Writes,
    ) -> Result<(), CascadeError> {
        if writes.is_done() {
            waiting.sort_unstable();
            return self.wait(filling, waiting);
        }
        self.stage = Stage::Write { filling, waiting, writes };
        Ok(())
    }

    /// Decides whether there is one more call, and begins it.
    fn again(
        &mut self,
        given: &Given<'_>,
        read: (&Arc<Step>, usize),
        state: &Tensor,
        counts: &mut TokenCounts,
    ) -> Result<(), CascadeError> {
        let decoder = given.decoder;
        let copied = |found: &Found| -> Vec<Range<usize>> {
            found.copied.iter().map(|(_, bytes)| bytes.clone()).collect()
        };
        let all: Vec<Range<usize>> = self.found.iter().flat_map(copied).collect();
        let latest = self.found.last().map(copied).unwrap_or_default();
        let further = evidence::further(&given.request.query, &latest, &all);
        let features = [given.features[self.candidate].as_slice(), &further].concat();
        let features = Tensor::from_vec(features, (1, AGAIN_FEATURES), &decoder.tiny.device)?;
        let logit = decoder.tiny.small.heads.again(state, &features)?.to_vec1::<f32>()?[0];
        let threshold =
            decoder.config.call_threshold.unwrap_or(decoder.tiny.config.again_threshold);
        counts.prompt += prompt::small_query(&given.tokens, &self.earlier).len();
        if sigmoid(logit) < threshold {
            return Ok(());
        }
        self.score = sigmoid(logit);
        self.query = Query::new(given, self.candidate, &self.earlier, read)?;
        self.begin(given, counts)
    }
}

/// Number of states, `[states, d]` each.
fn states_of(asked: &[Tensor]) -> usize {
    asked.iter().filter_map(|states| states.dims().first()).sum()
}

/// How many of the parameters that wait, one at least, one forward reads beside each other.
fn fitting(filling: &CallFilling, waiting: &[usize]) -> usize {
    let mut tokens = 0;
    let fits = waiting.iter().take_while(|index| {
        tokens += filling.parameters[**index].branch.recent().len();
        tokens <= ROUND_TOKENS_MAX
    });
    fits.count().max(1)
}
