//! A checkpoint on the processor whose requests hold no more keys and values than there is room for.

use hyfunc_checkpoint::Cache;
use hyfunc_stock::Causal;

use super::Model;

/// Tokens of a context that is of any use: a prompt with one small function.
const CONTEXT_TOKENS_MIN: usize = 64;

/// How much may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    bytes_max: usize,
    /// Keys and values of one token.
    token_bytes: usize,
    /// Tokens of one request: never more than there is room for.
    context_tokens_max: usize,
}

impl Room {
    /// Room of so many bytes for a model.
    ///
    /// # Errors
    /// Not even a small request fits, with what to do about it.
    pub(super) fn new(
        model: &dyn hyfunc_checkpoint::Causal,
        bytes_max: usize,
    ) -> Result<Self, String> {
        let token_bytes = model.footprint().token_bytes.max(1);
        let tokens = Cache::whole_tokens(bytes_max / token_bytes);
        let context = model.context_tokens_max();
        let tokens_min = CONTEXT_TOKENS_MIN.min(context);
        if tokens < tokens_min {
            return Err(format!(
                "{bytes_max} bytes of keys and values hold {tokens} tokens of this checkpoint, and at \
                 least {tokens_min} are needed: raise models.cache_bytes_max"
            ));
        }
        Ok(Self { bytes_max, token_bytes, context_tokens_max: context.min(tokens) })
    }
}

/// A model that says how much room there is.
pub(super) struct Bounded {
    pub(super) model: Model,
    pub(super) room: Room,
}

impl Causal for Bounded {
    type Cache = Cache;

    fn context_tokens_max(&self) -> usize {
        self.room.context_tokens_max
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

    fn room_bytes_max(&self) -> Option<usize> {
        Some(self.room.bytes_max)
    }

    fn room_bytes(&self, tokens: usize) -> usize {
        Cache::room_tokens(tokens).saturating_mul(self.room.token_bytes)
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
        self.model.read(tokens, cache, last)
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        self.model.logits(states, ids)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hyfunc_checkpoint::{Checkpoint, Options};

    use super::*;

    fn opened() -> Checkpoint {
        let folder = Path::new("checkpoint/tests/parity/qwen3");
        Checkpoint::open(folder, &Options::default()).unwrap()
    }

    /// 2 layers of 2 heads of 16, keys and values, in f32.
    const TOKEN_BYTES: usize = 2 * 2 * 2 * 16 * 4;

    #[test]
    fn a_context_is_never_longer_than_there_is_room_for() {
        let model = opened().model;
        for (tokens, context) in [(64, 64), (100, 64), (128, 128), (512, 512), (1 << 20, 512)] {
            let room = Room::new(&*model, tokens * TOKEN_BYTES).unwrap();
            assert_eq!(room.context_tokens_max, context, "room for {tokens}");
        }
        for bytes in [0, TOKEN_BYTES, 64 * TOKEN_BYTES - 1] {
            let said = Room::new(&*model, bytes).unwrap_err();
            assert!(said.contains("hold 0 tokens") && said.contains("at least 64"), "{said}");
            assert!(said.contains("models.cache_bytes_max"), "{said}");
        }
    }

    /// What is said of a cache's room before is what it takes then.
    #[test]
    fn a_cache_takes_what_was_said() {
        let model = opened().model;
        let room = Room::new(&*model, 512 * TOKEN_BYTES).unwrap();
        let bounded = Bounded { model: Model(model), room };
        assert_eq!(bounded.room_bytes_max(), Some(512 * TOKEN_BYTES));
        assert_eq!(bounded.room_bytes(0), 0);
        for tokens in [1, 63, 64, 65, 200] {
            let text: Vec<u32> = (0..tokens).map(|at| at % 300).collect();
            let mut cache = bounded.new_cache();
            bounded.read(&text, &mut cache, 1).unwrap();
            assert_eq!(bounded.cache_bytes(&cache), bounded.room_bytes(text.len()), "{tokens}");
            // One that goes on behind a kept one, token by token.
            let mut other = cache.clone();
            for token in 0..70 {
                bounded.read(&[token], &mut other, 1).unwrap();
            }
            assert!(bounded.cache_bytes(&other) <= bounded.room_bytes(text.len() + 70));
        }
    }
}
