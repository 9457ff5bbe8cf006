//! `POST /v1/chat/completions`: OpenAI's format around the pipeline.
//!
//! Functions of the library run here and come back as text, with the calls and results under
//! `hyfunc`; functions that the client sent come back as `tool_calls`, for the client to run.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Json as JsonBody, Response};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::Sender;
use tracing::Instrument as _;

use super::live::{self, Live};
use super::openai::{
    ChatForm, Completion, call_json, candidates_json, fingerprint, nothing_said, pieces_json,
    read_chat, tokens_json, tool_call_json, usage_json, worded_json,
};
use super::sse::Stream;
use super::{body, fields};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{
    Answer, Arrival, CallOutcome, DecidedCall, DraftCall, Drafts, Held, Pipeline, Request, Wire,
    Words, cut, say,
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
            // Of calls that run here there are words alone, and those come later.
            if !calls.iter().any(DraftCall::is_clients) {
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
            Ok(JsonBody(whole(completion, answer, self.reply_bytes_max).await?).into_response())
        }
    }
}

/// What has been said and done, call by call; a stream says the same piece by piece.
pub(super) struct Told {
    /// Calls that the client runs.
    pub tool_calls: Vec<Arc<DecidedCall>>,
    /// Every call with its outcome, for the `hyfunc` member.
    pub calls: Vec<Json>,
    /// Results that wait for the chat model's words.
    held: Option<Vec<Held>>,
    said_bytes: usize,
    reply_bytes_max: usize,
}

impl Told {
    pub(super) fn new(answer: &Answer, reply_bytes_max: usize) -> Self {
        let held = answer.is_phrased().then(Vec::new);
        Self { tool_calls: Vec::new(), calls: Vec::new(), held, said_bytes: 0, reply_bytes_max }
    }

    /// Takes one outcome; gives what to say of it now.
    pub(super) fn take(
        &mut self,
        call: &Arc<DecidedCall>,
        outcome: &CallOutcome,
    ) -> Option<String> {
        self.calls.push(call_json(call, outcome));
        match outcome {
            CallOutcome::NotRun => {
                self.tool_calls.push(Arc::clone(call));
                None
            }
            CallOutcome::Ran(ran) => {
                let left = self.reply_bytes_max.saturating_sub(self.said_bytes);
                let said = cut(say(call, ran), left);
                let gap = if self.said_bytes == 0 { "" } else { "\n" };
                self.said_bytes += gap.len() + said.len();
                let Some(held) = &mut self.held else { return Some(format!("{gap}{said}")) };
                held.push(Held::new(call, ran, said));
                None
            }
        }
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
        } else if self.tool_calls.is_empty() {
            "stop"
        } else {
            "tool_calls"
        }
    }

    /// The `hyfunc` member.
    pub(super) fn own(self, answer: &Answer) -> Json {
        own_json(answer, self.calls.into_iter())
    }
}

/// The `hyfunc` member before any call has run: what was decided, for whoever watches a stream.
pub(super) fn decided(answer: &Answer) -> Json {
    let calls = answer.outcomes.calls.iter();
    own_json(answer, calls.map(|call| call_json(call, &CallOutcome::NotRun)))
}

fn own_json(answer: &Answer, calls: impl Iterator<Item = Json>) -> Json {
    let calls: Vec<Json> = calls
        .zip(&answer.decoded.calls)
        .map(|(mut json, call)| {
            json["score"] = call.score.into();
            json["pieces"] = pieces_json(&call.pieces);
            json
        })
        .collect();
    let mut own = json!({
        "request_id": answer.arrival.id,
        "p_call": answer.p_call,
        "candidates": candidates_json(&answer.candidates, &answer.decoded),
        "calls": calls,
        "tokens": tokens_json(&answer.decoded.counts),
        "timings_us": answer.timings.to_json(),
    });
    if let Some(worded) = &answer.worded {
        own["upstream"] = worded_json(worded);
    }
    own
}

async fn whole(
    completion: Completion,
    mut answer: Answer,
    reply_bytes_max: usize,
) -> Result<Json, RequestError> {
    let mut told = Told::new(&answer, reply_bytes_max);
    let mut content = String::new();
    for call in answer.outcomes.calls.clone() {
        let Some(outcome) = answer.outcomes.next().await else { break };
        content.extend(told.take(&call, &outcome?));
    }
    let mut words = told.rest(&answer);
    while let Some(piece) = words.next().await {
        content.push_str(&piece);
    }
    answer.hear(words);
    let finish = told.finish(&answer);
    let tool_calls: Vec<Json> = told.tool_calls.iter().map(|call| tool_call_json(call)).collect();
    let content = if content.is_empty() { Json::Null } else { content.into() };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if !tool_calls.is_empty() {
        message["tool_calls"] = tool_calls.into();
    }
    let usage = usage_json(&answer.usage());
    let own = told.own(&answer);
    Ok(completion.whole(message, finish, usage, own))
}
