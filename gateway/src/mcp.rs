//! The Model Context Protocol: the functions of the library as tools of an assistant.
//!
//! One server for both transports, streamable HTTP (`http/mcp.rs`) and [`stdio`], and for every
//! revision that rmcp speaks. It holds the way of a request and nothing of its own, so that a
//! session is worth no more than its id.

mod call;
mod error;
mod incoming;
mod page;
mod progress;
mod route;
pub mod stdio;
mod tool;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult,
    ErrorCode, Implementation, ListToolsResult, MetaObject, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tracing::{Instrument as _, Span};

pub use error::to_protocol;
pub use incoming::Carrier;

use crate::error::RequestError;
use crate::http::{code_of, status_of};
use crate::keys::Principal;
use crate::library::View;
use crate::pipeline::{Arrival, Pipeline, Step};
use crate::telemetry;
use incoming::Incoming;
use tool::Tools;

/// What an assistant is told about these tools as a whole.
const INSTRUCTIONS: &str = "Every tool is a function of this gateway's library and runs in a \
    sandbox of its own. One tool takes a request in plain words instead, decides which functions \
    answer it, runs them and gives their results: use it when no single function fits.";

/// Key of a result's `_meta` under which the gateway's log knows the request.
const REQUEST_ID: &str = "hyfunc/request_id";

/// The methods that are answered here.
const LIST: &str = "tools/list";
const CALL: &str = "tools/call";

/// The gateway as an MCP server.
#[derive(Clone)]
pub struct Server {
    pipeline: Arc<Pipeline>,
}

impl Server {
    /// A server over the way of a request.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        let everything = View::new(pipeline.shelf.snapshot(), Principal::default());
        let route = Tools::of(&everything).route_name();
        if route != tool::ROUTE {
            tracing::warn!(
                tool = route,
                "a function of the library is called `{}`: over MCP, the tool that takes plain \
                 words has another name",
                tool::ROUTE
            );
        }
        Self { pipeline }
    }

    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        arrival: Arrival,
    ) -> Result<CallToolResult, RequestError> {
        let pipeline = self.pipeline.as_ref();
        let library = View::new(pipeline.shelf.snapshot(), arrival.principal.clone());
        let tools = Tools::of(&library);
        let name: &str = &request.name;
        let arguments = request.arguments.unwrap_or_default();
        if tools.is_route(name) {
            let work = |arrival| route::run(pipeline, name, arguments, arrival);
            progress::reporting(context, arrival, &Step::ALL, work).await
        } else if tools.is_function(name) {
            let work = |arrival| call::run(pipeline, name, arguments, arrival);
            progress::reporting(context, arrival, call::STEPS, work).await
        } else {
            Err(library.missing(name))
        }
    }

    /// What a client is told. What the assistant that called can act on is a result; what is
    /// between client and gateway is an error of the protocol.
    fn settle(
        &self,
        outcome: Result<CallToolResult, RequestError>,
        request_id: &str,
        span: &Span,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match outcome {
            Ok(result) => {
                if result.is_error == Some(true) {
                    telemetry::fail(span, "tool_error", "the tool gave an error".into());
                }
                result
            }
            Err(error) => {
                let code = code_of(&error);
                self.pipeline.metrics.refused(code);
                telemetry::fail(span, code, error.to_string());
                if status_of(&error) >= 500 {
                    span.in_scope(|| tracing::error!(code, "{error}"));
                }
                if error::is_of_the_protocol(&error) {
                    return Err(to_protocol(&error));
                }
                call::failed(error.to_string())
            }
        };
        let mut meta = MetaObject::new();
        meta.insert(REQUEST_ID.into(), request_id.into());
        Ok(result.with_meta(Some(meta)).into())
    }
}

/// Why a call gave no result, for the metric; `None` where it gave one.
fn error_type(outcome: &Option<Result<CallToolResult, RequestError>>) -> Option<&'static str> {
    match outcome {
        None => Some("cancelled"),
        Some(Err(error)) => Some(code_of(error)),
        Some(Ok(result)) => (result.is_error == Some(true)).then_some("tool_error"),
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let about = Implementation::new("hyfunc", env!("CARGO_PKG_VERSION"))
            .with_title("hyfunc")
            .with_description(env!("CARGO_PKG_DESCRIPTION"));
        // The library may change while it is served; no client is promised to hear of it.
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities).with_server_info(about).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let began = Instant::now();
        let config = &self.pipeline.config;
        let incoming = Incoming::read(&context, LIST, None, config.request.deadline_ms);
        let cursor = request.and_then(|request| request.cursor);
        let library = View::new(self.pipeline.shelf.snapshot(), incoming.arrival.principal);
        let listed = incoming.span.in_scope(|| {
            page::list(&Tools::of(&library), cursor.as_deref(), config.mcp.page_tools_max)
        });
        let error = listed.is_err().then_some("invalid_params");
        self.pipeline.metrics.mcp(LIST, None, began.elapsed(), error);
        listed
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let began = Instant::now();
        let deadline_ms = self.pipeline.config.request.deadline_ms;
        let library = View::new(self.pipeline.shelf.snapshot(), Principal::default());
        // Names that nobody knows stay out of the names of spans: there is no end of them.
        let known = Tools::of(&library).knows(&request.name).then(|| request.name.clone());
        let Incoming { arrival, span } =
            Incoming::read(&context, CALL, known.as_deref(), deadline_ms);
        let request_id = arrival.id.clone();
        // A fault costs one request: without this, its client would wait for ever.
        let work = AssertUnwindSafe(self.answer(request, &context, arrival)).catch_unwind();
        let outcome = async {
            tokio::select! {
                // Dropping the work ends it, wherever it is. Nobody reads what is said of it.
                () = context.ct.cancelled() => None,
                outcome = work => Some(outcome.unwrap_or(Err(RequestError::Panicked))),
            }
        };
        let outcome = outcome.instrument(span.clone()).await;
        self.pipeline.metrics.mcp(CALL, known.as_deref(), began.elapsed(), error_type(&outcome));
        match outcome {
            Some(outcome) => self.settle(outcome, &request_id, &span),
            None => Err(ErrorData::internal_error("the client cancelled this call", None)),
        }
    }

    /// Methods that nobody knows, and known ones with parameters that cannot be read.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let wanted = match request.method.as_str() {
            "tools/call" => "{\"name\": a string, \"arguments\": an object, may be left out}",
            "tools/list" => "{\"cursor\": the `nextCursor` of the page before, may be left out}",
            _ => return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None)),
        };
        let message = format!("the `params` of {} cannot be read: send {wanted}", request.method);
        Err(ErrorData::invalid_params(message, None))
    }
}
