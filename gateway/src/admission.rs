//! Who may work now, who waits, and who is told to come back.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::config::ServerConfig;
use crate::error::RequestError;
use crate::keys::Share;

/// The door of the gateway: so many at work, so many waiting, nobody beyond.
#[derive(Clone)]
pub struct Admission {
    inner: Arc<Inner>,
}

struct Inner {
    work: Arc<Semaphore>,
    waiting: AtomicUsize,
    leaving: AtomicBool,
    draining: AtomicBool,
    drained: Notify,
    /// Permits that there are to be.
    concurrent_max: Mutex<usize>,
    /// Permits that are not to come back, since there are to be fewer.
    owed: AtomicUsize,
    queue_max: AtomicUsize,
    retry_after_ms: AtomicU64,
}

impl Inner {
    fn retry_after_ms(&self) -> u64 {
        self.retry_after_ms.load(Ordering::Relaxed)
    }

    /// Takes up to so many off what is owed; says how many.
    fn pay(&self, most: usize) -> usize {
        let mut owed = self.owed.load(Ordering::Relaxed);
        loop {
            let paid = owed.min(most);
            let left = owed - paid;
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.owed.compare_exchange_weak(owed, left, success, failure) {
                Ok(_) => return paid,
                Err(now) => owed = now,
            }
        }
    }
}

/// The right to work; giving it back is dropping it.
pub struct Permit {
    work: Option<OwnedSemaphorePermit>,
    inner: Arc<Inner>,
    _share: Share,
}

impl Permit {
    /// The same, together with its key's own place.
    pub fn with(mut self, share: Share) -> Self {
        self._share = share;
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.inner.pay(1) == 1
            && let Some(work) = self.work.take()
        {
            work.forget();
        }
    }
}

/// One place in the queue, given up when the wait ends, however it ends.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// A door with the server's limits.
    pub fn new(config: &ServerConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                work: Arc::new(Semaphore::new(config.concurrent_max)),
                waiting: AtomicUsize::new(0),
                leaving: AtomicBool::new(false),
                draining: AtomicBool::new(false),
                drained: Notify::new(),
                concurrent_max: Mutex::new(config.concurrent_max),
                owed: AtomicUsize::new(0),
                queue_max: AtomicUsize::new(config.queue_max),
                retry_after_ms: AtomicU64::new(config.retry_after_ms),
            }),
        }
    }

    /// Other limits from now on. Nobody who is inside is sent away: where fewer may work than do,
    /// newcomers wait until enough of them are done.
    pub fn set_limits(&self, config: &ServerConfig) {
        let inner = &self.inner;
        inner.queue_max.store(config.queue_max, Ordering::Relaxed);
        inner.retry_after_ms.store(config.retry_after_ms, Ordering::Relaxed);
        let mut present = inner.concurrent_max.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, now) = (*present, config.concurrent_max);
        if now >= before {
            let more = now - before;
            inner.work.add_permits(more - inner.pay(more));
        } else {
            let fewer = before - now;
            let gone = inner.work.forget_permits(fewer);
            inner.owed.fetch_add(fewer - gone, Ordering::Relaxed);
        }
        *present = now;
    }

    fn permit(&self, work: OwnedSemaphorePermit) -> Permit {
        Permit { work: Some(work), inner: Arc::clone(&self.inner), _share: None }
    }

    /// Waits for a permit. Dropping the future gives the place up.
    ///
    /// # Errors
    /// The queue is full, or the gateway is shutting down.
    pub async fn enter(&self) -> Result<Permit, RequestError> {
        let inner = &self.inner;
        if inner.draining.load(Ordering::Relaxed) {
            return Err(RequestError::Draining { retry_after_ms: inner.retry_after_ms() });
        }
        if let Ok(work) = Arc::clone(&inner.work).try_acquire_owned() {
            return Ok(self.permit(work));
        }
        let waiting = inner.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&inner.waiting);
        if waiting >= inner.queue_max.load(Ordering::Relaxed) {
            let retry_after_ms = inner.retry_after_ms();
            return Err(RequestError::Overloaded { waiting, retry_after_ms });
        }
        let work = Arc::clone(&inner.work).acquire_owned().await;
        Ok(self.permit(work.expect("the semaphore is never closed")))
    }

    /// What a newcomer would be told now: for a format that must answer before its work enters.
    pub fn refusal(&self) -> Option<RequestError> {
        let inner = &self.inner;
        let retry_after_ms = inner.retry_after_ms();
        if self.is_draining() {
            return Some(RequestError::Draining { retry_after_ms });
        }
        let waiting = inner.waiting.load(Ordering::Relaxed);
        let queue_max = inner.queue_max.load(Ordering::Relaxed);
        let is_full = inner.work.available_permits() == 0 && waiting >= queue_max;
        is_full.then_some(RequestError::Overloaded { waiting, retry_after_ms })
    }

    /// Tells whoever asks to send nobody here any more; whoever comes is still let in.
    pub fn leave(&self) {
        self.inner.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether nobody should be sent here any more.
    pub fn is_leaving(&self) -> bool {
        self.inner.leaving.load(Ordering::Relaxed)
    }

    /// Refuses newcomers from now on; those inside finish.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
        self.inner.drained.notify_waiters();
    }

    /// Resolves when newcomers are refused: for connections that only wait for news.
    pub async fn drained(&self) {
        // Before the look, so that no call of `drain` falls between the two.
        let drained = self.inner.drained.notified();
        if !self.is_draining() {
            drained.await;
        }
    }

    /// Whether newcomers are refused.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(concurrent_max: usize, queue_max: usize) -> Admission {
        Admission::new(&ServerConfig { concurrent_max, queue_max, ..ServerConfig::default() })
    }

    #[tokio::test]
    async fn one_works_one_waits_and_the_third_is_sent_away() {
        let door = door(1, 1);
        let first = door.enter().await.unwrap();
        let waiter = tokio::spawn({
            let door = door.clone();
            async move { door.enter().await.is_ok() }
        });
        while door.inner.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(door.enter().await, Err(RequestError::Overloaded { waiting: 1, .. })));
        drop(first);
        assert!(waiter.await.unwrap());
        assert_eq!(door.inner.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_no_trace() {
        let door = door(1, 1);
        let _first = door.enter().await.unwrap();
        let wait = tokio::time::timeout(std::time::Duration::from_millis(5), door.enter());
        assert!(wait.await.is_err());
        assert_eq!(door.inner.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_look_tells_what_entering_would() {
        let door = door(1, 0);
        assert!(door.refusal().is_none(), "there is room");
        let inside = door.enter().await.unwrap();
        assert!(matches!(door.refusal(), Some(RequestError::Overloaded { waiting: 0, .. })));
        drop(inside);
        assert!(door.refusal().is_none(), "there is room again");
        door.drain();
        assert!(matches!(door.refusal(), Some(RequestError::Draining { .. })));
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_hears_of_it_whenever_they_ask() {
        let door = door(1, 1);
        let waits = tokio::spawn({
            let door = door.clone();
            async move { door.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "it is open");
        door.drain();
        waits.await.unwrap();
        door.drained().await;
    }

    #[tokio::test]
    async fn limits_change_without_sending_anybody_away() {
        let limits = |concurrent_max, queue_max| ServerConfig {
            concurrent_max,
            queue_max,
            ..ServerConfig::default()
        };
        let enter = |door: &Admission| {
            let door = door.clone();
            async move { door.enter().await }
        };
        let door = door(3, 0);
        let mut inside = Vec::new();
        for _ in 0..3 {
            inside.push(enter(&door).await.unwrap());
        }
        // Fewer: two of the three owe their places.
        door.set_limits(&limits(1, 0));
        inside.pop();
        inside.pop();
        assert!(enter(&door).await.is_err(), "one is still inside, and no more may be");
        inside.pop();
        let only = enter(&door).await.unwrap();
        assert!(enter(&door).await.is_err());
        // More, some of which were owed before.
        door.set_limits(&limits(0, 0));
        door.set_limits(&limits(2, 0));
        let second = enter(&door).await.unwrap();
        assert!(enter(&door).await.is_err());
        drop((only, second));
        assert_eq!(door.inner.work.available_permits(), 2);
        assert_eq!(door.inner.owed.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn nobody_enters_while_draining() {
        let door = door(1, 1);
        door.drain();
        assert!(matches!(door.enter().await, Err(RequestError::Draining { .. })));
    }
}
