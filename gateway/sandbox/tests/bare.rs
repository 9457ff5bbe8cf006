//! The call in bare wasmtime that others are measured against: it does the same work.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use hyfunc_functions::{Export, Value, json};
use hyfunc_sandbox::{BareCall, BareError, CallError, LoadError, SandboxError};
use serde_json::{Value as Json, json as j};
use support::{fixture, function, small};

/// The bare call of a fixture's function.
fn bare(name: &str, called: &str, arguments: &Json) -> BareCall {
    let plugin = fixture(small(), name, "");
    let function = function(&plugin, called);
    let arguments = json::arguments_from_json(&function.parameters, arguments).unwrap();
    let component = hyfunc_plugins::fixture(name).unwrap();
    BareCall::new(&small(), component, function.export.as_ref().unwrap(), &arguments).unwrap()
}

fn refused(component: &[u8], export: Export, arguments: Value) -> BareError {
    BareCall::new(&small(), component, &export, &arguments).err().unwrap()
}

#[tokio::test]
async fn it_runs_again_and_again_and_many_at_once() {
    let place = j!({"value": {"name": "Paris", "lat": 48.9, "lon": 2.4, "tags": ["a"]}});
    let call = bare("types", "echo-place", &place);
    for _ in 0..100 {
        assert_eq!(call.call().await, Ok(()));
    }
    let at_once = futures::future::join_all((0..8).map(|_| call.call())).await;
    assert!(at_once.iter().all(Result::is_ok), "{at_once:?}");
}

#[test]
fn what_cannot_run_is_refused_when_it_is_made() {
    let types = hyfunc_plugins::fixture("types").unwrap();
    let export = |function: &str| Export {
        interface: Some("hyfunc:types/echo@0.1.0".into()),
        function: function.into(),
    };
    let none = || Value::Record(Vec::new());
    let error = refused(types, export("echo-nothing-of-the-kind"), none());
    assert!(matches!(error, BareError::Load(LoadError::Export { .. })), "{error}");
    let error = refused(types, export("echo-bool"), none());
    assert!(matches!(error, BareError::Call(CallError::Arguments { .. })), "{error}");
    let error = refused(b"no component", export("echo-bool"), none());
    assert!(matches!(error, BareError::Load(LoadError::Compile { .. })), "{error}");
    let mut config = small();
    config.instances_max = 0;
    let error = BareCall::new(&config, types, &export("echo-bool"), &none()).err().unwrap();
    assert!(matches!(error, BareError::Sandbox(SandboxError::Config { .. })), "{error}");
}
