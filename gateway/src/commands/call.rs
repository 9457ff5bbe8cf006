//! `hyfunc call`: one function in its sandbox, without any model.

use std::time::{Duration, Instant};

use hyfunc_functions::component::read_component;
use hyfunc_functions::json::{JsonLimits, parse_arguments};
use hyfunc_functions::{Export, Function, Type, Value};
use hyfunc_sandbox::{CallContext, Outcome, OutcomeResult, Plugin};
use serde_json::{Value as Json, json};

use super::CommandError;
use crate::app::{PluginSource, load_plugin, plugin_sources, sandbox};
use crate::config::Config;
use crate::pipeline::payloads;
use crate::suggest::nearest;

/// Runs the function and gives its outcome as JSON text. A function that gives its own error has
/// an outcome too: `{"error": …}`.
///
/// # Errors
/// No such function, arguments that do not fit, or a sandbox that ended the call.
pub async fn call(config: &Config, name: &str, arguments: &str) -> Result<String, CommandError> {
    let source = find(config, name)?;
    // Only the one plugin is compiled: this is for a quick look.
    let plugin = load_plugin(&sandbox(&config.sandbox)?, &source)?;
    let function = plugin.functions().iter().find(|function| function.name == name);
    let Some((function, export)) =
        function.and_then(|function| Some((function, function.export.as_ref()?)))
    else {
        return Err(CommandError::NoFunction { name: name.to_owned(), suggestion: None });
    };
    let value = read_arguments(config, function, arguments)?;
    let outcome = invoke(config, &plugin, function, export, &value).await?;
    Ok(format!("{:#}\n", answer(function, &outcome.result)))
}

/// Arguments as typed, of the function's types.
pub(super) fn read_arguments(
    config: &Config,
    function: &Function,
    arguments: &str,
) -> Result<Value, CommandError> {
    let limits = JsonLimits {
        bytes_max: config.request.body_bytes_max,
        depth_max: config.request.json_depth_max,
    };
    parse_arguments(&function.parameters, arguments, &limits)
        .map_err(|source| CommandError::Arguments { function: function.name.clone(), source })
}

/// Calls a function once, for nobody in particular.
pub(super) async fn invoke(
    config: &Config,
    plugin: &Plugin,
    function: &Function,
    export: &Export,
    arguments: &Value,
) -> Result<Outcome, CommandError> {
    let outcome = plugin.call(export, arguments, context(config)).await;
    outcome.map_err(|source| CommandError::Call { function: function.name.clone(), source })
}

/// What a call is given that nobody in particular makes.
pub(super) fn context(config: &Config) -> CallContext {
    CallContext {
        request_id: "cli".into(),
        deadline: Instant::now() + Duration::from_millis(config.request.deadline_ms),
        traceparent: None,
        tenant: "local".into(),
    }
}

/// `{"result": …}`, or `{"error": …}` where the function gave its own error.
pub(super) fn answer(function: &Function, result: &OutcomeResult) -> Json {
    let (ok, err) = payloads(function.returns.as_ref());
    match result {
        OutcomeResult::Value(value) => json!({"result": as_json(ok, value.as_ref())}),
        OutcomeResult::ToolError(value) => json!({"error": as_json(err, value.as_ref())}),
    }
}

fn as_json(ty: Option<&Type>, value: Option<&Value>) -> Json {
    match (ty, value) {
        (Some(ty), Some(value)) => hyfunc_functions::json::to_json(ty, value),
        _ => Json::Null,
    }
}

/// The plugin that has the function; reading signatures costs little, compiling does not.
fn find(config: &Config, name: &str) -> Result<PluginSource, CommandError> {
    let mut names = Vec::new();
    for source in plugin_sources(config)? {
        let component = read_component(&source.name, &source.component)?;
        if component.functions.iter().any(|function| function.name == name) {
            return Ok(source);
        }
        names.extend(component.functions.into_iter().map(|function| function.name));
    }
    let suggestion = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    Err(CommandError::NoFunction { name: name.to_owned(), suggestion })
}
