//! A client that asks at a steady rate, whether or not it has been answered.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::client::conn::http1::SendRequest;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::bench::BenchError;
use crate::bench::client::{self, Exchange};
use crate::bench::effort::{Effort, SAMPLES_MAX};
use crate::bench::samples::Samples;

/// Statuses that tell a client to come back later.
const REFUSALS: [u16; 2] = [429, 503];

/// What is asked, of whom, how fast and how often.
pub(super) struct Offer {
    /// Who is asked.
    pub address: SocketAddr,
    /// Bodies, in turn; at least one.
    pub bodies: Vec<Bytes>,
    /// Requests that become due in a second; more than 0.
    pub per_second: f64,
    /// For how long, or how many.
    pub effort: Effort,
    /// Connections at once, at most; at least one.
    pub connections_max: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Offered {
    /// Of answers: from when the request was due to the last byte.
    pub answered: Samples,
    /// The same of refusals.
    pub refused: Samples,
    /// Refusals that do not say when to come back.
    pub without_retry_after: usize,
    /// By how much requests left after they were due.
    pub late: Samples,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Connections that nobody uses now.
type Idle = Mutex<Vec<SendRequest<Body>>>;

impl Offer {
    /// Requests in all: at least one.
    fn count(&self) -> usize {
        match self.effort {
            Effort::Iterations(count) => count.max(1),
            Effort::Duration(duration) => {
                ((self.per_second * duration.as_secs_f64()) as usize).clamp(1, SAMPLES_MAX)
            }
        }
    }

    /// When a request is due, after the first one.
    fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / self.per_second)
    }
}

/// Asks, on a thread of its own.
///
/// # Errors
/// A connection that breaks; an answer that is neither 200 nor a refusal for lack of room.
pub(super) async fn run(offer: Offer) -> Result<Offered, BenchError> {
    let work = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(BenchError::Client)?.block_on(offered(Arc::new(offer)))
    });
    work.await.map_err(|_| BenchError::Panicked)?
}

async fn offered(offer: Arc<Offer>) -> Result<Offered, BenchError> {
    let idle = Arc::new(Idle::default());
    let places = Arc::new(Semaphore::new(offer.connections_max));
    let mut asked = JoinSet::new();
    let mut all = Offered::default();
    let began = Instant::now();
    for number in 0..offer.count() {
        let due = began + offer.due(number);
        sleep_until(due.into()).await;
        let place = Arc::clone(&places).acquire_owned().await;
        let place = place.expect("nobody closes it");
        all.late.add(due.elapsed());
        let (offer, idle) = (Arc::clone(&offer), Arc::clone(&idle));
        asked.spawn(async move {
            let exchange = ask(&offer, &idle, number).await?;
            drop(place);
            Ok::<_, BenchError>((due.elapsed(), exchange))
        });
        while let Some(done) = asked.try_join_next() {
            let (took, exchange) = done.map_err(|_| BenchError::Panicked)??;
            all.add(took, exchange)?;
        }
    }
    while let Some(done) = asked.join_next().await {
        let (took, exchange) = done.map_err(|_| BenchError::Panicked)??;
        all.add(took, exchange)?;
    }
    all.elapsed = began.elapsed();
    Ok(all)
}

/// One request over a connection that is idle, or a new one.
async fn ask(offer: &Offer, idle: &Idle, number: usize) -> Result<Exchange, BenchError> {
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut connection = match kept {
        Some(kept) if !kept.is_closed() => kept,
        _ => client::connect(offer.address).await?,
    };
    let body = offer.bodies[number % offer.bodies.len()].clone();
    let exchange = client::exchange(&mut connection, offer.address, body).await?;
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    Ok(exchange)
}

impl Offered {
    fn add(&mut self, took: Duration, exchange: Exchange) -> Result<(), BenchError> {
        match exchange.status {
            200 => self.answered.add(took),
            status if REFUSALS.contains(&status) => {
                self.refused.add(took);
                self.without_retry_after += usize::from(!exchange.has_retry_after);
            }
            status => {
                let body = String::from_utf8_lossy(&exchange.body).into_owned();
                return Err(BenchError::Refused { status, body });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::http::header::RETRY_AFTER;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;
    use crate::bench::gateway::PATH;

    /// Does what the body says.
    async fn judge(body: Bytes) -> Response {
        match &body[..] {
            b"yes" => "yes".into_response(),
            b"later" => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]).into_response(),
            b"busy" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => (StatusCode::BAD_REQUEST, "what?").into_response(),
        }
    }

    async fn offered(
        bodies: &[&'static str],
        connections_max: usize,
    ) -> Result<Offered, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, Router::new().route(PATH, post(judge))).await;
        });
        let bodies = bodies.iter().map(|body| Bytes::from_static(body.as_bytes())).collect();
        let effort = Effort::Iterations(30);
        let offer = Offer { address, bodies, per_second: 3_000.0, effort, connections_max };
        let offered = run(offer).await;
        server.abort();
        offered
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_request_is_counted_once_by_what_came_of_it() {
        for (bodies, answered, refused, without_retry_after) in [
            (&["yes"][..], 30, 0, 0),
            (&["yes", "later"][..], 15, 15, 0),
            (&["yes", "later", "busy"][..], 10, 20, 10),
            (&["later"][..], 0, 30, 0),
        ] {
            for connections_max in [1, 8] {
                let found = offered(bodies, connections_max).await.unwrap();
                let count = |samples: &Samples| {
                    samples.times(found.elapsed).map_or(0, |times| times.samples)
                };
                assert_eq!(count(&found.answered), answered, "{bodies:?}");
                assert_eq!(count(&found.refused), refused, "{bodies:?}");
                assert_eq!(found.without_retry_after, without_retry_after, "{bodies:?}");
                assert_eq!(count(&found.late), 30, "{bodies:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_that_is_no_refusal_for_lack_of_room_ends_it() {
        let error = offered(&["yes", "nonsense"], 4).await.err().unwrap();
        assert!(matches!(error, BenchError::Refused { status: 400, .. }), "{error}");
        assert!(error.to_string().contains("what?"), "{error}");
    }

    #[test]
    fn requests_are_due_at_the_rate_and_at_least_one_is() {
        let offer = |per_second, effort| Offer {
            address: "127.0.0.1:1".parse().unwrap(),
            bodies: vec![Bytes::new()],
            per_second,
            effort,
            connections_max: 1,
        };
        for (per_second, effort, count) in [
            (100.0, Effort::Iterations(7), 7),
            (100.0, Effort::Iterations(0), 1),
            (100.0, Effort::Duration(Duration::from_secs(3)), 300),
            (0.1, Effort::Duration(Duration::from_secs(3)), 1),
        ] {
            assert_eq!(offer(per_second, effort).count(), count);
        }
        let offer = offer(200.0, Effort::Iterations(3));
        assert_eq!(offer.due(0), Duration::ZERO);
        assert_eq!(offer.due(100), Duration::from_millis(500));
    }
}
