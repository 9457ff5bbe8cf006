//! The same answer as semantic events, each call argument by argument, and as it runs.
//!
//! Every event has its `type` twice, as the event's name and in its data, and a sequence number.
//! Items follow one another: one is done before the next is added.

use std::sync::Arc;

use axum::response::sse::Event;
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc::Sender;

use super::items;
use super::object::ResponseObject;
use crate::error::RequestError;
use crate::http::chat::Told;
use crate::http::ending::Ending;
use crate::http::error::to_json;
use crate::http::sse::{Ended, HungUp, failure, until_end};
use crate::pipeline::{Answer, Arrival, CallOutcome, DraftCall, Words};
use crate::telemetry::Metrics;

/// A stream under way. Whatever tells may be dropped half-way: what was sent is known, and the next
/// one goes on from there.
pub struct Stream {
    sender: Sender<Event>,
    ending: Ending,
    object: ResponseObject,
    metrics: Metrics,
    model: String,
    /// Number of the next event.
    sequence: u64,
    /// Items that are done.
    output: Vec<Json>,
    /// How far the call after these is told.
    stage: Stage,
    /// Whether any call was told of.
    has_begun: bool,
}

/// What was told of a call.
enum Stage {
    Nothing,
    /// That it comes.
    Added,
    /// So many bytes of its arguments.
    Arguments(usize),
    /// All of its arguments.
    Whole,
}

impl Stream {
    /// A stream of which nothing was sent.
    pub fn new(
        sender: Sender<Event>,
        object: ResponseObject,
        model: String,
        metrics: Metrics,
    ) -> Self {
        Self {
            ending: Ending::reserve(&sender),
            sender,
            object,
            metrics,
            model,
            sequence: 0,
            output: Vec::new(),
            stage: Stage::Nothing,
            has_begun: false,
        }
    }

    /// Tells of calls as far as they are known. Behind a call that runs here the others wait for
    /// its end.
    pub(super) async fn draft(
        &mut self,
        calls: &[DraftCall],
        arrival: &Arrival,
    ) -> Result<(), HungUp> {
        self.created().await?;
        while let Some(call) = calls.get(self.output.len()) {
            self.call(call, arrival).await?;
            match self.stage {
                Stage::Whole if call.is_clients() => {
                    self.done(items::function_call(call, items::COMPLETED)).await?;
                }
                _ => break,
            }
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

    async fn tell(&mut self, mut answer: Answer, reply_bytes_max: usize) -> Result<(), Ended> {
        self.created().await?;
        let arrival = answer.arrival.clone();
        let mut told = Told::new(&answer, reply_bytes_max);
        let mut said = Vec::new();
        for (at, call) in answer.outcomes.calls.clone().iter().enumerate() {
            // Some are done already.
            let draft = (at >= self.output.len()).then(|| DraftCall::whole(call));
            if let Some(draft) = &draft {
                self.call(draft, &arrival).await?;
            }
            let Some(outcome) = answer.outcomes.next().await else { break };
            let outcome = outcome.map_err(Ended::Failed)?;
            if let Some(draft) = &draft {
                self.call_done(draft, &outcome).await?;
            }
            said.extend(told.take(Arc::clone(call), outcome));
        }
        let mut words = told.rest(&answer);
        self.message(said, &mut words).await?;
        answer.hear(words);
        let kind =
            if answer.is_incomplete() { "response.incomplete" } else { "response.completed" };
        let output = std::mem::take(&mut self.output);
        let own = told.own(&answer);
        let fields = json!({"response": self.object.ended(&answer, &output, own)});
        self.emit(kind, fields).await?;
        Ok(self.put(end_mark()).await?)
    }

    /// The first two events, unless they were sent.
    async fn created(&mut self) -> Result<(), HungUp> {
        for (at, kind) in ["response.created", "response.in_progress"].into_iter().enumerate() {
            if self.sequence == at as u64 {
                let fields = json!({"response": self.object.begun()});
                self.emit(kind, fields).await?;
            }
        }
        Ok(())
    }

    /// An item for a call, and what more is known of its arguments.
    async fn call(&mut self, call: &DraftCall, arrival: &Arrival) -> Result<(), HungUp> {
        let id = items::call_id(call);
        let is_clients = call.is_clients();
        let kind = if is_clients { "function_call" } else { "mcp_call" };
        loop {
            self.stage = match self.stage {
                Stage::Nothing => {
                    self.added(items::call_begun(call)).await?;
                    self.begun(arrival);
                    Stage::Added
                }
                Stage::Added => {
                    if !is_clients {
                        self.about("response.mcp_call.in_progress", &id, json!({})).await?;
                    }
                    Stage::Arguments(0)
                }
                Stage::Arguments(told_bytes) if told_bytes < call.arguments.len() => {
                    let more = call.arguments.get(told_bytes..).unwrap_or_default();
                    let delta = json!({"delta": more});
                    self.about(&format!("response.{kind}_arguments.delta"), &id, delta).await?;
                    Stage::Arguments(call.arguments.len())
                }
                Stage::Arguments(_) if call.is_whole => {
                    let arguments = json!({"arguments": call.arguments});
                    self.about(&format!("response.{kind}_arguments.done"), &id, arguments).await?;
                    Stage::Whole
                }
                Stage::Arguments(_) | Stage::Whole => return Ok(()),
            };
        }
    }

    /// Counts the first piece.
    fn begun(&mut self, arrival: &Arrival) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.metrics.first_token(&self.model, arrival.began.elapsed());
        }
    }

    async fn call_done(&mut self, call: &DraftCall, outcome: &CallOutcome) -> Result<(), HungUp> {
        let item = match outcome {
            CallOutcome::NotRun => items::function_call(call, items::COMPLETED),
            CallOutcome::Ran(ran) => {
                let end = if ran.result.is_ok() { "completed" } else { "failed" };
                let kind = format!("response.mcp_call.{end}");
                self.about(&kind, &items::call_id(call), json!({})).await?;
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
        self.stage = Stage::Nothing;
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

    /// Gives an event its number when there is room for it: whoever is dropped while it waits
    /// leaves no gap.
    async fn emit(&mut self, kind: &str, fields: Json) -> Result<(), HungUp> {
        let sender = self.sender.clone();
        let room = sender.reserve().await.map_err(|_| HungUp)?;
        room.send(self.event(kind, fields));
        Ok(())
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
    pub fn fail(&mut self, error: &RequestError) {
        let object = to_json(error)["error"].take();
        let mut fields = object.clone();
        if let Some(fields) = fields.as_object_mut() {
            // The event's own type stands there.
            fields.remove("type");
            fields.insert("error".into(), object);
        }
        let output = std::mem::take(&mut self.output);
        let failed = json!({"response": self.object.failed(error, &output)});
        let last = [self.event("error", fields), self.event("response.failed", failed), end_mark()];
        self.ending.send(last);
    }
}

/// The mark at the end of every stream, which is not JSON.
fn end_mark() -> Event {
    Event::default().data("[DONE]")
}
