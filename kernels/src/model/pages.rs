//! Pages of keys and values, and who holds them.
//!
//! A sequence is a list of pages with how many of each one's tokens are its own. Two sequences may
//! hold a page to different lengths. Tokens are put behind what a page holds only if nobody else's
//! are there; else they begin a new page, and the old one stays as full as it was: no page is ever
//! copied. A page is free again when the last sequence that holds it lets go of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::KernelError;
use crate::reference::Entry;

/// Pages that nobody holds.
#[derive(Debug)]
pub(super) struct Pool {
    free: Mutex<Vec<u32>>,
    pages: usize,
    page_tokens: usize,
}

impl Pool {
    pub(super) fn new(pages: usize, page_tokens: usize) -> Arc<Self> {
        // The last one is taken first.
        let free = (0..pages).rev().filter_map(|page| u32::try_from(page).ok()).collect();
        Arc::new(Self { free: Mutex::new(free), pages, page_tokens })
    }

    pub(super) fn free(&self) -> usize {
        self.list().len()
    }

    fn take(self: &Arc<Self>) -> Result<Arc<Page>, KernelError> {
        let id = self
            .list()
            .pop()
            .ok_or(KernelError::OutOfPages { pages: self.pages, page_tokens: self.page_tokens })?;
        Ok(Arc::new(Page { id, filled: AtomicUsize::new(0), pool: Arc::clone(self) }))
    }

    fn list(&self) -> MutexGuard<'_, Vec<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that is held.
#[derive(Debug)]
struct Page {
    id: u32,
    /// Tokens that any holder has put into it.
    filled: AtomicUsize,
    pool: Arc<Pool>,
}

impl Drop for Page {
    fn drop(&mut self) {
        // What was launched on it before runs before whatever its next holder launches.
        self.pool.list().push(self.id);
    }
}

/// A page, and how much of it.
#[derive(Clone, Debug)]
struct Held {
    page: Arc<Page>,
    /// The first so many tokens.
    count: usize,
}

impl Held {
    /// Takes room for up to `wanted` tokens behind its own; gives how many.
    fn claim(&mut self, wanted: usize) -> usize {
        if Arc::strong_count(&self.page) == 1 {
            // Nobody else's tokens are there, whatever was.
            self.page.filled.store(self.count, Ordering::Relaxed);
        }
        let more = wanted.min(self.page.pool.page_tokens - self.count);
        let claimed = self.page.filled.compare_exchange(
            self.count,
            self.count + more,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if claimed.is_err() {
            return 0;
        }
        self.count += more;
        more
    }
}

/// What was read by one who decodes. Of two clones, neither sees what the other reads, and they share
/// what both have read. Only for the model that it was read by.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    held: Vec<Held>,
    tokens: usize,
}

impl Sequence {
    /// One that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens that were read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Pages that it holds, those that it shares included.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.held.len()
    }

    /// Forgets all but the first `tokens`.
    pub fn truncate(&mut self, tokens: usize) {
        while self.tokens > tokens {
            let Some(last) = self.held.last_mut() else { break };
            let gone = last.count.min(self.tokens - tokens);
            last.count -= gone;
            self.tokens -= gone;
            if last.count == 0 {
                self.held.pop();
            }
        }
    }

    /// Takes room for tokens behind those that it holds, and counts them as held; gives the slot of
    /// each.
    pub(super) fn extend(
        &mut self,
        pool: &Arc<Pool>,
        tokens: usize,
    ) -> Result<Vec<i32>, KernelError> {
        let mut slots = Vec::with_capacity(tokens);
        while slots.len() < tokens {
            let wanted = tokens - slots.len();
            let claimed = self.held.last_mut().map_or(0, |last| last.claim(wanted));
            if claimed == 0 {
                self.held.push(Held { page: pool.take()?, count: 0 });
                continue;
            }
            if let Some(last) = self.held.last() {
                let first = last.page.id as usize * pool.page_tokens + last.count - claimed;
                // Slots are fewer than 2^31: the settings were checked.
                slots.extend((first..first + claimed).map(|slot| slot as i32));
            }
            self.tokens += claimed;
        }
        Ok(slots)
    }

    /// Takes a page of its own for tokens that are counted later; gives its number.
    pub(super) fn reserve(&mut self, pool: &Arc<Pool>) -> Result<i32, KernelError> {
        let page = pool.take()?;
        let id = page.id.cast_signed();
        self.held.push(Held { page, count: 0 });
        Ok(id)
    }

    /// Counts tokens that were put into the pages that were reserved, from page `first` of the list
    /// on, and lets go of those that hold none.
    pub(super) fn settle(&mut self, first: usize, tokens: usize, page_tokens: usize) {
        let mut left = tokens;
        for held in self.held.iter_mut().skip(first) {
            held.count = left.min(page_tokens);
            held.page.filled.store(held.count, Ordering::Relaxed);
            left -= held.count;
            self.tokens += held.count;
        }
        while self.held.len() > first && self.held.last().is_some_and(|last| last.count == 0) {
            self.held.pop();
        }
    }

    /// As attention reads it, on branch 0.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.held.iter().scan(0, |start, held| {
            let count = held.count as i32;
            let entry = Entry { page: held.page.id.cast_signed(), count, start: *start, branch: 0 };
            *start += count;
            Some(entry)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(sequence: &mut Sequence, pool: &Arc<Pool>, tokens: usize) -> Vec<i32> {
        sequence.extend(pool, tokens).expect("pages")
    }

    #[test]
    fn a_page_is_written_behind_what_it_holds_by_one_holder_alone() {
        let pool = Pool::new(8, 4);
        let mut one = Sequence::new();
        assert_eq!(extended(&mut one, &pool, 6), [0, 1, 2, 3, 4, 5]);
        let (mut two, mut three) = (one.clone(), one.clone());
        // The first to come goes on in the page, the others begin their own.
        assert_eq!(extended(&mut two, &pool, 1), [6]);
        assert_eq!(extended(&mut three, &pool, 1), [8]);
        assert_eq!(extended(&mut one, &pool, 1), [12]);
        let seen: Vec<_> = three.entries().map(|entry| (entry.page, entry.count)).collect();
        assert_eq!(seen, [(0, 4), (1, 2), (2, 1)]);
        assert_eq!((one.len(), two.len(), three.len()), (7, 7, 7));
        assert_eq!(pool.free(), 4);
        drop((two, three));
        assert_eq!(pool.free(), 5);
    }

    #[test]
    fn what_is_forgotten_is_free_and_written_over_by_who_is_left_alone() {
        let pool = Pool::new(2, 4);
        let mut one = Sequence::new();
        extended(&mut one, &pool, 8);
        one.truncate(2);
        assert_eq!((one.len(), one.pages(), pool.free()), (2, 1, 1));
        assert_eq!(extended(&mut one, &pool, 3), [2, 3, 4]);
        let other = one.clone();
        one.truncate(3);
        assert_eq!(one.extend(&pool, 1), Err(KernelError::OutOfPages { pages: 2, page_tokens: 4 }));
        drop(other);
        assert_eq!(extended(&mut one, &pool, 1), [3], "nobody else sees it now");
        one.truncate(0);
        assert_eq!((one.is_empty(), pool.free()), (true, 2));
    }

    #[test]
    fn reserved_pages_count_what_was_put_into_them() {
        let pool = Pool::new(4, 4);
        let mut one = Sequence::new();
        extended(&mut one, &pool, 2);
        let first = one.pages();
        for _ in 0..3 {
            one.reserve(&pool).expect("a page");
        }
        one.settle(first, 5, 4);
        assert_eq!((one.len(), one.pages(), pool.free()), (7, 3, 1));
        assert_eq!(extended(&mut one, &pool, 1), [9]);
    }
}
