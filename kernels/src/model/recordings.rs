//! Forwards of few tokens take longer to launch than to compute: they are recorded once and started
//! as one.
//!
//! A recording keeps sizes and addresses. So a forward is filled up to the next bucket of tokens, each
//! token that fills it alone in a row that sees nothing and is kept nowhere; and all that differs
//! among forwards of a bucket lies in the buffers. The first forward of a bucket runs as it is, since
//! a device may load a kernel when it is first launched; the second is recorded.

use std::collections::HashMap;

use super::Model;
use super::plan::Extent;
use crate::error::KernelError;
use crate::machine::{Machine, Recorded};

/// Tokens of a forward beyond which launches are short beside what they compute.
const TOKENS_MAX: usize = 64;
/// Numbers of an entry.
const ENTRY: usize = 4;

/// What was recorded, by the extent of its bucket.
pub(super) struct Recordings<M: Machine> {
    is_on: bool,
    /// None once it ran.
    by_extent: HashMap<Extent, Option<Recorded<M::Recording>>>,
}

impl<M: Machine> Recordings<M> {
    pub(super) fn new() -> Self {
        Self { is_on: true, by_extent: HashMap::new() }
    }

    /// The extent to which a forward is filled up, of at most `tokens_max` tokens; its own where
    /// nothing is recorded of it.
    pub(super) fn filled(&self, extent: Extent, tokens_max: usize) -> Extent {
        if !self.takes(&extent) {
            return extent;
        }
        let tokens = extent.tokens.next_power_of_two().min(tokens_max);
        let row_tokens_max = extent.row_tokens_max.next_power_of_two().min(tokens);
        // Whoever fills it up has a row.
        Extent { tokens, rows: tokens, row_tokens_max, ..extent }
    }

    /// Records anew.
    pub(super) fn forget(&mut self) {
        self.by_extent.clear();
    }

    fn takes(&self, extent: &Extent) -> bool {
        self.is_on && extent.tokens <= TOKENS_MAX
    }
}

impl<M: Machine> Model<M> {
    /// Whether forwards of few tokens are recorded and started as one, which they are unless this
    /// says otherwise: to measure what that gains. No answer depends on it, but for the rounding
    /// that [`Settings::splits_max`](super::Settings::splits_max) allows.
    pub fn set_recording(&mut self, is_on: bool) {
        self.recordings = Recordings { is_on, by_extent: HashMap::new() };
    }

    /// Buckets of which there is a recording.
    #[must_use]
    pub fn recordings(&self) -> usize {
        self.recordings.by_extent.values().filter(|recording| recording.is_some()).count()
    }

    /// All layers over what the buffers hold, whose extent is a filled one.
    pub(super) fn run(&mut self, extent: Extent) -> Result<(), KernelError> {
        if !self.recordings.takes(&extent) {
            return self.layers(&extent);
        }
        // As many as a forward of this bucket may list. A buffer that grew lies elsewhere.
        let entries = self.buffers.entries.len() / ENTRY;
        let extent = Extent { entries, ..extent };
        match self.recordings.by_extent.get(&extent) {
            Some(Some(recording)) => return self.machine.replay(recording),
            Some(None) => {}
            None => {
                self.layers(&extent)?;
                self.recordings.by_extent.retain(|old, _| old.entries == entries);
                self.recordings.by_extent.insert(extent, None);
                return Ok(());
            }
        }
        if self.machine.record().is_err() {
            return self.unrecorded(&extent);
        }
        let launched = self.layers(&extent);
        let recording = self.machine.recorded();
        launched?;
        match recording {
            Ok(recording) => {
                let recording = Recorded(recording);
                let replayed = self.machine.replay(&recording);
                self.recordings.by_extent.insert(extent, Some(recording));
                replayed
            }
            Err(error @ KernelError::Sticky { .. }) => Err(error),
            Err(_) => self.unrecorded(&extent),
        }
    }

    /// A machine that cannot record goes on launch by launch.
    fn unrecorded(&mut self, extent: &Extent) -> Result<(), KernelError> {
        self.set_recording(false);
        self.layers(extent)
    }
}
