//! An answer that may begin before it is decided.
//!
//! The pipeline's work is one future. As long as nothing was told, whatever it comes to is the
//! answer, a refusal with its status too. Once the format has begun a stream, its head goes out,
//! and the work goes on by itself until it ends, until its deadline, or until nobody reads.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::ending;
use super::sse::{EVENTS_MAX, events};
use crate::error::RequestError;
use crate::telemetry::{self, Metrics};

/// What the pipeline comes to.
pub type Work = BoxFuture<'static, Result<Response, RequestError>>;

/// The head of a stream that has begun, and its other end.
pub struct Begun {
    response: Response,
    sender: Sender<Event>,
}

/// A new stream of events and the response that carries it.
pub fn open() -> (Sender<Event>, Response) {
    let (sender, receiver) = channel(EVENTS_MAX + ending::EVENTS);
    let response = Sse::new(events(receiver)).keep_alive(KeepAlive::default()).into_response();
    (sender, response)
}

/// Where a format keeps the stream that it has begun while the models decide.
pub struct Live<S> {
    begin: Mutex<Option<oneshot::Sender<Begun>>>,
    stream: tokio::sync::Mutex<Option<S>>,
}

impl<S> Live<S> {
    /// No stream as yet; the other end hears of the first.
    pub fn new() -> (Self, oneshot::Receiver<Begun>) {
        let (begin, begun) = oneshot::channel();
        let begin = Mutex::new(Some(begin));
        (Self { begin, stream: tokio::sync::Mutex::new(None) }, begun)
    }

    /// The stream, as long as somebody tells something through it.
    pub async fn lock(&self) -> tokio::sync::MutexGuard<'_, Option<S>> {
        self.stream.lock().await
    }

    /// Begins a stream: its response goes to the client.
    pub fn begin(&self, make: impl FnOnce(Sender<Event>) -> S) -> S {
        let (sender, response) = open();
        let begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(begin) = begin {
            // Whoever asked has hung up already: then the work ends anyway.
            let _ = begin.send(Begun { response, sender: sender.clone() });
        }
        make(sender)
    }

    /// Takes the stream that has begun over, or begins one; gives the response that is still to be
    /// sent. Of one that was sent, an empty one is left.
    pub async fn take(&self, make: impl FnOnce(Sender<Event>) -> S) -> (S, Response) {
        match self.stream.lock().await.take() {
            Some(stream) => (stream, Response::default()),
            None => {
                let (sender, response) = open();
                (make(sender), response)
            }
        }
    }

    /// The stream that has begun, if one has, when the work that told through it has failed.
    pub fn rest(&self) -> Option<S> {
        self.stream.try_lock().ok().and_then(|mut stream| stream.take())
    }
}

/// Counts a failure of which a client hears after the beginning.
pub fn count(metrics: &Metrics, error: &RequestError) {
    let code = super::code_of(error);
    metrics.refused(code);
    telemetry::fail(&Span::current(), code, error.to_string());
}

/// Waits for the answer or for its beginning, whichever comes first. `fail` tells of a failure
/// after the beginning.
///
/// # Errors
/// Whatever the work fails with before anything was told.
pub async fn answer(
    mut work: Work,
    mut begun: oneshot::Receiver<Begun>,
    fail: impl FnOnce(&RequestError) + Send + 'static,
) -> Result<Response, RequestError> {
    let Begun { response, sender } = tokio::select! {
        biased;
        done = &mut work => {
            // Both at once: what was told stands.
            let Ok(begun) = begun.try_recv() else { return done };
            if let Err(error) = done {
                fail(&error);
            }
            return Ok(begun.response);
        }
        Ok(begun) = &mut begun => begun,
    };
    let rest = async move {
        tokio::select! {
            biased;
            // Dropping the work ends it, wherever it is.
            () = sender.closed() => tracing::debug!("the client hung up in mid-stream"),
            done = AssertUnwindSafe(work).catch_unwind() => {
                if let Err(error) = done.unwrap_or(Err(RequestError::Panicked)) {
                    fail(&error);
                }
            }
        }
    };
    tokio::spawn(rest.in_current_span());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::http::StatusCode;
    use tokio::sync::Notify;

    use super::*;

    /// Begins a stream, tells one event, waits, and comes to its end.
    fn work(live: Arc<Live<Sender<Event>>>, go_on: Arc<Notify>, fails: bool) -> Work {
        Box::pin(async move {
            let mut stream = live.lock().await;
            let sender = live.begin(|sender| sender);
            assert!(sender.send(Event::default().data("early")).await.is_ok());
            *stream = Some(sender);
            drop(stream);
            go_on.notified().await;
            if fails {
                return Err(RequestError::Panicked);
            }
            let (sender, response) = live.take(|sender| sender).await;
            assert!(sender.send(Event::default().data("late")).await.is_ok());
            Ok(response)
        })
    }

    async fn text(response: Response) -> String {
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_stream_begins_before_the_work_ends() {
        for (fails, said) in
            [(false, "data: early\n\ndata: late\n\n"), (true, "data: early\n\ndata: failed\n\n")]
        {
            let (live, begun) = Live::new();
            let (live, go_on) = (Arc::new(live), Arc::new(Notify::new()));
            let work = work(Arc::clone(&live), Arc::clone(&go_on), fails);
            let fail = move |_: &RequestError| {
                let sender = live.rest().expect("it has begun");
                sender.try_send(Event::default().data("failed")).expect("there is room");
            };
            let response = answer(work, begun, fail).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            go_on.notify_one();
            assert_eq!(text(response).await, said);
        }
    }

    #[tokio::test]
    async fn what_fails_before_anything_was_told_is_refused() {
        let (_live, begun) = Live::<()>::new();
        let work: Work = Box::pin(async { Err(RequestError::Panicked) });
        let told = |_: &RequestError| panic!("nothing has begun");
        let refused = answer(work, begun, told).await;
        assert!(matches!(refused, Err(RequestError::Panicked)));
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_ends_the_work() {
        let (live, begun) = Live::new();
        let (live, go_on) = (Arc::new(live), Arc::new(Notify::new()));
        let work = work(Arc::clone(&live), Arc::clone(&go_on), false);
        let response = answer(work, begun, |_| {}).await.unwrap();
        drop(response);
        while Arc::strong_count(&go_on) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
