//! How long requests took, step by step.

pub(crate) use hyfunc_training::report::{ms, quantile};

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

#[cfg(test)]
mod tests {
    use super::*;

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
