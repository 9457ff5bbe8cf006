//! Which errors are the protocol's, and their codes.

use hyfunc_functions::json::JsonError;
use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde_json::json;

use crate::error::RequestError;
use crate::http::{code_of, retry_after_ms};
use crate::keys::AccessError;
use crate::suggest::hint;

/// Whether an error is between client and gateway: the call never began, or the gateway is at
/// fault. All others are results, for the assistant to read and act on; that holds for arguments
/// that do not fit as well.
pub fn is_of_the_protocol(error: &RequestError) -> bool {
    matches!(
        error,
        RequestError::UnknownFunction { .. }
            | RequestError::Access(_)
            | RequestError::Overloaded { .. }
            | RequestError::BodiesTooLarge { .. }
            | RequestError::TooManySessions { .. }
            | RequestError::Draining { .. }
            | RequestError::Models { .. }
            | RequestError::Retrieval(_)
            | RequestError::Panicked
    )
}

/// The error as JSON-RPC has it. `data` holds the code that HTTP gives, and when to come back.
pub fn to_protocol(error: &RequestError) -> ErrorData {
    let code = match error {
        RequestError::UnknownFunction { .. } | RequestError::Access(AccessError::Scope { .. }) => {
            ErrorCode::INVALID_PARAMS
        }
        RequestError::NotUtf8 { .. } | RequestError::Body(JsonError::Syntax { .. }) => {
            ErrorCode::PARSE_ERROR
        }
        RequestError::Body(_)
        | RequestError::BodyTooLarge { .. }
        | RequestError::BodyBroken { .. }
        | RequestError::Field { .. } => ErrorCode::INVALID_REQUEST,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    let message = match error {
        RequestError::UnknownFunction { name, suggestion } => {
            format!("no tool is called `{name}`{}; tools/list lists all", hint(suggestion))
        }
        RequestError::Access(AccessError::Scope { function }) => {
            format!("this key may not call `{function}`; tools/list lists what it may call")
        }
        other => other.to_string(),
    };
    let mut data = json!({"code": code_of(error)});
    if let Some(retry_after_ms) = retry_after_ms(error) {
        data["retry_after_ms"] = retry_after_ms.into();
    }
    ErrorData::new(code, message, Some(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let unknown = RequestError::UnknownFunction { name: "x".into(), suggestion: None };
        let field = RequestError::Field { param: "id".into(), reason: "r".into() };
        let busy = RequestError::Overloaded { waiting: 1, retry_after_ms: 7 };
        for (error, is_of_the_protocol_too, code, name) in [
            (unknown, true, -32602, "function_not_found"),
            (RequestError::NotUtf8 { at: 1 }, false, -32700, "invalid_utf8"),
            (RequestError::BodyTooLarge { bytes_max: 1 }, false, -32600, "body_too_large"),
            (field, false, -32600, "invalid_value"),
            (busy, true, -32603, "overloaded"),
            (RequestError::Panicked, true, -32603, "internal_error"),
        ] {
            let found = to_protocol(&error);
            assert_eq!(is_of_the_protocol(&error), is_of_the_protocol_too, "{error}");
            assert_eq!(found.code.0, code, "{error}");
            assert_eq!(found.data.unwrap()["code"], name, "{error}");
        }
    }

    #[test]
    fn whoever_is_sent_away_hears_when_to_come_back() {
        let error = RequestError::Draining { retry_after_ms: 1_500 };
        assert_eq!(to_protocol(&error).data.unwrap()["retry_after_ms"], 1_500);
        let error = RequestError::Panicked;
        assert!(to_protocol(&error).data.unwrap().get("retry_after_ms").is_none());
    }

    #[test]
    fn an_unknown_tool_is_not_sent_to_http() {
        let suggestion = Some("units_convert".to_owned());
        let error = RequestError::UnknownFunction { name: "units_konvert".into(), suggestion };
        let message = to_protocol(&error).message;
        assert!(message.contains("did you mean `units_convert`?"), "{message}");
        assert!(message.contains("tools/list") && !message.contains("GET"), "{message}");
    }
}
