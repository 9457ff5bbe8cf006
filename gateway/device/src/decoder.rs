//! A checkpoint's decoder on a machine, as the stock preset asks it.

use hyfunc_kernels::model::{Model, Sequence};
use hyfunc_kernels::{KernelError, Machine};
use hyfunc_stock::Causal;

use crate::batch::{Batch, Job};
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
    page_bytes: usize,
}

impl<M: Machine> Decoder<M> {
    pub(crate) fn new(model: Model<M>) -> Self {
        let (shape, settings) = (model.shape(), *model.settings());
        Self {
            vocab_size: shape.vocabulary,
            context_tokens_max: shape.context,
            batch_tokens_max: settings.batch_tokens_max,
            page_bytes: shape.page_bytes(settings.page_tokens),
            batch: Batch::new(model),
        }
    }

    /// Ids that it knows, 0 to this.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Reads `tokens` after what the cache holds; logits of the last `last` positions: `[last][vocab]`.
    /// After an error, the cache is as before, unless the forward broke off: then it is empty.
    ///
    /// # Errors
    /// No tokens, unknown ones or too many; positions that are not there; no free pages; or the
    /// device fails.
    pub fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let before = cache.sequence.len();
        let read = self.read_chunks(tokens, cache, last);
        if read.is_err() {
            cache.sequence.truncate(before);
        }
        read
    }

    fn read_chunks(
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

impl<M> Causal for Decoder<M>
where
    M: Machine + Send + 'static,
    M::Memory: Send,
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

    fn forward(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.read(tokens, cache, last).map_err(|error| error.to_string())
    }

    fn is_lost(&self) -> bool {
        self.batch.is_lost()
    }
}
