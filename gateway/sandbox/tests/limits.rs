//! Every limit, and the guest that goes against it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::time::{Duration, Instant};

use hyfunc_functions::{Export, Value};
use hyfunc_sandbox::{
    Allocation, CallContext, CallError, Grants, LoadError, LogLevel, OutcomeResult, Sandbox,
    SandboxConfig, SandboxError,
};
use support::{
    HOUR_MS, PATIENCE_MS, call, call_within, context, context_within, guest, load, small, value,
};

/// Far longer than a call takes to be ended, on any machine; far less than it would take else.
const PROMPT: Duration = Duration::from_secs(60);

#[test]
fn the_defaults_are_bounded() {
    let config = SandboxConfig::default();
    assert_eq!(config.deadline_ms_max, 30_000);
    assert_eq!(config.memory_bytes_max, 128 << 20);
    assert_eq!(config.component_bytes_max, 32 << 20);
    assert_eq!(config.hostcall_bytes_max, 64 << 20);
    assert_eq!(config.handles_max, 1_000);
    assert_eq!(config.result_bytes_max, 1 << 20);
    assert_eq!(config.log_bytes_max, 64 << 10);
    assert_eq!(config.calls_per_plugin_max, 16);
    assert_eq!(config.instances_max, 64);
    assert_eq!(config.stack_bytes_max, 512 << 10);
    assert_eq!(config.keyvalue_dir, None);
    assert_eq!(config.aot_dir, None);
    assert!(Grants::default().is_empty());
}

#[test]
fn a_limit_that_makes_no_sense_is_refused_by_name() {
    let default = SandboxConfig::default;
    for (field, config) in [
        ("memory_bytes_max", SandboxConfig { memory_bytes_max: 0, ..default() }),
        ("memory_bytes_max", SandboxConfig { memory_bytes_max: (4 << 30) + 1, ..default() }),
        ("stack_bytes_max", SandboxConfig { stack_bytes_max: 0, ..default() }),
        ("instances_max", SandboxConfig { instances_max: 0, ..default() }),
        ("calls_per_plugin_max", SandboxConfig { calls_per_plugin_max: 0, ..default() }),
        ("compiles_max", SandboxConfig { compiles_max: 0, ..default() }),
        ("epoch_tick_ms", SandboxConfig { epoch_tick_ms: 0, ..default() }),
        ("deadline_ms_max", SandboxConfig { deadline_ms_max: 0, ..default() }),
    ] {
        match Sandbox::new(config) {
            Err(SandboxError::Config { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_function_runs() {
    let plugin = load(small(), "attacks");
    assert_eq!(value(&plugin, "add", &[Value::Int(40), Value::Int(2)]).await, Value::Int(42));
    assert_eq!(plugin.name(), "attacks");
    assert_eq!(plugin.digest().len(), 64);
    let outcome = call(&plugin, "trap", &[]).await;
    assert!(outcome.is_err());
    // A trap ends its own instance and nothing else.
    let outcome = call(&plugin, "add", &[Value::Int(1), Value::Int(1)]).await.unwrap();
    assert_eq!(outcome.result, OutcomeResult::Value(Some(Value::Int(2))));
    assert_eq!(outcome.memory_bytes_peak, 64 << 10);
    assert!(outcome.logs.is_empty());
}

#[tokio::test]
async fn every_call_has_a_fresh_instance() {
    let plugin = load(small(), "attacks");
    for _ in 0..20 {
        assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
    }
}

#[tokio::test]
async fn a_trap_says_what_it_was() {
    let plugin = load(small(), "attacks");
    let unreachable = call(&plugin, "trap", &[]).await.unwrap_err();
    assert!(unreachable.to_string().contains("unreachable"), "{unreachable}");
    let divided = call(&plugin, "divide", &[Value::Int(1), Value::Int(0)]).await.unwrap_err();
    assert!(divided.to_string().contains("divide by zero"), "{divided}");
    assert_eq!(divided.kind(), "trap");
}

#[tokio::test]
async fn spinning_ends_at_the_deadline() {
    let plugin = load(small(), "attacks");
    let start = Instant::now();
    let error = call_within(&plugin, "spin", &[], 200).await.unwrap_err();
    // What was left of them when the call began.
    assert!(matches!(error, CallError::Deadline { ms: ..=200 }), "{error:?}");
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_longest_deadline_holds_beside_the_callers() {
    let plugin = load(SandboxConfig { deadline_ms_max: 100, ..small() }, "attacks");
    let start = Instant::now();
    let error = call_within(&plugin, "spin", &[], HOUR_MS).await.unwrap_err();
    assert_eq!(error, CallError::Deadline { ms: 100 });
    assert!(start.elapsed() < PROMPT);
}

#[tokio::test]
async fn a_deadline_that_has_passed_ends_the_call_at_once() {
    let plugin = load(small(), "attacks");
    for (function, arguments) in
        [("spin", vec![]), ("add", vec![Value::Int(1), Value::Int(1)]), ("trap", vec![])]
    {
        let error = call_within(&plugin, function, &arguments, 0).await.unwrap_err();
        assert_eq!(error, CallError::Deadline { ms: 0 }, "{function}");
    }
}

#[tokio::test]
async fn blocking_in_the_host_ends_at_the_deadline() {
    let plugin = load(small(), "clock");
    call(&plugin, "sleep", &[Value::Int(1)]).await.unwrap();
    let start = Instant::now();
    let error = call_within(&plugin, "sleep", &[Value::Int(3_600_000)], 100).await.unwrap_err();
    assert!(matches!(error, CallError::Deadline { .. }), "{error:?}");
    assert!(start.elapsed() < PROMPT);
}

#[tokio::test]
async fn memory_is_bounded_and_named() {
    let plugin = load(SandboxConfig { memory_bytes_max: 8 << 20, ..small() }, "attacks");
    let error = call(&plugin, "grow", &[]).await.unwrap_err();
    assert_eq!(error, CallError::MemoryLimit { bytes_max: 8 << 20 });
    assert!(error.to_string().contains("memory_bytes_max"));
}

#[tokio::test]
async fn memory_that_a_component_starts_with_counts() {
    let bytes = wat::parse_str(
        "(component (core module $m (memory 100) (func (export \"f\")))
         (core instance $i (instantiate $m)) (func (export \"f\") (canon lift (core func $i \"f\"))))",
    )
    .unwrap();
    let config = SandboxConfig { memory_bytes_max: 1 << 20, ..small() };
    let sandbox = Sandbox::new(config).unwrap();
    // The pool refuses such a component at load; without a pool, the call is refused.
    match sandbox.load("big", &bytes, &Grants::default()) {
        Err(LoadError::Compile { message }) => assert!(message.contains("memory"), "{message}"),
        Ok(plugin) => {
            let error = call(&plugin, "f", &[]).await.unwrap_err();
            assert_eq!(error, CallError::MemoryLimit { bytes_max: 1 << 20 });
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn tables_are_bounded_and_named() {
    let plugin = load(SandboxConfig { table_elements_max: 5_000, ..small() }, "attacks");
    let error = call(&plugin, "grow-table", &[]).await.unwrap_err();
    assert_eq!(error, CallError::TableLimit { elements_max: 5_000 });
}

#[tokio::test]
async fn recursion_is_bounded_and_named() {
    let plugin = load(small(), "attacks");
    let error = call(&plugin, "recurse", &[Value::Int(0)]).await.unwrap_err();
    assert_eq!(error, CallError::StackOverflow { bytes_max: 512 << 10 });
}

#[tokio::test]
async fn results_are_bounded_and_named() {
    let plugin = load(SandboxConfig { result_bytes_max: 1_000, ..small() }, "attacks");
    for function in ["large", "large-text"] {
        let fits = value(&plugin, function, &[Value::Int(992)]).await;
        assert!(matches!(fits, Value::Bytes(_) | Value::String(_)));
        for bytes in [993, 1_000_000, 100_000_000] {
            let error = call(&plugin, function, &[Value::Int(bytes)]).await.unwrap_err();
            assert_eq!(error, CallError::ResultTooLarge { bytes_max: 1_000 }, "{function} {bytes}");
        }
    }
}

#[tokio::test]
async fn host_calls_are_bounded_and_named() {
    let plugin = load(SandboxConfig { hostcall_bytes_max: 1 << 20, ..small() }, "talk");
    let error = call(&plugin, "shout", &[Value::Int(2 << 20)]).await.unwrap_err();
    assert_eq!(error, CallError::HostCallTooLarge { bytes_max: 1 << 20 });
}

#[tokio::test]
async fn handles_are_bounded_and_named() {
    let plugin = load(SandboxConfig { handles_max: 50, ..small() }, "clock");
    let error = call(&plugin, "hoard", &[]).await.unwrap_err();
    assert_eq!(error, CallError::HandleLimit { handles_max: 50 });
}

#[tokio::test]
async fn logs_are_kept_and_bounded() {
    let plugin = load(SandboxConfig { log_bytes_max: 1_000, ..small() }, "talk");
    let logs = call(&plugin, "shout", &[Value::Int(10)]).await.unwrap().logs;
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].level, LogLevel::Error);
    assert_eq!((logs[0].context.as_str(), logs[0].message.as_str()), ("h", "xxxxxxxxxx"));
    let logs = call(&plugin, "shout", &[Value::Int(1_000)]).await.unwrap().logs;
    assert_eq!(logs.len(), 1);
    assert!(logs[0].message.contains("log_bytes_max = 1000"), "{logs:?}");
}

#[tokio::test]
async fn what_was_seen_of_a_call_is_told_however_it_ends() {
    let plugin = load(small(), "talk");
    let arguments = Value::Record(vec![Some(Value::Int(10))]);
    for (function, given_ms, kind) in [
        ("shout", &[PATIENCE_MS][..], None),
        ("shout-and-trap", &[PATIENCE_MS], Some("trap")),
        // The machine may stand still before the guest has begun.
        ("shout-and-spin", &[100, 1_000, 10_000, 60_000], Some("deadline")),
    ] {
        let export = Export { interface: None, function: function.into() };
        let mut attempts = Vec::new();
        for ms in given_ms {
            attempts.push(plugin.attempt(&export, &arguments, context_within(*ms)).await);
            if attempts.iter().any(|attempt| !attempt.logs.is_empty()) {
                break;
            }
        }
        let attempt = attempts.pop().unwrap();
        assert_eq!(attempt.result.as_ref().err().map(CallError::kind), kind, "{function}");
        let lines: Vec<&str> = attempt.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(lines, ["xxxxxxxxxx"], "{function}");
        assert_eq!(attempt.memory_bytes_peak, 128 << 10, "{function}");
        assert!(kind != Some("deadline") || attempt.timings.run_us > 0, "{attempt:?}");
    }
    let none = Value::Record(vec![Some(Value::String("x".into()))]);
    let export = Export { interface: None, function: "shout".into() };
    let attempt = plugin.attempt(&export, &none, context()).await;
    assert_eq!(attempt.result.as_ref().err().map(CallError::kind), Some("arguments"));
    assert_eq!((attempt.memory_bytes_peak, attempt.timings.queue_us), (0, 0));
}

#[tokio::test]
async fn a_guest_knows_how_long_it_may_run() {
    let plugin = load(small(), "talk");
    let export = Export { interface: None, function: "left".into() };
    let arguments = Value::Record(Vec::new());
    let outcome = plugin.call(&export, &arguments, context_within(HOUR_MS)).await.unwrap();
    let OutcomeResult::Value(Some(Value::Int(ms))) = outcome.result else { panic!("{outcome:?}") };
    let hour_ms = i128::from(HOUR_MS);
    assert!((hour_ms / 2..=hour_ms).contains(&ms), "{ms}");
}

#[tokio::test]
async fn a_guest_knows_its_request_and_its_trace() {
    let plugin = load(small(), "trace");
    for traceparent in [None, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")] {
        let text = |text: &str| Value::String(text.to_owned());
        for (name, expected) in [
            ("request", text("request-1")),
            ("parent", Value::Option(traceparent.map(|parent| Box::new(text(parent))))),
        ] {
            let export = Export { interface: None, function: name.into() };
            let told = CallContext { traceparent: traceparent.map(str::to_owned), ..context() };
            let outcome = plugin.call(&export, &Value::Record(Vec::new()), told).await.unwrap();
            assert_eq!(outcome.result, OutcomeResult::Value(Some(expected)), "{name}");
        }
    }
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let plugin = load(small(), "attacks");
    for (arguments, message) in [
        (vec![Value::Int(1)], "argument ``: expected a record of 2 parameters"),
        (vec![Value::Int(1), Value::Int(-1)], "argument `b`: expected an integer from 0"),
        (vec![Value::Int(1 << 32), Value::Int(1)], "argument `a`: expected an integer from 0"),
        (vec![Value::Bool(true), Value::Int(1)], "argument `a`: expected an integer from 0"),
    ] {
        let error = call(&plugin, "add", &arguments).await.unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.kind(), "arguments");
    }
}

#[tokio::test]
async fn an_unknown_function_is_named() {
    let plugin = load(small(), "attacks");
    let export = Export { interface: Some("hyfunc:x/y".into()), function: "add".into() };
    let error = plugin.call(&export, &Value::Record(vec![]), context()).await.unwrap_err();
    assert_eq!(error.to_string(), "plugin `attacks` has no function `add`");
}

#[test]
fn a_missing_import_is_named() {
    let sandbox = Sandbox::new(small()).unwrap();
    let error = sandbox.load("missing", &guest("missing"), &Grants::default()).unwrap_err();
    let LoadError::MissingImport { import, .. } = &error else { panic!("{error}") };
    assert!(import.starts_with("acme:vault/secrets@1.0.0"), "{import}");
    assert!(error.to_string().contains("acme:vault/secrets@1.0.0"), "{error}");
}

#[test]
fn a_component_over_its_size_is_not_compiled() {
    let sandbox = Sandbox::new(SandboxConfig { component_bytes_max: 100, ..small() }).unwrap();
    let bytes = guest("attacks");
    let error = sandbox.load("attacks", &bytes, &Grants::default()).unwrap_err();
    assert!(
        matches!(error, LoadError::TooLarge { bytes: size, bytes_max: 100 } if size == bytes.len()),
        "{error}"
    );
}

#[test]
fn compiling_is_bounded_in_time() {
    let sandbox = Sandbox::new(SandboxConfig { compile_ms_max: 0, ..small() }).unwrap();
    let error = sandbox.load("attacks", &guest("attacks"), &Grants::default()).unwrap_err();
    assert!(matches!(error, LoadError::CompileTime { ms_max: 0 }), "{error}");
}

#[test]
fn foreign_bytes_are_refused() {
    let sandbox = Sandbox::new(small()).unwrap();
    let module = wat::parse_str("(module)").unwrap();
    let mut damaged = guest("attacks");
    damaged.truncate(damaged.len() / 2);
    for bytes in [&b""[..], b"(component)", b"\0asm", &module, &damaged] {
        assert!(sandbox.load("x", bytes, &Grants::default()).is_err());
    }
}

/// Runs one ignored test of this file in a process with so little address space.
fn in_address_space(kibibytes: u32, test: &str) {
    let script = format!("ulimit -v {kibibytes} && exec \"$0\" --exact --ignored {test}");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_small_address_space_gets_a_tight_pool() {
    in_address_space(6 << 20, "with_a_tight_pool");
}

#[test]
fn a_tiny_address_space_gets_no_pool() {
    in_address_space(6 << 20, "without_a_pool");
}

async fn assert_limits_hold(config: SandboxConfig, allocation: Allocation) {
    let bytes_max = config.memory_bytes_max;
    let sandbox = Sandbox::new(config).unwrap();
    assert_eq!(sandbox.allocation(), allocation);
    let plugin = sandbox.load("attacks", &guest("attacks"), &Grants::default()).unwrap();
    for _ in 0..50 {
        assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
    }
    assert_eq!(call(&plugin, "grow", &[]).await, Err(CallError::MemoryLimit { bytes_max }));
    assert_eq!(call_within(&plugin, "spin", &[], 100).await.unwrap_err().kind(), "deadline");
    let error = call(&plugin, "recurse", &[Value::Int(0)]).await.unwrap_err();
    assert_eq!(error.kind(), "stack_overflow");
}

#[tokio::test]
#[ignore = "run by a_small_address_space_gets_a_tight_pool"]
async fn with_a_tight_pool() {
    let config = SandboxConfig { memory_bytes_max: 16 << 20, ..small() };
    assert_limits_hold(config, Allocation::PoolTight).await;
}

#[tokio::test]
#[ignore = "run by a_tiny_address_space_gets_no_pool"]
async fn without_a_pool() {
    let config = SandboxConfig { memory_bytes_max: 1 << 30, ..small() };
    assert_limits_hold(config, Allocation::OnDemand).await;
}
