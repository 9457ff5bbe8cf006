//! A checkpoint's decoder on a machine, as the stock preset asks it.

use hyfunc_checkpoint::CheckpointError;
use hyfunc_kernels::model::{Model, Sequence};
use hyfunc_kernels::{KernelError, Machine};
use hyfunc_stock::Causal;

use crate::batch::{Ablation, Batch, Job};
use crate::error::DeviceError;

/// What it remembers of tokens that it has read: pages, shared with clones.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    sequence: Sequence,
}

/// A decoder on a machine. It may be asked by many at once.
pub struct Decoder<M: Machine> {
    batch: Batch<M>,
    vocab_size: usize,
    context_tokens_max: usize,
    batch_tokens_max: usize,
    pages: usize,
    page_tokens: usize,
    page_bytes: usize,
}

impl<M: Machine> Decoder<M> {
    pub(crate) fn new(model: Model<M>) -> Self {
        let (shape, settings) = (model.shape(), *model.settings());
        Self {
            vocab_size: shape.vocabulary,
            context_tokens_max: shape.context,
            batch_tokens_max: settings.batch_tokens_max,
            pages: settings.pages,
            page_tokens: settings.page_tokens,
            page_bytes: shape.page_bytes(settings.page_tokens),
            batch: Batch::new(model),
        }
    }

    /// Ids that it knows, 0 to this.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Leaves parts out from now on, to measure what they gain.
    pub fn ablate(&self, ablation: Ablation) {
        self.batch.ablate(ablation);
    }

    /// Reads `tokens` after what the cache holds; logits of the last `last` positions: `[last][vocab]`.
    /// After an error, the cache is as before, unless the forward broke off: then it is empty.
    ///
    /// # Errors
    /// No tokens, unknown ones or too many; positions that are not there; no free pages; or the
    /// device fails.
    pub fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let before = cache.sequence.len();
        let logits = self.forward_chunks(tokens, cache, last);
        if logits.is_err() {
            cache.sequence.truncate(before);
        }
        logits
    }

    /// Of rows of all logits those of `ids` in their order, or the rows as they are.
    fn pick(
        &self,
        rows: &[Vec<f32>],
        ids: Option<&[u32]>,
    ) -> Result<Vec<Vec<f32>>, CheckpointError> {
        let vocab_size = self.vocab_size;
        if let Some(other) = rows.iter().find(|row| row.len() != vocab_size) {
            return Err(CheckpointError::ForeignState { found: other.len(), wanted: vocab_size });
        }
        let Some(ids) = ids else { return Ok(rows.to_vec()) };
        if let Some(&token) = ids.iter().find(|id| **id as usize >= vocab_size) {
            return Err(CheckpointError::Token { token, vocab_size });
        }
        let pick =
            |row: &Vec<f32>| -> Vec<f32> { ids.iter().map(|id| row[*id as usize]).collect() };
        Ok(rows.iter().map(pick).collect())
    }

    fn forward_chunks(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        if tokens.is_empty() || last == 0 || last > tokens.len() {
            let what = "logits are of 1 to all of the tokens that are read";
            return Err(KernelError::Row { row: 0, what, value: last }.into());
        }
        // Said before any of them is read.
        let all = cache.sequence.len() + tokens.len();
        if all > self.context_tokens_max {
            let what = "tokens must not be longer than the context";
            return Err(KernelError::Row { row: 0, what, value: all }.into());
        }
        let mut logits = Vec::with_capacity(last);
        let mut left = tokens.len();
        for chunk in tokens.chunks(self.batch_tokens_max) {
            left -= chunk.len();
            // Of the last `last` tokens, those that are in this chunk.
            let asked = last.saturating_sub(left).min(chunk.len());
            logits.extend(self.chunk(chunk, cache, asked)?);
        }
        Ok(logits)
    }

    fn chunk(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let sequence = std::mem::take(&mut cache.sequence);
        let (sequence, answer) = self.batch.ask(Job { sequence, tokens: tokens.to_vec(), last });
        cache.sequence = sequence;
        answer
    }
}

/// A state is a row of all logits. The head is asked in the forward that reads its position, for all
/// requests that share it: later, it would take a turn of its own on the device, and that costs more
/// than rows of the head of which nobody wants to know.
impl<M> Causal for Decoder<M>
where
    M: Machine + Send + 'static,
    M::Memory: Send,
    M::Recording: Send,
{
    type Cache = Cache;

    fn context_tokens_max(&self) -> usize {
        self.context_tokens_max
    }

    fn new_cache(&self) -> Cache {
        Cache::default()
    }

    fn truncate(&self, cache: &mut Cache, tokens: usize) {
        cache.sequence.truncate(tokens);
    }

    fn cache_bytes(&self, cache: &Cache) -> usize {
        cache.sequence.pages() * self.page_bytes
    }

    fn room_bytes_max(&self) -> Option<usize> {
        Some(self.pages * self.page_bytes)
    }

    /// A page that clones share may stay as full as it was when they parted, and the last one has room
    /// left: two pages more than full ones would be.
    fn room_bytes(&self, tokens: usize) -> usize {
        (tokens.div_ceil(self.page_tokens) + 2) * self.page_bytes
    }

    /// All of them: to take a few of a row is less than to hand on the row.
    fn head_rows_max(&self) -> usize {
        self.vocab_size
    }

    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.forward(tokens, cache, last).map_err(|error| error.to_string())
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        self.pick(states, ids).map_err(|error| error.to_string())
    }

    fn is_lost(&self) -> bool {
        self.batch.is_lost()
    }
}
