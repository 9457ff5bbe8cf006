//! What a model remembers of the tokens that it has read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Result, Tensor};

/// Keys and values of a layer, each `[heads, tokens, width]`.
type Pair = (Tensor, Tensor);

/// Tokens by which room for keys and values grows.
const GROWTH_TOKENS: usize = 64;

/// Keys and values of the tokens read so far, owned by whoever decodes.
///
/// A clone costs nothing, and neither of the two changes when the other goes on reading: a prefix can
/// be read once and branched from. New tokens are written behind the old ones in place, by whoever is
/// first to go on from there; any other clone copies what it has read, once, and goes on in its own.
///
/// **Memory.** A layer's keys and a layer's values lie in one piece each, for [`room_tokens`] tokens: it
/// grows by 64 at a time, and while it does, the old pieces of that one layer lie beside the new ones.
/// It sets no bound of its own. Whoever decodes does, before a prompt is read: the stock preset claims
/// `room_tokens(prompt + 256)` times [`Footprint::token_bytes`] of `models.cache_bytes_max`, lets kept
/// prompts go for it, the longest unused first, and then waits in turn. An answer that finds no more
/// room is told to come back (503), and one that is longer than any room is refused (400). Clones are
/// claimed whole, as if they shared nothing; pieces that grow are not claimed, one layer a thread.
///
/// [`room_tokens`]: Self::room_tokens
/// [`Footprint::token_bytes`]: crate::Footprint::token_bytes
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Vec<Option<Buffer>>,
    tokens: usize,
}

/// Room for the keys and values of a layer. Clones share it.
#[derive(Clone, Debug)]
struct Buffer {
    /// `[heads, room, width]`, f32.
    keys: Tensor,
    /// `[heads, room, width]`, f32.
    values: Tensor,
    /// Tokens that any of those who share it has written. What lies before never changes.
    written: Arc<AtomicUsize>,
}

impl Buffer {
    /// A buffer of its own, with as much as was read of another.
    fn grown(old: Option<&Buffer>, read: usize, needed: usize, like: &Tensor) -> Result<Self> {
        let (heads, _, width) = like.dims3()?;
        let shape = (heads, needed.next_multiple_of(GROWTH_TOKENS), width);
        let zeros = || Tensor::zeros(shape, like.dtype(), like.device());
        let (keys, values) = (zeros()?, zeros()?);
        if let Some(old) = old.filter(|_| read > 0) {
            keys.slice_set(&old.keys.narrow(1, 0, read)?.contiguous()?, 1, 0)?;
            values.slice_set(&old.values.narrow(1, 0, read)?.contiguous()?, 1, 0)?;
        }
        Ok(Self { keys, values, written: Arc::new(AtomicUsize::new(needed)) })
    }

    /// Whether the tokens from `read` up to `needed` may be written here; nobody else may then.
    fn claim(&self, read: usize, needed: usize) -> bool {
        if needed > self.keys.dims()[1] {
            return false;
        }
        if Arc::strong_count(&self.written) == 1 {
            // Nobody shares it: what was written and forgotten may be written over.
            self.written.store(needed, Ordering::Release);
            return true;
        }
        self.written.compare_exchange(read, needed, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn bytes(&self) -> usize {
        let of = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        of(&self.keys) + of(&self.values)
    }
}

impl Cache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: vec![None; layers], tokens: 0 }
    }

    /// Tokens that were read.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Tokens that it has room for when it holds so many: it grows by more than one.
    pub fn room_tokens(tokens: usize) -> usize {
        tokens.div_ceil(GROWTH_TOKENS).saturating_mul(GROWTH_TOKENS)
    }

    /// Tokens that it may hold where there is room for so many.
    pub fn whole_tokens(room: usize) -> usize {
        room / GROWTH_TOKENS * GROWTH_TOKENS
    }

    /// Forgets all but the first `tokens`; does nothing when there are no more.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Memory that it holds, in bytes, its spare room included.
    pub fn bytes(&self) -> usize {
        self.layers.iter().flatten().map(Buffer::bytes).sum()
    }

    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Puts keys and values of new tokens behind those of a layer, and gives all of them. The tokens
    /// count once every layer has its own: [`advance`](Self::advance).
    pub(crate) fn extend(&mut self, layer: usize, keys: Tensor, values: Tensor) -> Result<Pair> {
        let needed = self.tokens + keys.dim(1)?;
        let buffer = match &self.layers[layer] {
            Some(buffer) if buffer.claim(self.tokens, needed) => buffer.clone(),
            old => Buffer::grown(old.as_ref(), self.tokens, needed, &keys)?,
        };
        buffer.keys.slice_set(&keys.contiguous()?, 1, self.tokens)?;
        buffer.values.slice_set(&values.contiguous()?, 1, self.tokens)?;
        let pair = (buffer.keys.narrow(1, 0, needed)?, buffer.values.narrow(1, 0, needed)?);
        self.layers[layer] = Some(buffer);
        Ok(pair)
    }

    pub(crate) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Keys and values of tokens that are told apart: `[2, tokens, 1]`.
    fn tokens(numbers: &[f32]) -> Tensor {
        let both = [numbers, numbers].concat();
        Tensor::from_vec(both, (2, numbers.len(), 1), &Device::Cpu).unwrap()
    }

    /// Reads tokens; all that the cache holds then.
    fn read(cache: &mut Cache, numbers: &[f32]) -> Vec<f32> {
        let (keys, values) = cache.extend(0, tokens(numbers), tokens(numbers)).unwrap();
        cache.advance(numbers.len());
        let of = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(of(&keys), of(&values));
        let all = of(&keys);
        let (first, second) = all.split_at(all.len() / 2);
        assert_eq!(first, second, "the same for either head");
        first.to_vec()
    }

    #[test]
    fn clones_go_on_apart_whoever_is_first() {
        let mut kept = Cache::new(1);
        assert_eq!(read(&mut kept, &[1.0, 2.0]), [1.0, 2.0]);
        let (mut one, mut other) = (kept.clone(), kept.clone());
        assert_eq!(read(&mut one, &[3.0]), [1.0, 2.0, 3.0]);
        assert_eq!(read(&mut other, &[4.0]), [1.0, 2.0, 4.0]);
        assert_eq!(read(&mut one, &[5.0]), [1.0, 2.0, 3.0, 5.0]);
        assert_eq!(read(&mut kept, &[6.0]), [1.0, 2.0, 6.0]);
        assert_eq!(read(&mut other, &[7.0]), [1.0, 2.0, 4.0, 7.0]);
    }

    #[test]
    fn what_was_forgotten_is_written_over_and_never_in_anothers_hands() {
        let mut one = Cache::new(1);
        read(&mut one, &[1.0, 2.0, 3.0]);
        let mut other = one.clone();
        one.truncate(1);
        assert_eq!(read(&mut one, &[8.0]), [1.0, 8.0]);
        assert_eq!(read(&mut other, &[4.0]), [1.0, 2.0, 3.0, 4.0]);
        one.truncate(0);
        assert_eq!(read(&mut one, &[9.0]), [9.0]);
        one.truncate(5);
        assert_eq!(one.len(), 1, "there are no more");
    }

    #[test]
    fn tokens_that_did_not_count_are_read_again() {
        let mut cache = Cache::new(1);
        read(&mut cache, &[1.0]);
        let kept = cache.clone();
        // A layer that came behind failed: nothing was counted.
        cache.extend(0, tokens(&[2.0]), tokens(&[2.0])).unwrap();
        assert_eq!(read(&mut cache, &[3.0]), [1.0, 3.0]);
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn room_grows_and_what_was_read_stays() {
        let mut cache = Cache::new(1);
        let mut expected = Vec::new();
        for number in 0..3 * GROWTH_TOKENS {
            expected.push(number as f32);
            assert_eq!(read(&mut cache, &[number as f32]), expected);
        }
        // Two heads, keys and values, four bytes each.
        assert_eq!(cache.bytes(), 3 * GROWTH_TOKENS * 2 * 2 * 4);
    }
}
