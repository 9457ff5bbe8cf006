//! `POST /v1/chat/completions`: OpenAI's format around the pipeline.
//!
//! Functions of the library run here and come back as text, with the calls and results under
//! `hyfunc`; functions that the client sent come back as `tool_calls`, for the client to run.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc::Sender;
use tracing::Instrument as _;

use super::live::{self, Live};
use super::openai::{
    CallJson, ChatForm, Completion, Message, OwnJson, UsageJson, fingerprint, nothing_said,
    read_chat,
};
use super::sse::Stream;
use super::{body, fields};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{
    Answer, Arrival, CallOutcome, DecidedCall, Drafts, Held, Pipeline, Ran, Request, Wire, Words,
    cut, say,
};
use crate::telemetry::Metrics;

/// The handler.
pub async fn complete(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RequestError> {
    let limits = &pipeline.config.request;
    let info = pipeline.models.info();
    let (live, begun) = Live::new();
    let wire = Arc::new(Chat {
        reply_bytes_max: limits.reply_bytes_max,
        fingerprint: fingerprint(&info),
        model: info.id,
        metrics: pipeline.metrics.clone(),
        live,
    });
    let bytes = body::read(headers, body, limits.body_bytes_max);
    let told = Arc::clone(&wire);
    let fail = move |error: &RequestError| {
        live::count(&told.metrics, error);
        if let Some(mut stream) = told.live.rest() {
            stream.fail(error);
        }
    };
    let work = async move { pipeline.run(&*wire, arrival, bytes).await };
    live::answer(Box::pin(work), begun, fail).await
}

/// OpenAI's format.
struct Chat {
    reply_bytes_max: usize,
    fingerprint: String,
    model: String,
    metrics: Metrics,
    live: Live<Stream>,
}

impl Chat {
    fn stream(&self, form: &ChatForm, sender: Sender<Event>) -> Stream {
        let completion = Completion::new(&self.model, &self.fingerprint);
        Stream::new(sender, form.clone(), completion, self.metrics.clone())
    }
}

impl Wire for Chat {
    type Form = ChatForm;
    type Reply = Response;
    const RUNS: bool = true;

    fn accept(
        &self,
        body: &[u8],
        limits: &RequestConfig,
    ) -> Result<(Request, ChatForm), RequestError> {
        let (request, form) = read_chat(&fields::parse(body, limits)?, limits)?;
        Ok((request.heeding_results(), form))
    }

    fn waits(form: &ChatForm) -> bool {
        !form.stream
    }

    fn follows(form: &ChatForm) -> bool {
        form.stream
    }

    async fn follow(&self, form: &ChatForm, mut drafts: Drafts<'_>) {
        let mut kept = self.live.lock().await;
        loop {
            let calls = drafts.next().await;
            // Of calls that run here there are words alone, and those come later; unless the client
            // wants to see how each is written.
            if !calls.iter().any(|call| form.include_pieces || call.is_clients()) {
                continue;
            }
            let begin = || self.live.begin(|sender| self.stream(form, sender));
            let stream = kept.get_or_insert_with(begin);
            if stream.draft(&calls, drafts.arrival).await.is_err() {
                return;
            }
        }
    }

    async fn respond(&self, form: ChatForm, answer: Answer) -> Result<Response, RequestError> {
        if form.stream {
            let (stream, response) = self.live.take(|sender| self.stream(&form, sender)).await;
            tokio::spawn(stream.run(answer, self.reply_bytes_max).in_current_span());
            Ok(response)
        } else {
            let completion = Completion::new(&answer.model, &self.fingerprint);
            let written = whole(completion, answer, self.reply_bytes_max).await?;
            Ok(([(CONTENT_TYPE, "application/json")], written).into_response())
        }
    }
}

/// What has been said and done, call by call; a stream says the same piece by piece.
pub(super) struct Told {
    /// Every call with its outcome, for the `hyfunc` member.
    calls: Vec<Taken>,
    /// Results that wait for the chat model's words.
    held: Option<Vec<Held>>,
    said_bytes: usize,
    reply_bytes_max: usize,
}

/// A call and what came of it.
struct Taken {
    call: Arc<DecidedCall>,
    outcome: CallOutcome,
    /// The sentence for it; empty where it did not run here.
    reply: String,
}

impl Taken {
    fn to_json(&self) -> CallJson<'_> {
        match &self.outcome {
            CallOutcome::NotRun => CallJson::decided(&self.call),
            CallOutcome::Ran(ran) => CallJson::ran(&self.call, ran, &self.reply),
        }
    }
}

impl Told {
    pub(super) fn new(answer: &Answer, reply_bytes_max: usize) -> Self {
        let held = answer.is_phrased().then(Vec::new);
        Self { calls: Vec::new(), held, said_bytes: 0, reply_bytes_max }
    }

    /// Takes one outcome; gives what to say of it now.
    pub(super) fn take(&mut self, call: Arc<DecidedCall>, outcome: CallOutcome) -> Option<String> {
        let (reply, now) = match &outcome {
            CallOutcome::NotRun => (String::new(), None),
            CallOutcome::Ran(ran) => {
                let reply = say(&call, ran);
                let now = self.say(&call, ran, reply.clone());
                (reply, now)
            }
        };
        self.calls.push(Taken { call, outcome, reply });
        now
    }

    /// Gives the sentence for a call as it is said now, unless it waits for the chat model's words.
    fn say(&mut self, call: &DecidedCall, ran: &Ran, reply: String) -> Option<String> {
        let left = self.reply_bytes_max.saturating_sub(self.said_bytes);
        let said = cut(reply, left);
        let gap = if self.said_bytes == 0 { "" } else { "\n" };
        self.said_bytes += gap.len() + said.len();
        let Some(held) = &mut self.held else { return Some(format!("{gap}{said}")) };
        held.push(Held::new(call, ran, said));
        None
    }

    /// Calls that the client runs.
    pub(super) fn tool_calls(&self) -> impl Iterator<Item = &DecidedCall> {
        let theirs = self.calls.iter().filter(|taken| matches!(taken.outcome, CallOutcome::NotRun));
        theirs.map(|taken| &*taken.call)
    }

    /// What is left to say when every outcome was taken.
    pub(super) fn rest(&mut self, answer: &Answer) -> Words {
        let nothing = cut(nothing_said(&answer.request), self.reply_bytes_max);
        answer.words(self.held.take().unwrap_or_default(), nothing)
    }

    /// Why the answer ends.
    pub(super) fn finish(&self, answer: &Answer) -> &'static str {
        if answer.is_incomplete() {
            "length"
        } else if self.tool_calls().next().is_none() {
            "stop"
        } else {
            "tool_calls"
        }
    }

    /// The `hyfunc` member.
    pub(super) fn own<'a>(&'a self, answer: &'a Answer) -> OwnJson<'a> {
        OwnJson::new(answer, self.calls.iter().map(Taken::to_json))
    }
}

/// The `hyfunc` member before any call has run: what was decided, for whoever watches a stream.
pub(super) fn decided(answer: &Answer) -> OwnJson<'_> {
    let calls = answer.outcomes.calls.iter();
    OwnJson::new(answer, calls.map(|call| CallJson::decided(call)))
}

/// The text of the whole completion.
async fn whole(
    completion: Completion,
    mut answer: Answer,
    reply_bytes_max: usize,
) -> Result<Vec<u8>, RequestError> {
    let mut told = Told::new(&answer, reply_bytes_max);
    let mut content = String::new();
    for call in answer.outcomes.calls.clone() {
        let Some(outcome) = answer.outcomes.next().await else { break };
        content.extend(told.take(call, outcome?));
    }
    let mut words = told.rest(&answer);
    while let Some(piece) = words.next().await {
        content.push_str(&piece);
    }
    answer.hear(words);
    let finish = told.finish(&answer);
    let message = Message::new(&content, told.tool_calls());
    let usage = UsageJson::of(&answer.usage());
    Ok(completion.whole(message, finish, usage, told.own(&answer)))
}
