//! Calls: decided by the models, or written by a client.

use std::sync::Arc;

use axum::body::Bytes;
use hyfunc_cascade::Decoded;
use hyfunc_functions::json::{JsonLimits, arguments_to_json, parse_arguments};
use hyfunc_functions::{Function, Value};
use serde_json::Value as Json;

use super::{CallIds, Found, Origin};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::library::Entry;

/// A call that was decided, whoever runs it.
#[derive(Clone)]
pub struct DecidedCall {
    /// Unique in the answer, as clients want it.
    pub id: String,
    /// Who runs it.
    pub origin: Origin,
    /// What is called.
    pub function: Arc<Function>,
    /// Typed, for the sandbox.
    pub arguments: Value,
    /// As JSON, for the client.
    pub arguments_json: Json,
}

/// The decided calls with their arguments as JSON.
pub(super) fn decide(candidates: &[Found], decoded: &Decoded, ids: CallIds) -> Vec<DecidedCall> {
    let decided = decoded.calls.iter().enumerate().filter_map(|(at, call)| {
        let found = candidates.get(call.candidate)?;
        let function = Arc::clone(found.prepared.function());
        let arguments_json = arguments_to_json(&function.parameters, &call.arguments);
        Some(DecidedCall {
            id: ids.at(at),
            origin: found.origin.clone(),
            function,
            arguments: call.arguments.clone(),
            arguments_json,
        })
    });
    decided.collect()
}

/// A call of the library with arguments that a client wrote.
pub(super) fn direct(
    entry: &Arc<Entry>,
    bytes: &Bytes,
    limits: &RequestConfig,
) -> Result<DecidedCall, RequestError> {
    let function = Arc::clone(entry.function());
    let text = std::str::from_utf8(bytes)
        .map_err(|error| RequestError::NotUtf8 { at: error.valid_up_to() })?;
    let limits = JsonLimits { bytes_max: limits.body_bytes_max, depth_max: limits.json_depth_max };
    let arguments = parse_arguments(&function.parameters, text, &limits)
        .map_err(|source| RequestError::Arguments { function: function.name.clone(), source })?;
    let arguments_json = arguments_to_json(&function.parameters, &arguments);
    let origin = Origin::Library(Arc::clone(entry));
    Ok(DecidedCall { id: CallIds::random().at(0), origin, function, arguments, arguments_json })
}
