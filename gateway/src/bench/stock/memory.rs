//! How fast the threads of a tensor operation read memory together: what a step cannot be faster than.

use std::hint::black_box;
use std::time::Instant;

/// Bytes that all threads read together: about the weights of a model of half a billion, a byte each.
const BYTES: usize = 512 << 20;
/// Readings that are timed; the best one counts, since others were disturbed.
const ROUNDS: usize = 5;
/// Sums that run beside each other, so that no addition waits for the one before.
const LANES: usize = 8;

/// Bytes a second that so many threads read.
pub(super) fn read_bytes_per_second(threads: usize) -> f64 {
    read(BYTES, threads.max(1))
}

fn read(bytes: usize, threads: usize) -> f64 {
    let numbers = vec![1u64; bytes / size_of::<u64>()];
    let part = numbers.len().div_ceil(threads).max(1);
    let mut best_s = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for part in numbers.chunks(part) {
                scope.spawn(move || black_box(sum(part)));
            }
        });
        best_s = best_s.min(began.elapsed().as_secs_f64());
    }
    bytes as f64 / best_s.max(f64::EPSILON)
}

fn sum(numbers: &[u64]) -> u64 {
    let mut sums = [0u64; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest: u64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, number) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*number);
        }
    }
    sums.iter().sum::<u64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_once() {
        for count in [0, 1, 7, 8, 100] {
            assert_eq!(sum(&vec![1; count]), count as u64);
        }
    }

    #[test]
    fn reading_has_some_rate() {
        for threads in [1, 3] {
            let rate = read(1 << 16, threads);
            assert!(rate.is_finite() && rate > 0.0, "{rate}");
        }
    }
}
