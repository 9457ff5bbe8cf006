//! The one table from errors to statuses, types and codes.
//!
//! There is no `_ =>` here: a new error does not compile until somebody has classed it.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json as JsonBody, Response};
use hyfunc_cascade::CascadeError;
use hyfunc_functions::json::JsonError;
use hyfunc_sandbox::{CallError, LoadError};
use serde_json::{Value as Json, json};

use crate::error::RequestError;
use crate::keys::AccessError;
use crate::pipeline::{Step, cut};
use crate::publish::{CompileError, PublishError, RegistryError};
use crate::replays::ReplayError;

/// Longest path of a field (bytes).
pub(super) const PARAM_BYTES_MAX: usize = 512;

/// Class of an error, as clients know it.
struct Row {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
}

const fn row(status: StatusCode, kind: &'static str, code: &'static str) -> Row {
    Row { status, kind, code }
}

const INVALID: &str = "invalid_request_error";
const PERMISSION: &str = "permission_error";
const RATE: &str = "rate_limit_error";
const SERVER: &str = "server_error";

fn classify(error: &RequestError) -> Row {
    use RequestError as E;
    match error {
        E::BodyTooLarge { .. } => row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large"),
        E::BodyBroken { .. } => row(StatusCode::BAD_REQUEST, INVALID, "body_broken"),
        E::NotUtf8 { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_utf8"),
        E::Body(source) => of_json(source),
        E::UnknownField { .. } => row(StatusCode::BAD_REQUEST, INVALID, "unknown_parameter"),
        E::Field { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_value"),
        E::Unsupported { .. } => row(StatusCode::BAD_REQUEST, INVALID, "unsupported_parameter"),
        E::UnknownModel { .. } => row(StatusCode::NOT_FOUND, INVALID, "model_not_found"),
        E::NoQuery => row(StatusCode::BAD_REQUEST, INVALID, "empty_conversation"),
        E::QueryTooLong { .. } => too_long(),
        E::Tool { .. } => row(StatusCode::BAD_REQUEST, INVALID, "invalid_function_parameters"),
        E::UnknownFunction { .. } => row(StatusCode::NOT_FOUND, INVALID, "function_not_found"),
        E::UnknownRequest { .. } => row(StatusCode::NOT_FOUND, INVALID, "request_not_found"),
        E::Arguments { source, .. } => of_json(source),
        E::Access(source) => of_access(source),
        E::Replay(source) => of_replay(source),
        E::Foreign { .. } => row(StatusCode::FORBIDDEN, PERMISSION, "foreign_origin"),
        E::Overloaded { .. } | E::BodiesTooLarge { .. } => {
            row(StatusCode::TOO_MANY_REQUESTS, RATE, "overloaded")
        }
        E::TooManySessions { .. } => {
            row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "too_many_sessions")
        }
        E::Draining { .. } => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "shutting_down"),
        // The client was slow to send, not the gateway to answer.
        E::Deadline { step: Step::Accept, .. } => {
            row(StatusCode::REQUEST_TIMEOUT, INVALID, "deadline_exceeded")
        }
        E::Deadline {
            step: Step::Distil | Step::Retrieve | Step::Decode | Step::Dispatch | Step::Respond,
            ..
        } => row(StatusCode::GATEWAY_TIMEOUT, SERVER, "deadline_exceeded"),
        E::Models { source, .. } => of_models(source),
        E::Retrieval(_) => fault("retrieval_failed"),
        E::Call { source, .. } => of_call(source),
        E::NoRoute { .. } => row(StatusCode::NOT_FOUND, INVALID, "not_found"),
        E::Method { .. } => row(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
        E::Publish(source) => of_publish(source),
        E::Panicked => fault("internal_error"),
    }
}

fn of_access(error: &AccessError) -> Row {
    use AccessError as E;
    let unknown = |code| row(StatusCode::UNAUTHORIZED, INVALID, code);
    let forbidden = |code| row(StatusCode::FORBIDDEN, PERMISSION, code);
    let later = |code| row(StatusCode::TOO_MANY_REQUESTS, RATE, code);
    match error {
        E::NoKey => unknown("missing_api_key"),
        E::NotAKey | E::UnknownKey => unknown("invalid_api_key"),
        E::Expired { .. } => unknown("expired_api_key"),
        E::Role { .. } => forbidden("role_missing"),
        E::Scope { .. } => forbidden("function_not_allowed"),
        E::KeyRate { .. } | E::FunctionRate { .. } => later("rate_limit_exceeded"),
        E::Concurrency { .. } => later("concurrency_limit_exceeded"),
    }
}

fn of_replay(error: &ReplayError) -> Row {
    use ReplayError as E;
    let conflict = |code| row(StatusCode::CONFLICT, INVALID, code);
    match error {
        E::AtWork { .. } => conflict("idempotency_key_at_work"),
        E::NotKept { .. } => conflict("answer_not_kept"),
        E::Reused => row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "idempotency_key_reused"),
        E::Full { .. } => row(StatusCode::TOO_MANY_REQUESTS, RATE, "too_many_idempotency_keys"),
    }
}

fn too_long() -> Row {
    row(StatusCode::BAD_REQUEST, INVALID, "context_length_exceeded")
}

fn fault(code: &'static str) -> Row {
    row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, code)
}

fn of_json(error: &JsonError) -> Row {
    let code = match error {
        JsonError::Syntax { .. } => "invalid_json",
        JsonError::TooDeep { .. } => "json_too_deep",
        JsonError::DuplicateKey { .. } => "duplicate_key",
        JsonError::Unknown { .. } => "unknown_parameter",
        JsonError::Missing { .. } => "missing_parameter",
        JsonError::Mismatch { .. } => "invalid_type",
        JsonError::TooLong { .. } => {
            return row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large");
        }
    };
    row(StatusCode::BAD_REQUEST, INVALID, code)
}

fn of_models(error: &CascadeError) -> Row {
    use CascadeError as E;
    match error {
        E::Overloaded { .. } => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "models_overloaded"),
        E::Deadline { .. } => row(StatusCode::GATEWAY_TIMEOUT, SERVER, "deadline_exceeded"),
        E::QueryTooLong { .. } | E::ContextOverflow { .. } => too_long(),
        E::Stopped => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "models_stopped"),
        E::Unfilled { .. } => fault("value_not_decoded"),
        E::Weights(_)
        | E::Folder { .. }
        | E::Template(_)
        | E::Mask { .. }
        | E::Stock { .. }
        | E::Tensor(_)
        | E::Panicked => fault("models_failed"),
    }
}

fn of_call(error: &CallError) -> Row {
    use CallError as E;
    let status = match error {
        E::UnknownFunction { .. } => StatusCode::NOT_FOUND,
        E::Arguments { .. } => StatusCode::BAD_REQUEST,
        E::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        E::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
        E::Trap { .. }
        | E::MemoryLimit { .. }
        | E::TableLimit { .. }
        | E::StackOverflow { .. }
        | E::ResultTooLarge { .. }
        | E::HostCallTooLarge { .. }
        | E::HandleLimit { .. } => StatusCode::BAD_GATEWAY,
    };
    let kind = if status.is_client_error() { INVALID } else { SERVER };
    row(status, kind, error.kind())
}

fn of_publish(error: &PublishError) -> Row {
    use PublishError as E;
    let bad = |code| row(StatusCode::BAD_REQUEST, INVALID, code);
    let conflict = |code| row(StatusCode::CONFLICT, INVALID, code);
    match error {
        E::Name { .. } => bad("invalid_plugin_name"),
        E::Digest { .. } => bad("digest_mismatch"),
        E::Grants(_) => bad("invalid_grants"),
        E::Empty { .. } => bad("no_functions"),
        E::Unknown { .. } => row(StatusCode::NOT_FOUND, INVALID, "plugin_not_found"),
        E::Taken { .. } => conflict("name_taken"),
        E::Fixed { .. } => conflict("not_published"),
        E::Busy { .. } => conflict("publish_in_progress"),
        E::Downgrade { .. } => conflict("downgrade"),
        E::TooMany { .. } => conflict("too_many_plugins"),
        E::Clash { .. } | E::Names(_) => conflict("function_names_clash"),
        E::NothingWaits { .. } => conflict("nothing_waits"),
        E::Changed { .. } => row(StatusCode::PRECONDITION_FAILED, INVALID, "changed_meanwhile"),
        E::TooLarge { .. } => row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "component_too_large"),
        E::Overloaded { .. } => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "publish_overloaded"),
        E::Load(source) => match source.as_ref() {
            LoadError::TooLarge { .. } => {
                row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "component_too_large")
            }
            LoadError::MissingImport { .. } => bad("missing_import"),
            LoadError::Compile { .. }
            | LoadError::CompileTime { .. }
            | LoadError::AsyncOff
            | LoadError::Component(_)
            | LoadError::Export { .. } => bad("invalid_component"),
        },
        E::Compile(source) => match source {
            CompileError::Refused { .. } | CompileError::Crashed { .. } => bad("invalid_component"),
            CompileError::Time { .. } => bad("compile_time_limit"),
            CompileError::Memory { .. } => bad("compile_memory_limit"),
            CompileError::Start { .. } | CompileError::Failed { .. } => fault("compiler_failed"),
            CompileError::Full { .. } => row(StatusCode::INSUFFICIENT_STORAGE, SERVER, "disk_full"),
        },
        E::Registry(RegistryError::Full { .. }) => {
            row(StatusCode::INSUFFICIENT_STORAGE, SERVER, "disk_full")
        }
        E::Registry(
            RegistryError::Folder { .. }
            | RegistryError::InUse { .. }
            | RegistryError::Damaged { .. }
            | RegistryError::Failed { .. },
        ) => fault("registry_failed"),
        E::Models(source) => of_models(source),
        E::Index(_) => fault("retrieval_failed"),
        E::NoCache | E::NotKept { .. } | E::Library(_) => fault("library_failed"),
        E::Panicked => fault("internal_error"),
    }
}

/// The field that the error is about.
fn param_of(error: &RequestError) -> Option<&str> {
    use RequestError as E;
    match error {
        E::UnknownField { param, .. }
        | E::Field { param, .. }
        | E::Unsupported { param, .. }
        | E::Tool { param, .. } => Some(param),
        E::Body(source) | E::Arguments { source, .. } => Some(source.path()).filter(|p| *p != "$"),
        E::UnknownModel { .. } => Some("model"),
        E::NoQuery | E::QueryTooLong { .. } => Some("messages"),
        E::Call { source: CallError::Arguments { path, .. }, .. } => Some(path),
        E::Replay(_) => Some("idempotency-key"),
        E::BodyTooLarge { .. }
        | E::BodyBroken { .. }
        | E::NotUtf8 { .. }
        | E::UnknownFunction { .. }
        | E::UnknownRequest { .. }
        | E::Access(_)
        | E::Foreign { .. }
        | E::Overloaded { .. }
        | E::BodiesTooLarge { .. }
        | E::TooManySessions { .. }
        | E::Draining { .. }
        | E::Deadline { .. }
        | E::Models { .. }
        | E::Retrieval(_)
        | E::Call { .. }
        | E::NoRoute { .. }
        | E::Method { .. }
        | E::Publish(_)
        | E::Panicked => None,
    }
}

/// When to come back, in milliseconds, for the errors that pass by themselves.
pub fn retry_after_ms(error: &RequestError) -> Option<u64> {
    if let RequestError::Access(source) = error {
        return source.retry_after_ms();
    }
    if let RequestError::Publish(source) = error {
        return match source.as_ref() {
            PublishError::Busy { retry_after_ms, .. }
            | PublishError::Overloaded { retry_after_ms, .. } => Some(*retry_after_ms),
            _ => None,
        };
    }
    let (RequestError::Overloaded { retry_after_ms, .. }
    | RequestError::BodiesTooLarge { retry_after_ms, .. }
    | RequestError::TooManySessions { retry_after_ms, .. }
    | RequestError::Draining { retry_after_ms }
    | RequestError::Replay(
        ReplayError::AtWork { retry_after_ms } | ReplayError::Full { retry_after_ms, .. },
    )
    | RequestError::Models { source: CascadeError::Overloaded { retry_after_ms }, .. }
    | RequestError::Call { source: CallError::Overloaded { retry_after_ms, .. }, .. }) = error
    else {
        return None;
    };
    Some(*retry_after_ms)
}

/// The code of an error, for spans, metrics and clients.
pub fn code_of(error: &RequestError) -> &'static str {
    classify(error).code
}

/// The status of an error.
pub fn status_of(error: &RequestError) -> u16 {
    classify(error).status.as_u16()
}

/// `{"error": {message, type, param, code}}`
pub(super) fn to_json(error: &RequestError) -> Json {
    let row = classify(error);
    json!({"error": {
        "message": error.message(),
        "type": row.kind,
        "param": param_of(error).map(|param| cut(param.to_owned(), PARAM_BYTES_MAX)),
        "code": row.code,
    }})
}

/// The response of a format that asks in another field than `messages`.
pub(super) fn respond_asked(error: RequestError, asked: &str) -> Response {
    let mut json = to_json(&error);
    if matches!(error, RequestError::NoQuery | RequestError::QueryTooLong { .. }) {
        json["error"]["param"] = asked.into();
    }
    error.into_response_of(json)
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let json = to_json(&self);
        self.into_response_of(json)
    }
}

impl RequestError {
    fn into_response_of(self, json: Json) -> Response {
        let status = classify(&self).status;
        let mut response = (status, JsonBody(json)).into_response();
        if let Some(ms) = retry_after_ms(&self) {
            let seconds = HeaderValue::from(ms.div_ceil(1000).max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        if let Self::Access(source) = &self
            && source.is_about_who()
        {
            let challenge = HeaderValue::from_static(match source {
                AccessError::NoKey => "Bearer realm=\"hyfunc\"",
                _ => "Bearer realm=\"hyfunc\", error=\"invalid_token\"",
            });
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        // The layers count it, and log the faults.
        response.extensions_mut().insert(Refusal { code: code_of(&self), message: self.message() });
        response
    }
}

/// Why a response is an error, for the layers.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub code: &'static str,
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MESSAGE_BYTES_MAX;

    #[test]
    fn classes() {
        let deadline = |step| RequestError::Deadline { step, deadline_ms: 5 };
        let overloaded = RequestError::Overloaded { waiting: 3, retry_after_ms: 1500 };
        for (error, status, code, param) in [
            (RequestError::BodyTooLarge { bytes_max: 9 }, 413, "body_too_large", None),
            (RequestError::NotUtf8 { at: 3 }, 400, "invalid_utf8", None),
            (RequestError::NoQuery, 400, "empty_conversation", Some("messages")),
            (
                RequestError::UnknownModel { model: "x".into(), served: "y".into() },
                404,
                "model_not_found",
                Some("model"),
            ),
            (deadline(Step::Accept), 408, "deadline_exceeded", None),
            (deadline(Step::Decode), 504, "deadline_exceeded", None),
            (overloaded, 429, "overloaded", None),
            (RequestError::Panicked, 500, "internal_error", None),
        ] {
            assert_eq!(classify(&error).status.as_u16(), status, "{error}");
            assert_eq!(code_of(&error), code, "{error}");
            assert_eq!(param_of(&error), param, "{error}");
        }
    }

    #[test]
    fn overload_says_when_to_come_back_in_whole_seconds() {
        let response =
            RequestError::Overloaded { waiting: 3, retry_after_ms: 1500 }.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert!(RequestError::NoQuery.into_response().headers().get(RETRY_AFTER).is_none());
    }

    #[test]
    fn errors_are_short_whatever_was_sent() {
        let long = "ä".repeat(1 << 20);
        for error in [
            RequestError::UnknownField { param: long.clone(), suggestion: None },
            RequestError::UnknownModel { model: long.clone(), served: "y".into() },
            RequestError::Field { param: "a".into(), reason: long },
        ] {
            let json = to_json(&error);
            let sizes = ["message", "param"].map(|part| json["error"][part].as_str().map(str::len));
            assert!(sizes[0].is_some_and(|bytes| bytes <= MESSAGE_BYTES_MAX + 16), "{sizes:?}");
            assert!(sizes[1].is_some_and(|bytes| bytes <= PARAM_BYTES_MAX + 16), "{sizes:?}");
        }
    }

    #[test]
    fn a_deadline_names_its_step() {
        let error = RequestError::Deadline { step: Step::Retrieve, deadline_ms: 5 };
        assert!(error.to_string().contains("`retrieve`"), "{error}");
    }
}
