//! What every format is read into, and what a format must be able to do.

use std::future::Future;
use std::time::{Duration, Instant};

use hyfunc_functions::Function;
use opentelemetry::Context;

use super::{Answer, Step};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::library::Library;

/// What is known of a request before its body.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// As in `x-request-id`.
    pub id: String,
    /// Whose data plugins may see.
    pub tenant: String,
    /// When its head was read.
    pub began: Instant,
    /// When its answer is of no more use.
    pub deadline: Instant,
    /// The same, from its beginning, in milliseconds.
    pub deadline_ms: u64,
    /// The caller's trace.
    pub caller: Context,
}

impl Arrival {
    /// A request whose head was read just now.
    pub fn now(id: String, deadline_ms: u64, caller: Context) -> Self {
        let began = Instant::now();
        Self {
            id,
            tenant: "local".into(),
            began,
            deadline: began + Duration::from_millis(deadline_ms),
            deadline_ms,
            caller,
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

/// A request in no particular format.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The models that it asks for; `None` takes what there is.
    pub model: Option<String>,
    /// What the person asks.
    pub query: String,
    /// Functions that the client runs itself.
    pub tools: Vec<Function>,
    /// Whether and what must be called.
    pub choice: Choice,
    /// Most calls in the answer.
    pub calls_max: usize,
    /// Results of earlier calls that the client ran, when the conversation ends with them.
    pub results: Vec<String>,
}

impl Request {
    /// What no format can know by itself.
    pub(super) fn check(
        &self,
        served: &str,
        library: &Library,
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
        if let Choice::Named(name) = &self.choice {
            let sent = self.tools.iter().any(|tool| &tool.name == name);
            if !sent && library.get(name).is_none() {
                return Err(RequestError::Field {
                    param: "tool_choice.function.name".into(),
                    reason: format!("`{name}` is neither in `tools` nor in GET /v1/functions"),
                });
            }
        }
        Ok(())
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

    /// Writes the answer.
    fn respond(
        &self,
        form: Self::Form,
        answer: Answer,
    ) -> impl Future<Output = Result<Self::Reply, RequestError>> + Send;
}
