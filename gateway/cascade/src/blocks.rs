//! The library's blocks: what the small model made of functions' tokens, in memory as long as they
//! fit.
//!
//! A block takes some kilobytes a token, so those of a large library do not all stay: the ones that
//! were used last do, the others come from the disk or are read anew. All three ways give the same
//! bits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{Result, Tensor};

use crate::config::ModelConfig;
use crate::disk::{Disk, Part};
use crate::key::Key;
use crate::model::{Kv, Small};
use crate::record;
use crate::text::Token;

/// Where a function's keys and values are.
pub(crate) enum Block {
    /// With the function itself.
    Own(Arc<Kv>),
    /// Among those of the library.
    Shared {
        /// The function's.
        key: Key,
        /// All of them.
        blocks: Arc<Blocks>,
    },
}

impl Block {
    /// Every layer's keys and values, each `[tokens, heads_kv · head_dim]`, f32.
    pub(crate) fn kv(&self, tokens: &[Token], small: &Small) -> Result<Arc<Kv>> {
        match self {
            Self::Own(kv) => Ok(Arc::clone(kv)),
            Self::Shared { key, blocks } => blocks.get(key, tokens, small),
        }
    }

    /// Memory that it takes while it is held, in bytes.
    pub(crate) fn bytes(&self, tokens: usize) -> usize {
        match self {
            Self::Own(kv) => {
                kv.iter().map(|(k, v)| (k.elem_count() + v.elem_count()) * size_of::<f32>()).sum()
            }
            Self::Shared { blocks, .. } => blocks.shape.bytes(tokens),
        }
    }
}

/// Tensors of one block.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Keys and values of every layer.
    tensors: usize,
    /// Numbers of one tensor a token.
    width: usize,
}

impl Shape {
    fn bytes(self, tokens: usize) -> usize {
        self.tensors * self.width * tokens * size_of::<f32>()
    }
}

/// Blocks by key, bounded in bytes.
pub(crate) struct Blocks {
    bytes_max: usize,
    shape: Shape,
    disk: Option<Arc<Disk>>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by_key: HashMap<Key, HeldBlock>,
    /// Turn of the last use → whose it was.
    by_use: BTreeMap<u64, Key>,
    turn: u64,
    bytes: usize,
}

struct HeldBlock {
    kv: Arc<Kv>,
    bytes: usize,
    used: u64,
}

impl Blocks {
    /// None yet, for a small model of this shape.
    pub(crate) fn new(small: &ModelConfig, bytes_max: usize, disk: Option<Arc<Disk>>) -> Self {
        let shape = Shape {
            tensors: 2 * small.num_hidden_layers,
            width: small.num_key_value_heads * small.head_dim,
        };
        Self { bytes_max, shape, disk, held: Mutex::default() }
    }

    /// Whether a block that nobody asked for yet is worth reading: there is a place for it.
    pub(crate) fn has_room(&self, tokens: usize) -> bool {
        let bytes = self.shape.bytes(tokens);
        let fits = self.held().bytes.saturating_add(bytes) <= self.bytes_max;
        fits || self.disk.as_ref().is_some_and(|disk| disk.has_room(self.file_bytes(tokens)))
    }

    /// Holds a block that was just read with the models, and keeps it on the disk.
    pub(crate) fn keep(&self, key: &Key, tokens: usize, kv: Kv) -> Result<Arc<Kv>> {
        let kv = Arc::new(kv);
        self.hold(key, tokens, &kv);
        if let Some(disk) = &self.disk
            && disk.has_room(self.file_bytes(tokens))
        {
            let tensors = kv.iter().flat_map(|(keys, values)| [keys, values]);
            let numbers = tensors.map(|tensor| tensor.flatten_all()?.to_vec1::<f32>());
            let numbers: Vec<Vec<f32>> = numbers.collect::<Result<_>>()?;
            disk.write(key, Part::Block, &record::write_block(key, &numbers));
        }
        Ok(kv)
    }

    /// Memory of the blocks that are held now, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.held().bytes
    }

    fn get(&self, key: &Key, tokens: &[Token], small: &Small) -> Result<Arc<Kv>> {
        if let Some(kv) = self.held().get(key) {
            return Ok(kv);
        }
        if let Some(kv) = self.read(key, tokens.len(), small)? {
            let kv = Arc::new(kv);
            self.hold(key, tokens.len(), &kv);
            return Ok(kv);
        }
        // Two who ask at once both do this, and get the same.
        self.keep(key, tokens.len(), small.block(tokens)?)
    }

    /// From the disk, if it is there and whole.
    fn read(&self, key: &Key, tokens: usize, small: &Small) -> Result<Option<Kv>> {
        let Some(disk) = &self.disk else { return Ok(None) };
        let Some(bytes) = disk.read(key, Part::Block) else { return Ok(None) };
        let Shape { tensors, width } = self.shape;
        let Some(numbers) = record::read_block(key, &bytes, tensors, tokens * width) else {
            disk.discard(key, Part::Block);
            return Ok(None);
        };
        let device = small.token_rows().device();
        let mut tensors =
            numbers.into_iter().map(|numbers| Tensor::from_vec(numbers, (tokens, width), device));
        let mut kv = Vec::with_capacity(self.shape.tensors / 2);
        while let (Some(keys), Some(values)) = (tensors.next(), tensors.next()) {
            kv.push((keys?, values?));
        }
        Ok(Some(kv))
    }

    fn hold(&self, key: &Key, tokens: usize, kv: &Arc<Kv>) {
        let bytes = self.shape.bytes(tokens);
        if bytes <= self.bytes_max {
            self.held().hold(*key, Arc::clone(kv), bytes, self.bytes_max);
        }
    }

    fn file_bytes(&self, tokens: usize) -> usize {
        record::block_bytes(self.shape.tensors * self.shape.width * tokens)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&mut self, key: &Key) -> Option<Arc<Kv>> {
        let block = self.by_key.get_mut(key)?;
        self.by_use.remove(&block.used);
        self.turn += 1;
        block.used = self.turn;
        self.by_use.insert(self.turn, *key);
        Some(Arc::clone(&block.kv))
    }

    /// Whoever was used longest ago makes room.
    fn hold(&mut self, key: Key, kv: Arc<Kv>, bytes: usize, bytes_max: usize) {
        self.let_go(&key);
        while self.bytes.saturating_add(bytes) > bytes_max {
            let Some(oldest) = self.by_use.first_key_value().map(|(_, key)| *key) else { break };
            self.let_go(&oldest);
        }
        self.turn += 1;
        self.by_use.insert(self.turn, key);
        self.by_key.insert(key, HeldBlock { kv, bytes, used: self.turn });
        self.bytes += bytes;
    }

    fn let_go(&mut self, key: &Key) {
        if let Some(block) = self.by_key.remove(key) {
            self.by_use.remove(&block.used);
            self.bytes -= block.bytes;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::parse(&format!("{number:02x}").repeat(Key::BYTES)).unwrap()
    }

    fn numbers(held: &Held) -> Vec<u8> {
        (0..10).filter(|number| held.by_key.contains_key(&key(*number))).collect()
    }

    #[test]
    fn the_one_used_longest_ago_makes_room() {
        let mut held = Held::default();
        let hold = |held: &mut Held, number, bytes| {
            held.hold(key(number), Arc::new(Vec::new()), bytes, 100);
        };
        hold(&mut held, 1, 40);
        hold(&mut held, 2, 40);
        assert!(held.get(&key(1)).is_some());
        hold(&mut held, 3, 40);
        assert_eq!((numbers(&held), held.bytes), (vec![1, 3], 80));
        assert!(held.get(&key(2)).is_none());
        hold(&mut held, 4, 100);
        assert_eq!((numbers(&held), held.bytes), (vec![4], 100));
        // The same again is one.
        hold(&mut held, 4, 60);
        hold(&mut held, 4, 60);
        assert_eq!((numbers(&held), held.bytes, held.by_use.len()), (vec![4], 60, 1));
    }
}
