//! What one core of this machine does at best, measured in the same run as everything else.

use std::hint::black_box;
use std::time::Instant;

use hyfunc_cascade::ceiling::operations_per_second;
use serde_json::{Value as Json, json};

use super::{BenchError, units};

/// Bytes of a copy that stays in a cache, about as many as the tiny models' weights.
const CACHED_BYTES: usize = 4 << 20;
/// Bytes of a copy that goes through memory.
const MEMORY_BYTES: usize = 64 << 20;
/// Copies that are timed; the best one counts, since others were disturbed.
const ROUNDS: usize = 8;

/// Bytes and operations a second of one core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Bytes read and written by a copy within a cache.
    pub cached_bytes: f64,
    /// Bytes read and written by a copy through memory.
    pub memory_bytes: f64,
    /// Multiplications and additions of a matrix product, f32.
    pub operations: f64,
}

impl Ceilings {
    /// Measures them. Blocking work of some tenths of a second.
    ///
    /// # Errors
    /// The matrix product failed.
    pub(super) fn measure() -> Result<Self, BenchError> {
        Ok(Self {
            cached_bytes: copied_bytes_per_second(CACHED_BYTES),
            memory_bytes: copied_bytes_per_second(MEMORY_BYTES),
            operations: operations_per_second()?,
        })
    }

    /// Microseconds that work takes at least: its bytes or its operations, whichever take longer.
    /// Weights this small stay in a cache, so the faster of the two copies counts.
    pub fn floor_us(&self, bytes: f64, operations: f64) -> f64 {
        let bytes_s = bytes / self.cached_bytes.max(self.memory_bytes);
        bytes_s.max(operations / self.operations) * 1e6
    }

    /// One line.
    pub fn to_text(self) -> String {
        format!(
            "copy {}/s in cache, {}/s through memory; multiply {} operations/s",
            units::bytes(self.cached_bytes),
            units::bytes(self.memory_bytes),
            units::count(self.operations)
        )
    }

    /// For programs.
    pub fn to_json(self) -> Json {
        json!({
            "cached_bytes_per_second": self.cached_bytes,
            "memory_bytes_per_second": self.memory_bytes,
            "operations_per_second": self.operations,
        })
    }
}

fn copied_bytes_per_second(bytes: usize) -> f64 {
    let from = vec![1u8; bytes];
    let mut to = vec![0u8; bytes];
    let mut best_s = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        best_s = best_s.min(began.elapsed().as_secs_f64());
    }
    2.0 * bytes as f64 / best_s.max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_longer_of_moving_and_computing() {
        let ceilings = Ceilings { cached_bytes: 2e9, memory_bytes: 1e9, operations: 1e10 };
        for (bytes, operations, us) in
            [(0.0, 0.0, 0.0), (2e6, 0.0, 1000.0), (0.0, 1e7, 1000.0), (2e6, 1e8, 10_000.0)]
        {
            let floor = ceilings.floor_us(bytes, operations);
            assert!((floor - us).abs() < 1e-6, "{bytes} {operations}: {floor}");
        }
    }

    #[test]
    fn a_copy_moves_bytes_at_some_rate() {
        let rate = copied_bytes_per_second(1 << 16);
        assert!(rate.is_finite() && rate > 0.0, "{rate}");
    }
}
