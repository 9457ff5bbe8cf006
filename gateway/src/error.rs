//! Everything that can go wrong at start and in a request. `http/error.rs` gives the statuses.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyfunc_cascade::CascadeError;
use hyfunc_functions::json::JsonError;
use hyfunc_functions::schema::SchemaError;
use hyfunc_retrieval::RetrievalError;
use hyfunc_sandbox::{CallError, GrantsError, LoadError, SandboxError};

use crate::audit::AuditError;
use crate::config::ConfigError;
use crate::http::tls::TlsError;
use crate::keys::{AccessError, KeysError};
use crate::pipeline::{Step, cut};
use crate::publish::PublishError;
use crate::replays::ReplayError;
use crate::suggest::hint;
use crate::telemetry::TelemetryError;
use crate::upstream::OpenError;

/// Why the gateway did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Logs, traces or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The chat model cannot be asked.
    #[error(transparent)]
    Upstream(#[from] OpenError),
    /// The models cannot be loaded.
    #[error("the models did not load: {0}")]
    Models(Box<CascadeError>),
    /// The sandbox cannot be set up.
    #[error("the sandbox did not start: {0}")]
    Sandbox(#[from] SandboxError),
    /// A credential of a plugin cannot be used.
    #[error("sandbox.credentials, {file}: {reason}")]
    Credential {
        /// Its file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A plugin's file cannot be read.
    #[error("cannot read the plugin {path}: {source}; check plugins.files", path = .path.display())]
    PluginFile {
        /// Path as configured.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A plugin's grants cannot be used.
    #[error("the grants of plugin `{plugin}`: {source}")]
    Grants {
        /// Its name.
        plugin: String,
        /// What is wrong.
        source: Box<GrantsError>,
    },
    /// A plugin cannot be loaded.
    #[error("plugin `{plugin}` did not load: {source}")]
    Plugin {
        /// Its name.
        plugin: String,
        /// What is wrong.
        source: Box<LoadError>,
    },
    /// Two plugins of one name.
    #[error("two plugins are called `{plugin}`; rename the file of one")]
    PluginTwice {
        /// Their name.
        plugin: String,
    },
    /// Two functions of one name that prefixes do not tell apart.
    #[error("the functions of the plugins cannot be told apart: {0}")]
    Names(#[from] hyfunc_functions::names::NameError),
    /// The functions cannot be indexed.
    #[error("the library cannot be indexed: {0}")]
    Index(#[from] RetrievalError),
    /// What was published cannot be loaded.
    #[error("the published plugins: {0}")]
    Published(Box<PublishError>),
    /// Those who publish cannot be listened to.
    #[error("the listener of admin.address did not start: {0}")]
    Admin(Box<StartError>),
    /// Somebody else listens there.
    #[error(
        "{address} is in use: another program, perhaps another hyfunc, listens there; stop it, or \
         choose another port with --address (port 0 takes a free one)"
    )]
    PortInUse {
        /// Address as configured.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}; choose another address with --address")]
    Listen {
        /// Address as configured.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A part that should start on its own thread panicked.
    #[error("{part} panicked while starting; the log above says where")]
    Panicked {
        /// Which part.
        part: &'static str,
    },
}

impl From<PublishError> for StartError {
    fn from(error: PublishError) -> Self {
        Self::Published(Box::new(error))
    }
}

// The large ones are boxed, so that every `Result` of the start stays small.
impl From<CascadeError> for StartError {
    fn from(error: CascadeError) -> Self {
        Self::Models(Box::new(error))
    }
}

/// Longest message (bytes): what is wrong is shown as it was sent, and that may be a megabyte.
pub const MESSAGE_BYTES_MAX: usize = 2_048;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The body is larger than allowed.
    #[error(
        "the body is larger than the {bytes_max} bytes allowed; send less, or raise request.body_bytes_max"
    )]
    BodyTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The client stopped sending its body.
    #[error("the body ended early: {reason}; send it again")]
    BodyBroken {
        /// What the connection said.
        reason: String,
    },
    /// The body is not UTF-8.
    #[error("the body is not UTF-8 at byte {at}; encode it as UTF-8")]
    NotUtf8 {
        /// First byte that does not fit.
        at: usize,
    },
    /// The body is not JSON, is nested too deep, or has a key twice.
    #[error("the body: {0}")]
    Body(JsonError),
    /// A field that nothing reads.
    #[error("unknown field `{param}`{}", hint(.suggestion))]
    UnknownField {
        /// Its path.
        param: String,
        /// The nearest known field.
        suggestion: Option<String>,
    },
    /// A field of the wrong type or value.
    #[error("`{param}`: {reason}")]
    Field {
        /// Its path.
        param: String,
        /// What is wrong and what to send instead.
        reason: String,
    },
    /// Something of the API that is not offered.
    #[error("`{param}` is not supported here: {reason}")]
    Unsupported {
        /// Its path.
        param: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// A model that is not served.
    #[error("the model `{model}` does not exist; this gateway serves `{served}`")]
    UnknownModel {
        /// As asked for.
        model: String,
        /// What there is.
        served: String,
    },
    /// Nothing was asked.
    #[error("the conversation asks nothing: send at least one message of role `user` with text")]
    NoQuery,
    /// The message is too long to be read.
    #[error("the message has {bytes} bytes, more than the {bytes_max} that are read; shorten it")]
    QueryTooLong {
        /// Bytes sent.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A client's own function cannot be used.
    #[error("`{param}` cannot be used: {source}")]
    Tool {
        /// Path of the tool.
        param: String,
        /// What is wrong with its schema.
        source: SchemaError,
    },
    /// No such function.
    #[error("no function is called `{name}`{}; GET /v1/functions lists all", hint(.suggestion))]
    UnknownFunction {
        /// As asked for.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// A request that is not remembered, or no more.
    #[error(
        "`{id}` is not among the last {requests_max} requests; GET /v1/recent lists them, and \
         recent.requests_max sets how many are remembered"
    )]
    UnknownRequest {
        /// As asked for.
        id: String,
        /// The limit.
        requests_max: usize,
    },
    /// The arguments do not fit the function.
    #[error("the arguments of `{function}`: {source}")]
    Arguments {
        /// Its name.
        function: String,
        /// Path, expectation and finding.
        source: JsonError,
    },
    /// No key, a wrong one, one that may not do this, or one that has to wait.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The key of an earlier request, whose answer is not to be had.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A web page of another site sent this, through somebody's browser.
    #[error(
        "`{header}: {value}` is not this machine: web pages of other sites may not call functions \
         here; with keys (keys.file), or with server.allow_public = true, they may"
    )]
    Foreign {
        /// Which header says so.
        header: &'static str,
        /// What it says.
        value: String,
    },
    /// The queue of requests is full.
    #[error(
        "the gateway is busy: {waiting} requests wait already; try again in {retry_after_ms} ms"
    )]
    Overloaded {
        /// Requests in the queue.
        waiting: usize,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// Bodies that are being read fill what there is for them.
    #[error(
        "the gateway is busy: the bodies that it reads hold {bytes_max} bytes already; try again in \
         {retry_after_ms} ms"
    )]
    BodiesTooLarge {
        /// The limit of all of them together.
        bytes_max: usize,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// As many MCP clients as are kept have a session.
    #[error(
        "{sessions_max} MCP sessions are open already; try again in {retry_after_ms} ms, end those \
         no longer used with DELETE, or raise mcp.sessions_max"
    )]
    TooManySessions {
        /// The limit.
        sessions_max: usize,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The gateway is shutting down.
    #[error("the gateway is shutting down; try again in {retry_after_ms} ms")]
    Draining {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The deadline passed.
    #[error("the deadline of {deadline_ms} ms passed in the step `{step}`; {advice}", advice = step.advice())]
    Deadline {
        /// The step that was at work.
        step: Step,
        /// The deadline, counted from the request's head.
        deadline_ms: u64,
    },
    /// The models failed.
    #[error("the step `{step}` failed: {source}")]
    Models {
        /// The step that was at work.
        step: Step,
        /// What they said.
        source: CascadeError,
    },
    /// The index failed.
    #[error("the search for functions failed: {0}")]
    Retrieval(#[from] RetrievalError),
    /// A function that was called directly failed.
    #[error("`{function}` failed: {source}")]
    Call {
        /// Its name.
        function: String,
        /// What the sandbox said.
        source: CallError,
    },
    /// No such path.
    #[error("there is nothing at {method} {path}; GET /docs lists what there is")]
    NoRoute {
        /// As asked for.
        method: String,
        /// As asked for.
        path: String,
    },
    /// A path that wants another method.
    #[error("{path} does not answer {method}; GET /docs lists what there is")]
    Method {
        /// As asked for.
        method: String,
        /// As asked for.
        path: String,
    },
    /// The library was not changed.
    #[error(transparent)]
    Publish(Box<PublishError>),
    /// A fault of the gateway.
    #[error(
        "a fault in the gateway ended this request; others go on; look for the request id in its log"
    )]
    Panicked,
}

impl RequestError {
    /// What is wrong, in words for the client; no longer than [`MESSAGE_BYTES_MAX`] and a mark.
    pub fn message(&self) -> String {
        cut(self.to_string(), MESSAGE_BYTES_MAX)
    }
}

impl From<PublishError> for RequestError {
    fn from(error: PublishError) -> Self {
        Self::Publish(Box::new(error))
    }
}
