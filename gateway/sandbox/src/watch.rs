//! What is seen of a call while it runs, so that it can be told however the call ends.

use std::time::Instant;

use crate::call::CallTimings;
use crate::host::log::{Log, LogLine};
use crate::host::state::State;
use crate::limits::MemoryPeak;

/// When a call came how far, and what its store shares. It outlives the store.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) began: Option<Instant>,
    pub(crate) entered: Option<Instant>,
    pub(crate) instantiated: Option<Instant>,
    pub(crate) ran: Option<Instant>,
    shared: Option<(Log, MemoryPeak)>,
}

impl Watch {
    /// Remembers what the data of a store shares.
    pub(crate) fn follow(&mut self, state: &State) {
        self.shared = Some((state.log.clone(), state.limiter.memory_peak()));
    }

    /// Where the time went until now: nothing for what was not reached.
    pub(crate) fn timings(&self) -> CallTimings {
        let ended = Instant::now();
        let took = |from: Option<Instant>, to: Option<Instant>| {
            let from = from.unwrap_or(ended);
            to.unwrap_or(ended).saturating_duration_since(from).as_micros() as u64
        };
        CallTimings {
            queue_us: took(self.began, self.entered),
            instantiate_us: took(self.entered, self.instantiated),
            run_us: took(self.instantiated, self.ran),
        }
    }

    pub(crate) fn memory_bytes_peak(&self) -> u64 {
        self.shared.as_ref().map_or(0, |(_, peak)| peak.bytes())
    }

    pub(crate) fn take_logs(&self) -> Vec<LogLine> {
        self.shared.as_ref().map(|(log, _)| log.lock().take()).unwrap_or_default()
    }
}
