//! The same answer as semantic events, each call as soon as it is known and as it runs.
//!
//! Every event has its `type` twice, as the event's name and in its data, and a sequence number.
//! Items follow one another: one is done before the next is added.

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc::{Sender, channel};
use tracing::Instrument as _;

use super::items;
use super::object::ResponseObject;
use crate::error::RequestError;
use crate::http::chat::Told;
use crate::http::error::to_json;
use crate::http::sse::{EVENTS_MAX, Ended, HungUp, events, report, until_end};
use crate::pipeline::{Answer, CallOutcome, DecidedCall, Origin, Words};
use crate::telemetry::Metrics;

/// Starts the stream.
pub fn respond(
    object: ResponseObject,
    answer: Answer,
    reply_bytes_max: usize,
    metrics: Metrics,
) -> Response {
    let (sender, receiver) = channel(EVENTS_MAX);
    let stream = Stream { sender, object, metrics, sequence: 0, output: Vec::new() };
    tokio::spawn(stream.run(answer, reply_bytes_max).in_current_span());
    Sse::new(events(receiver)).keep_alive(KeepAlive::default()).into_response()
}

struct Stream {
    sender: Sender<Event>,
    object: ResponseObject,
    metrics: Metrics,
    /// Number of the next event.
    sequence: u64,
    /// Items that are done.
    output: Vec<Json>,
}

impl Stream {
    async fn run(mut self, answer: Answer, reply_bytes_max: usize) {
        let arrival = answer.arrival.clone();
        let sender = self.sender.clone();
        let ended = until_end(&sender, &arrival, self.tell(answer, reply_bytes_max)).await;
        match ended {
            Ok(()) => {}
            Err(Ended::HungUp) => tracing::debug!("the client hung up in mid-stream"),
            Err(Ended::Failed(error)) => {
                report(&self.metrics, &arrival.note, &error);
                self.fail(&error);
            }
        }
    }

    async fn tell(&mut self, mut answer: Answer, reply_bytes_max: usize) -> Result<(), Ended> {
        for kind in ["response.created", "response.in_progress"] {
            let response = self.object.begun();
            self.emit(kind, json!({"response": response})).await?;
        }
        let mut told = Told::new(&answer, reply_bytes_max);
        let mut said = Vec::new();
        for (at, call) in answer.outcomes.calls.clone().iter().enumerate() {
            self.call_begun(call).await?;
            if at == 0 {
                self.metrics.first_token(&answer.model, answer.arrival.began.elapsed());
            }
            let Some(outcome) = answer.outcomes.next().await else { break };
            let outcome = outcome.map_err(Ended::Failed)?;
            said.extend(told.take(call, &outcome));
            self.call_done(call, &outcome).await?;
        }
        let mut words = told.rest(&answer);
        self.message(said, &mut words).await?;
        answer.worded = words.worded();
        let own = told.own(&answer);
        let kind =
            if answer.is_incomplete() { "response.incomplete" } else { "response.completed" };
        let response = self.object.ended(&answer, std::mem::take(&mut self.output), own);
        self.emit(kind, json!({"response": response})).await?;
        Ok(self.put(end_mark()).await?)
    }

    /// An item for a call, and its arguments, which are known at once.
    async fn call_begun(&mut self, call: &DecidedCall) -> Result<(), HungUp> {
        let arguments = call.arguments_json.to_string();
        match call.origin {
            Origin::Client => {
                let item = items::function_call(call, items::IN_PROGRESS);
                self.added(item).await?;
                let id = items::function_call_id(call);
                self.arguments("response.function_call_arguments", &id, &arguments).await
            }
            Origin::Library(_) => {
                self.added(items::gateway_call_begun(call)).await?;
                let id = items::gateway_call_id(call);
                self.about("response.mcp_call.in_progress", &id, json!({})).await?;
                self.arguments("response.mcp_call_arguments", &id, &arguments).await
            }
        }
    }

    async fn arguments(&mut self, kind: &str, id: &str, arguments: &str) -> Result<(), HungUp> {
        self.about(&format!("{kind}.delta"), id, json!({"delta": arguments})).await?;
        self.about(&format!("{kind}.done"), id, json!({"arguments": arguments})).await
    }

    async fn call_done(&mut self, call: &DecidedCall, outcome: &CallOutcome) -> Result<(), HungUp> {
        let item = match outcome {
            CallOutcome::NotRun => items::function_call(call, items::COMPLETED),
            CallOutcome::Ran(ran) => {
                let id = items::gateway_call_id(call);
                let end = if ran.result.is_ok() { "completed" } else { "failed" };
                self.about(&format!("response.mcp_call.{end}"), &id, json!({})).await?;
                items::gateway_call_done(call, ran)
            }
        };
        self.done(item).await
    }

    /// The message, in one piece a call, and what else is said as it comes; none without words.
    async fn message(&mut self, said: Vec<String>, words: &mut Words) -> Result<(), HungUp> {
        let mut said = said.into_iter();
        let first = match said.next() {
            Some(first) => first,
            None => match words.next().await {
                Some(first) => first,
                None => return Ok(()),
            },
        };
        let id = items::message_id();
        self.added(items::message(&id, items::IN_PROGRESS, None)).await?;
        let part = json!({"content_index": 0, "part": items::text_part("")});
        self.about("response.content_part.added", &id, part).await?;
        let mut text = String::new();
        let mut next = Some(first);
        while let Some(piece) = next {
            text.push_str(&piece);
            let delta = json!({"content_index": 0, "delta": piece, "logprobs": []});
            self.about("response.output_text.delta", &id, delta).await?;
            next = match said.next() {
                Some(piece) => Some(piece),
                None => words.next().await,
            };
        }
        let whole = json!({"content_index": 0, "text": text, "logprobs": []});
        self.about("response.output_text.done", &id, whole).await?;
        let part = json!({"content_index": 0, "part": items::text_part(&text)});
        self.about("response.content_part.done", &id, part).await?;
        self.done(items::message(&id, items::COMPLETED, Some(&text))).await
    }

    async fn added(&mut self, item: Json) -> Result<(), HungUp> {
        let fields = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.added", fields).await
    }

    /// Ends the item that was added last.
    async fn done(&mut self, item: Json) -> Result<(), HungUp> {
        let fields = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.done", fields).await?;
        self.output.push(item);
        Ok(())
    }

    /// An event about the item that was added last.
    async fn about(&mut self, kind: &str, id: &str, fields: Json) -> Result<(), HungUp> {
        let mut all = json!({"item_id": id, "output_index": self.output.len()});
        if let (Some(all), Json::Object(fields)) = (all.as_object_mut(), fields) {
            all.extend(fields);
        }
        self.emit(kind, all).await
    }

    async fn emit(&mut self, kind: &str, fields: Json) -> Result<(), HungUp> {
        let event = self.event(kind, fields);
        self.put(event).await
    }

    async fn put(&self, event: Event) -> Result<(), HungUp> {
        self.sender.send(event).await.map_err(|_| HungUp)
    }

    fn event(&mut self, kind: &str, fields: Json) -> Event {
        let mut data = Map::new();
        data.insert("type".into(), kind.into());
        data.insert("sequence_number".into(), self.sequence.into());
        self.sequence += 1;
        if let Json::Object(fields) = fields {
            data.extend(fields);
        }
        Event::default().event(kind).data(Json::Object(data).to_string())
    }

    /// Tells of a failure: its object for clients that raise it, the same flat for those that show
    /// it, and the response as far as it came.
    fn fail(&mut self, error: &RequestError) {
        let object = to_json(error)["error"].take();
        let mut fields = object.clone();
        if let Some(fields) = fields.as_object_mut() {
            // The event's own type stands there.
            fields.remove("type");
            fields.insert("error".into(), object);
        }
        let response = self.object.failed(error, std::mem::take(&mut self.output));
        let last = [
            self.event("error", fields),
            self.event("response.failed", json!({"response": response})),
            end_mark(),
        ];
        for event in last {
            // No room means that nobody reads: the end of the stream says enough then.
            let _ = self.sender.try_send(event);
        }
    }
}

/// The mark at the end of every stream, which is not JSON.
fn end_mark() -> Event {
    Event::default().data("[DONE]")
}
