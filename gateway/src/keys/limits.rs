//! How much of it: requests a minute, and requests at once.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::AccessError;
use crate::clock;

/// So many a minute, all of them at once if need be; then one each time that its share of the
/// minute is over.
pub struct Rate {
    limiter: DefaultDirectRateLimiter,
    per_minute: NonZeroU32,
}

impl Rate {
    /// A full minute's worth.
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::direct(Quota::per_minute(per_minute)), per_minute }
    }

    /// The limit.
    pub fn per_minute(&self) -> u32 {
        self.per_minute.get()
    }

    /// Takes one, or says how many milliseconds to wait.
    ///
    /// # Errors
    /// None is left.
    pub fn take(&self) -> Result<(), u64> {
        self.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(self.limiter.clock().now());
            clock::millis(wait).max(1)
        })
    }
}

/// The limits of one key.
pub struct Limits {
    rate: Option<Rate>,
    places: Option<(Arc<Semaphore>, NonZeroU32)>,
}

/// A key's place among its requests at work; giving it back is dropping it. `None` where nobody
/// counts.
pub type Share = Option<OwnedSemaphorePermit>;

impl Limits {
    /// Those of a key; `None` is no limit.
    pub fn new(per_minute: Option<NonZeroU32>, concurrent_max: Option<NonZeroU32>) -> Self {
        let places = concurrent_max.map(|most| {
            let places = usize::try_from(most.get()).unwrap_or(Semaphore::MAX_PERMITS);
            (Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))), most)
        });
        Self { rate: per_minute.map(Rate::new), places }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// The key has no more for now.
    pub fn request(&self) -> Result<(), AccessError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.take().map_err(|retry_after_ms| AccessError::KeyRate {
            per_minute: rate.per_minute(),
            retry_after_ms,
        })
    }

    /// Takes a place among the requests at work.
    ///
    /// # Errors
    /// All are taken.
    pub fn enter(&self, retry_after_ms: u64) -> Result<Share, AccessError> {
        let Some((places, most)) = &self.places else { return Ok(None) };
        let share = Arc::clone(places).try_acquire_owned();
        share
            .map(Some)
            .map_err(|_| AccessError::Concurrency { concurrent_max: most.get(), retry_after_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_and_then_a_wait_of_one_share() {
        let three = NonZeroU32::new(3).unwrap();
        let limits = Limits::new(Some(three), None);
        for _ in 0..3 {
            limits.request().unwrap();
        }
        match limits.request() {
            Err(AccessError::KeyRate { per_minute: 3, retry_after_ms }) => {
                assert!((15_000..=20_000).contains(&retry_after_ms), "{retry_after_ms}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_limit_is_no_limit() {
        let limits = Limits::new(None, None);
        for _ in 0..1_000 {
            limits.request().unwrap();
            assert!(limits.enter(1).unwrap().is_none());
        }
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let limits = Limits::new(None, NonZeroU32::new(2));
        let first = limits.enter(7).unwrap();
        let _second = limits.enter(7).unwrap();
        let third = limits.enter(7);
        assert!(matches!(
            third,
            Err(AccessError::Concurrency { concurrent_max: 2, retry_after_ms: 7 })
        ));
        drop(first);
        assert!(limits.enter(7).unwrap().is_some());
    }
}
