//! The same answer as server-sent events, each reply as soon as its call is done.
//!
//! A task writes into a short channel, so that a client that reads slowly or hangs up cannot hold
//! a sandbox: the deadline and the closed channel both end the task. Calls that the client runs
//! leave argument by argument, while the models still decide the rest; so do the filled templates of
//! all calls, for clients that ask for them.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::response::sse::Event;
use hyfunc_cascade::Piece;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::{Receiver, Sender};

use super::chat::{Told, decided};
use super::ending::Ending;
use super::error::to_json;
use super::live;
use super::openai::{ChatForm, Completion, DraftJson, OwnJson, UsageJson};
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, CallOutcome, DraftCall, Step};
use crate::recent::Note;
use crate::telemetry::Metrics;

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

/// The failure of which a client is to hear in mid-stream, counted and noted; none of one that hung
/// up.
pub(super) fn failure(
    ended: Result<(), Ended>,
    metrics: &Metrics,
    note: &Note,
) -> Option<RequestError> {
    match ended {
        Ok(()) => None,
        Err(Ended::HungUp) => {
            tracing::debug!("the client hung up in mid-stream");
            None
        }
        Err(Ended::Failed(error)) => {
            live::count(metrics, &error);
            note.failed(&error);
            Some(error)
        }
    }
}

/// What the task sends, for the body.
pub(super) fn events(
    receiver: Receiver<Event>,
) -> impl futures::Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|event| (Ok(event), receiver))
    })
}

/// A stream under way. Whatever tells may be dropped half-way: what was sent is known, and the next
/// one goes on from there.
pub struct Stream {
    sender: Sender<Event>,
    ending: Ending,
    form: ChatForm,
    completion: Completion,
    metrics: Metrics,
    has_role: bool,
    /// Whether any part of the answer was sent.
    has_begun: bool,
    /// Bytes of the arguments that were sent, one a call that the client runs.
    told_bytes: Vec<usize>,
    /// Pieces of the templates that were sent, one a call.
    told_pieces: Vec<usize>,
}

impl Stream {
    /// A stream of which nothing was sent.
    pub fn new(
        sender: Sender<Event>,
        form: ChatForm,
        completion: Completion,
        metrics: Metrics,
    ) -> Self {
        Self {
            ending: Ending::reserve(&sender),
            sender,
            form,
            completion,
            metrics,
            has_role: false,
            has_begun: false,
            told_bytes: Vec::new(),
            told_pieces: Vec::new(),
        }
    }

    /// Tells of the client's calls as far as they are known, and of how all are written if it asks.
    pub(super) async fn draft(
        &mut self,
        calls: &[DraftCall],
        arrival: &Arrival,
    ) -> Result<(), HungUp> {
        for (index, call) in calls.iter().enumerate() {
            self.pieces(index, (&call.id, &call.function.name), &call.pieces).await?;
        }
        let theirs: Vec<&DraftCall> = calls.iter().filter(|call| call.is_clients()).collect();
        for (index, call) in theirs.into_iter().enumerate() {
            self.role().await?;
            self.tool_call(index, call).await?;
            self.begun(arrival);
        }
        Ok(())
    }

    /// Sends the answer, or what is left of it.
    pub async fn run(mut self, answer: Answer, reply_bytes_max: usize) {
        let arrival = answer.arrival.clone();
        let sender = self.sender.clone();
        let ended = until_end(&sender, &arrival, self.tell(answer, reply_bytes_max)).await;
        if let Some(error) = failure(ended, &self.metrics, &arrival.note) {
            self.fail(&error);
        }
    }

    /// Ends with an error.
    pub fn fail(&mut self, error: &RequestError) {
        self.ending.send([Event::default().data(to_json(error).to_string())]);
    }

    async fn tell(&mut self, mut answer: Answer, reply_bytes_max: usize) -> Result<(), Ended> {
        let arrival = answer.arrival.clone();
        let mut told = Told::new(&answer, reply_bytes_max);
        let calls = answer.outcomes.calls.iter().zip(&answer.decoded.calls);
        for (index, (call, decided)) in calls.enumerate() {
            self.pieces(index, (&call.id, &call.function.name), &decided.pieces).await?;
        }
        let first = if self.has_role { json!({}) } else { role() };
        let first = self.chunk(first, None, Some(decided(&answer)));
        self.send(first).await?;
        for call in answer.outcomes.calls.clone() {
            let Some(outcome) = answer.outcomes.next().await else { break };
            let outcome = outcome.map_err(Ended::Failed)?;
            let is_clients = matches!(outcome, CallOutcome::NotRun);
            let index = told.tool_calls().count();
            match told.take(Arc::clone(&call), outcome) {
                Some(said) => self.delta(json!({"content": said})).await?,
                None if is_clients => self.tool_call(index, &DraftCall::whole(&call)).await?,
                // It waits for the chat model's words.
                None => continue,
            }
            self.begun(&arrival);
        }
        let mut words = told.rest(&answer);
        while let Some(piece) = words.next().await {
            self.delta(json!({"content": piece})).await?;
            self.begun(&arrival);
        }
        answer.hear(words);
        let finish = told.finish(&answer);
        let last = self.chunk(json!({}), Some(finish), Some(told.own(&answer)));
        self.send(last).await?;
        if self.form.include_usage {
            let usage = UsageJson::of(&answer.usage());
            self.send(self.completion.usage_chunk(usage)).await?;
        }
        Ok(self.put(Event::default().data("[DONE]")).await?)
    }

    /// The role comes first, and once.
    async fn role(&mut self) -> Result<(), HungUp> {
        if !self.has_role {
            self.delta(role()).await?;
            self.has_role = true;
        }
        Ok(())
    }

    /// Tells what more is known of the template of the call at a place among all, if the client asks
    /// for that.
    async fn pieces(
        &mut self,
        index: usize,
        of: (&str, &str),
        pieces: &[Piece],
    ) -> Result<(), HungUp> {
        if self.told_pieces.len() <= index {
            self.told_pieces.push(0);
        }
        let more = pieces.get(self.told_pieces[index]..).unwrap_or_default();
        if !self.form.include_pieces || more.is_empty() {
            return Ok(());
        }
        self.role().await?;
        let draft = DraftJson::new(index, of, more);
        self.send(self.completion.draft_chunk(self.form.include_usage, draft)).await?;
        self.told_pieces[index] = pieces.len();
        Ok(())
    }

    /// Counts the first part of the answer.
    fn begun(&mut self, arrival: &Arrival) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.metrics.first_token(self.completion.model(), arrival.began.elapsed());
        }
    }

    /// The first delta carries id, type and the whole name; those after it what more is known of
    /// the arguments.
    async fn tool_call(&mut self, index: usize, call: &DraftCall) -> Result<(), HungUp> {
        if self.told_bytes.len() <= index {
            self.delta(json!({"tool_calls": [{
                "index": index,
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": ""},
            }]}))
            .await?;
            self.told_bytes.push(0);
        }
        let more = call.arguments.get(self.told_bytes[index]..).unwrap_or_default();
        if more.is_empty() {
            return Ok(());
        }
        self.delta(json!({"tool_calls": [{"index": index, "function": {"arguments": more}}]}))
            .await?;
        self.told_bytes[index] = call.arguments.len();
        Ok(())
    }

    fn chunk(&self, delta: Json, finish: Option<&'static str>, own: Option<OwnJson<'_>>) -> String {
        self.completion.chunk(delta, finish, self.form.include_usage, own)
    }

    async fn delta(&self, delta: Json) -> Result<(), HungUp> {
        self.send(self.chunk(delta, None, None)).await
    }

    async fn send(&self, chunk: String) -> Result<(), HungUp> {
        self.put(Event::default().data(chunk)).await
    }

    async fn put(&self, event: Event) -> Result<(), HungUp> {
        self.sender.send(event).await.map_err(|_| HungUp)
    }
}

/// What the first chunk says.
fn role() -> Json {
    json!({"role": "assistant", "content": ""})
}
