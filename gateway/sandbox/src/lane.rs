//! Calls that take long go on in turns, a few at a time: some cores are always left to the others.
//!
//! An epoch interrupts a guest, but a thread that goes from one long call to the next is as busy as
//! one that never leaves the first, and nothing interrupts one large copy, nor the wiping of a large
//! memory. So whoever has had a core for long, or comes of a plugin whose calls do, is polled only
//! while one of a few turns is free. Short calls never ask.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Time on a core from which on a call takes turns, in microseconds.
const LONG_US: u64 = 2_000;
/// Most that one call counts in what its plugin's calls take, in microseconds: however long
/// they were, they are forgotten after some sixteen short ones.
const COUNTED_US_MAX: u64 = 8 * LONG_US;
/// One call counts for this part of what its plugin's calls take.
const PART: u64 = 8;
/// Of so many cores, one is left to short calls and to everything else.
const CORES_A_FREE_ONE: usize = 4;
/// After this long whoever waits looks again, in milliseconds: the one whose turn it was may not have
/// come, since nobody polls it.
const LOOK_AGAIN_MS: u64 = 20;

/// The turns of all long calls of a process.
#[derive(Debug)]
pub(crate) struct Lane {
    turns: Semaphore,
    freed: Notify,
}

/// How long the calls of one plugin have a core, lately.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    usual_us: AtomicU64,
}

/// A call's time on a core so far. It counts for its plugin however the call ends.
struct Spent<'a> {
    pace: &'a Pace,
    us: u64,
}

/// A turn; when it is dropped, somebody else's begins.
struct Turn<'a> {
    lane: &'a Lane,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.permit.take();
        self.lane.freed.notify_one();
    }
}

impl Pace {
    fn is_long(&self) -> bool {
        self.usual_us.load(Ordering::Relaxed) >= LONG_US
    }

    /// Two calls that end at once may count as one: it is a mean, nothing is lost.
    fn count(&self, us: u64) {
        let before = self.usual_us.load(Ordering::Relaxed);
        let usual = (before * (PART - 1) + us.min(COUNTED_US_MAX)).div_ceil(PART);
        self.usual_us.store(usual, Ordering::Relaxed);
    }
}

impl Spent<'_> {
    fn is_long(&self) -> bool {
        self.us >= LONG_US || self.pace.is_long()
    }

    fn add(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.us = self.us.saturating_add(us);
    }
}

impl Drop for Spent<'_> {
    fn drop(&mut self) {
        self.pace.count(self.us);
    }
}

impl Lane {
    /// For so many cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self { turns: Semaphore::new(turns(cores)), freed: Notify::new() }
    }

    /// Polls the work of a call, from when it takes long on only in its turn.
    pub(crate) async fn run<W: Future>(&self, pace: &Pace, work: W) -> W::Output {
        let mut spent = Spent { pace, us: 0 };
        let mut work = pin!(work);
        loop {
            let turn = if spent.is_long() { Some(self.turn().await) } else { None };
            let polled = poll_fn(|context| {
                let began = Instant::now();
                let polled = work.as_mut().poll(context);
                spent.add(began.elapsed());
                Poll::Ready(polled)
            })
            .await;
            drop(turn);
            match polled {
                Poll::Ready(output) => return output,
                Poll::Pending => until_woken().await,
            }
        }
    }

    /// Who waits longest is woken first. A turn is not handed over but left to be taken: whoever is
    /// not polled for a while must not keep it from the others.
    async fn turn(&self) -> Turn<'_> {
        loop {
            if let Ok(permit) = self.turns.try_acquire() {
                return Turn { lane: self, permit: Some(permit) };
            }
            // Woken or not, the loop looks again.
            let _ = timeout(Duration::from_millis(LOOK_AGAIN_MS), self.freed.notified()).await;
        }
    }
}

/// Turns at once on a machine of so many cores.
fn turns(cores: usize) -> usize {
    cores.saturating_sub((cores / CORES_A_FREE_ONE).max(1)).max(1)
}

/// Leaves the thread once: the work has this task's waker and wakes it.
async fn until_woken() {
    let mut is_left = false;
    poll_fn(|_| match std::mem::replace(&mut is_left, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn a_core_in_four_is_left_free_and_one_at_least() {
        for (cores, expected) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (16, 12)] {
            assert_eq!(turns(cores), expected, "{cores}");
        }
    }

    #[test]
    fn one_long_call_is_forgotten_and_many_are_not() {
        let pace = Pace::default();
        pace.count(u64::MAX);
        assert!(pace.is_long());
        for _ in 0..25 {
            pace.count(20);
        }
        assert!(!pace.is_long(), "{pace:?}");
        for _ in 0..100 {
            pace.count(LONG_US + 1);
        }
        assert!(pace.is_long(), "{pace:?}");
    }

    #[tokio::test]
    async fn a_call_that_nobody_polls_keeps_no_turn_from_others() {
        let (lane, long) = (Lane::new(1), Pace::default());
        long.count(u64::MAX);
        let turn = lane.turn().await;
        let mut idle = Box::pin(lane.run(&long, async { 1 }));
        assert_eq!(idle.as_mut().now_or_never(), None, "the turn is taken");
        let mut other = Box::pin(lane.run(&long, async { 2 }));
        assert_eq!(other.as_mut().now_or_never(), None, "the turn is taken");
        // It is the turn of the first one, which does not come.
        drop(turn);
        assert_eq!(other.await, 2);
        assert_eq!(idle.await, 1);
    }

    #[tokio::test]
    async fn short_calls_wait_for_no_turn_and_long_ones_give_theirs_back() {
        let (lane, short, long) = (Lane::new(1), Pace::default(), Pace::default());
        long.count(u64::MAX);
        let turn = lane.turn().await;
        assert_eq!(lane.run(&short, async { 1 }).now_or_never(), Some(1));
        let waiting = async {
            yield_now().await;
            2
        };
        let mut waiting = Box::pin(lane.run(&long, waiting));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        drop(turn);
        assert_eq!(waiting.await, 2);
        assert_eq!(lane.turns.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_counts_what_it_took() {
        let (lane, pace) = (Lane::new(1), Pace::default());
        let endless = async {
            std::thread::sleep(Duration::from_micros(COUNTED_US_MAX));
            std::future::pending::<()>().await;
        };
        let mut endless = Box::pin(lane.run(&pace, endless));
        assert_eq!(endless.as_mut().now_or_never(), None);
        assert!(!pace.is_long());
        drop(endless);
        assert!(pace.is_long(), "{pace:?}");
    }
}
