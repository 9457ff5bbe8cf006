//! Prompts that were read before: one for every ordered set of functions, as many as fit.

use std::collections::HashMap;

/// Caches of prompts up to the query, by the tokens that were read. Least recently used go first.
pub struct Prefixes<C> {
    bytes_max: usize,
    bytes: usize,
    /// Of the next use.
    clock: u64,
    kept: HashMap<Vec<u32>, Kept<C>>,
    hits: u64,
    misses: u64,
}

struct Kept<C> {
    cache: C,
    bytes: usize,
    used: u64,
}

/// How often a prefix was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixCounts {
    /// Prompts of which all but the query was read before.
    pub hits: u64,
    /// Prompts that were read from the start.
    pub misses: u64,
    /// Prefixes that are kept.
    pub kept: usize,
    /// What they hold, in bytes.
    pub bytes: usize,
}

impl<C: Clone> Prefixes<C> {
    /// Keeps as much as fits; nothing with 0 bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, clock: 0, kept: HashMap::new(), hits: 0, misses: 0 }
    }

    /// What was kept of exactly these tokens.
    pub fn get(&mut self, tokens: &[u32]) -> Option<C> {
        self.clock += 1;
        match self.kept.get_mut(tokens) {
            Some(kept) => {
                kept.used = self.clock;
                self.hits += 1;
                Some(kept.cache.clone())
            }
            None => {
                self.misses += 1;
                None
            }
        }
    }

    /// Keeps a cache that holds exactly these tokens, in place of the longest unused if it must.
    pub fn put(&mut self, tokens: &[u32], cache: C, cache_bytes: usize) {
        self.put_within(usize::MAX, tokens, cache, cache_bytes);
    }

    /// The same where all together may take no more than `room` bytes now.
    pub fn put_within(&mut self, room: usize, tokens: &[u32], cache: C, cache_bytes: usize) {
        let bytes = cache_bytes + size_of_val(tokens);
        let bytes_max = self.bytes_max.min(room);
        if bytes > bytes_max || self.kept.contains_key(tokens) {
            return;
        }
        self.shrink(bytes_max - bytes);
        self.clock += 1;
        self.bytes += bytes;
        self.kept.insert(tokens.to_vec(), Kept { cache, bytes, used: self.clock });
    }

    /// Lets the longest unused go until the others take no more than `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(tokens, _)| tokens.clone()) else { break };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }

    /// How often it helped.
    pub fn counts(&self) -> PrefixCounts {
        let (hits, misses, kept, bytes) = (self.hits, self.misses, self.kept.len(), self.bytes);
        PrefixCounts { hits, misses, kept, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_and_nothing_is_kept_beyond_the_bound() {
        let mut prefixes = Prefixes::new(40);
        assert_eq!(prefixes.get(&[1]), None);
        prefixes.put(&[1], "one", 10);
        prefixes.put(&[2], "two", 10);
        assert_eq!(prefixes.get(&[1]), Some("one"));
        prefixes.put(&[3], "three", 10);
        assert_eq!(prefixes.get(&[2]), None, "the longest unused");
        assert_eq!(prefixes.get(&[1]), Some("one"));
        assert_eq!(prefixes.get(&[3]), Some("three"));
        prefixes.put(&[4], "too large", 37);
        assert_eq!(prefixes.get(&[4]), None);
        let counts = PrefixCounts { hits: 3, misses: 3, kept: 2, bytes: 28 };
        assert_eq!(prefixes.counts(), counts);
        let mut none = Prefixes::new(0);
        none.put(&[], "nothing", 1);
        assert_eq!(none.counts().kept, 0);
    }
}
