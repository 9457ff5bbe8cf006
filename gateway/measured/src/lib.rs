//! What was measured of the cascade on a device: plain numbers, so that neither who measures
//! (`hyfunc-device`) nor who tells of it (`hyfunc bench`) needs the other.

use std::ops::AddAssign;
use std::time::Duration;

/// How long each row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many times.
    Times(usize),
    /// As often as fits, and once at least.
    Within(Duration),
}

impl Limit {
    /// A tenth of it, and never nothing.
    #[must_use]
    pub fn warm_up(self) -> Self {
        match self {
            Self::Times(times) => Self::Times((times / 10).max(1)),
            Self::Within(limit) => Self::Within(limit / 10),
        }
    }

    /// Whether there is one more turn after so many, and so long.
    #[must_use]
    pub fn allows(self, turns: usize, elapsed: Duration) -> bool {
        match self {
            Self::Times(times) => turns < times.max(1),
            Self::Within(limit) => turns == 0 || elapsed < limit,
        }
    }
}

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Sizes of the library, ascending.
    pub functions: Vec<usize>,
    /// Requests at once.
    pub concurrency: Vec<usize>,
    /// How long each row is measured.
    pub limit: Limit,
}

impl Wanted {
    /// Stages that whoever measures tells of: ceilings, weights, schemas, one for each size of the
    /// library and one for each number of requests at once.
    #[must_use]
    pub fn stages(&self) -> usize {
        3 + self.functions.len() + self.concurrency.len()
    }
}

/// Bytes that must be read or written, and multiplications and additions that must be done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Bytes.
    pub bytes: f64,
    /// Multiplications and additions, each counted as one.
    pub operations: f64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.operations += other.operations;
    }
}

/// What the device did at best in the same run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Bytes a second of a copy, read and written counted both.
    pub copied_bytes: f64,
    /// Multiplications and additions a second of a large product in bf16; none where there was no
    /// library to measure it with.
    pub operations: Option<f64>,
}

impl Ceilings {
    /// Microseconds that work takes at least: its bytes or its operations, whichever take longer.
    #[must_use]
    pub fn floor_us(&self, work: Work) -> f64 {
        let moved = work.bytes / self.copied_bytes;
        let computed = self.operations.map_or(0.0, |rate| work.operations / rate);
        moved.max(computed) * 1e6
    }
}

/// Clocks as they were found, in MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Of the multiprocessors.
    pub processors: u32,
    /// Of the memory.
    pub memory: u32,
    /// What the multiprocessors' clock may rise to.
    pub processors_max: u32,
    /// What the memory's clock may rise to.
    pub memory_max: u32,
}

/// Which device it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What its driver calls it.
    pub name: String,
    /// The driver's version.
    pub driver: Option<String>,
    /// The version of CUDA that the driver speaks.
    pub cuda: Option<String>,
    /// Right after the ceilings were measured.
    pub clocks: Option<Clocks>,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// What was measured.
    pub name: &'static str,
    /// So many of what.
    pub at: Option<(usize, &'static str)>,
    /// Every time that was taken.
    pub samples: Vec<Duration>,
    /// How long all of them took where they ran beside each other; none: one after another.
    pub elapsed: Option<Duration>,
    /// What one of them must do at least.
    pub work: Option<Work>,
    /// How often a request does it; none of what is no step of a request.
    pub per_request: Option<f64>,
    /// Whatever else was found, the unit last in the name.
    pub figures: Vec<(&'static str, f64)>,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which device.
    pub facts: Facts,
    /// What it does at best.
    pub ceilings: Ceilings,
    /// The models and what they are asked, in words.
    pub about: String,
    /// One request at a time: its steps, and whole.
    pub requests: Vec<Finding>,
    /// Many at once.
    pub loads: Vec<Finding>,
    /// What lies in memory.
    pub memory: Vec<Finding>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_the_longer_of_moving_and_computing() {
        let work = Work { bytes: 2e6, operations: 8e6 };
        for (operations, us) in [(None, 2.0), (Some(1e12), 8.0), (Some(8e12), 2.0)] {
            let floor = Ceilings { copied_bytes: 1e12, operations }.floor_us(work);
            assert!((floor - us).abs() < 1e-9, "{operations:?}: {floor}");
        }
    }

    #[test]
    fn a_limit_allows_one_turn_at_least() {
        let second = Duration::from_secs(1);
        for (limit, turns, elapsed, allowed) in [
            (Limit::Times(0), 0, second, true),
            (Limit::Times(0), 1, second, false),
            (Limit::Times(3), 2, second, true),
            (Limit::Times(3), 3, second, false),
            (Limit::Within(Duration::ZERO), 0, second, true),
            (Limit::Within(Duration::ZERO), 1, Duration::ZERO, false),
            (Limit::Within(second), 9, second / 2, true),
        ] {
            assert_eq!(limit.allows(turns, elapsed), allowed, "{limit:?} {turns}");
        }
        assert_eq!(Limit::Times(5).warm_up(), Limit::Times(1));
        assert_eq!(Limit::Within(second).warm_up(), Limit::Within(second / 10));
    }

    #[test]
    fn works_are_added() {
        let mut sum = Work::default();
        sum += Work { bytes: 1.0, operations: 2.0 };
        sum += Work { bytes: 3.0, operations: 5.0 };
        assert_eq!(sum, Work { bytes: 4.0, operations: 7.0 });
    }
}
