//! `Idempotency-Key`: what is asked twice under one key is done once.
//!
//! The first request under a key goes on to its end although its client hangs up, so that whoever
//! asks again finds the answer. Kept are answers behind which functions may have run: success, and
//! failures of the gateway or of a function. A refusal before anything was done leaves the key free.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use futures::{FutureExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{Shared, body};
use crate::error::RequestError;
use crate::pipeline::{Arrival, Step};
use crate::replays::{Fingerprint, Met, Replays, Ticket};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const KEY_BYTES_MAX: usize = 255;

/// An answer that is kept.
pub struct Kept {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// All that are kept.
pub type Answers = Replays<Kept>;

/// Handlers that heed the header.
pub fn heeding(shared: &Shared, methods: MethodRouter<Shared>) -> MethodRouter<Shared> {
    methods.route_layer(from_fn_with_state(shared.clone(), once))
}

async fn once(
    State(shared): State<Shared>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Result<Response, RequestError> {
    let Some(key) = key_of(request.headers())? else { return Ok(next.run(request).await) };
    let config = &shared.pipeline.config;
    let (head, body) = request.into_parts();
    let read = body::read(head.headers.clone(), body, config.request.body_bytes_max);
    let read = tokio::time::timeout_at(arrival.deadline.into(), read).await;
    let bytes = read.unwrap_or_else(|_| Err(arrival.late(Step::Accept)))?;
    let print = fingerprint(head.uri.path(), &bytes);
    let owner = arrival.principal.id();
    let limits = (&config.idempotency, config.server.retry_after_ms);
    let ticket = match shared.replays.enter(owner, &key, print, limits)? {
        Met::First(ticket) => ticket,
        Met::Answer(answer) => return Ok(again(&answer)),
    };
    let request = Request::from_parts(head, Body::from(bytes));
    let (answer, answered) = oneshot::channel();
    let work = async move {
        // The layer that catches panics stands outside of this task.
        let run = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let response = run.unwrap_or_else(|_| RequestError::Panicked.into_response());
        tell(response, ticket, answer).await;
    };
    // By itself: a client that hangs up ends no work that it may ask about again.
    tokio::spawn(work.in_current_span());
    answered.await.map_err(|_| RequestError::Panicked)
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, RequestError> {
    let mut sent = headers.get_all(KEY).iter();
    let Some(key) = sent.next() else { return Ok(None) };
    let is_plain = |key: &&str| {
        !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.bytes().all(|b| b.is_ascii_graphic())
    };
    match key.to_str().ok().filter(is_plain) {
        Some(key) if sent.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(RequestError::Field {
            param: KEY.to_string(),
            reason: format!(
                "send one key of 1 to {KEY_BYTES_MAX} visible ASCII characters, such as a UUID"
            ),
        }),
    }
}

fn fingerprint(path: &str, body: &[u8]) -> Fingerprint {
    let mut digest = Sha256::new();
    // The length keeps path and body apart.
    digest.update((path.len() as u64).to_le_bytes());
    digest.update(path.as_bytes());
    digest.update(body);
    digest.finalize().into()
}

/// Whether functions may have run behind an answer.
fn may_have_run(status: StatusCode) -> bool {
    let is_refusal = status == StatusCode::SERVICE_UNAVAILABLE;
    status.is_success() || (status.is_server_error() && !is_refusal)
}

fn again(kept: &Kept) -> Response {
    let mut response = Response::new(Body::from(kept.body.clone()));
    *response.status_mut() = kept.status;
    let headers = response.headers_mut();
    headers.extend(kept.kind.clone().map(|kind| (CONTENT_TYPE, kind)));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Sends the response on and keeps it.
async fn tell(response: Response, ticket: Ticket<Kept>, answer: oneshot::Sender<Response>) {
    if !may_have_run(response.status()) {
        drop(ticket);
        // Whoever asked has hung up: then nobody misses it. So for all that follow.
        let _ = answer.send(response);
        return;
    }
    let (head, body) = response.into_parts();
    let (status, kind) = (head.status, head.headers.get(CONTENT_TYPE).cloned());
    let is_stream =
        kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let told = if is_stream {
        // Nobody's reading holds the work up: what is told has bounds of its own.
        let (chunks, receiver) = unbounded_channel();
        let _ = answer.send(Response::from_parts(head, Body::from_stream(stream(receiver))));
        let mut body = body.into_data_stream();
        let mut told = Some(Vec::new());
        // What ends a stream early has been told in it.
        while let Some(Ok(bytes)) = body.next().await {
            told = told.filter(|told| told.len() + bytes.len() <= ticket.answer_bytes_max());
            if let Some(told) = &mut told {
                told.extend_from_slice(&bytes);
            }
            let _ = chunks.send(bytes);
        }
        told.map(Bytes::from)
    } else {
        // Answers have bounds of their own.
        let Ok(bytes) = to_bytes(body, usize::MAX).await else { return };
        let _ = answer.send(Response::from_parts(head, Body::from(bytes.clone())));
        Some(bytes).filter(|bytes| bytes.len() <= ticket.answer_bytes_max())
    };
    ticket.keep(told.map(|body| {
        let bytes = body.len();
        (Kept { status, kind, body }, bytes)
    }));
}

fn stream(
    receiver: UnboundedReceiver<Bytes>,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (Ok(bytes), receiver))
    })
}

/// Nothing is kept yet.
pub fn nothing_kept() -> Arc<Answers> {
    Arc::new(Answers::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_plain() {
        let long = "x".repeat(KEY_BYTES_MAX);
        let longer = "x".repeat(KEY_BYTES_MAX + 1);
        for (sent, fits) in [
            (vec!["a"], true),
            (vec!["8e03978e-40d5-43dd-bc93-6894a57f9324"], true),
            (vec!["\"quoted\""], true),
            (vec![long.as_str()], true),
            (vec![longer.as_str()], false),
            (vec![""], false),
            (vec!["a b"], false),
            (vec!["a", "a"], false),
        ] {
            let headers: HeaderMap = sent
                .iter()
                .map(|key| (KEY, HeaderValue::from_str(key).unwrap()))
                .fold(HeaderMap::new(), |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                });
            assert_eq!(key_of(&headers).is_ok_and(|key| key.is_some()), fits, "{sent:?}");
        }
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn path_and_body_both_tell_requests_apart() {
        let prints = [
            fingerprint("/a", b"b"),
            fingerprint("/a", b"c"),
            fingerprint("/ab", b""),
            fingerprint("/", b"ab"),
        ];
        let unique: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(unique.len(), prints.len());
        assert_eq!(fingerprint("/a", b"b"), prints[0]);
    }

    #[test]
    fn refusals_leave_the_key_free() {
        for (status, kept) in [
            (200, true),
            (400, false),
            (401, false),
            (408, false),
            (429, false),
            (500, true),
            (502, true),
            (503, false),
            (504, true),
        ] {
            assert_eq!(may_have_run(StatusCode::from_u16(status).unwrap()), kept, "{status}");
        }
    }
}
