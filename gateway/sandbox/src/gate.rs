//! A bounded number of calls that run, and of calls that wait for their turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets so many in at once, lets so many wait, and turns the rest away.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// Nobody may wait any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Keeps the count right when the waiting future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    pub(crate) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            slots: Semaphore::new(running_max.min(Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            waiting_max,
        }
    }

    /// Waits for a slot, first come first served. The slot is free again when the permit is
    /// dropped.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(permit) = self.slots.try_acquire() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(Full);
        }
        let permit = self.slots.acquire().await.expect("the gate's semaphore is never closed");
        drop(waiting);
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_runs_one_waits_one_is_turned_away() {
        let gate = Gate::new(1, 1);
        let running = gate.enter().await.unwrap();
        let mut second = Box::pin(gate.enter());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(gate.enter().await.err(), Some(Full));
        drop(running);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_frees_its_place() {
        let gate = Gate::new(1, 1);
        let _running = gate.enter().await.unwrap();
        let mut second = Box::pin(gate.enter());
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        let mut third = Box::pin(gate.enter());
        assert!(third.as_mut().now_or_never().is_none(), "the place was not freed");
    }
}
