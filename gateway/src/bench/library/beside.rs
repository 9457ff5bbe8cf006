//! Calls from several clients, alone and while the plugin that they call is replaced again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Routes, ask, publication};
use crate::bench::BenchError;
use crate::bench::effort::{Effort, Turns};
use crate::bench::samples::{Samples, together};

/// Clients that call, each one call after the other.
pub(super) const CALLERS: usize = 8;

/// What came of the calls. One that fails is an error.
pub(super) struct Called {
    /// Every call.
    pub samples: Samples,
    /// From the first call to the last answer.
    pub elapsed: Duration,
}

/// Calls while nothing else happens.
pub(super) async fn alone(routes: &Routes, effort: Effort) -> Result<Called, BenchError> {
    let turns = Arc::new(Turns::new(effort));
    called(routes, move || turns.take()).await
}

/// Calls while one of two revisions takes the other's place as often as the effort says; how often
/// that was comes first.
pub(super) async fn replaced(
    routes: &mut Routes,
    effort: Effort,
) -> Result<(usize, Called), BenchError> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let components = [routes.known(), routes.known()];
    let publishing = async {
        let turns = Turns::new(effort);
        let mut times = 0;
        while turns.take() {
            ask(&routes.admin, publication(components[times % 2].clone())).await?;
            times += 1;
        }
        Ok::<_, BenchError>(times)
    };
    let publishing = async {
        let done = publishing.await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    let calling = called(routes, move || !stopped.load(Ordering::Relaxed));
    let (times, called) = tokio::join!(publishing, calling);
    Ok((times?, called?))
}

/// Calls for as long as they are to go on.
async fn called(
    routes: &Routes,
    goes_on: impl Fn() -> bool + Clone + Send + 'static,
) -> Result<Called, BenchError> {
    let (samples, elapsed) = together(CALLERS, |_| {
        let (public, goes_on) = (routes.public.clone(), goes_on.clone());
        let subject = Arc::clone(&routes.subject);
        async move {
            let mut samples = Samples::default();
            while goes_on() {
                let call = subject.call();
                let began = Instant::now();
                ask(&public, call).await?;
                samples.add(began.elapsed());
            }
            Ok::<_, BenchError>(samples)
        }
    })
    .await?;
    Ok(Called { samples, elapsed })
}
