//! A checkpoint's model that notes what it is asked, and how long each answer takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyfunc_checkpoint::{Cache, Footprint};
use hyfunc_stock::Causal;

use crate::stock::Model;

/// What a model can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// To read so many tokens behind so many that it has read.
    Read { tokens: usize, context: usize },
    /// What comes behind so many positions: logits of so many ids, or of all.
    Head { positions: usize, ids: Option<usize> },
}

/// Something that it was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub what: What,
    pub took: Duration,
}

/// A model that takes notes. A clone is the same one.
#[derive(Clone)]
pub(super) struct Timed {
    model: Arc<Model>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Timed {
    pub fn new(model: Model) -> Self {
        Self { model: Arc::new(model), asked: Arc::default() }
    }

    /// Memory that the model holds.
    pub fn footprint(&self) -> Footprint {
        self.model.footprint()
    }

    /// Ids that it knows.
    pub fn vocab_size(&self) -> usize {
        self.model.0.vocab_size()
    }

    /// All that was asked since somebody took notice.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, what: What, began: Instant) {
        let asked = Asked { what, took: began.elapsed() };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}

impl Causal for Timed {
    type Cache = Cache;

    fn context_tokens_max(&self) -> usize {
        self.model.context_tokens_max()
    }

    fn new_cache(&self) -> Cache {
        self.model.new_cache()
    }

    fn truncate(&self, cache: &mut Cache, tokens: usize) {
        self.model.truncate(cache, tokens);
    }

    fn cache_bytes(&self, cache: &Cache) -> usize {
        self.model.cache_bytes(cache)
    }

    fn head_rows_max(&self) -> usize {
        self.model.head_rows_max()
    }

    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        let (what, began) =
            (What::Read { tokens: tokens.len(), context: cache.len() }, Instant::now());
        let states = self.model.read(tokens, cache, last)?;
        self.note(what, began);
        Ok(states)
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        let what = What::Head { positions: states.len(), ids: ids.map(<[u32]>::len) };
        let began = Instant::now();
        let logits = self.model.logits(states, ids)?;
        self.note(what, began);
        Ok(logits)
    }
}
