//! How far training is: a bar with rate and time left where somebody watches, a line now and then
//! where nobody does.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::run;

/// Seconds between lines.
const LINE_S: u64 = 30;

/// How far something of many steps is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    name: String,
    steps: usize,
    /// Steps of earlier stretches.
    before: usize,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// Begins after `before` of `steps` steps.
    pub(crate) fn new(name: &str, steps: usize, before: usize) -> Self {
        let (bar, began) = (run::bar(name, steps, before), Instant::now());
        let progress = Self { bar, name: name.to_owned(), steps, before, began, told: began };
        if before > 0 && before < steps {
            progress.say(&format!("{name}: goes on after {before} of {steps}"));
        }
        progress
    }

    /// So many steps are done.
    pub(crate) fn reach(&mut self, done: usize, message: &str) {
        self.bar.set_position(done as u64);
        self.bar.set_message(message.to_owned());
        if self.told.elapsed().as_secs() >= LINE_S {
            self.told = Instant::now();
            self.say(&self.line(done, message));
        }
    }

    /// All is done.
    pub(crate) fn finish(self) {
        self.bar.finish();
        if self.before < self.steps {
            let (name, steps) = (&self.name, self.steps);
            let seconds = self.began.elapsed().as_secs();
            self.say(&format!("{name}: {steps} of {steps} after {seconds} s"));
        }
    }

    /// What a bar would say.
    fn line(&self, done: usize, message: &str) -> String {
        let (name, steps) = (&self.name, self.steps);
        let (rate, left) = pace(self.began.elapsed(), done - self.before, steps - done);
        format!("{name}: {done} of {steps}, {rate:.2} a second, {left} s left, {message}")
    }

    /// For whoever reads a log; a bar says it otherwise.
    fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        }
    }
}

/// Steps a second, and seconds for those that are left.
fn pace(elapsed: Duration, done: usize, left: usize) -> (f64, u64) {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-9);
    (rate, (left as f64 / rate.max(1e-9)).min(1e12) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_by_the_pace_of_this_stretch() {
        for (seconds, done, left, expected) in
            [(10, 5, 20, (0.5, 40)), (1, 4, 0, (4.0, 0)), (8, 2, 3, (0.25, 12))]
        {
            assert_eq!(pace(Duration::from_secs(seconds), done, left), expected, "{done}");
        }
        assert!(pace(Duration::ZERO, 0, 1).1 > 1_000, "nothing is known yet");
        let progress = Progress::new("large", 700, 200);
        let line = progress.line(300, "loss 1.234");
        assert!(line.starts_with("large: 300 of 700, "), "{line}");
        assert!(line.ends_with(" s left, loss 1.234"), "{line}");
        progress.finish();
    }
}
