//! What every format is read into, and what a format must be able to do.

use std::future::Future;
use std::time::{Duration, Instant};

use hyfunc_cascade::conversation::{self, Earlier};
use hyfunc_functions::Function;
use opentelemetry::Context;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc::Sender;

use super::{Answer, Drafts, Step};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::keys::Principal;
use crate::library::View;
use crate::recent::Note;
use crate::upstream::Turn;

/// What is known of a request before its body.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// As in `x-request-id`.
    pub id: String,
    /// Who sent it.
    pub principal: Principal,
    /// Whose data plugins may see.
    pub tenant: String,
    /// For whom, as its client says: for the audit log and traces, and nothing else.
    pub user: Option<String>,
    /// When its head was read.
    pub began: Instant,
    /// When its answer is of no more use.
    pub deadline: Instant,
    /// The same, from its beginning, in milliseconds.
    pub deadline_ms: u64,
    /// The caller's trace.
    pub caller: Context,
    /// Where the steps write what they did.
    pub note: Note,
    /// Who is told of every step as it begins, at most one message a step.
    pub watcher: Option<Sender<Step>>,
}

impl Arrival {
    /// A request whose head was read just now.
    pub fn now(id: String, deadline_ms: u64, caller: Context) -> Self {
        let began = Instant::now();
        Self {
            id,
            principal: Principal::default(),
            tenant: "local".into(),
            user: None,
            began,
            deadline: began + Duration::from_millis(deadline_ms),
            deadline_ms,
            caller,
            note: Note::default(),
            watcher: None,
        }
    }

    /// The error of a deadline that passed in a step.
    pub fn late(&self, step: Step) -> RequestError {
        RequestError::Deadline { step, deadline_ms: self.deadline_ms }
    }
}

/// Whether and what must be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The models decide.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// At least one function, whichever.
    Required,
    /// This function.
    Named(String),
}

/// Something that a client's schema says and that arguments are not held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unheld {
    /// The function.
    pub function: String,
    /// Where in its schema, such as `$.properties.count`.
    pub path: String,
    /// The keyword.
    pub keyword: String,
    /// What was made of it.
    pub reason: String,
}

/// A request in no particular format.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The models that it asks for; `None` takes what there is.
    pub model: Option<String>,
    /// What the person asks.
    pub query: String,
    /// Functions that the client runs itself.
    pub tools: Vec<Function>,
    /// What their schemas say beyond what is held to, to be told with the answer.
    pub unheld: Vec<Unheld>,
    /// Whether and what must be called.
    pub choice: Choice,
    /// Names of the functions that may be called, of the client's and of the library's; `None`
    /// leaves the choice to the retriever.
    pub allowed: Option<Vec<String>>,
    /// Most calls in the answer.
    pub calls_max: usize,
    /// Most tokens that the calls may take; nothing of a longer answer is run.
    pub tokens_max: Option<usize>,
    /// Results of earlier calls that the client ran, when the conversation ends with them.
    pub results: Vec<String>,
    /// The whole conversation, for a chat model; empty where there is only the query.
    pub turns: Vec<Turn>,
    /// What was said and done before the query, the oldest first: the models read the query in its
    /// light, each within limits of its own.
    pub earlier: Vec<Earlier>,
    /// For whom it is, in at most some hundred characters that identify them to the client.
    pub user: Option<String>,
    /// Names and values that its client gave it, for traces.
    pub metadata: Vec<(String, String)>,
    /// Settings that only a chat model heeds, by the names of chat completions.
    pub spoken: Map<String, Json>,
}

impl Request {
    /// What no format can know by itself.
    pub(super) fn check(
        &self,
        served: &str,
        library: &View,
        limits: &RequestConfig,
    ) -> Result<(), RequestError> {
        if let Some(model) = &self.model
            && model != served
        {
            return Err(RequestError::UnknownModel {
                model: model.clone(),
                served: served.to_owned(),
            });
        }
        if self.query.trim().is_empty() {
            return Err(RequestError::NoQuery);
        }
        if self.query.len() > limits.query_bytes_max {
            return Err(RequestError::QueryTooLong {
                bytes: self.query.len(),
                bytes_max: limits.query_bytes_max,
            });
        }
        let named = match &self.choice {
            Choice::Named(name) => Some(name),
            Choice::Auto | Choice::None | Choice::Required => None,
        };
        for name in named.into_iter().chain(self.allowed.iter().flatten()) {
            let sent = self.tools.iter().any(|tool| &tool.name == name);
            if !sent && library.get(name).is_none() {
                return Err(RequestError::Field {
                    param: "tool_choice".into(),
                    reason: format!("`{name}` is neither in `tools` nor in GET /v1/functions"),
                });
            }
        }
        Ok(())
    }

    /// Calls nothing where the client brings results back and leaves the choice to the models: the
    /// results are the answer, and the same words would only be called for again.
    pub fn heeding_results(mut self) -> Self {
        if !self.results.is_empty() && self.choice == Choice::Auto {
            self.choice = Choice::None;
        }
        self
    }

    /// The words by which functions are found: those of the query and, since *and in Rome?* names
    /// none, of the turns before it that models read.
    pub(super) fn searched(&self) -> String {
        conversation::words(&self.earlier, &self.query)
    }

    /// Whether the choice lets a function of that name be called.
    pub fn may_call(&self, name: &str) -> bool {
        match &self.choice {
            Choice::Named(named) => named == name,
            Choice::Auto | Choice::None | Choice::Required => {
                let listed = |allowed: &Vec<String>| allowed.iter().any(|other| other == name);
                self.allowed.as_ref().is_none_or(listed)
            }
        }
    }
}

/// A format that clients speak: how it is read, and how it is answered.
pub trait Wire: Sync {
    /// What the format itself must remember from the request to the answer.
    type Form: Send;
    /// What the server sends.
    type Reply;
    /// Whether calls of the library are run, or only decided.
    const RUNS: bool;

    /// Reads a body.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    fn accept(
        &self,
        body: &[u8],
        limits: &RequestConfig,
    ) -> Result<(Request, Self::Form), RequestError>;

    /// Whether the answer begins only when every call is done.
    fn waits(form: &Self::Form) -> bool;

    /// Whether anybody reads of calls while the models still decide.
    fn follows(_form: &Self::Form) -> bool {
        false
    }

    /// Tells of calls while the models decide. It is dropped once they have: the answer goes on
    /// from what it has told by then.
    fn follow(&self, _form: &Self::Form, _drafts: Drafts<'_>) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Writes the answer.
    fn respond(
        &self,
        form: Self::Form,
        answer: Answer,
    ) -> impl Future<Output = Result<Self::Reply, RequestError>> + Send;
}
