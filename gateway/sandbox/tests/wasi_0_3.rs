//! Components that use the component model's async, over WASI 0.3: on an engine of their own, under
//! the limits and within the grants of all.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::FutureExt;
use hyfunc_functions::Value;
use hyfunc_sandbox::{
    Allocation, CallError, Grants, LoadError, Outcome, OutcomeResult, Plugin, Sandbox,
    SandboxConfig, precompile,
};
use serde_json::json;
use support::{HOUR_MS, all_add, call, call_json, call_within, context, guest, load, small, value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Of guests that wait.
static HOUR: [Value; 1] = [Value::Int(HOUR_MS as i128)];

fn kind(outcome: Result<Outcome, CallError>) -> &'static str {
    outcome.unwrap_err().kind()
}

#[tokio::test]
async fn async_functions_are_called_like_any_other() {
    let plugin = load(small(), "async");
    assert!(plugin.refused().is_empty());
    for function in ["plain", "add"] {
        let sum = value(&plugin, function, &[Value::Int(40), Value::Int(2)]).await;
        assert_eq!(sum, Value::Int(42), "{function}");
    }
    // 1 says that the host called it back.
    assert_eq!(value(&plugin, "later", &[Value::Int(100)]).await, Value::Int(1));
    let outcome = call(&plugin, "blocking", &[Value::Int(5)]).await.unwrap();
    assert_eq!(outcome.result, OutcomeResult::Value(None));
    assert!(outcome.timings.run_us >= 5_000, "{:?}", outcome.timings);
    assert_eq!(outcome.memory_bytes_peak, 64 << 10);
}

#[test]
fn async_components_can_be_turned_off() {
    assert!(SandboxConfig::default().async_components);
    let root = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(SandboxConfig {
        async_components: false,
        aot_dir: Some(root.path().to_owned()),
        ..small()
    })
    .unwrap();
    let grants = Grants::default();
    for error in [
        sandbox.load("async", &guest("async"), &grants).unwrap_err(),
        sandbox.load_kept("async", &guest("async"), &grants).unwrap_err(),
    ] {
        assert!(matches!(error, LoadError::AsyncOff), "{error}");
        assert!(error.to_string().contains("sandbox.async_components"), "{error}");
    }
    assert!(sandbox.load("attacks", &guest("attacks"), &grants).is_ok());
}

#[tokio::test]
async fn every_call_of_an_async_function_has_a_fresh_instance() {
    let plugin = load(small(), "async");
    for _ in 0..20 {
        assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
    }
}

#[tokio::test]
async fn async_functions_end_at_their_deadline() {
    let plugin = load(small(), "async");
    for (function, arguments) in [
        ("spin", vec![]),
        ("spin-called-back", vec![]),
        ("spin-returned", vec![]),
        ("turn", vec![]),
        ("later", HOUR.to_vec()),
        ("blocking", HOUR.to_vec()),
    ] {
        let start = Instant::now();
        let error = call_within(&plugin, function, &arguments, 200).await.unwrap_err();
        // What was left of them when the call began.
        assert!(matches!(error, CallError::Deadline { ms: ..=200 }), "{function}: {error:?}");
        assert!(start.elapsed() >= Duration::from_millis(200), "{function}");
        assert!(start.elapsed() < Duration::from_secs(60), "{function}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn limits_hold_for_async_functions_and_are_named() {
    let plugin = load(
        SandboxConfig {
            memory_bytes_max: 8 << 20,
            table_elements_max: 5_000,
            handles_max: 50,
            hostcall_bytes_max: 1 << 20,
            result_bytes_max: 1_000,
            ..small()
        },
        "async",
    );
    let number = |number: i128| vec![Value::Int(number)];
    for (function, arguments, expected) in [
        ("grow", vec![], CallError::MemoryLimit { bytes_max: 8 << 20 }),
        ("grow-table", vec![], CallError::TableLimit { elements_max: 5_000 }),
        ("recurse", number(0), CallError::StackOverflow { bytes_max: 512 << 10 }),
        ("hoard-sets", vec![], CallError::HandleLimit { handles_max: 50 }),
        ("hoard-waits", vec![], CallError::HandleLimit { handles_max: 50 }),
        ("large", number(993), CallError::ResultTooLarge { bytes_max: 1_000 }),
        ("large", number(1_000_000), CallError::HostCallTooLarge { bytes_max: 1 << 20 }),
    ] {
        assert_eq!(call(&plugin, function, &arguments).await, Err(expected), "{function}");
    }
    let fits = value(&plugin, "large", &[Value::Int(992)]).await;
    assert_eq!(fits, Value::Bytes(vec![0; 992]));
}

#[tokio::test]
async fn a_task_that_breaks_the_rules_traps_and_says_which() {
    let plugin = load(small(), "async");
    for (function, says) in [
        ("trap", "unreachable"),
        ("twice", "more than once"),
        ("silent", "failed to produce a result"),
        ("stuck", "deadlock"),
    ] {
        let error = call(&plugin, function, &[]).await.unwrap_err();
        assert!(matches!(&error, CallError::Trap { message } if message.contains(says)), "{error}");
        // It ends its own instance and nothing else.
        assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
    }
}

#[tokio::test]
async fn wasi_0_3_shows_nothing_of_the_host() {
    let plugin = load(small(), "async");
    assert_eq!(value(&plugin, "surroundings", &[]).await, Value::Int(0));
    assert_eq!(value(&plugin, "random", &[Value::Int(16)]).await, Value::Int(16));
    // What is asked for at once is bounded, as it is in WASI 0.2.
    let much = value(&plugin, "random", &[Value::Int(1 << 40)]).await;
    assert_eq!(much, Value::Int(1 << 20));
}

#[tokio::test]
async fn a_dropped_call_of_an_async_function_frees_its_slot() {
    let config = SandboxConfig { instances_max: 1, calls_per_plugin_max: 1, ..small() };
    let plugin = load(config, "async");
    for (function, arguments) in
        [("spin", vec![]), ("turn", vec![]), ("later", HOUR.to_vec()), ("blocking", HOUR.to_vec())]
    {
        for _ in 0..10 {
            let running = call(&plugin, function, &arguments);
            let ended = tokio::time::timeout(Duration::from_millis(15), running).await;
            assert!(ended.is_err(), "{function} came to an end");
            assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
        }
    }
}

#[tokio::test]
async fn a_task_that_spins_leaves_a_single_thread_usable() {
    let sandbox = Sandbox::new(small()).unwrap();
    let load = |name: &str| sandbox.load(name, &guest(name), &Grants::default()).unwrap();
    let (spinner, other) = (load("async"), load("attacks"));
    for function in ["spin", "turn"] {
        let spinner = spinner.clone();
        let spin = tokio::spawn(async move { call_within(&spinner, function, &[], HOUR_MS).await });
        tokio::task::yield_now().await;
        assert_eq!(value(&other, "add", &[Value::Int(2), Value::Int(2)]).await, Value::Int(4));
        assert!(!spin.is_finished());
        spin.abort();
    }
}

/// `instances_max` is of all calls, on whichever engine.
#[tokio::test]
async fn calls_of_both_engines_wait_for_the_same_slots() {
    let sandbox = Sandbox::new(SandboxConfig { instances_max: 1, ..small() }).unwrap();
    let load = |name: &str| sandbox.load(name, &guest(name), &Grants::default()).unwrap();
    let (sleeper, other) = (load("async"), load("attacks"));
    let mut sleep = Box::pin(call(&sleeper, "blocking", &HOUR));
    assert!(sleep.as_mut().now_or_never().is_none());
    assert_eq!(kind(call_within(&other, "count", &[], 100).await), "deadline");
    drop(sleep);
    assert_eq!(value(&other, "count", &[]).await, Value::Int(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_calls_of_async_functions_than_slots_all_get_their_turn() {
    let config = SandboxConfig { instances_max: 2, calls_per_plugin_max: 100, ..small() };
    let plugin = load(config, "async");
    all_add(&plugin, 100).await;
}

fn artifacts(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|name| name == "aot")).count()
}

/// However the memory of the pool is laid out: the engine for async has none.
#[tokio::test]
async fn an_async_component_is_compiled_apart_for_its_own_engine() {
    let component = guest("async");
    for allocation in Allocation::ALL {
        let root = tempfile::tempdir().unwrap();
        let config =
            SandboxConfig { aot_dir: Some(root.path().to_owned()), compile_ms_max: 0, ..small() };
        let sandbox = Sandbox::new(config.clone()).unwrap();
        let kept = || sandbox.load_kept("async", &component, &Grants::default()).unwrap();
        assert!(kept().is_none());
        let refused = sandbox.load("async", &component, &Grants::default()).unwrap_err();
        assert!(matches!(refused, LoadError::CompileTime { ms_max: 0 }), "{refused}");
        precompile(&config, allocation, "async", &component).unwrap();
        assert_eq!(artifacts(root.path()), 1);
        let plugin = kept().expect("it was compiled for another engine");
        assert_eq!(value(&plugin, "add", &[Value::Int(1), Value::Int(2)]).await, Value::Int(3));
        let loaded = sandbox.load("async", &component, &Grants::default()).unwrap();
        assert_eq!(value(&loaded, "count", &[]).await, Value::Int(1));
    }
}

/// A server on loopback that answers every request with 200; its port.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                // Until the client goes away.
                while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {}
            });
        }
    });
    port
}

fn fetcher(grants: &str) -> Plugin {
    let component = wat::parse_file("../../tests/hostile/shared/fetch-async.wat").unwrap();
    let grants = Grants::parse(grants).unwrap();
    Sandbox::new(small()).unwrap().load("fetcher", &component, &grants).unwrap()
}

#[tokio::test]
async fn requests_by_wasi_0_3_are_held_to_the_same_grants() {
    const DENIED: i128 = 15;
    const PROHIBITED: i128 = 4;
    let port = server().await;
    let granted = |host: &str, more: &str| {
        format!("[http]\nhosts = [{{ host = \"{host}\", port = {port}, {more} }}]")
    };
    let private = "allow_private = true, allow_plain = true";
    let posts = "allow_private = true, allow_plain = true, methods = [\"POST\"]";
    for (grants, host, expected) in [
        (String::new(), "127.0.0.1", DENIED),
        (granted("127.0.0.1", private), "127.0.0.1", 200),
        (granted("127.0.0.1", private), "localhost", DENIED),
        (granted("localhost", private), "localhost", 200),
        (granted("localhost", "allow_plain = true"), "localhost", PROHIBITED),
        (granted("127.0.0.1", "allow_private = true"), "127.0.0.1", DENIED),
        (granted("127.0.0.1", posts), "127.0.0.1", DENIED),
    ] {
        let arguments = json!({ "authority": format!("{host}:{port}"), "path": "/" });
        let outcome = call_json(&fetcher(&grants), "fetch", &arguments, context()).await.unwrap();
        let answered = OutcomeResult::Value(Some(Value::Int(expected)));
        assert_eq!(outcome.result, answered, "{host} with `{grants}`");
    }
}
