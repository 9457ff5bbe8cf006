//! Replies of a small model without heads: written freely, or along the templates.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use candle_core::{D, Tensor};
use hyfunc_cascade::config::CascadeConfig;
use hyfunc_cascade::decide::written;
use hyfunc_cascade::generate::{Masks, Written, plainest};
use hyfunc_cascade::model::small::{Before, List, Step as Forward};
use hyfunc_cascade::model::{Kv, Small};
use hyfunc_cascade::prompt::{self, BLOCK_TOKENS_MAX};
use hyfunc_cascade::text::{Special, Token, Tokenizer};
use hyfunc_cascade::{CascadeError, TokenCounts};
use hyfunc_functions::template::{Slot, Step};
use hyfunc_functions::{Function, PlanCursor, Spelling, Template, Value};

use super::free::REPLY_TOKENS_MAX;
use super::text::{self, ENDS, Leaf};
use crate::error::TrainingError;

/// Steps of one reply along templates after which lists, values and calls end where they may.
const STEPS_TIRED: usize = 96;

/// Steps of one reply along templates; a free value could else nest for minutes.
const STEPS_MAX: usize = 400;

/// Calls that were made: index of the function among those offered, and its arguments.
pub(crate) type Calls = Vec<(usize, Value)>;

/// What a reply came to.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// `None` where it cannot be read as calls of the functions on offer.
    pub(crate) calls: Option<Calls>,
    /// What was written, for people.
    pub(crate) text: String,
    pub(crate) counts: TokenCounts,
}

/// A small model that writes, and the blocks that it has read.
pub(crate) struct Writer<'a> {
    small: &'a Small,
    tokenizer: &'a Tokenizer,
    masks: Masks,
    token_bytes: Vec<Vec<u8>>,
    value_tokens_max: usize,
    /// By the function's address; it is held, so that this stays its own.
    blocks: HashMap<usize, (Arc<Function>, Vec<Token>, Kv)>,
}

/// What is replied to.
pub(crate) struct Asked<'a> {
    pub(crate) query: &'a str,
    pub(crate) functions: &'a [Arc<Function>],
    /// `[d_large]`.
    pub(crate) soft: &'a [f32],
}

impl<'a> Writer<'a> {
    /// One that has read nothing.
    pub(crate) fn new(small: &'a Small, tokenizer: &'a Tokenizer) -> Result<Self, TrainingError> {
        let masks = Masks::new(tokenizer)
            .map_err(|reason| CascadeError::Mask { subject: "(any)".into(), reason })?;
        Ok(Self {
            small,
            tokenizer,
            masks,
            token_bytes: tokenizer.token_bytes(),
            value_tokens_max: CascadeConfig::default().value_tokens_max,
            blocks: HashMap::new(),
        })
    }

    /// Replies, along the templates if `is_templated`.
    pub(crate) fn reply(
        &mut self,
        asked: &Asked<'_>,
        is_templated: bool,
    ) -> Result<Reply, TrainingError> {
        self.know(asked.functions)?;
        let template = |of: &Arc<Function>| Arc::new(Template::new(of, Spelling::Param));
        let templates: Vec<Arc<Template>> = asked.functions.iter().map(template).collect();
        let plan = text::plan_of(&templates);
        let mut line = Line::begin(self, asked)?;
        match is_templated {
            true => self.follow(&mut line, plan),
            false => self.ramble(&mut line, plan),
        }
    }

    /// Reads the blocks of functions, unless it has.
    pub(super) fn know(&mut self, functions: &[Arc<Function>]) -> Result<(), TrainingError> {
        for function in functions {
            if let Entry::Vacant(place) = self.blocks.entry(Arc::as_ptr(function) as usize) {
                let tokens = prompt::block(self.tokenizer, function);
                let kv = self.small.block(&tokens)?;
                place.insert((function.clone(), tokens, kv));
            }
        }
        Ok(())
    }

    /// Writes what comes to mind, and reads it as calls.
    fn ramble(&self, line: &mut Line<'_>, plan: PlanCursor) -> Result<Reply, TrainingError> {
        let mut ids = Vec::new();
        while ids.len() < REPLY_TOKENS_MAX {
            let best = line.logits.argmax(D::Minus1)?.to_scalar::<u32>()?;
            ids.push(best);
            if best == Special::End as u32 {
                break;
            }
            line.feed(&[best])?;
        }
        let said = text::said(&self.token_bytes, &ids);
        let counts = TokenCounts { sampled: ids.len(), prompt: line.prompt, ..Default::default() };
        let read = |fixed: &str| text::said(&self.token_bytes, &text::ids(self.tokenizer, fixed));
        Ok(Reply { calls: parsed(plan, &said, &read), text: shown(&said), counts })
    }

    /// Writes along the templates: fixed text is fed, ways on are told apart by the tokens in which
    /// they differ, values are written under the mask of their type.
    fn follow(&self, line: &mut Line<'_>, mut plan: PlanCursor) -> Result<Reply, TrainingError> {
        let mut reply = Reply::default();
        reply.counts.prompt = line.prompt;
        // Tokens of the next fixed text that told ways apart, and were read with them.
        let mut ahead = 0;
        for step in 0..STEPS_MAX {
            match plan.step() {
                Step::Done => {
                    reply.calls = plan.finish().ok();
                    return Ok(reply);
                }
                Step::Fixed(fixed) => {
                    let ids = text::ids(self.tokenizer, fixed);
                    reply.text.push_str(fixed);
                    reply.counts.injected += ids.len();
                    line.feed(&ids[ahead.min(ids.len())..])?;
                    ahead = 0;
                    plan.advance();
                }
                Step::Choice(_) => {
                    let mut leaves = text::leaves(&plan).map_err(CascadeError::from)?;
                    if step >= STEPS_TIRED {
                        // The last way on is the one that says least: the end, and what is absent.
                        leaves.drain(..leaves.len().saturating_sub(1));
                    }
                    let (leaf, read) = self.choose(line, &leaves)?;
                    reply.counts.chosen += 1;
                    reply.text.push_str(&leaf.text);
                    for alternative in &leaf.path {
                        plan.choose(*alternative).map_err(CascadeError::from)?;
                    }
                    ahead = read;
                }
                Step::Slot(slot) => {
                    let slot = slot.clone();
                    let Some(value) = self.fill(line, &slot, &mut reply)? else { return Ok(reply) };
                    plan.fill(value).map_err(CascadeError::from)?;
                }
            }
        }
        Ok(reply)
    }

    /// The way on that the model favours; all of its own text has been read then, and so many tokens
    /// of the fixed text behind it.
    fn choose<'l>(
        &self,
        line: &mut Line<'_>,
        leaves: &'l [Leaf],
    ) -> Result<(&'l Leaf, usize), TrainingError> {
        let own: Vec<Vec<u32>> =
            leaves.iter().map(|leaf| text::ids(self.tokenizer, &leaf.text)).collect();
        let ways: Vec<Vec<u32>> = leaves
            .iter()
            .zip(&own)
            .map(|(leaf, own)| {
                own.iter().copied().chain(text::ids(self.tokenizer, &leaf.ahead)).collect()
            })
            .collect();
        let mut alive: Vec<usize> = (0..ways.len()).collect();
        let mut at = 0;
        while alive.len() > 1 {
            let logits = line.logits.to_vec1::<f32>()?;
            // A way that is at its end goes on with some fence.
            let score = |way: &usize| match ways[*way].get(at) {
                Some(id) => logits[*id as usize],
                None => end_logit(&logits),
            };
            let best = alive.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)));
            let Some(best) = best else { break };
            let next = ways[best].get(at).copied();
            alive.retain(|way| ways[*way].get(at).copied() == next);
            let Some(next) = next else {
                alive.truncate(1);
                break;
            };
            line.feed(&[next])?;
            at += 1;
        }
        let chosen = alive.first().copied().unwrap_or(0);
        if at < own[chosen].len() {
            line.feed(&own[chosen][at..])?;
            at = own[chosen].len();
        }
        Ok((&leaves[chosen], at - own[chosen].len()))
    }

    /// A value under its mask; `None` where none can be written.
    fn fill(
        &self,
        line: &mut Line<'_>,
        slot: &Slot,
        reply: &mut Reply,
    ) -> Result<Option<Value>, TrainingError> {
        let mut writing = self.masks.begin(slot)?;
        loop {
            let mut logits = line.logits.to_vec1::<f32>()?;
            // The mask knows one end; whatever fence the model means, it ends the value.
            logits[Special::ParamEnd as usize] = end_logit(&logits);
            match writing.step(&logits, self.value_tokens_max) {
                Some(Written::Token(id)) => line.feed(&[id])?,
                Some(Written::Done) | None => break,
            }
        }
        reply.counts.sampled += writing.tokens().len();
        reply.text.push_str(&self.masks.text(writing.tokens()));
        Ok(self.masks.value(slot, &writing).or_else(|| plainest(slot)))
    }
}

/// The best of the fences that can end a value.
fn end_logit(logits: &[f32]) -> f32 {
    let ends = ENDS.iter().filter_map(|end| logits.get(*end as usize).copied());
    ends.fold(f32::NEG_INFINITY, f32::max)
}

/// A reply with its fences as people write them.
pub(super) fn shown(said: &str) -> String {
    let mut shown = String::new();
    for scalar in said.chars() {
        match text::fence(scalar) {
            Some(fence) => shown.push_str(fence),
            None => shown.push(scalar),
        }
    }
    shown
}

/// A reply as calls, if the templates could have led to it. `read` gives a template's text as replies
/// have it: in small letters, with fences.
pub(super) fn parsed(
    mut plan: PlanCursor,
    said: &str,
    read: &dyn Fn(&str) -> String,
) -> Option<Calls> {
    let mut rest = said;
    loop {
        match plan.step() {
            Step::Done => return if rest.is_empty() { plan.finish().ok() } else { None },
            Step::Fixed(fixed) => {
                rest = rest.strip_prefix(read(fixed).as_str())?;
                plan.advance();
            }
            Step::Choice(_) => {
                let leaves = text::leaves(&plan).ok()?;
                let goes =
                    |leaf: &&Leaf| rest.starts_with(&(read(&leaf.text) + &read(&leaf.ahead)));
                // The longest: one name may begin another.
                let len = |leaf: &&Leaf| leaf.text.len() + leaf.ahead.len();
                let leaf = leaves.iter().filter(goes).max_by_key(len)?;
                rest = rest.strip_prefix(read(&leaf.text).as_str())?;
                for alternative in &leaf.path {
                    plan.choose(*alternative).ok()?;
                }
            }
            Step::Slot(slot) => {
                let end = rest.find(|scalar: char| text::fence(scalar).is_some())?;
                let value = slot.parse(&rest[..end]).or_else(|_| slot.parse(rest[..end].trim()));
                let value = value.ok()?;
                rest = &rest[end..];
                plan.fill(value).ok()?;
            }
        }
    }
}

/// A reply under way: all that was read of it, and what may come next.
pub(super) struct Line<'a> {
    small: &'a Small,
    blocks: Vec<(&'a [Token], &'a Kv)>,
    query: Vec<Token>,
    /// The query, and then the reply's tokens, chunk after chunk.
    read: Vec<(Vec<Token>, Forward)>,
    /// Tokens of the reply.
    len: usize,
    /// After the last token, `[vocab]`.
    pub(super) logits: Tensor,
    /// Tokens of the query.
    prompt: usize,
}

impl<'a> Line<'a> {
    /// Reads the query and opens the reply.
    pub(super) fn begin(writer: &'a Writer<'_>, asked: &Asked<'_>) -> Result<Self, TrainingError> {
        let small = writer.small;
        let known = asked
            .functions
            .iter()
            .filter_map(|function| writer.blocks.get(&(Arc::as_ptr(function) as usize)));
        let blocks: Vec<(&[Token], &Kv)> =
            known.map(|(_, tokens, kv)| (tokens.as_slice(), kv)).collect();
        let query = prompt::small_query(&writer.tokenizer.encode(asked.query), &[]);
        let forward = small.step(&[List {
            before: before(&blocks, &[]),
            tokens: query.clone(),
            position: BLOCK_TOKENS_MAX,
            places: None,
            soft: Some(asked.soft),
            wanted: vec![query.len() - 1],
        }])?;
        let state = forward.states(0..1)?;
        let logits = small.vocabulary(&state)?.squeeze(0)?;
        let prompt = query.len();
        let read = vec![(query.clone(), forward)];
        let mut line = Self { small, blocks, query, read, len: 0, logits, prompt };
        line.take(vec![Token::special(Special::Open)])?;
        Ok(line)
    }

    /// Reads tokens of the reply.
    pub(super) fn feed(&mut self, ids: &[u32]) -> Result<(), TrainingError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.take(ids.iter().copied().map(written).collect())
    }

    fn take(&mut self, tokens: Vec<Token>) -> Result<(), TrainingError> {
        let count = tokens.len();
        let forward = self.small.step(&[List {
            before: before(&self.blocks, &self.read),
            tokens: tokens.clone(),
            position: BLOCK_TOKENS_MAX + self.query.len() + self.len,
            places: Some((0..count).collect()),
            soft: None,
            wanted: vec![count - 1],
        }])?;
        self.logits = self.small.vocabulary(&forward.states(0..1)?)?.squeeze(0)?;
        self.len += count;
        self.read.push((tokens, forward));
        Ok(())
    }
}

/// Everything that tokens are read after.
fn before<'b>(
    blocks: &[(&'b [Token], &'b Kv)],
    read: &'b [(Vec<Token>, Forward)],
) -> Vec<Before<'b>> {
    let blocks = blocks.iter().map(|&(tokens, kv)| Before { tokens, kv, from: 0 });
    let read = read.iter().map(|(tokens, forward)| Before {
        tokens,
        kv: forward.kv(),
        from: forward.from(0),
    });
    blocks.chain(read).collect()
}
