//! `POST /v1/responses`: OpenAI's newer format around the same pipeline.
//!
//! Nothing is stored: whoever goes on with a conversation sends it whole. Functions that the client
//! sent come back as items of type `function_call`, for the client to run. Functions of the library
//! run here and come back as items of type `mcp_call` with `server_label` `hyfunc`: the one item by
//! which clients know that a server ran a call, and has its result. What a person reads follows as
//! one message.

mod events;
#[cfg(test)]
mod foreign;
mod input;
mod items;
mod object;
mod read;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Json as JsonBody, Response};
use tokio::sync::mpsc::Sender;
use tracing::Instrument as _;

use super::chat::Told;
use super::error::respond_asked;
use super::live::{self, Live};
use super::{body, fields};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{Answer, Arrival, CallOutcome, DraftCall, Drafts, Pipeline, Request, Wire};
use crate::telemetry::Metrics;
use events::Stream;
use object::ResponseObject;
use read::{ResponseForm, read_response};

/// The handler.
pub async fn create(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let limits = &pipeline.config.request;
    let (live, begun) = Live::new();
    let wire = Arc::new(Responses {
        reply_bytes_max: limits.reply_bytes_max,
        model: pipeline.models.info().id,
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
    match live::answer(Box::pin(work), begun, fail).await {
        Ok(response) => response,
        Err(error) => respond_asked(error, "input"),
    }
}

/// The format.
struct Responses {
    reply_bytes_max: usize,
    model: String,
    metrics: Metrics,
    live: Live<Stream>,
}

impl Responses {
    fn stream(&self, form: &ResponseForm, sender: Sender<Event>) -> Stream {
        let object = ResponseObject::new(&self.model, form.repeated.clone());
        Stream::new(sender, object, self.model.clone(), self.metrics.clone())
    }
}

impl Wire for Responses {
    type Form = ResponseForm;
    type Reply = Response;
    const RUNS: bool = true;

    fn accept(
        &self,
        body: &[u8],
        limits: &RequestConfig,
    ) -> Result<(Request, ResponseForm), RequestError> {
        let (request, form) = read_response(&fields::parse(body, limits)?, limits)?;
        Ok((request.heeding_results(), form))
    }

    fn waits(form: &ResponseForm) -> bool {
        !form.stream
    }

    fn follows(form: &ResponseForm) -> bool {
        form.stream
    }

    async fn follow(&self, form: &ResponseForm, mut drafts: Drafts<'_>) {
        let mut kept = self.live.lock().await;
        loop {
            let calls = drafts.next().await;
            let begin = || self.live.begin(|sender| self.stream(form, sender));
            let stream = kept.get_or_insert_with(begin);
            if stream.draft(&calls, drafts.arrival).await.is_err() {
                return;
            }
        }
    }

    async fn respond(&self, form: ResponseForm, answer: Answer) -> Result<Response, RequestError> {
        if form.stream {
            let (stream, response) = self.live.take(|sender| self.stream(&form, sender)).await;
            tokio::spawn(stream.run(answer, self.reply_bytes_max).in_current_span());
            Ok(response)
        } else {
            let object = ResponseObject::new(&answer.model, form.repeated);
            whole(object, answer, self.reply_bytes_max).await
        }
    }
}

async fn whole(
    object: ResponseObject,
    mut answer: Answer,
    reply_bytes_max: usize,
) -> Result<Response, RequestError> {
    let mut told = Told::new(&answer, reply_bytes_max);
    let mut said = String::new();
    let mut output = Vec::new();
    for call in answer.outcomes.calls.clone() {
        let Some(outcome) = answer.outcomes.next().await else { break };
        let outcome = outcome?;
        let draft = DraftCall::whole(&call);
        output.push(match &outcome {
            CallOutcome::NotRun => items::function_call(&draft, items::COMPLETED),
            CallOutcome::Ran(ran) => items::gateway_call_done(&draft, ran),
        });
        said.extend(told.take(call, outcome));
    }
    let mut words = told.rest(&answer);
    while let Some(piece) = words.next().await {
        said.push_str(&piece);
    }
    answer.hear(words);
    if !said.is_empty() {
        output.push(items::message(&items::message_id(), items::COMPLETED, Some(&said)));
    }
    Ok(JsonBody(object.ended(&answer, &output, told.own(&answer))).into_response())
}
