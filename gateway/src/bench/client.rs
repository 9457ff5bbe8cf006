//! Clients that keep their connections: each sends its next request after the last answer.
//!
//! They share one thread of their own, as a client outside would have, and take what they cost from
//! every server that they measure alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use futures::StreamExt as _;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::BenchError;
use super::effort::{Effort, Turns};
use super::gateway::PATH;
use super::samples::Samples;

/// What is asked, of whom, by how many and how often.
pub(super) struct Load {
    /// Who is asked.
    pub address: SocketAddr,
    /// Bodies, in turn; at least one.
    pub bodies: Vec<Bytes>,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// How often all of them together ask, after a tenth of that to warm up.
    pub effort: Effort,
}

/// What came back.
#[derive(Default)]
pub(super) struct Loaded {
    /// From sending to the last byte of the answer.
    pub whole: Samples,
    /// From sending to the first byte of its body.
    pub first_byte: Samples,
    /// Requests that got another status than 200; their times are left out.
    pub refused: usize,
    /// The last such answer.
    pub refusal: Option<(u16, String)>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// One request and its answer.
pub(super) struct Exchange {
    /// Of HTTP.
    pub status: u16,
    /// Whether it says when to come back.
    pub has_retry_after: bool,
    /// From sending to the first byte of the body.
    pub first_byte: Duration,
    /// From sending to the last byte.
    pub whole: Duration,
    /// Kept only of a refusal.
    pub body: Vec<u8>,
}

/// Puts the load on, on a thread of its own.
///
/// # Errors
/// A connection that breaks; no request that was answered with 200.
pub(super) async fn run(load: Load) -> Result<Loaded, BenchError> {
    let work = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(BenchError::Client)?.block_on(measured(Arc::new(load)))
    });
    let loaded = work.await.map_err(|_| BenchError::Panicked)??;
    match loaded.refusal {
        Some((status, body)) if loaded.whole.is_empty() => {
            Err(BenchError::Refused { status, body })
        }
        refusal => Ok(Loaded { refusal, ..loaded }),
    }
}

async fn measured(load: Arc<Load>) -> Result<Loaded, BenchError> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(connect(load.address).await?);
    }
    let (connections, _) = phase(connections, &load, load.effort.warm_up()).await?;
    let (_, loaded) = phase(connections, &load, load.effort).await?;
    Ok(loaded)
}

/// All connections at work until the turns are over; they are there again afterwards.
async fn phase(
    connections: Vec<SendRequest<Body>>,
    load: &Arc<Load>,
    effort: Effort,
) -> Result<(Vec<SendRequest<Body>>, Loaded), BenchError> {
    let turns = Arc::new(Turns::new(effort));
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for (number, connection) in connections.into_iter().enumerate() {
        clients.spawn(client(connection, Arc::clone(load), Arc::clone(&turns), number));
    }
    let mut all = Loaded::default();
    let mut connections = Vec::with_capacity(load.connections);
    while let Some(done) = clients.join_next().await {
        let (connection, own) = done.map_err(|_| BenchError::Panicked)??;
        connections.push(connection);
        all.whole.join(own.whole);
        all.first_byte.join(own.first_byte);
        all.refused += own.refused;
        all.refusal = own.refusal.or(all.refusal);
    }
    all.elapsed = began.elapsed();
    Ok((connections, all))
}

async fn client(
    mut connection: SendRequest<Body>,
    load: Arc<Load>,
    turns: Arc<Turns>,
    number: usize,
) -> Result<(SendRequest<Body>, Loaded), BenchError> {
    let mut loaded = Loaded::default();
    let mut at = number;
    while turns.take() {
        let body = load.bodies[at % load.bodies.len()].clone();
        at += 1;
        let exchange = exchange(&mut connection, load.address, body).await?;
        if exchange.status == 200 {
            loaded.whole.add(exchange.whole);
            loaded.first_byte.add(exchange.first_byte);
        } else {
            let body = String::from_utf8_lossy(&exchange.body).into_owned();
            loaded.refused += 1;
            loaded.refusal = Some((exchange.status, body));
        }
    }
    Ok((connection, loaded))
}

/// A connection of its own, kept until it is dropped.
pub(super) async fn connect(address: SocketAddr) -> Result<SendRequest<Body>, BenchError> {
    let stream = TcpStream::connect(address).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(async move {
        // Whoever sends on a broken connection hears of it there.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Sends one request and reads its answer to the end.
pub(super) async fn exchange(
    connection: &mut SendRequest<Body>,
    address: SocketAddr,
    body: Bytes,
) -> Result<Exchange, BenchError> {
    let request = Request::post(PATH)
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a path and headers of our own");
    let began = Instant::now();
    connection.ready().await.map_err(broken)?;
    let response = connection.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    let has_retry_after = response.headers().contains_key(RETRY_AFTER);
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    let (mut first_byte, mut kept) = (None, Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken)?;
        first_byte.get_or_insert_with(|| began.elapsed());
        if status != 200 {
            kept.extend_from_slice(&chunk);
        }
    }
    let whole = began.elapsed();
    let first_byte = first_byte.unwrap_or(whole);
    Ok(Exchange { status, has_retry_after, first_byte, whole, body: kept })
}

fn broken(error: impl std::fmt::Display) -> BenchError {
    BenchError::Exchange { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::response::{IntoResponse as _, Response};
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;

    /// Says `yes` to bodies that do, and refuses all others.
    async fn judge(body: Bytes) -> Response {
        match &body[..] {
            b"yes" => "yes".into_response(),
            _ => (StatusCode::TOO_MANY_REQUESTS, "no room").into_response(),
        }
    }

    async fn loaded(bodies: &[&'static str], connections: usize) -> Result<Loaded, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, Router::new().route(PATH, post(judge))).await;
        });
        let bodies = bodies.iter().map(|body| Bytes::from_static(body.as_bytes())).collect();
        let effort = Effort::Iterations(20);
        let loaded = run(Load { address, bodies, connections, effort }).await;
        server.abort();
        loaded
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_connections_together_ask_as_often_as_they_should() {
        for connections in [1, 3] {
            let loaded = loaded(&["yes"], connections).await.unwrap();
            let times = loaded.whole.times(loaded.elapsed).unwrap();
            assert_eq!((times.samples, loaded.refused), (20, 0));
            let first = loaded.first_byte.times(loaded.elapsed).unwrap();
            assert!(first.samples == 20 && first.p99_us <= times.p99_us, "{first:?} {times:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn refusals_are_counted_and_their_times_are_left_out() {
        let loaded = loaded(&["yes", "no"], 1).await.unwrap();
        assert_eq!(loaded.refused, 10);
        assert_eq!(loaded.whole.times(loaded.elapsed).unwrap().samples, 10);
        assert_eq!(loaded.refusal, Some((429, "no room".into())));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_answers_nobody_is_an_error_that_says_what_it_said() {
        let error = loaded(&["no"], 2).await.err().unwrap();
        assert!(matches!(error, BenchError::Refused { status: 429, .. }), "{error}");
        assert!(error.to_string().contains("no room"), "{error}");
        let nobody = Load {
            address: "127.0.0.1:1".parse().unwrap(),
            bodies: vec![Bytes::new()],
            connections: 1,
            effort: Effort::Iterations(1),
        };
        let error = run(nobody).await.err().unwrap();
        assert!(matches!(error, BenchError::Exchange { .. }), "{error}");
    }
}
