//! `/mcp`: the Model Context Protocol over streamable HTTP.
//!
//! Clients of the 2026-07-28 revision send requests that stand alone; earlier ones begin a session
//! with `initialize` and name it in `mcp-session-id`. rmcp tells them apart and speaks for both;
//! what is wrong with the bytes, and whether there is room, is said here before it reads them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use futures::StreamExt as _;
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonRpcError, RequestId};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value as Json;
use tokio::time::timeout_at;
use tracing::Span;

use super::fields::{Fields, parse};
use super::{Shared, body};
use crate::config::{Config, ServerConfig};
use crate::error::RequestError;
use crate::mcp::{Carrier, Server, to_protocol};
use crate::pipeline::{Arrival, Pipeline, Step};

/// The header that names a session.
const SESSION: &str = "mcp-session-id";
/// Bytes of a refusal in plain words; rmcp writes one line.
const REASON_BYTES_MAX: usize = 4096;

/// The methods of `/mcp`.
pub fn methods(shared: &Shared) -> MethodRouter<Shared> {
    let endpoint = Arc::new(Endpoint::new(shared));
    get(serve).post(serve).delete(serve).layer(Extension(endpoint))
}

/// POST sends a message; GET waits for messages of a session, DELETE ends it.
async fn serve(
    Extension(endpoint): Extension<Arc<Endpoint>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    if head.method == Method::POST {
        endpoint.answer(&arrival, head, body).await
    } else {
        endpoint.listen(head).await
    }
}

struct Endpoint {
    pipeline: Arc<Pipeline>,
    sessions: Arc<LocalSessionManager>,
    service: StreamableHttpService<Server, LocalSessionManager>,
}

/// An error, and the id of the message that it answers, as far as it was read.
struct Refused {
    error: RequestError,
    id: Option<RequestId>,
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        Self { error, id: None }
    }
}

impl Endpoint {
    fn new(shared: &Shared) -> Self {
        let pipeline = Arc::clone(&shared.pipeline);
        let mut sessions = LocalSessionManager::default();
        let idle_max = Duration::from_millis(pipeline.config.mcp.session_idle_ms_max);
        sessions.session_config.keep_alive = Some(idle_max);
        let sessions = Arc::new(sessions);
        let server = shared.mcp.clone();
        let service = StreamableHttpService::new(
            move || Ok(server.clone()),
            Arc::clone(&sessions),
            transport(&pipeline.config),
        );
        Self { pipeline, sessions, service }
    }

    async fn answer(&self, arrival: &Arrival, mut head: Parts, body: Body) -> Response {
        let bytes = match self.accept(arrival, &head, body).await {
            Ok(bytes) => bytes,
            Err(refused) => return refuse(refused),
        };
        head.extensions.insert(Carrier(Span::current()));
        let request = Request::from_parts(head, Body::from(bytes));
        in_form(self.service.handle(request).await.map(Body::new)).await
    }

    /// A message that is whole, small enough, and has room to be answered.
    async fn accept(&self, arrival: &Arrival, head: &Parts, body: Body) -> Result<Bytes, Refused> {
        let limits = &self.pipeline.config.request;
        let read = body::read(head.headers.clone(), body, limits.body_bytes_max);
        let read = timeout_at(arrival.deadline.into(), read).await;
        let bytes = read.unwrap_or_else(|_| Err(arrival.late(Step::Accept)))?;
        let message = parse(&bytes, limits)?;
        let id = check(&message)?;
        let room = match message["method"].as_str() {
            Some("tools/call") => self.pipeline.admission.refusal(),
            Some("initialize") if !head.headers.contains_key(SESSION) => self.full().await,
            _ => None,
        };
        match room {
            Some(error) => Err(Refused { error, id }),
            None => Ok(bytes),
        }
    }

    /// The error of one session too many.
    async fn full(&self) -> Option<RequestError> {
        let sessions_max = self.pipeline.config.mcp.sessions_max;
        let retry_after_ms = self.pipeline.config.server.retry_after_ms;
        let open = self.sessions.sessions.read().await.len();
        (open >= sessions_max)
            .then_some(RequestError::TooManySessions { sessions_max, retry_after_ms })
    }

    /// A stream that waits for news must not hold up the end of the gateway.
    async fn listen(&self, head: Parts) -> Response {
        let admission = self.pipeline.admission.clone();
        let request = Request::from_parts(head, Body::empty());
        let response = in_form(self.service.handle(request).await.map(Body::new)).await;
        response.map(|body| {
            let chunks = body.into_data_stream();
            Body::from_stream(chunks.take_until(async move { admission.drained().await }))
        })
    }
}

/// What rmcp checks again, with the limits that hold here already.
fn transport(config: &Config) -> StreamableHttpServerConfig {
    let transport = StreamableHttpServerConfig::default()
        .with_max_request_body_bytes(config.request.body_bytes_max)
        // One answer is one JSON object, unless there is progress to tell before it.
        .with_json_response(true);
    if !config.is_local_only() {
        return transport.disable_allowed_hosts().disable_allowed_origins();
    }
    let hosts = local_hosts(&config.server);
    if !config.server.cors_origins.is_empty() {
        // Which pages may ask was checked before, to the letter.
        return transport.with_allowed_hosts(hosts).disable_allowed_origins();
    }
    let origins = hosts.iter().flat_map(|host| {
        ["http", "https"].map(|scheme| match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("{scheme}://[{address}]:*"),
            _ => format!("{scheme}://{host}:*"),
        })
    });
    let origins: Vec<String> = origins.collect();
    transport.with_allowed_hosts(hosts).with_allowed_origins(origins)
}

/// Names and addresses of this machine by which the gateway is reached.
fn local_hosts(config: &ServerConfig) -> Vec<String> {
    let mut hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let own = config.address.parse::<SocketAddr>().map(|address| address.ip().to_string());
    hosts.extend(own.ok().filter(|own| !hosts.contains(own)));
    hosts
}

/// What makes JSON a message of JSON-RPC; gives its id.
fn check(message: &Json) -> Result<Option<RequestId>, RequestError> {
    let fields = Fields::of(message, "")?;
    let wrong = |param: &str, reason: &str| {
        Err(RequestError::Field { param: param.into(), reason: reason.into() })
    };
    if fields.text("jsonrpc")? != Some("2.0") {
        return wrong("jsonrpc", "send \"2.0\", and one message a request");
    }
    let id = match message.get("id") {
        None => None,
        Some(Json::String(id)) => Some(RequestId::String(id.as_str().into())),
        Some(id) => match id.as_i64() {
            Some(number) => Some(RequestId::Number(number)),
            None => return wrong("id", "send a string or a whole number of 64 bits"),
        },
    };
    let has_method = fields.text("method")?.is_some();
    let is_answer = message.get("result").is_some() || message.get("error").is_some();
    if !has_method && !is_answer {
        return wrong("method", "this is required; send a string, such as tools/call");
    }
    if message.get("params").is_some_and(|params| !params.is_object()) {
        return wrong("params", "send an object, or leave it out");
    }
    Ok(id)
}

/// What rmcp refuses in plain words, as an error of JSON-RPC like all others.
async fn in_form(response: Response) -> Response {
    let is_json = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/json");
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error || response.headers().get(CONTENT_TYPE).is_some_and(is_json) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let reason = to_bytes(body, REASON_BYTES_MAX).await.unwrap_or_default();
    let reason = String::from_utf8_lossy(&reason).into_owned();
    let is_ours = head.status.is_server_error();
    let code = if is_ours { ErrorCode::INTERNAL_ERROR } else { ErrorCode::INVALID_REQUEST };
    let message = JsonRpcError::new(None, ErrorData::new(code, reason, None));
    let json = serde_json::to_vec(&message).expect("an error is plain JSON");
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(head, Body::from(json))
}

/// The status and headers of the error table, around an error of JSON-RPC.
fn refuse(refused: Refused) -> Response {
    let message = JsonRpcError::new(refused.id, to_protocol(&refused.error));
    let json = serde_json::to_vec(&message).expect("an error is plain JSON");
    let mut response = refused.error.into_response();
    *response.body_mut() = Body::from(json);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_message_of_json_rpc_and_nothing_else() {
        for (message, param) in [
            (json!([]), "body"),
            (json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]), "body"),
            (json!(null), "body"),
            (json!({}), "jsonrpc"),
            (json!({"jsonrpc": 2, "id": 1, "method": "ping"}), "jsonrpc"),
            (json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}), "jsonrpc"),
            (json!({"jsonrpc": "2.0", "id": 1}), "method"),
            (json!({"jsonrpc": "2.0", "id": 1, "method": 3}), "method"),
            (json!({"jsonrpc": "2.0", "id": null, "method": "ping"}), "id"),
            (json!({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}), "id"),
            (json!({"jsonrpc": "2.0", "id": u64::MAX, "method": "ping"}), "id"),
            (json!({"jsonrpc": "2.0", "id": [1], "method": "ping"}), "id"),
            (json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}), "params"),
        ] {
            match check(&message) {
                Err(RequestError::Field { param: found, .. }) => {
                    assert_eq!(found, param, "{message}");
                }
                other => panic!("{message}: {other:?}"),
            }
        }
        for (message, id) in [
            (json!({"jsonrpc": "2.0", "id": 7, "method": "ping"}), Some(RequestId::Number(7))),
            (
                json!({"jsonrpc": "2.0", "id": "a", "method": "ping", "params": {}}),
                Some(RequestId::String("a".into())),
            ),
            (json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), None),
            (json!({"jsonrpc": "2.0", "id": 7, "result": {}}), Some(RequestId::Number(7))),
        ] {
            assert_eq!(check(&message).unwrap(), id, "{message}");
        }
    }

    #[test]
    fn the_address_that_is_listened_on_is_this_machine() {
        for (address, hosts) in [
            ("127.0.0.1:8080", "localhost 127.0.0.1 ::1"),
            ("[::1]:8080", "localhost 127.0.0.1 ::1"),
            ("127.0.0.5:0", "localhost 127.0.0.1 ::1 127.0.0.5"),
        ] {
            let config = ServerConfig { address: address.into(), ..ServerConfig::default() };
            assert_eq!(local_hosts(&config).join(" "), hosts);
        }
    }
}
