//! The same answer as server-sent events, each reply as soon as its call is done.
//!
//! A task writes into a short channel, so that a client that reads slowly or hangs up cannot hold
//! a sandbox: the deadline and the closed channel both end the task.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{Instrument as _, Span};

use super::chat::{Told, decided};
use super::error::to_json;
use super::openai::{ChatForm, Completion, usage_json};
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, CallOutcome, DecidedCall, Step};
use crate::recent::Note;
use crate::telemetry::{self, Metrics};

/// Events that wait for the client to read.
pub(super) const EVENTS_MAX: usize = 16;

/// Whoever should have read is gone.
pub(super) struct HungUp;

/// Why a stream ended before its end.
pub(super) enum Ended {
    HungUp,
    Failed(RequestError),
}

impl From<HungUp> for Ended {
    fn from(HungUp: HungUp) -> Self {
        Ended::HungUp
    }
}

/// Starts the stream.
pub fn respond(
    form: ChatForm,
    completion: Completion,
    answer: Answer,
    reply_bytes_max: usize,
    metrics: Metrics,
) -> Response {
    let (sender, receiver) = channel(EVENTS_MAX);
    let stream = Stream { sender, form, completion, metrics };
    tokio::spawn(stream.run(answer, reply_bytes_max).in_current_span());
    Sse::new(events(receiver)).keep_alive(KeepAlive::default()).into_response()
}

/// Lets a stream go on to its end, to its deadline, or until nobody reads.
pub(super) async fn until_end(
    sender: &Sender<Event>,
    arrival: &Arrival,
    tell: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    tokio::select! {
        // Dropping the work drops the outcomes, which ends the calls.
        () = sender.closed() => Err(Ended::HungUp),
        told = tokio::time::timeout_at(arrival.deadline.into(), tell) => {
            told.unwrap_or_else(|_| Err(Ended::Failed(arrival.late(Step::Respond))))
        }
    }
}

/// Counts and notes a failure of which a client hears in mid-stream.
pub(super) fn report(metrics: &Metrics, note: &Note, error: &RequestError) {
    metrics.refused(super::code_of(error));
    telemetry::fail(&Span::current(), super::code_of(error), error.to_string());
    note.failed(error);
}

/// What the task sends, for the body.
pub(super) fn events(
    receiver: Receiver<Event>,
) -> impl futures::Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|event| (Ok(event), receiver))
    })
}

struct Stream {
    sender: Sender<Event>,
    form: ChatForm,
    completion: Completion,
    metrics: Metrics,
}

impl Stream {
    async fn run(self, answer: Answer, reply_bytes_max: usize) {
        let arrival = answer.arrival.clone();
        let tell = self.tell(answer, reply_bytes_max);
        match until_end(&self.sender, &arrival, tell).await {
            Ok(()) => {}
            Err(Ended::HungUp) => tracing::debug!("the client hung up in mid-stream"),
            Err(Ended::Failed(error)) => {
                report(&self.metrics, &arrival.note, &error);
                // No room means that nobody reads: the end of the stream says enough then.
                let _ = self.sender.try_send(Event::default().data(to_json(&error).to_string()));
            }
        }
    }

    async fn tell(&self, mut answer: Answer, reply_bytes_max: usize) -> Result<(), Ended> {
        let mut told = Told::new(&answer, reply_bytes_max);
        let role = json!({"role": "assistant", "content": ""});
        let mut first = self.completion.chunk(role, None, self.form.include_usage);
        first.insert("hyfunc".into(), decided(&answer));
        self.send(first).await?;
        let calls = answer.outcomes.calls.clone();
        let mut has_begun = false;
        for call in &calls {
            let Some(outcome) = answer.outcomes.next().await else { break };
            let outcome = outcome.map_err(Ended::Failed)?;
            let tool_calls = told.tool_calls.len();
            match (told.take(call, &outcome), &outcome) {
                (Some(said), _) => self.delta(json!({"content": said})).await?,
                (None, CallOutcome::NotRun) => self.tool_call(tool_calls, call).await?,
                // It waits for the chat model's words.
                (None, CallOutcome::Ran(_)) => continue,
            }
            self.begun(&mut has_begun, &answer);
        }
        let mut words = told.rest(&answer);
        while let Some(piece) = words.next().await {
            self.delta(json!({"content": piece})).await?;
            self.begun(&mut has_begun, &answer);
        }
        answer.worded = words.worded();
        let finish = told.finish(&answer);
        let mut last = self.completion.chunk(json!({}), Some(finish), self.form.include_usage);
        last.insert("hyfunc".into(), told.own(&answer));
        self.send(last).await?;
        if self.form.include_usage {
            let usage = usage_json(&answer.usage());
            self.send(self.completion.usage_chunk(usage)).await?;
        }
        Ok(self.put(Event::default().data("[DONE]")).await?)
    }

    /// Counts the first piece.
    fn begun(&self, has_begun: &mut bool, answer: &Answer) {
        if !std::mem::replace(has_begun, true) {
            self.metrics.first_token(&answer.model, answer.arrival.began.elapsed());
        }
    }

    /// The first delta carries id, type and the whole name; the second the arguments.
    async fn tool_call(&self, index: usize, call: &Arc<DecidedCall>) -> Result<(), HungUp> {
        let name = &call.function.name;
        self.delta(json!({"tool_calls": [{
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }]}))
        .await?;
        let arguments = call.arguments_json.to_string();
        self.delta(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
            .await
    }

    async fn delta(&self, delta: Json) -> Result<(), HungUp> {
        self.send(self.completion.chunk(delta, None, self.form.include_usage)).await
    }

    async fn send(&self, chunk: Map<String, Json>) -> Result<(), HungUp> {
        self.put(Event::default().data(Json::Object(chunk).to_string())).await
    }

    async fn put(&self, event: Event) -> Result<(), HungUp> {
        self.sender.send(event).await.map_err(|_| HungUp)
    }
}
