//! `tools/call` of a function: the way of `POST /v1/functions/{name}`, answered as MCP wants it.

use axum::body::Bytes;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::Value as Json;

use super::tool;
use crate::error::RequestError;
use crate::pipeline::{Arrival, DecidedCall, Failure, Pipeline, Ran, Step, cut, say};

/// The steps that such a call takes.
pub const STEPS: &[Step] = &[Step::Accept, Step::Dispatch];

/// Calls a function of the library.
///
/// # Errors
/// As [`Pipeline::call`]; a function's own error and a sandbox that gave up are results.
pub async fn run(
    pipeline: &Pipeline,
    name: &str,
    arguments: JsonObject,
    arrival: Arrival,
) -> Result<CallToolResult, RequestError> {
    let arguments = Json::Object(arguments).to_string();
    let body = async move { Ok(Bytes::from(arguments)) };
    let (call, ran) = pipeline.call(&arrival, name, body).await?;
    Ok(match &ran.result {
        Ok(result) => {
            let reply_bytes_max = pipeline.config.request.reply_bytes_max;
            succeeded(&call, &ran, result, reply_bytes_max)
        }
        Err(failure) => failed(reason(name, failure)),
    })
}

/// The value for programs; beside it, for those that read text alone, the same as JSON, and the
/// sentence of an author who wrote one.
fn succeeded(
    call: &DecidedCall,
    ran: &Ran,
    result: &Json,
    reply_bytes_max: usize,
) -> CallToolResult {
    let structured = tool::structured(&call.function, result);
    let mut content = vec![ContentBlock::text(structured.to_string())];
    if call.function.reply.is_some() {
        content.push(ContentBlock::text(cut(say(call, ran), reply_bytes_max)));
    }
    let mut answer = CallToolResult::success(content);
    answer.structured_content = Some(structured);
    answer
}

/// A result that says why there is none, so that the assistant can do better.
pub fn failed(message: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

/// Why a call failed: the function's own words, or what HTTP says of the sandbox.
pub fn reason(name: &str, failure: &Failure) -> String {
    match &failure.source {
        Some(source) => {
            let function = name.to_owned();
            RequestError::Call { function, source: source.clone() }.to_string()
        }
        None => failure.message.clone(),
    }
}
