//! Items of an answer: calls for the client, calls that ran here, and the message.

use serde_json::{Value as Json, json};

use crate::pipeline::{DraftCall, Ran};

/// An item that is still being written.
pub const IN_PROGRESS: &str = "in_progress";
/// An item that is whole.
pub const COMPLETED: &str = "completed";
/// A call that ran here and gave no result.
const FAILED: &str = "failed";

/// Who ran a call, for clients that know several servers.
const SERVER_LABEL: &str = "hyfunc";

/// Id of the item of a call.
pub fn call_id(call: &DraftCall) -> String {
    // The call's own id under another prefix, so that traces and items can be told to be of one.
    let prefix = if call.is_clients() { "fc" } else { "mcp" };
    format!("{prefix}_{}", call.id.trim_start_matches("call_"))
}

/// Id of a new message.
pub fn message_id() -> String {
    format!("msg_{}", uuid::Uuid::new_v4().simple())
}

/// A call that is being written, and is to run wherever it runs.
pub fn call_begun(call: &DraftCall) -> Json {
    if call.is_clients() {
        function_call(call, IN_PROGRESS)
    } else {
        gateway_call(call, IN_PROGRESS, Json::Null, Json::Null)
    }
}

/// A call that the client runs; its arguments are there when it is whole.
pub fn function_call(call: &DraftCall, status: &str) -> Json {
    json!({
        "type": "function_call",
        "id": call_id(call),
        "call_id": call.id,
        "name": call.function.name,
        "arguments": arguments_text(call, status),
        "status": status,
    })
}

/// A call that ran here, with its result or its error.
pub fn gateway_call_done(call: &DraftCall, ran: &Ran) -> Json {
    match &ran.result {
        Ok(Json::String(text)) => gateway_call(call, COMPLETED, text.clone().into(), Json::Null),
        Ok(result) => gateway_call(call, COMPLETED, result.to_string().into(), Json::Null),
        Err(failure) => {
            let error = json!({
                "type": "mcp_tool_execution_error",
                "content": [{"type": "text", "text": failure.message}],
            });
            gateway_call(call, FAILED, Json::Null, error)
        }
    }
}

fn gateway_call(call: &DraftCall, status: &str, output: Json, error: Json) -> Json {
    json!({
        "type": "mcp_call",
        "id": call_id(call),
        "server_label": SERVER_LABEL,
        "name": call.function.name,
        "arguments": arguments_text(call, status),
        "approval_request_id": null,
        "output": output,
        "error": error,
        "status": status,
    })
}

/// The arguments as JSON in a text, which is empty as long as they are being written.
fn arguments_text<'a>(call: &'a DraftCall, status: &str) -> &'a str {
    if status == IN_PROGRESS { "" } else { &call.arguments }
}

/// The message that a person reads; without a text, one that is about to be written.
pub fn message(id: &str, status: &str, text: Option<&str>) -> Json {
    let content: Vec<Json> = text.map(text_part).into_iter().collect();
    json!({
        "type": "message",
        "id": id,
        "status": status,
        "role": "assistant",
        "content": content,
    })
}

/// The one part of a message.
pub fn text_part(text: &str) -> Json {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}
