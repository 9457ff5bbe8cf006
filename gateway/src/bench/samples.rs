//! Times of one thing done many times, and what they come to.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use super::BenchError;
use crate::eval::quantile;

/// The least that a clock tells apart, in seconds.
const CLOCK_S: f64 = 1e-9;

/// Nanoseconds of every time that something was done.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<u64>);

/// What times come to. Percentiles are by nearest rank: each is a time that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// How many were measured.
    pub samples: usize,
    /// Half of them took at most so many microseconds.
    pub p50_us: f64,
    /// 95 of 100 took at most so many microseconds.
    pub p95_us: f64,
    /// 99 of 100 took at most so many microseconds.
    pub p99_us: f64,
    /// How many were done a second.
    pub per_second: f64,
}

impl Samples {
    pub fn add(&mut self, took: Duration) {
        self.0.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn join(&mut self, other: Samples) {
        self.0.extend(other.0);
    }

    /// What they come to when all of them together took `elapsed`; `None` of nothing.
    pub fn times(&self, elapsed: Duration) -> Option<Times> {
        let micros = |share| Some(quantile(&self.0, share)? as f64 / 1e3);
        Some(Times {
            samples: self.0.len(),
            p50_us: micros(0.5)?,
            p95_us: micros(0.95)?,
            p99_us: micros(0.99)?,
            per_second: self.0.len() as f64 / elapsed.as_secs_f64().max(CLOCK_S),
        })
    }

    /// The same of things that were done one after another with nothing between them.
    pub fn times_in_turn(&self) -> Option<Times> {
        self.times(Duration::from_nanos(self.0.iter().fold(0, |sum, ns| sum.saturating_add(*ns))))
    }
}

impl Times {
    /// For programs.
    pub fn to_json(self) -> Json {
        json!({
            "samples": self.samples,
            "p50_us": self.p50_us,
            "p95_us": self.p95_us,
            "p99_us": self.p99_us,
            "per_second": self.per_second,
        })
    }
}

/// Lets so many take samples at once, each in a task of its own; gives all samples, and how long
/// that took as a whole.
pub(super) async fn together<Taking, E>(
    at_once: usize,
    mut begin: impl FnMut(usize) -> Taking,
) -> Result<(Samples, Duration), BenchError>
where
    Taking: Future<Output = Result<Samples, E>> + Send + 'static,
    E: Send + 'static,
    BenchError: From<E>,
{
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..at_once {
        tasks.spawn(begin(number));
    }
    let mut all = Samples::default();
    while let Some(done) = tasks.join_next().await {
        all.join(done.map_err(|_| BenchError::Panicked)??);
    }
    Ok((all, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(micros: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::default();
        micros.into_iter().for_each(|micros| samples.add(Duration::from_micros(micros)));
        samples
    }

    #[test]
    fn percentiles_of_known_times() {
        for (micros, p50, p95, p99) in [
            (vec![7], 7.0, 7.0, 7.0),
            (vec![2, 1], 1.0, 2.0, 2.0),
            (vec![3, 1, 2], 2.0, 3.0, 3.0),
            ((1..=100).collect(), 50.0, 95.0, 99.0),
            ((1..=100).rev().collect(), 50.0, 95.0, 99.0),
            ((1..=1000).collect(), 500.0, 950.0, 990.0),
            ((1..=101).collect(), 51.0, 96.0, 100.0),
            ([vec![5; 98], vec![900, 1000]].concat(), 5.0, 5.0, 900.0),
        ] {
            let times = samples(micros.clone()).times_in_turn().unwrap();
            assert_eq!((times.p50_us, times.p95_us, times.p99_us), (p50, p95, p99), "{micros:?}");
            assert_eq!(times.samples, micros.len());
        }
    }

    #[test]
    fn nothing_measured_is_nothing_and_not_zero() {
        assert_eq!(samples([]).times_in_turn(), None);
        assert_eq!(samples([]).times(Duration::from_secs(1)), None);
    }

    #[test]
    fn the_rate_is_over_the_time_that_passed() {
        let four = samples([1000; 4]);
        assert_eq!(four.times_in_turn().unwrap().per_second, 1000.0);
        let beside_each_other = four.times(Duration::from_millis(1)).unwrap();
        assert_eq!(beside_each_other.per_second, 4000.0);
        assert!(four.times(Duration::ZERO).unwrap().per_second.is_finite());
    }

    #[test]
    fn joined_samples_are_counted_together() {
        let mut one = samples([1, 2]);
        one.join(samples([3]));
        let times = one.times_in_turn().unwrap();
        assert_eq!((times.samples, times.p99_us), (3, 3.0));
    }

    #[test]
    fn a_time_below_a_microsecond_is_kept() {
        let mut samples = Samples::default();
        samples.add(Duration::from_nanos(250));
        assert_eq!(samples.times_in_turn().unwrap().p50_us, 0.25);
    }
}
