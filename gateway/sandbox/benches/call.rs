//! A call in a fresh sandbox, from JSON to JSON, beside bare wasmtime doing the same work: a new
//! store and instance from a pool, and a dynamically typed call.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hyfunc_functions::json;
use hyfunc_sandbox::{CallContext, Grants, OutcomeResult, Sandbox, SandboxConfig};
use serde_json::json as j;
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

const INTERFACE: &str = "hyfunc:types/echo@0.1.0";
const FUNCTION: &str = "echo-place";

fn component() -> &'static [u8] {
    hyfunc_plugins::fixture("types").expect("the fixture is bundled")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

fn sandbox_call(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(SandboxConfig::default()).expect("the defaults work");
    let plugin = sandbox.load("types", component(), &Grants::default()).expect("it loads");
    let exported = |name: &str| {
        let mut functions = plugin.functions().iter();
        functions.find(|function| function.export.as_ref().is_some_and(|e| e.function == name))
    };
    let function = exported(FUNCTION).expect("the fixture has it");
    let export = function.export.as_ref().expect("it is a plugin's");
    let returns = function.returns.as_ref().expect("it returns");
    let arguments =
        j!({ "value": { "name": "Paris", "lat": 48.9, "lon": 2.4, "tags": ["a", "b"] } });
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

struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn bare_call(criterion: &mut Criterion) {
    let mut config = Config::new();
    config.concurrency_support(false).epoch_interruption(true);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(100).max_memory_size(128 << 20);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).expect("the pool fits");
    let component = Component::new(&engine, component()).expect("it compiles");
    let mut linker = Linker::<Bare>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("nothing is defined twice");
    wasmtime_wasi_imports(&mut linker, &component);
    let instance_pre = linker.instantiate_pre(&component).expect("it imports WASI alone");
    let interface = component.get_export_index(None, INTERFACE).expect("it is exported");
    let index = component.get_export_index(Some(&interface), FUNCTION).expect("it is exported");
    let text = |value: &str| Val::String(value.to_owned());
    let field = |name: &str, value: Val| (name.to_owned(), value);
    let runtime = runtime();
    criterion.bench_function("bare wasmtime, values to values", |bencher| {
        let call = || async {
            let state = Bare { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
            let mut store = Store::new(&engine, state);
            store.set_epoch_deadline(1);
            let instance = instance_pre.instantiate_async(&mut store).await.expect("it starts");
            let function = instance.get_func(&mut store, index).expect("it is exported");
            let place = Val::Record(vec![
                field("name", text("Paris")),
                field("lat", Val::Float64(48.9)),
                field("lon", Val::Float64(2.4)),
                field("tags", Val::List(vec![text("a"), text("b")])),
            ]);
            let mut results = [Val::Bool(false)];
            function.call_async(&mut store, &[place], &mut results).await.expect("it answers");
            results
        };
        bencher.iter(|| runtime.block_on(call()));
    });
}

/// What the fixture imports beyond WASI's core traps if it is called, which it is not.
fn wasmtime_wasi_imports(linker: &mut Linker<Bare>, component: &Component) {
    linker.define_unknown_imports_as_traps(component).expect("nothing is defined twice");
}

criterion_group!(benches, sandbox_call, bare_call);
criterion_main!(benches);
