//! One request: its prompt is read, as far as it was not read before, and its calls are decided.

use std::sync::Arc;
use std::time::Instant;

use hyfunc_cascade::{Decoded, Earlier, ToolChoice};
use hyfunc_functions::template::PlanOptions;
use hyfunc_functions::{Function, PlanCursor, Spelling, Template};

use crate::causal::{Causal, Chat};
use crate::error::StockError;
use crate::line::{Line, Patience};
use crate::masks::Masks;
use crate::prefixes::PrefixCounts;
use crate::prompt::{Asked, Prompt, prompt};
use crate::room::Room;
use crate::vocabulary::Vocabulary;
use crate::walk::Walk;
use crate::write::Pen;

/// Tokens of a prompt that are read at once; between two such chunks the deadline is checked.
const CHUNK_TOKENS: usize = 512;

/// Tokens of an answer for which there is room from the start, where the model's room is bounded.
/// Longer ones take more as they grow.
const ANSWER_TOKENS: usize = 256;

/// Settings of a stock model.
#[derive(Clone, Debug, PartialEq)]
pub struct StockConfig {
    /// How calls are written: as the model was trained to.
    pub spelling: Spelling,
    /// What stands behind the template's own opening of an answer, such as an empty thought.
    pub reply_prefix: String,
    /// Tokens of a query.
    pub query_tokens_max: usize,
    /// Tokens of what was said and done before the query; the oldest is left out first, and all of
    /// it where the context has no room.
    pub earlier_tokens_max: usize,
    /// Tokens of one value.
    pub value_tokens_max: usize,
    /// Tokens of the query that are tried at once as a value's next ones; 0 turns it off. No answer
    /// changes, only the time that it takes.
    pub draft_tokens_max: usize,
    /// Memory for prompts that were read before, in bytes; 0 keeps none.
    pub prefix_bytes_max: usize,
    /// Probability from which a call, or a further one, is made.
    pub call_threshold: f32,
}

impl Default for StockConfig {
    fn default() -> Self {
        Self {
            spelling: Spelling::Hermes,
            reply_prefix: String::new(),
            query_tokens_max: 2048,
            earlier_tokens_max: 1024,
            value_tokens_max: 128,
            draft_tokens_max: 8,
            prefix_bytes_max: 512 << 20,
            call_threshold: 0.5,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct StockRequest {
    /// What the person asks.
    pub query: String,
    /// What was said and done before, the oldest first.
    pub earlier: Vec<Earlier>,
    /// Functions that may be called, best first.
    pub functions: Vec<Arc<Function>>,
    /// Whether and what must be called.
    pub choice: ToolChoice,
    /// Most calls in the answer.
    pub calls_max: usize,
    /// When the answer is of no more use.
    pub deadline: Instant,
}

/// What was decided.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Calls and what they took. `scores` add up to `p_call`.
    pub decoded: Decoded,
    /// Probability of any call, 0 to 1.
    pub p_call: f32,
    /// Whether all before the query was read for an earlier request.
    pub prefix_hit: bool,
    /// Times that the model was asked.
    pub forwards: usize,
}

/// A stock model, ready to decode.
pub struct Decoder<M: Causal> {
    model: M,
    vocabulary: Vocabulary,
    chat: Box<dyn Chat>,
    masks: Masks,
    config: StockConfig,
    room: Room<M::Cache>,
}

impl<M: Causal> Decoder<M> {
    /// Makes masks for the vocabulary: work of a second for a large one.
    ///
    /// # Errors
    /// A spelling that no stock model writes, or masks that cannot be made.
    pub fn new(
        model: M,
        vocabulary: Vocabulary,
        chat: Box<dyn Chat>,
        config: StockConfig,
    ) -> Result<Self, StockError> {
        if config.spelling == Spelling::Param {
            return Err(StockError::Spelling(config.spelling));
        }
        let masks = Masks::new(&vocabulary)?;
        let room = Room::new(model.room_bytes_max(), config.prefix_bytes_max);
        Ok(Self { model, vocabulary, chat, masks, config, room })
    }

    /// Sets [`StockConfig::draft_tokens_max`] and gives what it was.
    pub fn set_draft_tokens_max(&mut self, tokens_max: usize) -> usize {
        std::mem::replace(&mut self.config.draft_tokens_max, tokens_max)
    }

    /// Sets [`StockConfig::prefix_bytes_max`] and gives what it was; prompts that were kept are
    /// forgotten.
    pub fn set_prefix_bytes_max(&mut self, bytes_max: usize) -> usize {
        self.room = Room::new(self.model.room_bytes_max(), bytes_max);
        std::mem::replace(&mut self.config.prefix_bytes_max, bytes_max)
    }

    /// Whether the model will never answer again.
    pub fn is_lost(&self) -> bool {
        self.model.is_lost()
    }

    /// How often prompts were read before.
    pub fn prefix_counts(&self) -> PrefixCounts {
        self.room.counts()
    }

    /// Decides every call of a request. `is_cancelled` is asked before each step of the model.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn decode(
        &self,
        request: &StockRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Reply, StockError> {
        let count = request.functions.len();
        let nothing = count == 0
            || request.choice == ToolChoice::None
            || request.calls_max == 0
            || matches!(request.choice, ToolChoice::Named(index) if index >= count)
            || request.query.trim().is_empty();
        if nothing {
            let decoded = Decoded { scores: vec![0.0; count], ..Decoded::default() };
            return Ok(Reply { decoded, ..Reply::default() });
        }
        let patience = Patience { deadline: request.deadline, is_cancelled };
        patience.check()?;
        // A named function is offered alone: there is nothing to choose.
        let offered = match request.choice {
            ToolChoice::Named(index) => index..index + 1,
            ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => 0..count,
        };
        let functions = request.functions.get(offered.clone()).unwrap_or_default();
        let prompt = self.prompt(request, functions)?;
        let prompt_tokens = prompt.tokens();
        let (mut line, prefix_hit) = self.read(prompt, patience)?;
        let templates: Vec<Arc<Template>> = functions
            .iter()
            .map(|function| Arc::new(Template::new(function, self.config.spelling)))
            .collect();
        let options = PlanOptions { required: true, calls_max: request.calls_max };
        let plan = PlanCursor::new(templates, options);
        let pen = Pen {
            vocabulary: &self.vocabulary,
            masks: &self.masks,
            query: &request.query,
            tokens_max: self.config.value_tokens_max,
            draft_tokens_max: self.config.draft_tokens_max,
        };
        let must = matches!(request.choice, ToolChoice::Required | ToolChoice::Named(_));
        let mut walk = Walk::new(&pen, &mut line, plan, &self.config);
        let p_call = walk.run(must)?;
        let mut decoded = walk.finish(p_call, count, offered.start)?;
        decoded.counts.prompt = prompt_tokens;
        let forwards = line.forwards();
        tracing::debug!(prefix_hit, forwards, p_call, calls = decoded.calls.len(), "decoded");
        Ok(Reply { decoded, p_call, prefix_hit, forwards })
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The prompt, without what was said before where the template or the context has no place for
    /// that.
    pub(crate) fn prompt(
        &self,
        request: &StockRequest,
        functions: &[Arc<Function>],
    ) -> Result<Prompt, StockError> {
        let alone = Asked {
            spelling: self.config.spelling,
            reply_prefix: &self.config.reply_prefix,
            query_tokens_max: self.config.query_tokens_max,
            query: &request.query,
            earlier: &[],
            earlier_tokens_max: self.config.earlier_tokens_max,
            functions,
        };
        let write = |asked: &Asked<'_>| prompt(&*self.chat, &self.vocabulary, asked);
        if request.earlier.is_empty() {
            return write(&alone);
        }
        match write(&Asked { earlier: &request.earlier, ..alone }) {
            Ok(prompt) if prompt.tokens() < self.model.context_tokens_max() => Ok(prompt),
            Ok(_) | Err(StockError::Chat { .. }) => write(&alone),
            Err(error) => Err(error),
        }
    }

    /// Reads a prompt, or what is new of it; says whether its prefix was there.
    pub(crate) fn read<'a>(
        &'a self,
        prompt: Prompt,
        patience: Patience<'a>,
    ) -> Result<(Line<'a, M>, bool), StockError> {
        let Prompt { prefix, rest } = prompt;
        let (tokens, tokens_max) = (prefix.len() + rest.len(), self.model.context_tokens_max());
        if tokens >= tokens_max {
            // Refused before an hour is spent on reading it.
            return Err(StockError::ContextOverflow { tokens, tokens_max });
        }
        let most = (tokens + ANSWER_TOKENS).min(tokens_max);
        let claim = self.room.enter(self.model.room_bytes(most), patience)?;
        let kept = self.room.get(&prefix);
        let is_hit = kept.is_some();
        let begun = match kept {
            Some(cache) => (prefix.clone(), cache),
            None => (Vec::new(), self.model.new_cache()),
        };
        let mut line = Line::new(&self.model, &self.vocabulary, patience, claim, begun);
        if !is_hit {
            for chunk in prefix.chunks(CHUNK_TOKENS) {
                line.read(chunk, 1)?;
            }
            let cache = line.cache().clone();
            let bytes = self.model.cache_bytes(&cache);
            self.room.keep(&prefix, cache, bytes);
        }
        for chunk in rest.chunks(CHUNK_TOKENS) {
            line.read(chunk, 1)?;
        }
        Ok((line, is_hit))
    }
}
