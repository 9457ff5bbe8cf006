//! Who may work now, who waits, and who is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
    draining: AtomicBool,
    drained: Notify,
    queue_max: usize,
    retry_after_ms: u64,
}

/// The right to work; giving it back is dropping it.
pub struct Permit {
    _work: OwnedSemaphorePermit,
    _share: Share,
}

impl Permit {
    /// The same, together with its key's own place.
    pub fn with(self, share: Share) -> Self {
        Self { _share: share, ..self }
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
                draining: AtomicBool::new(false),
                drained: Notify::new(),
                queue_max: config.queue_max,
                retry_after_ms: config.retry_after_ms,
            }),
        }
    }

    /// Waits for a permit. Dropping the future gives the place up.
    ///
    /// # Errors
    /// The queue is full, or the gateway is shutting down.
    pub async fn enter(&self) -> Result<Permit, RequestError> {
        let inner = &self.inner;
        if inner.draining.load(Ordering::Relaxed) {
            return Err(RequestError::Draining { retry_after_ms: inner.retry_after_ms });
        }
        if let Ok(work) = Arc::clone(&inner.work).try_acquire_owned() {
            return Ok(Permit { _work: work, _share: None });
        }
        let waiting = inner.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&inner.waiting);
        if waiting >= inner.queue_max {
            return Err(RequestError::Overloaded { waiting, retry_after_ms: inner.retry_after_ms });
        }
        let work = Arc::clone(&inner.work).acquire_owned().await;
        let work = work.expect("the semaphore is never closed");
        Ok(Permit { _work: work, _share: None })
    }

    /// What a newcomer would be told now: for a format that must answer before its work enters.
    pub fn refusal(&self) -> Option<RequestError> {
        let inner = &self.inner;
        let retry_after_ms = inner.retry_after_ms;
        if self.is_draining() {
            return Some(RequestError::Draining { retry_after_ms });
        }
        let waiting = inner.waiting.load(Ordering::Relaxed);
        let is_full = inner.work.available_permits() == 0 && waiting >= inner.queue_max;
        is_full.then_some(RequestError::Overloaded { waiting, retry_after_ms })
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
    async fn nobody_enters_while_draining() {
        let door = door(1, 1);
        door.drain();
        assert!(matches!(door.enter().await, Err(RequestError::Draining { .. })));
    }
}
