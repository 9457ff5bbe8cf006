//! What the tests of the sandbox share.
#![allow(dead_code)] // each test binary uses a part of it

use std::time::{Duration, Instant};

use hyfunc_functions::{Export, Function, Value, json};
use hyfunc_sandbox::{
    CallContext, CallError, Grants, Outcome, OutcomeResult, Plugin, Sandbox, SandboxConfig,
};
use serde_json::Value as Json;

/// A guest of `tests/guests`, in WebAssembly's binary format.
pub fn guest(name: &str) -> Vec<u8> {
    let path = format!("tests/guests/{name}.wat");
    wat::parse_file(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// Far longer than a call takes that ends by itself, on any machine, in milliseconds.
pub const PATIENCE_MS: u64 = 120_000;

/// Far longer than any test waits, in milliseconds: of calls that would not end by themselves.
pub const HOUR_MS: u64 = 3_600_000;

/// Limits with a pool that is small enough for many tests at once, and with time for machines that
/// are busy with others.
pub fn small() -> SandboxConfig {
    SandboxConfig {
        instances_max: 8,
        deadline_ms_max: HOUR_MS,
        compile_ms_max: HOUR_MS,
        http_ms_max: PATIENCE_MS,
        ..SandboxConfig::default()
    }
}

pub fn load(config: SandboxConfig, name: &str) -> Plugin {
    Sandbox::new(config).unwrap().load(name, &guest(name), &Grants::default()).unwrap()
}

pub fn context_within(ms: u64) -> CallContext {
    CallContext {
        request_id: "request-1".into(),
        deadline: Instant::now() + Duration::from_millis(ms),
        traceparent: None,
        tenant: "anna".into(),
    }
}

pub fn context() -> CallContext {
    context_within(PATIENCE_MS)
}

/// Calls a function at world level.
pub async fn call(
    plugin: &Plugin,
    function: &str,
    arguments: &[Value],
) -> Result<Outcome, CallError> {
    call_within(plugin, function, arguments, PATIENCE_MS).await
}

pub async fn call_within(
    plugin: &Plugin,
    function: &str,
    arguments: &[Value],
    ms: u64,
) -> Result<Outcome, CallError> {
    let export = Export { interface: None, function: function.into() };
    let arguments = Value::Record(arguments.iter().cloned().map(Some).collect());
    plugin.call(&export, &arguments, context_within(ms)).await
}

/// The value of a call that must succeed.
pub async fn value(plugin: &Plugin, function: &str, arguments: &[Value]) -> Value {
    match call(plugin, function, arguments).await.unwrap().result {
        OutcomeResult::Value(Some(value)) => value,
        other => panic!("{function} returned {other:?}"),
    }
}

/// So many calls of `add` at once: each comes to its own sum.
pub async fn all_add(plugin: &Plugin, calls: i128) {
    let calls: Vec<_> = (0..calls)
        .map(|number| {
            let plugin = plugin.clone();
            let arguments = [Value::Int(number), Value::Int(1)];
            tokio::spawn(async move { value(&plugin, "add", &arguments).await })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Value::Int(number as i128 + 1));
    }
}

/// One of the fixtures that are built from Rust.
pub fn fixture(config: SandboxConfig, name: &str, grants: &str) -> Plugin {
    let component = hyfunc_plugins::fixture(name).unwrap_or_else(|| panic!("no fixture {name}"));
    let grants = Grants::parse(grants).unwrap();
    Sandbox::new(config).unwrap().load(name, component, &grants).unwrap()
}

/// The function that exports a name, such as `read-file`.
pub fn function<'a>(plugin: &'a Plugin, name: &str) -> &'a Function {
    let exported = |function: &&std::sync::Arc<Function>| {
        function.export.as_ref().is_some_and(|export| export.function == name)
    };
    plugin.functions().iter().find(exported).unwrap_or_else(|| panic!("no function {name}"))
}

/// Calls a function by JSON.
pub async fn call_json(
    plugin: &Plugin,
    name: &str,
    arguments: &Json,
    context: CallContext,
) -> Result<Outcome, CallError> {
    let function = function(plugin, name);
    let arguments = json::arguments_from_json(&function.parameters, arguments).unwrap();
    plugin.call(function.export.as_ref().unwrap(), &arguments, context).await
}
