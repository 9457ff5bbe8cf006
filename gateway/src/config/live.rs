//! The configuration in force, and those before it.
//!
//! Whoever reads a value gets it by reference and may keep that for as long as a request lasts. So
//! what was in force before stays: some kilobytes each time an operator changes something.

use std::ops::Deref;
use std::sync::OnceLock;

use super::Config;

/// How often a running gateway may be given another configuration.
const REPLACED_MAX: usize = 1_000;

/// A configuration that can be replaced while others read it.
#[derive(Debug, Default)]
pub struct Live {
    config: Config,
    next: OnceLock<Box<Live>>,
}

impl From<Config> for Live {
    fn from(config: Config) -> Self {
        Self { config, next: OnceLock::new() }
    }
}

impl Live {
    /// Puts another configuration in force. Says whether it could: not after a thousand times.
    pub fn replace(&self, config: Config) -> bool {
        let mut waiting = Box::new(Self::from(config));
        loop {
            let (last, replaced) = self.last();
            if replaced >= REPLACED_MAX {
                return false;
            }
            match last.next.set(waiting) {
                Ok(()) => return true,
                // Somebody else was faster: after theirs, then.
                Err(back) => waiting = back,
            }
        }
    }

    fn last(&self) -> (&Self, usize) {
        let mut last = self;
        let mut replaced = 0;
        while let Some(next) = last.next.get() {
            last = next;
            replaced += 1;
        }
        (last, replaced)
    }
}

impl Deref for Live {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.last().0.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls_max(calls_max: usize) -> Config {
        let mut config = Config::default();
        config.request.calls_max = calls_max;
        config
    }

    #[test]
    fn the_last_one_is_in_force_and_those_before_stay_readable() {
        let live = Live::from(calls_max(1));
        let before = &live.request;
        assert!(live.replace(calls_max(2)) && live.replace(calls_max(3)));
        assert_eq!((before.calls_max, live.request.calls_max), (1, 3));
    }

    #[test]
    fn a_thousand_times_are_enough() {
        let live = Live::from(calls_max(1));
        assert!((0..REPLACED_MAX).all(|_| live.replace(calls_max(2))));
        assert!(!live.replace(calls_max(3)));
        assert_eq!(live.request.calls_max, 2);
    }
}
