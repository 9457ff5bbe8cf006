//! The model's line of text: what it has read, and what was decided since.
//!
//! **The seam rule.** Text that was injected ends where nobody asked the model. If its last tokens
//! were read as they are, whatever comes next would stand behind tokens that the model never saw
//! there (`"` and `Paris`, where it knows `"Paris`). So of what was injected only the settled tokens
//! are read; the rest is left for the model to choose anew, together with what follows, under a
//! mask that holds its text fast.

use std::time::Instant;

use crate::causal::Causal;
use crate::error::StockError;
use crate::room::Claim;
use crate::vocabulary::Vocabulary;

/// When to stop.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// When the answer is of no more use.
    pub deadline: Instant,
    /// Whether nobody waits any more.
    pub is_cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Patience<'_> {
    /// Whether to go on.
    ///
    /// # Errors
    /// The deadline passed, or nobody waits.
    pub fn check(&self) -> Result<(), StockError> {
        if (self.is_cancelled)() {
            return Err(StockError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(StockError::Deadline { step: "decode" });
        }
        Ok(())
    }
}

/// A stretch of decided text that was not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bit {
    Text(String),
    /// An added token.
    Mark(u32),
}

/// Where a line can return to.
#[derive(Clone)]
pub struct Place {
    tokens: usize,
    state: Option<Vec<f32>>,
    tail: Vec<Bit>,
}

/// One answer that is being written.
pub struct Line<'a, M: Causal> {
    model: &'a M,
    vocabulary: &'a Vocabulary,
    patience: Patience<'a>,
    cache: M::Cache,
    /// All that the cache holds.
    tokens: Vec<u32>,
    /// Of the last token: the head is asked only when somebody wants to know what comes next.
    state: Option<Vec<f32>>,
    tail: Vec<Bit>,
    /// Times that the model was asked.
    forwards: usize,
    /// Room for the cache. The last field, so that the cache is gone before its place is.
    claim: Claim<'a, M::Cache>,
}

impl<'a, M: Causal> Line<'a, M> {
    /// A line behind tokens that a cache holds; none with an empty one.
    pub fn new(
        model: &'a M,
        vocabulary: &'a Vocabulary,
        patience: Patience<'a>,
        claim: Claim<'a, M::Cache>,
        (tokens, cache): (Vec<u32>, M::Cache),
    ) -> Self {
        let (state, tail) = (None, Vec::new());
        Self { model, vocabulary, patience, cache, tokens, state, tail, forwards: 0, claim }
    }

    /// Tokens read so far.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Times that the model was asked.
    pub fn forwards(&self) -> usize {
        self.forwards
    }

    /// The cache of what was read.
    pub fn cache(&self) -> &M::Cache {
        &self.cache
    }

    /// Adds decided text.
    pub fn push(&mut self, text: &str) {
        match self.tail.last_mut() {
            _ if text.is_empty() => {}
            Some(Bit::Text(last)) => last.push_str(text),
            _ => self.tail.push(Bit::Text(text.to_owned())),
        }
    }

    /// Adds an added token.
    pub fn push_mark(&mut self, id: u32) {
        self.tail.push(Bit::Mark(id));
    }

    /// Puts other text in place of what was decided and not read.
    pub fn replace_tail(&mut self, text: &str) {
        self.tail.clear();
        self.push(text);
    }

    /// Reads tokens; gives the states of the last `last` positions.
    ///
    /// # Errors
    /// No time, no room, or the model fails.
    pub fn read(&mut self, tokens: &[u32], last: usize) -> Result<Vec<Vec<f32>>, StockError> {
        self.patience.check()?;
        let (needed, tokens_max) =
            (self.tokens.len() + tokens.len(), self.model.context_tokens_max());
        if needed > tokens_max {
            return Err(StockError::ContextOverflow { tokens: needed, tokens_max });
        }
        self.claim.cover(self.model.room_bytes(needed))?;
        let failed = |reason| StockError::Model { reason };
        let states = self.model.read(tokens, &mut self.cache, last).map_err(failed)?;
        if states.len() != last {
            let reason = format!("{} states where {last} were asked for", states.len());
            return Err(StockError::Model { reason });
        }
        self.forwards += 1;
        self.tokens.extend_from_slice(tokens);
        self.state = states.last().cloned();
        Ok(states)
    }

    /// Logits of states that were read: of `ids` in their order, or of every token.
    ///
    /// # Errors
    /// The model fails.
    pub fn ask(
        &self,
        states: &[Vec<f32>],
        ids: Option<&[u32]>,
    ) -> Result<Vec<Vec<f32>>, StockError> {
        let failed = |reason| StockError::Model { reason };
        let mut rows = self.model.logits(states, ids).map_err(failed)?;
        let wanted = ids.map(<[u32]>::len);
        if rows.len() != states.len()
            || rows.iter().any(|row| wanted.is_some_and(|n| row.len() != n))
        {
            let reason = "it gives other logits than were asked for".to_owned();
            return Err(StockError::Model { reason });
        }
        if rows.iter().flatten().any(|logit| logit.is_nan()) {
            return Err(StockError::Model { reason: "its logits are not numbers".into() });
        }
        if ids.is_none() {
            // Rows that no token stands for are padding of the checkpoint's.
            rows.iter_mut().for_each(|row| row.truncate(self.vocabulary.len()));
        }
        Ok(rows)
    }

    /// Whether so many ids are asked for alone, and not with all others.
    pub fn is_few(&self, ids: usize) -> bool {
        ids <= self.model.head_rows_max()
    }

    /// Forgets all but the first `tokens`.
    pub fn truncate(&mut self, tokens: usize) {
        if tokens < self.tokens.len() {
            self.model.truncate(&mut self.cache, tokens);
            self.tokens.truncate(tokens);
            self.state = None;
        }
    }

    /// Forgets the last tokens of a draft; `state` is that of the last one left.
    pub fn keep(&mut self, tokens: usize, state: Vec<f32>) {
        self.truncate(tokens);
        self.state = Some(state);
    }

    /// Logits of what may come after the last token: of `ids` in their order, or of every token.
    ///
    /// # Errors
    /// As [`Line::read`].
    pub fn logits(&mut self, ids: Option<&[u32]>) -> Result<Vec<f32>, StockError> {
        let state = self.state()?;
        Ok(self.ask(&[state], ids)?.pop().unwrap_or_default())
    }

    /// State of the last token.
    ///
    /// # Errors
    /// As [`Line::read`].
    pub fn state(&mut self) -> Result<Vec<f32>, StockError> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let Some(last) = self.tokens.last().copied() else {
            return Err(StockError::Model { reason: "the prompt is empty".into() });
        };
        self.truncate(self.tokens.len() - 1);
        let mut states = self.read(&[last], 1)?;
        Ok(states.pop().unwrap_or_default())
    }

    /// Reads what is settled of the decided text; gives the rest, which the next token must spell.
    /// Says how many tokens were read.
    ///
    /// # Errors
    /// As [`Line::read`].
    pub fn settle(&mut self) -> Result<(String, usize), StockError> {
        self.settle_where(|_| Ok(None))
    }

    /// The same, and of the rest as many tokens as have no alternative: `only` names the one token
    /// that may spell a rest and go on from it, where there is no other. What nobody could choose
    /// otherwise is read with what lies before it.
    ///
    /// # Errors
    /// As [`Line::read`], and what `only` says.
    pub fn settle_where(
        &mut self,
        mut only: impl FnMut(&str) -> Result<Option<u32>, StockError>,
    ) -> Result<(String, usize), StockError> {
        let (mut ids, text) = self.marks()?;
        let last = self.vocabulary.encode(&text)?;
        let (kept, bytes) = self.vocabulary.settled(&text, &last);
        ids.extend_from_slice(&last[..kept]);
        let mut rest = &text[bytes..];
        while !rest.is_empty() {
            let Some(id) = only(rest)? else { break };
            let spelled = self.vocabulary.bytes(id);
            let begins = !spelled.is_empty() && rest.as_bytes().starts_with(spelled);
            let Some(after) = rest.get(spelled.len()..).filter(|_| begins) else { break };
            ids.push(id);
            rest = after;
        }
        let rest = rest.to_owned();
        self.replace_tail(&rest);
        if !ids.is_empty() {
            self.read(&ids, 1)?;
        }
        Ok((rest, ids.len()))
    }

    /// Reads all of the decided text, as where the model's turn may end.
    ///
    /// # Errors
    /// As [`Line::read`].
    pub fn flush(&mut self) -> Result<usize, StockError> {
        let (mut ids, text) = self.marks()?;
        ids.extend(self.vocabulary.encode(&text)?);
        self.tail.clear();
        if !ids.is_empty() {
            self.read(&ids, 1)?;
        }
        Ok(ids.len())
    }

    /// Tokens up to the last added one, and the text behind it.
    fn marks(&self) -> Result<(Vec<u32>, String), StockError> {
        let (mut ids, mut text) = (Vec::new(), String::new());
        for bit in &self.tail {
            match bit {
                Bit::Text(more) => text.push_str(more),
                Bit::Mark(id) => {
                    ids.extend(self.vocabulary.encode(&text)?);
                    ids.push(*id);
                    text.clear();
                }
            }
        }
        Ok((ids, text))
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        let (state, tail) = (self.state.clone(), self.tail.clone());
        Place { tokens: self.tokens.len(), state, tail }
    }

    /// Returns to where it stood.
    pub fn back_to(&mut self, place: Place) {
        self.truncate(place.tokens);
        self.state = place.state;
        self.tail = place.tail;
    }
}
