//! How long requests took, step by step.

use crate::pipeline::Step;

/// Times of many requests, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Times {
    steps: [Vec<u64>; Step::ALL.len()],
    whole: Vec<u64>,
}

impl Times {
    /// Adds one step of one request.
    pub fn add(&mut self, step: Step, micros: u64) {
        self.steps[step as usize].push(micros);
    }

    /// Adds one whole request.
    pub fn add_whole(&mut self, micros: u64) {
        self.whole.push(micros);
    }

    /// What `share` of the requests did not exceed in this step; `None` where nobody took it.
    pub fn step(&self, step: Step, share: f64) -> Option<u64> {
        quantile(&self.steps[step as usize], share)
    }

    /// What `share` of the whole requests did not exceed.
    pub fn whole(&self, share: f64) -> Option<u64> {
        quantile(&self.whole, share)
    }
}

/// By nearest rank.
fn quantile(values: &[u64], share: f64) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Microseconds for people: `12.34 ms`.
pub(crate) fn ms(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        for (values, share, expected) in [
            (vec![], 0.5, None),
            (vec![7], 0.0, Some(7)),
            (vec![7], 0.95, Some(7)),
            (vec![3, 1, 2], 0.5, Some(2)),
            (vec![4, 3, 2, 1], 0.5, Some(2)),
            ((1..=100).collect(), 0.95, Some(95)),
            ((1..=100).collect(), 1.0, Some(100)),
        ] {
            assert_eq!(quantile(&values, share), expected, "{values:?} {share}");
        }
    }

    #[test]
    fn steps_are_kept_apart() {
        let mut times = Times::default();
        times.add(Step::Distil, 5);
        times.add_whole(9);
        assert_eq!(times.step(Step::Distil, 0.5), Some(5));
        assert_eq!(times.step(Step::Decode, 0.5), None);
        assert_eq!(times.whole(0.5), Some(9));
        assert_eq!(ms(1_234), "1.23 ms");
    }
}
