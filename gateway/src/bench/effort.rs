//! How long a row is measured: so many times, or so long.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Samples of one row; eight bytes each are kept until the row is done.
pub const SAMPLES_MAX: usize = 5_000_000;

/// Share of the measured work that is done before, to warm caches and pools.
const WARM_UP: u32 = 10;

/// How long a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// So many times.
    Iterations(usize),
    /// As often as fits, at most [`SAMPLES_MAX`] times.
    Duration(Duration),
}

impl Effort {
    /// A tenth of it, and never nothing.
    pub fn warm_up(self) -> Self {
        match self {
            Effort::Iterations(times) => Effort::Iterations((times / WARM_UP as usize).max(1)),
            Effort::Duration(limit) => Effort::Duration(limit / WARM_UP),
        }
    }
}

/// The turns of one row, shared by all who take them.
#[derive(Debug)]
pub(super) struct Turns {
    effort: Effort,
    taken: AtomicUsize,
    began: OnceLock<Instant>,
}

impl Turns {
    pub fn new(effort: Effort) -> Self {
        Self { effort, taken: AtomicUsize::new(0), began: OnceLock::new() }
    }

    /// Whether there is one more turn. The first one starts the clock and is always there.
    pub fn take(&self) -> bool {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        match self.effort {
            Effort::Iterations(times) => before < times,
            Effort::Duration(limit) => {
                let began = *self.began.get_or_init(Instant::now);
                before == 0 || (before < SAMPLES_MAX && began.elapsed() < limit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_counted_over_all_who_take_them() {
        let turns = Turns::new(Effort::Iterations(100));
        let taken: usize = std::thread::scope(|scope| {
            let count = || std::iter::from_fn(|| turns.take().then_some(())).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_duration_allows_one_turn_even_when_it_is_over_at_once() {
        let turns = Turns::new(Effort::Duration(Duration::ZERO));
        assert!(turns.take());
        assert!(!turns.take());
    }

    #[test]
    fn warming_up_is_a_tenth_and_never_nothing() {
        for (effort, warm_up) in [
            (Effort::Iterations(1), Effort::Iterations(1)),
            (Effort::Iterations(19), Effort::Iterations(1)),
            (Effort::Iterations(200), Effort::Iterations(20)),
            (
                Effort::Duration(Duration::from_secs(3)),
                Effort::Duration(Duration::from_millis(300)),
            ),
        ] {
            assert_eq!(effort.warm_up(), warm_up);
        }
    }
}
