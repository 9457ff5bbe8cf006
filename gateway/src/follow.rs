//! Following registries: what a tag or a list there names is what the library holds.
//!
//! A registry is asked now and then which manifest a reference names. What changed is held against
//! the signatures that the configuration wants, fetched, and handed to the publisher, which compiles
//! it apart, lets it wait where it wishes for more, writes it down and puts it in place. Whatever
//! fails leaves what serves as it is; the next look is later, up to a ceiling.

mod error;
mod poll;
mod state;
mod trust;
mod version;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument as _;

pub use error::FollowError;
pub use state::{Item, ItemStatus, State, Status};

use crate::config::{FollowConfig, FollowSource};
use crate::pipeline::Pipeline;
use crate::publish::Publisher;
use crate::telemetry;
use poll::Report;

/// Places that are looked at at once; each may hold a component and a process that compiles.
const POLLS_MAX: usize = 4;
/// Milliseconds after which a changed configuration is seen at the latest.
const SETTLE_MS_MAX: u64 = 1_000;
/// Longest time that a registry may ask to be left alone, in seconds.
const RETRY_AFTER_S_MAX: u64 = 86_400;
/// Doublings after which a pause is at its ceiling in any case.
const DOUBLINGS_MAX: u32 = 20;

/// Keeps the library equal to registries. There is one for a gateway.
pub struct Follower {
    pipeline: Arc<Pipeline>,
    publisher: Arc<Publisher>,
    states: Mutex<BTreeMap<String, State>>,
}

impl Follower {
    /// For a gateway whose library can be changed. Nothing is asked yet.
    pub fn new(pipeline: Arc<Pipeline>, publisher: Arc<Publisher>) -> Self {
        Self { pipeline, publisher, states: Mutex::default() }
    }

    /// How it stands with every place that is followed, by its reference.
    pub fn states(&self) -> Vec<State> {
        self.lock().values().cloned().collect()
    }

    /// Follows what the configuration names, for as long as it is polled. Changes of the
    /// configuration are seen within a second.
    pub async fn run(self: Arc<Self>) {
        let settle = Duration::from_millis(SETTLE_MS_MAX);
        let mut settings = FollowConfig::default();
        let mut polls = JoinSet::new();
        loop {
            if self.pipeline.config.follow != settings {
                // What is under way was begun under other rules. What it publishes already, the
                // publisher brings to an end.
                polls.shutdown().await;
                settings = self.pipeline.config.follow.clone();
                self.settle(&settings);
            }
            while polls.len() < POLLS_MAX
                && let Some((source, before)) = self.take_due(&settings)
            {
                polls.spawn(Arc::clone(&self).look(source, before, settings.clone()));
            }
            let pause = if polls.len() < POLLS_MAX { self.pause() } else { settle };
            tokio::select! {
                _ = polls.join_next(), if !polls.is_empty() => {}
                () = tokio::time::sleep(pause.min(settle)) => {}
            }
        }
    }

    /// Takes over other settings: everything is looked at anew, at once.
    fn settle(&self, settings: &FollowConfig) {
        let mut states = self.lock();
        let before = std::mem::take(&mut *states);
        for source in settings.sources() {
            let reference = source.reference.to_string();
            let known = before.get(&reference).cloned();
            let state = known.unwrap_or_else(|| State::new(reference.clone()));
            states.insert(reference, state.anew());
        }
    }

    /// A place whose time has come.
    fn take_due(&self, settings: &FollowConfig) -> Option<(FollowSource, State)> {
        let now = Instant::now();
        let mut states = self.lock();
        for source in settings.sources() {
            let Some(state) = states.get_mut(&source.reference.to_string()) else { continue };
            if state.take(now) {
                return Some((source, state.clone()));
            }
        }
        None
    }

    /// Until the next place's time has come.
    fn pause(&self) -> Duration {
        let now = Instant::now();
        let pauses = self.lock().values().filter_map(|state| state.pause(now)).min();
        pauses.unwrap_or(Duration::from_millis(SETTLE_MS_MAX))
    }

    /// Looks at one place and writes down what came of it.
    async fn look(self: Arc<Self>, source: FollowSource, before: State, settings: FollowConfig) {
        let reference = source.reference.to_string();
        let span = telemetry::follow_span(&reference);
        let began = Instant::now();
        let work = poll::poll(&self.publisher, &source, &settings, &before);
        let polled = AssertUnwindSafe(work).catch_unwind().instrument(span.clone());
        // Others wait for the place that this look takes up.
        let look_ms_max = settings.look_ms_max;
        let polled = match timeout(Duration::from_millis(look_ms_max), polled).await {
            Ok(polled) => polled.unwrap_or(Err(FollowError::Panicked)),
            Err(_) => Err(FollowError::TooLong { look_ms_max }),
        };
        let failure = match &polled {
            Ok(report) => report.failure.as_ref(),
            Err(error) => Some(error),
        };
        let outcome = match (failure, &polled) {
            (Some(error), _) => error.kind(),
            (None, Ok(report)) if report.is_changed => "changed",
            (None, _) => "unchanged",
        };
        self.pipeline.metrics.followed(outcome, began.elapsed());
        if let Some(error) = failure {
            telemetry::fail(&span, error.kind(), error.to_string());
            tracing::warn!(reference, %error, "not followed; what served before still serves");
        } else if outcome == "changed" {
            tracing::info!(reference, "followed");
        }
        let failures = if failure.is_some() { before.failures().saturating_add(1) } else { 0 };
        let retry_after_s = failure.and_then(FollowError::retry_after_s);
        let pause = pause_after(&settings, failures, retry_after_s, rand::random_range(-1.0..=1.0));
        self.note(&reference, polled, failures, pause);
    }

    fn note(
        &self,
        reference: &str,
        polled: Result<Report, FollowError>,
        failures: u32,
        pause: Duration,
    ) {
        // Whoever is followed no more has no state.
        if let Some(state) = self.lock().get_mut(reference) {
            state.note(polled, failures, pause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to leave a place alone: the interval, doubled with every failure up to the ceiling, moved
/// by chance so that many gateways do not ask at once, and never less than the registry asks for.
fn pause_after(
    settings: &FollowConfig,
    failures: u32,
    retry_after_s: Option<u64>,
    chance: f64,
) -> Duration {
    let interval = settings.interval_ms;
    let ceiling = settings.backoff_ms_max.max(interval);
    let doubled = interval.saturating_mul(1_u64 << failures.min(DOUBLINGS_MAX));
    let pause_ms = doubled.min(ceiling) as f64 * (1.0 + settings.jitter * chance);
    let asked = Duration::from_secs(retry_after_s.unwrap_or(0).min(RETRY_AFTER_S_MAX));
    Duration::from_millis(pause_ms.max(1.0) as u64).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_up_to_a_ceiling_and_heed_the_registry() {
        let settings = FollowConfig {
            interval_ms: 1_000,
            backoff_ms_max: 5_000,
            jitter: 0.5,
            ..FollowConfig::default()
        };
        for (failures, retry_after_s, chance, pause_ms) in [
            (0, None, 0.0, 1_000),
            (1, None, 0.0, 2_000),
            (2, None, 0.0, 4_000),
            (3, None, 0.0, 5_000),
            (u32::MAX, None, 0.0, 5_000),
            (0, None, 1.0, 1_500),
            (0, None, -1.0, 500),
            (1, Some(60), 0.0, 60_000),
            (1, Some(1), 0.0, 2_000),
            (1, Some(u64::MAX), 0.0, 86_400_000),
        ] {
            let pause = pause_after(&settings, failures, retry_after_s, chance);
            assert_eq!(pause.as_millis(), pause_ms, "{failures} {retry_after_s:?} {chance}");
        }
    }

    #[test]
    fn an_interval_above_the_ceiling_stays() {
        let settings =
            FollowConfig { interval_ms: 9_000, backoff_ms_max: 1, ..FollowConfig::default() };
        assert_eq!(pause_after(&settings, 7, None, 0.0).as_millis(), 9_000);
        let all = FollowConfig { interval_ms: 1, jitter: 1.0, ..FollowConfig::default() };
        assert_eq!(pause_after(&all, 0, None, -1.0).as_millis(), 1, "not in a circle");
    }
}
