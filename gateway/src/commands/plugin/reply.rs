//! The sentence that a person would read.

use hyfunc_functions::Function;
use hyfunc_functions::reply::{ReplyError, render_reply};
use hyfunc_sandbox::OutcomeResult;
use serde_json::Value as Json;

use crate::pipeline::payloads;

/// The author's template over a result; none without a template, a value, or for an error.
///
/// # Errors
/// A template that does not fit this very result.
pub(super) fn reply(
    function: &Function,
    result: &OutcomeResult,
    arguments: &Json,
) -> Result<Option<String>, ReplyError> {
    let (ty, _) = payloads(function.returns.as_ref());
    let (Some(template), Some(ty), OutcomeResult::Value(Some(value))) =
        (function.reply.as_deref(), ty, result)
    else {
        return Ok(None);
    };
    render_reply(template, ty, value, arguments).map(Some)
}
