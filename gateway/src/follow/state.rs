//! How it stands with a place that is followed.

use std::time::{Duration, Instant};

use hyfunc_distribution::Digest;

use super::error::FollowError;
use super::poll::Report;
use crate::clock::{self, now_ms};

/// A place.
#[derive(Clone, Debug)]
pub struct State {
    /// Registry, repository and tag or digest.
    pub reference: String,
    /// The manifest there, when it was last seen.
    pub digest: Option<Digest>,
    /// Whose signature it has; nothing where nobody looked.
    pub signed_by: Option<String>,
    /// What comes from there.
    pub items: Vec<Item>,
    /// Why the last look failed.
    pub error: Option<String>,
    /// When it was last looked at, in milliseconds since 1970.
    pub checked_ms: Option<u64>,
    /// When something from there last changed the library, in milliseconds since 1970.
    pub changed_ms: Option<u64>,
    is_missing: bool,
    failures: u32,
    due: Instant,
    is_busy: bool,
}

/// In a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not looked at yet.
    New,
    /// The library holds what is there.
    Current,
    /// There is nothing.
    Missing,
    /// The last look failed.
    Failing,
}

impl Status {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Current => "current",
            Self::Missing => "missing",
            Self::Failing => "failing",
        }
    }
}

/// A plugin from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// As its author numbered it.
    pub version: Option<String>,
    /// Its manifest, where there still is one.
    pub manifest: Option<Digest>,
    /// SHA-256 of its component in hexadecimal, where that is known.
    pub component: Option<String>,
    /// How it stands.
    pub status: ItemStatus,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// How it stands with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemStatus {
    /// It serves.
    Serving,
    /// It waits for approval.
    Waiting,
    /// It was not taken.
    Refused,
    /// The registry has it no more, and it serves still.
    Kept,
}

impl ItemStatus {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Kept => "kept",
        }
    }
}

impl State {
    /// Of a place that nobody has looked at.
    pub(super) fn new(reference: String) -> Self {
        Self {
            reference,
            digest: None,
            signed_by: None,
            items: Vec::new(),
            error: None,
            checked_ms: None,
            changed_ms: None,
            is_missing: false,
            failures: 0,
            due: Instant::now(),
            is_busy: false,
        }
    }

    /// To be looked at again as if for the first time.
    pub(super) fn anew(self) -> Self {
        Self { due: Instant::now(), is_busy: false, digest: None, failures: 0, ..self }
    }

    /// In a word.
    pub fn status(&self) -> Status {
        match (self.checked_ms, self.failures, self.is_missing) {
            (None, ..) => Status::New,
            (_, 1.., _) => Status::Failing,
            (_, _, true) => Status::Missing,
            _ => Status::Current,
        }
    }

    /// Whether there was nothing at the last look.
    pub(super) fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Looks that failed, one after the other.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// When it is looked at next, in milliseconds since 1970.
    pub fn next_ms(&self) -> u64 {
        let pause = self.due.saturating_duration_since(Instant::now());
        now_ms().saturating_add(clock::millis(pause))
    }

    /// Takes it, if its time has come and nobody else has.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let takes = !self.is_busy && self.due <= now;
        self.is_busy |= takes;
        takes
    }

    /// Until its time has come; nothing while somebody looks.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        (!self.is_busy).then(|| self.due.saturating_duration_since(now))
    }

    /// Writes down what came of a look. Where that failed, what was there before stays.
    pub(super) fn note(
        &mut self,
        polled: Result<Report, FollowError>,
        failures: u32,
        pause: Duration,
    ) {
        self.is_busy = false;
        self.due = Instant::now() + pause;
        self.failures = failures;
        self.checked_ms = Some(now_ms());
        match polled {
            Ok(report) => {
                self.error = report.failure.map(|error| error.to_string());
                self.changed_ms = report.is_changed.then(now_ms).or(self.changed_ms);
                self.is_missing = report.digest.is_none();
                self.digest = report.digest;
                self.signed_by = report.signed_by;
                self.items = report.items;
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(digest: Option<Digest>, failure: Option<FollowError>) -> Report {
        Report { digest, signed_by: None, items: Vec::new(), is_changed: true, failure }
    }

    #[test]
    fn a_place_is_taken_once_and_when_its_time_has_come() {
        let mut state = State::new("ghcr.io/me/tides:1".into());
        let now = Instant::now();
        assert_eq!(state.status(), Status::New);
        assert!(state.take(now) && !state.take(now));
        assert_eq!(state.pause(now), None);
        state.note(Ok(report(Some(Digest::of(b"")), None)), 0, Duration::from_secs(60));
        assert_eq!(state.status(), Status::Current);
        assert!(!state.take(Instant::now()));
        assert!(state.take(Instant::now() + Duration::from_secs(61)));
    }

    #[test]
    fn a_failure_leaves_what_was_known() {
        let mut state = State::new("ghcr.io/me/tides:1".into());
        let pause = Duration::from_secs(1);
        let digest = Some(Digest::of(b""));
        state.note(Ok(report(digest.clone(), None)), 0, pause);
        state.note(Err(FollowError::Panicked), 1, pause);
        assert_eq!((state.status(), &state.digest), (Status::Failing, &digest));
        assert!(state.error.is_some() && state.changed_ms.is_some());
        state.note(Ok(report(None, None)), 0, pause);
        assert_eq!((state.status(), state.error.as_ref()), (Status::Missing, None));
        let state = state.anew();
        assert!(state.digest.is_none() && state.clone().take(Instant::now()));
    }
}
