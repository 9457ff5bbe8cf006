//! Answers that are given again to whoever sends the same request under the same key, so that a
//! client which lost its answer can ask once more without anything being done twice.
//!
//! In memory, bounded in number, bytes and time, for each owner alone: nobody pushes out what
//! others may still ask for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::IdempotencyConfig;

/// Why a request under a key is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first one has no answer yet.
    #[error(
        "the first request with this Idempotency-Key is still at work; wait for its answer, or try \
         again in {retry_after_ms} ms"
    )]
    AtWork {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The key was sent with something else.
    #[error(
        "this Idempotency-Key was sent before with another request; send the same body to the same \
         path, or a new key"
    )]
    Reused,
    /// The answer was too large to be kept.
    #[error(
        "the request with this Idempotency-Key was answered, but the answer was larger than the \
         {bytes_max} bytes that are kept; do not send it again unless it may be done twice, and \
         then with a new key; or raise idempotency.answer_bytes_max"
    )]
    NotKept {
        /// The limit.
        bytes_max: usize,
    },
    /// As many as are kept are at work.
    #[error(
        "{keys_max} requests with an Idempotency-Key are at work already; try again in \
         {retry_after_ms} ms, or raise idempotency.keys_max"
    )]
    Full {
        /// The limit.
        keys_max: usize,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
}

/// What makes two requests the same: a digest of all that decides about the answer.
pub type Fingerprint = [u8; 32];

/// Whose keys they are, where there are keys.
type Owner = Option<String>;

/// The answers of all owners.
pub struct Replays<T> {
    drawers: Mutex<HashMap<Owner, Drawer<T>>>,
}

/// The answers of one owner, oldest first.
struct Drawer<T> {
    entries: VecDeque<Entry<T>>,
    bytes: usize,
}

struct Entry<T> {
    key: String,
    fingerprint: Fingerprint,
    began: Instant,
    state: State<T>,
}

enum State<T> {
    AtWork,
    Kept(Arc<T>, usize),
    TooLarge(usize),
}

/// What a request under a key meets.
pub enum Met<T> {
    /// Nothing: it is the first, and answers for all.
    First(Ticket<T>),
    /// The answer of the first.
    Answer(Arc<T>),
}

impl<T> Default for Replays<T> {
    fn default() -> Self {
        Self { drawers: Mutex::new(HashMap::new()) }
    }
}

impl<T> Replays<T> {
    /// Looks a key up, and takes it where it is free.
    ///
    /// # Errors
    /// The first request is still at work, was another one, or its answer is not there.
    pub fn enter(
        self: &Arc<Self>,
        owner: Option<&str>,
        key: &str,
        fingerprint: Fingerprint,
        (limits, retry_after_ms): (&IdempotencyConfig, u64),
    ) -> Result<Met<T>, ReplayError> {
        let owner = owner.map(str::to_owned);
        let mut drawers = self.lock();
        let drawer = drawers.entry(owner.clone()).or_insert_with(Drawer::new);
        drawer.expire(Duration::from_millis(limits.keep_ms_max));
        if let Some(entry) = drawer.entries.iter().find(|entry| entry.key == key) {
            if entry.fingerprint != fingerprint {
                return Err(ReplayError::Reused);
            }
            return match &entry.state {
                State::AtWork => Err(ReplayError::AtWork { retry_after_ms }),
                State::Kept(answer, _) => Ok(Met::Answer(Arc::clone(answer))),
                State::TooLarge(bytes_max) => Err(ReplayError::NotKept { bytes_max: *bytes_max }),
            };
        }
        if drawer.entries.len() >= limits.keys_max && !drawer.drop_oldest() {
            let keys_max = limits.keys_max;
            return Err(ReplayError::Full { keys_max, retry_after_ms });
        }
        let (key, began) = (key.to_owned(), Instant::now());
        drawer.entries.push_back(Entry {
            key: key.clone(),
            fingerprint,
            began,
            state: State::AtWork,
        });
        drop(drawers);
        let replays = Arc::clone(self);
        Ok(Met::First(Ticket { replays, owner, key, limits: limits.clone(), is_open: true }))
    }

    /// Nothing under this lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Drawer<T>>> {
        self.drawers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drawer<T> {
    fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0 }
    }

    fn expire(&mut self, keep_max: Duration) {
        let now = Instant::now();
        let is_kept = |entry: &Entry<T>| {
            entry.is_at_work() || now.saturating_duration_since(entry.began) < keep_max
        };
        self.entries.retain(is_kept);
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
    }

    /// Forgets the oldest answer; says whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.entries.iter().position(|entry| !entry.is_at_work()) else {
            return false;
        };
        if let Some(entry) = self.entries.remove(at) {
            self.bytes -= entry.bytes();
        }
        true
    }

    fn keep(&mut self, key: &str, state: State<T>, bytes_max: usize) {
        let bytes = state.bytes();
        while self.bytes + bytes > bytes_max && self.drop_oldest() {}
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.state = state;
            self.bytes += bytes;
        }
    }
}

impl<T> Entry<T> {
    fn is_at_work(&self) -> bool {
        matches!(self.state, State::AtWork)
    }

    fn bytes(&self) -> usize {
        self.state.bytes()
    }
}

impl<T> State<T> {
    fn bytes(&self) -> usize {
        match self {
            State::Kept(_, bytes) => *bytes,
            State::AtWork | State::TooLarge(_) => 0,
        }
    }
}

/// The right and the duty to answer for a key. Dropping it gives the key free again, as if nobody
/// had sent it.
pub struct Ticket<T> {
    replays: Arc<Replays<T>>,
    owner: Owner,
    key: String,
    limits: IdempotencyConfig,
    is_open: bool,
}

impl<T> Ticket<T> {
    /// Bytes of the largest answer that is kept.
    pub fn answer_bytes_max(&self) -> usize {
        self.limits.answer_bytes_max
    }

    /// Keeps an answer of so many bytes for those who ask again; `None` says that there was one
    /// which is too large.
    pub fn keep(mut self, answer: Option<(T, usize)>) {
        self.is_open = false;
        let state = match answer {
            Some((answer, bytes)) => State::Kept(Arc::new(answer), bytes),
            None => State::TooLarge(self.limits.answer_bytes_max),
        };
        if let Some(drawer) = self.replays.lock().get_mut(&self.owner) {
            drawer.keep(&self.key, state, self.limits.bytes_max);
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if self.is_open
            && let Some(drawer) = self.replays.lock().get_mut(&self.owner)
        {
            drawer.entries.retain(|entry| entry.key != self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(keys_max: usize, bytes_max: usize, keep_ms_max: u64) -> IdempotencyConfig {
        IdempotencyConfig { keys_max, answer_bytes_max: bytes_max, bytes_max, keep_ms_max }
    }

    type Texts = Arc<Replays<&'static str>>;

    fn enter(
        replays: &Texts,
        owner: Option<&str>,
        key: &str,
        print: u8,
        limits: &IdempotencyConfig,
    ) -> Result<Met<&'static str>, ReplayError> {
        replays.enter(owner, key, [print; 32], (limits, 7))
    }

    fn first(replays: &Texts, key: &str, limits: &IdempotencyConfig) -> Ticket<&'static str> {
        match enter(replays, None, key, 0, limits) {
            Ok(Met::First(ticket)) => ticket,
            Ok(Met::Answer(answer)) => panic!("{key} has an answer: {answer}"),
            Err(error) => panic!("{key}: {error}"),
        }
    }

    fn answer(replays: &Texts, key: &str, limits: &IdempotencyConfig) -> Option<&'static str> {
        match enter(replays, None, key, 0, limits) {
            Ok(Met::Answer(answer)) => Some(*answer),
            Ok(Met::First(_)) => None,
            Err(error) => panic!("{key}: {error}"),
        }
    }

    #[test]
    fn the_first_answers_for_all() {
        let (replays, limits) = (Texts::default(), limits(2, 10, 60_000));
        let ticket = first(&replays, "a", &limits);
        let again = |print| enter(&replays, None, "a", print, &limits).err();
        assert_eq!(again(0), Some(ReplayError::AtWork { retry_after_ms: 7 }));
        assert_eq!(again(1), Some(ReplayError::Reused));
        ticket.keep(Some(("done", 4)));
        assert_eq!(again(1), Some(ReplayError::Reused));
        assert_eq!(answer(&replays, "a", &limits), Some("done"));
        assert!(matches!(enter(&replays, Some("b"), "a", 1, &limits), Ok(Met::First(_))));
    }

    #[test]
    fn a_key_without_an_answer_is_free_again() {
        let (replays, limits) = (Texts::default(), limits(2, 10, 60_000));
        drop(first(&replays, "a", &limits));
        first(&replays, "a", &limits).keep(None);
        let again = enter(&replays, None, "a", 0, &limits).err();
        assert_eq!(again, Some(ReplayError::NotKept { bytes_max: 10 }));
    }

    #[test]
    fn the_oldest_answers_make_room_and_work_is_never_forgotten() {
        let (replays, limits) = (Texts::default(), limits(2, 10, 60_000));
        let at_work = first(&replays, "a", &limits);
        first(&replays, "b", &limits).keep(Some(("b", 6)));
        let third = first(&replays, "c", &limits);
        let full = enter(&replays, None, "d", 0, &limits).err();
        assert_eq!(full, Some(ReplayError::Full { keys_max: 2, retry_after_ms: 7 }));
        third.keep(Some(("c", 6)));
        at_work.keep(Some(("a", 6)));
        assert_eq!(answer(&replays, "a", &limits), Some("a"));
        assert_eq!(answer(&replays, "c", &limits), None, "twelve bytes are too many");
    }

    #[test]
    fn answers_are_kept_for_a_time() {
        let (replays, limits) = (Texts::default(), limits(2, 10, 20));
        first(&replays, "a", &limits).keep(Some(("a", 1)));
        let at_work = first(&replays, "b", &limits);
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(answer(&replays, "a", &limits), None);
        let still = enter(&replays, None, "b", 0, &limits).err();
        assert_eq!(still, Some(ReplayError::AtWork { retry_after_ms: 7 }));
        drop(at_work);
    }
}
