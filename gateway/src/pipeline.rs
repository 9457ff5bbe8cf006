//! THE request: accept, distil, retrieve, decode, dispatch, respond.
//!
//! Six steps, six spans, one deadline. Each step takes what the one before left and nothing
//! else; the library that the request sees is one snapshot from start to end.

mod call;
mod draft;
mod outcomes;
mod reply;
mod request;
mod retrieve;
mod sandboxed;
mod trip;
mod usage;
mod words;

use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use hyfunc_cascade::{Candidate, DecodeRequest, Decoded, Earlier, Intent, Progress, ToolChoice};
use tracing::{Instrument as _, Span};

pub use call::DecidedCall;
pub use draft::{CallIds, DraftCall, Drafts};
pub use outcomes::{CallOutcome, Outcomes};
pub use reply::{cut, say};
pub use request::{Arrival, Choice, Request, Unheld, Wire};
pub use retrieve::{Found, Origin};
pub use sandboxed::{Failure, Ran, payloads};
pub use trip::{Step, Timings};
pub use usage::{Usage, written};
pub use words::{Held, Worded, Words};

use crate::admission::{Admission, Permit};
use crate::audit::Audit;
use crate::config::{Live, Reading};
use crate::error::RequestError;
use crate::keys::Keys;
use crate::library::{Shelf, View};
use crate::models::Models;
use crate::recent::{Kind, Recent};
use crate::telemetry::{self, Metrics};
use crate::upstream::{Upstream, Voice};
use trip::Trip;

/// Everything that a request passes through.
pub struct Pipeline {
    /// Limits, as they are now.
    pub config: Live,
    /// Who may work now.
    pub admission: Admission,
    /// The loaded functions.
    pub shelf: Shelf,
    /// Who decides.
    pub models: Arc<dyn Models>,
    /// What is counted.
    pub metrics: Metrics,
    /// What is remembered of the last requests.
    pub recent: Recent,
    /// Who is let in, and how often functions may be called.
    pub keys: Keys,
    /// What is written of who called what.
    pub audit: Audit,
    /// Who has words where no function has; often nobody.
    pub upstream: Option<Arc<Upstream>>,
}

/// What a request came to, before it is put into the client's format.
pub struct Answer {
    /// Id, deadline and trace.
    pub arrival: Arrival,
    /// What was asked.
    pub request: Request,
    /// Name of the models.
    pub model: String,
    /// Probability of any call.
    pub p_call: f32,
    /// What it could have called, best first.
    pub candidates: Vec<Found>,
    /// What the models decided.
    pub decoded: Decoded,
    /// What comes of the calls, in their order.
    pub outcomes: Outcomes,
    /// How long the steps so far took.
    pub timings: Timings,
    /// Who has words besides.
    pub voice: Option<Voice>,
    /// What came of asking for them; `None` as long as nobody did.
    pub worded: Option<Worded>,
}

impl Pipeline {
    /// Answers one request. Dropping the future cancels whatever is at work.
    ///
    /// # Errors
    /// What `http/error.rs` lists; a failed call is an answer, not an error.
    pub async fn run<W: Wire>(
        &self,
        wire: &W,
        arrival: Arrival,
        body: impl Future<Output = Result<Bytes, RequestError>>,
    ) -> Result<W::Reply, RequestError> {
        let model = self.models.info().id;
        let arrival = self.recent.open(arrival, if W::RUNS { Kind::Answer } else { Kind::Route });
        let note = arrival.note.clone();
        let span = telemetry::chat_span(&model);
        let steps = self.steps(wire, model, arrival, body);
        let result = steps.instrument(span).await;
        note.ended(&result);
        result
    }

    async fn steps<W: Wire>(
        &self,
        wire: &W,
        model: String,
        arrival: Arrival,
        body: impl Future<Output = Result<Bytes, RequestError>>,
    ) -> Result<W::Reply, RequestError> {
        let library = View::new(self.shelf.snapshot(), arrival.principal.clone());
        let mut trip = Trip::new(&arrival, &self.metrics);

        // 1. Bytes become a request that is whole, small enough, and has its turn.
        let accept = self.accept(wire, &model, &library, body);
        let (mut request, form, permit) = trip.step(Step::Accept, accept).await?;
        arrival.note.asked(&request.query);
        telemetry::tell_client(&Span::current(), request.user.as_deref(), &request.metadata);
        let named;
        let arrival = match request.user.take() {
            None => &arrival,
            Some(user) => {
                named = Arrival { user: Some(user), ..arrival.clone() };
                &named
            }
        };

        let ids = CallIds::random();
        let mut earlier = self.set_aside(&mut request);
        let (p_call, candidates, decoded) = loop {
            // 2. The query becomes a soft token, a vector for the index, and p(call).
            let intent = trip.step(Step::Distil, self.distil(arrival, &request)).await?;

            // 3. The vector becomes candidates; the client's own functions join here.
            let retrieve = self.retrieve(&library, &request, &intent);
            let candidates = trip.step(Step::Retrieve, retrieve).await?;

            // 4. Query, soft token and templates become typed calls. A stream may tell of them
            // meanwhile, but not of what may yet be cut.
            let p_call = intent.p_call;
            let is_followed = W::follows(&form) && request.tokens_max.is_none();
            let (progress, drafts) = Drafts::of(arrival, &candidates, ids, is_followed);
            let decode = self.decode(arrival, &request, intent, &candidates, progress);
            let decode = draft::beside(decode, wire, &form, drafts);
            let decoded = trip.step(Step::Decode, decode).await?;
            if earlier.is_empty() || !decoded.calls.is_empty() {
                break (self.models.p_call(p_call, &decoded), candidates, decoded);
            }
            // Alone the last turn asks for nothing: once more, in the light of those before it.
            request.earlier = std::mem::take(&mut earlier);
        };
        let decoded = usage::within(decoded, request.tokens_max);

        // 5. Each call runs in its own sandbox, all at once. A stream takes them as they come.
        let calls = call::decide(&candidates, &decoded, ids);
        arrival.note.decided(p_call, &candidates, &decoded, &calls);
        let dispatch = self.dispatch::<W>(arrival, calls, permit, &form);
        let outcomes = trip.step(Step::Dispatch, dispatch).await?;

        // 6. Outcomes become the client's format.
        let timings = trip.timings();
        let counts = decoded.counts;
        let answer = Answer {
            arrival: arrival.clone(),
            request,
            model: model.clone(),
            p_call,
            candidates,
            decoded,
            outcomes,
            timings,
            voice: self.voice(),
            worded: None,
        };
        let reply = trip.step(Step::Respond, wire.respond(form, answer)).await?;
        self.metrics.answered(&model, arrival.began.elapsed(), counts.prompt, written(&counts));
        Ok(reply)
    }

    async fn accept<W: Wire>(
        &self,
        wire: &W,
        model: &str,
        library: &View,
        body: impl Future<Output = Result<Bytes, RequestError>>,
    ) -> Result<(Request, W::Form, Permit), RequestError> {
        let bytes = body.await?;
        let permit = self.place(library).await?;
        let (request, form) = wire.accept(&bytes, &self.config.request)?;
        request.check(model, library, &self.config.request)?;
        Ok((request, form, permit))
    }

    /// Takes from a request what was said before, where it is not to be read now; gives what is to be
    /// read if the last turn alone asks for nothing. Where a call is certain, all is read at once.
    fn set_aside(&self, request: &mut Request) -> Vec<Earlier> {
        match (self.config.models.reading(), &request.choice) {
            (Reading::Whole, _) | (Reading::Fallback, Choice::Required | Choice::Named(_)) => {
                Vec::new()
            }
            (Reading::Fallback, Choice::Auto) => std::mem::take(&mut request.earlier),
            (Reading::Alone, _) | (Reading::Fallback, Choice::None) => {
                request.earlier.clear();
                Vec::new()
            }
        }
    }

    /// A place among those of its key, then one among all: a key that has none waits for nobody.
    async fn place(&self, library: &View) -> Result<Permit, RequestError> {
        let share = library.principal().enter(self.config.server.retry_after_ms)?;
        Ok(self.admission.enter(library.principal().id()).await?.with(share))
    }

    async fn distil(&self, arrival: &Arrival, request: &Request) -> Result<Intent, RequestError> {
        let Request { query, earlier, .. } = request;
        let intent = self.models.distil_after(earlier, query, arrival.deadline).await;
        intent.map_err(|source| Step::Distil.failed(source, arrival))
    }

    async fn decode(
        &self,
        arrival: &Arrival,
        request: &Request,
        intent: Intent,
        candidates: &[Found],
        progress: Progress,
    ) -> Result<Decoded, RequestError> {
        if candidates.is_empty() {
            return match request.choice {
                Choice::Required | Choice::Named(_) => Err(RequestError::Field {
                    param: "tool_choice".into(),
                    reason: "a call is required, but there is no function to call; send `tools`"
                        .into(),
                }),
                Choice::Auto | Choice::None => Ok(Decoded::default()),
            };
        }
        let choice = match request.choice {
            Choice::Auto => ToolChoice::Auto,
            Choice::None => ToolChoice::None,
            Choice::Required => ToolChoice::Required,
            // The named one is the only candidate that retrieval leaves.
            Choice::Named(_) => ToolChoice::Named(0),
        };
        let request = DecodeRequest {
            query: request.query.clone(),
            earlier: request.earlier.clone(),
            intent,
            candidates: candidates
                .iter()
                .map(|found| Candidate {
                    prepared: Arc::clone(&found.prepared),
                    score: found.score,
                })
                .collect(),
            choice,
            calls_max: request.calls_max.min(self.config.request.calls_max),
            deadline: arrival.deadline,
        };
        let decoded = self.models.decode_told(request, progress).await;
        decoded.map_err(|source| Step::Decode.failed(source, arrival))
    }

    async fn dispatch<W: Wire>(
        &self,
        arrival: &Arrival,
        calls: Vec<DecidedCall>,
        permit: Permit,
        form: &W::Form,
    ) -> Result<Outcomes, RequestError> {
        let mut outcomes = Outcomes::start(self, arrival, calls, permit, W::RUNS);
        if W::waits(form) {
            outcomes.settle().await?;
        }
        Ok(outcomes)
    }

    /// Runs one function of the library with given arguments: no models, the same limits.
    ///
    /// # Errors
    /// No such function, arguments that do not fit, overload, a passed deadline.
    pub async fn call(
        &self,
        arrival: &Arrival,
        name: &str,
        body: impl Future<Output = Result<Bytes, RequestError>>,
    ) -> Result<(DecidedCall, Ran), RequestError> {
        let arrival = self.recent.open(arrival.clone(), Kind::Function);
        let result = self.call_steps(&arrival, name, body).await;
        arrival.note.ended(&result);
        result
    }

    async fn call_steps(
        &self,
        arrival: &Arrival,
        name: &str,
        body: impl Future<Output = Result<Bytes, RequestError>>,
    ) -> Result<(DecidedCall, Ran), RequestError> {
        let library = View::new(self.shelf.snapshot(), arrival.principal.clone());
        let mut trip = Trip::new(arrival, &self.metrics);
        let accept = async {
            let entry = library.get(name).ok_or_else(|| library.missing(name))?;
            let bytes = body.await?;
            let permit = self.place(&library).await?;
            let call = call::direct(entry, &bytes, &self.config.request)?;
            Ok((call, permit))
        };
        let (call, _permit) = trip.step(Step::Accept, accept).await?;
        arrival.note.called(&call);
        let ran = trip.step(Step::Dispatch, sandboxed::run(self, arrival, &call)).await?;
        Ok((call, ran))
    }
}
