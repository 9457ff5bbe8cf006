//! A call in a fresh sandbox, from JSON to JSON, beside bare wasmtime doing the same work: a new
//! store and instance from a pool, and a dynamically typed call.
//!
//! `hyfunc bench sandbox` measures the same with a bundled plugin, and many at a time.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hyfunc_functions::{Export, Function, json};
use hyfunc_sandbox::{
    BareCall, CallContext, Grants, OutcomeResult, Plugin, Sandbox, SandboxConfig,
};
use serde_json::{Value as Json, json as j};

const FUNCTION: &str = "echo-place";

fn component() -> &'static [u8] {
    hyfunc_plugins::fixture("types").expect("the fixture is bundled")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

fn plugin() -> Plugin {
    let sandbox = Sandbox::new(SandboxConfig::default()).expect("the defaults work");
    sandbox.load("types", component(), &Grants::default()).expect("it loads")
}

fn function(plugin: &Plugin) -> (&Function, &Export) {
    let mut exported = plugin
        .functions()
        .iter()
        .filter_map(|function| Some((function.as_ref(), function.export.as_ref()?)));
    exported.find(|(_, export)| export.function == FUNCTION).expect("the fixture has it")
}

fn arguments() -> Json {
    j!({ "value": { "name": "Paris", "lat": 48.9, "lon": 2.4, "tags": ["a", "b"] } })
}

fn sandbox_call(criterion: &mut Criterion) {
    let plugin = plugin();
    let (function, export) = function(&plugin);
    let returns = function.returns.as_ref().expect("it returns");
    let arguments = arguments();
    let runtime = runtime();
    criterion.bench_function("sandbox, JSON to JSON", |bencher| {
        let call = || async {
            let values = json::arguments_from_json(&function.parameters, &arguments)
                .expect("the arguments fit");
            let context = CallContext {
                request_id: "bench".to_owned(),
                deadline: Instant::now() + Duration::from_secs(10),
                traceparent: None,
                tenant: String::new(),
            };
            let outcome = plugin.call(export, &values, context).await.expect("it answers");
            let OutcomeResult::Value(Some(value)) = outcome.result else {
                panic!("an echo returns its value")
            };
            json::to_json(returns, &value)
        };
        bencher.iter(|| runtime.block_on(call()));
    });
}

fn bare_call(criterion: &mut Criterion) {
    let plugin = plugin();
    let (function, export) = function(&plugin);
    let values = json::arguments_from_json(&function.parameters, &arguments()).expect("they fit");
    let call = BareCall::new(&SandboxConfig::default(), component(), export, &values)
        .expect("what the sandbox runs, wasmtime runs");
    let runtime = runtime();
    criterion.bench_function("bare wasmtime, values to values", |bencher| {
        bencher.iter(|| runtime.block_on(call.call()).expect("it answers"));
    });
}

criterion_group!(benches, sandbox_call, bare_call);
criterion_main!(benches);
