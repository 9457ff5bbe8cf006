//! Room for keys and values: who begins has a place for what it will hold, or waits for its turn.
//!
//! What requests at work may hold and what kept prompts hold is never more than the model has. Where a
//! request needs room, kept prompts go, the longest unused first. Where that is not enough, it waits
//! behind those who came before it, as long as its client and its deadline let it. An answer that
//! outgrows its place takes more if there is more; else the request is told to come back.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::StockError;
use crate::line::Patience;
use crate::prefixes::{PrefixCounts, Prefixes};

/// How often who waits looks for its client and its deadline.
const LOOK: Duration = Duration::from_millis(10);

/// After how long a client whose answer found no room should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Memory of a model for keys and values, and the prompts that are kept in it.
pub struct Room<C> {
    /// Bytes of all; none: as many as are asked for.
    bytes_max: Option<usize>,
    state: Mutex<State<C>>,
    freed: Condvar,
}

struct State<C> {
    prefixes: Prefixes<C>,
    /// Bytes of requests at work.
    claimed: usize,
    /// Who waits, the longest first.
    turns: VecDeque<u64>,
    next_turn: u64,
}

/// A request's place, given back when it is dropped: after the cache that it was for.
pub struct Claim<'a, C> {
    room: &'a Room<C>,
    bytes: usize,
}

impl<C> Room<C> {
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clone> Room<C> {
    /// Room of so many bytes, `prefix_bytes_max` of which kept prompts may take.
    pub fn new(bytes_max: Option<usize>, prefix_bytes_max: usize) -> Self {
        let state = State {
            prefixes: Prefixes::new(prefix_bytes_max),
            claimed: 0,
            turns: VecDeque::new(),
            next_turn: 0,
        };
        Self { bytes_max, state: Mutex::new(state), freed: Condvar::new() }
    }

    /// Waits for its turn and for room.
    ///
    /// # Errors
    /// The deadline passes, or the client goes.
    pub fn enter(&self, bytes: usize, patience: Patience<'_>) -> Result<Claim<'_, C>, StockError> {
        let Some(bytes_max) = self.bytes_max else { return Ok(Claim { room: self, bytes: 0 }) };
        // Alone, anybody has a place.
        let bytes = bytes.min(bytes_max);
        let mut state = self.state();
        let turn = state.next_turn;
        state.next_turn += 1;
        state.turns.push_back(turn);
        let entered = loop {
            if let Err(error) = patience.check() {
                break Err(error);
            }
            if state.turns.front() == Some(&turn) && state.make_room(bytes, bytes_max) {
                state.claimed += bytes;
                break Ok(());
            }
            let waited = self.freed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.turns.retain(|other| *other != turn);
        drop(state);
        // There may be room for the next one, too.
        self.freed.notify_all();
        entered.map(|()| Claim { room: self, bytes })
    }

    /// What was kept of exactly these tokens.
    pub fn get(&self, tokens: &[u32]) -> Option<C> {
        self.state().prefixes.get(tokens)
    }

    /// Keeps a cache that holds exactly these tokens, as far as those at work leave room for it.
    pub fn keep(&self, tokens: &[u32], cache: C, cache_bytes: usize) {
        let mut state = self.state();
        let free = self.bytes_max.map_or(usize::MAX, |max| max.saturating_sub(state.claimed));
        state.prefixes.put_within(free, tokens, cache, cache_bytes);
    }

    /// How often prompts were read before.
    pub fn counts(&self) -> PrefixCounts {
        self.state().prefixes.counts()
    }
}

impl<C: Clone> State<C> {
    /// Whether there are so many bytes beside those at work; kept prompts go for them.
    fn make_room(&mut self, bytes: usize, bytes_max: usize) -> bool {
        match bytes_max.checked_sub(self.claimed.saturating_add(bytes)) {
            Some(left) => {
                self.prefixes.shrink(left);
                true
            }
            // All kept prompts together would not help.
            None => false,
        }
    }
}

impl<C: Clone> Claim<'_, C> {
    /// Makes the place as large as that, without waiting: who waits while it holds room could wait
    /// for another one who does.
    ///
    /// # Errors
    /// There is no more room.
    pub fn cover(&mut self, bytes: usize) -> Result<(), StockError> {
        let Some(bytes_max) = self.room.bytes_max else { return Ok(()) };
        let bytes = bytes.min(bytes_max);
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let mut state = self.room.state();
        if !state.make_room(more, bytes_max) {
            return Err(StockError::NoRoom { retry_after_ms: RETRY_AFTER_MS });
        }
        state.claimed += more;
        self.bytes = bytes;
        Ok(())
    }
}

impl<C> Drop for Claim<'_, C> {
    fn drop(&mut self) {
        self.room.state().claimed -= self.bytes;
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    const STAYS: &(dyn Fn() -> bool + Sync) = &|| false;

    fn patience(wait: Duration) -> Patience<'static> {
        Patience { deadline: Instant::now() + wait, is_cancelled: STAYS }
    }

    fn long() -> Patience<'static> {
        patience(Duration::from_secs(600))
    }

    #[test]
    fn without_a_bound_everybody_enters() {
        let room: Room<()> = Room::new(None, 0);
        let mut claims: Vec<_> = (0..3).map(|_| room.enter(usize::MAX, long()).unwrap()).collect();
        assert_eq!(claims[0].cover(usize::MAX).map_err(|error| error.to_string()), Ok(()));
        assert_eq!(room.state().claimed, 0);
    }

    #[test]
    fn kept_prompts_go_for_those_at_work_the_longest_unused_first() {
        let room = Room::new(Some(100), 60);
        for name in [1u32, 2, 3] {
            room.keep(&[name], name, 16);
        }
        assert_eq!((room.counts().kept, room.counts().bytes), (3, 60));
        assert_eq!(room.get(&[1]), Some(1));
        // 40 are free; 45 take one prompt.
        let claim = room.enter(45, long()).unwrap();
        assert_eq!((room.get(&[2]), room.counts().kept), (None, 2));
        let rest = room.enter(55, long()).unwrap();
        assert_eq!(room.counts().kept, 0);
        room.keep(&[4], 4, 16);
        assert_eq!(room.counts().kept, 0, "there is no room beside those at work");
        drop((claim, rest));
        room.keep(&[4], 4, 16);
        assert_eq!(room.counts().kept, 1);
    }

    #[test]
    fn who_finds_no_room_waits_as_long_as_it_may() {
        let room: Room<()> = Room::new(Some(100), 0);
        let inside = room.enter(80, long()).unwrap();
        let late = room.enter(30, patience(Duration::from_millis(30))).err().unwrap();
        assert!(matches!(late, StockError::Deadline { .. }), "{late}");
        let gone = Patience { is_cancelled: &|| true, ..long() };
        let gone = room.enter(30, gone).err().unwrap();
        assert!(matches!(gone, StockError::Cancelled), "{gone}");
        // Neither stands in anybody's way.
        let small = room.enter(20, long()).unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| room.enter(usize::MAX, long()).is_ok());
            drop((inside, small));
            assert!(waits.join().unwrap(), "alone, anybody has a place");
        });
        assert_eq!(room.state().claimed, 0);
    }

    #[test]
    fn an_answer_grows_into_free_room_alone() {
        let room = Room::new(Some(100), 50);
        room.keep(&[1], (), 20);
        let mut one = room.enter(40, long()).unwrap();
        one.cover(30).unwrap();
        assert_eq!(room.state().claimed, 40, "a place never shrinks");
        one.cover(90).unwrap();
        assert_eq!(room.state().claimed, 90);
        assert_eq!(room.counts().kept, 0);
        let other = room.enter(10, long()).unwrap();
        let full = one.cover(91).unwrap_err();
        assert!(matches!(full, StockError::NoRoom { retry_after_ms: 1000 }), "{full}");
        drop(other);
        one.cover(1000).unwrap();
        assert_eq!(room.state().claimed, 100);
    }

    /// Whatever comes and goes, there is never more than there is room for, nobody is passed by and
    /// everybody ends.
    #[test]
    fn many_who_come_and_go_stay_within_the_room() {
        const BYTES: usize = 64;
        let room = Room::new(Some(BYTES), BYTES / 2);
        let at_work = AtomicUsize::new(0);
        thread::scope(|scope| {
            for seed in 0..12u32 {
                let (room, at_work) = (&room, &at_work);
                scope.spawn(move || {
                    for round in 0..40u32 {
                        // 1 to 64, those that need all of it among them.
                        let bytes = (seed * 31 + round * 17) as usize % BYTES + 1;
                        let mut claim = room.enter(bytes, long()).unwrap();
                        let mut held = bytes;
                        if claim.cover(bytes + 5).is_ok() {
                            held = (bytes + 5).min(BYTES);
                        }
                        let before = at_work.fetch_add(held, Ordering::SeqCst);
                        let kept = room.counts().bytes;
                        assert!(before + held <= BYTES, "{before} and {held}");
                        assert!(kept <= BYTES / 2, "{kept}");
                        room.keep(&[round % 5], (), 8);
                        at_work.fetch_sub(held, Ordering::SeqCst);
                    }
                });
            }
        });
        let state = room.state();
        assert_eq!((state.claimed, state.turns.len(), state.next_turn), (0, 0, 12 * 40));
    }
}
