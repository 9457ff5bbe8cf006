//! Calls beside each other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use hyfunc_functions::Value;
use hyfunc_sandbox::{CallError, Grants, Sandbox, SandboxConfig};
use support::{HOUR_MS, all_add, call, call_within, guest, load, small, value};

/// Of the guest that sleeps.
static HOUR: [Value; 1] = [Value::Int(HOUR_MS as i128)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning_plugins_do_not_stop_another() {
    let sandbox = Sandbox::new(small()).unwrap();
    let load = |name: &str| sandbox.load(name, &guest("attacks"), &Grants::default()).unwrap();
    let (spinner, quick) = (load("spinner"), load("quick"));
    let begun = Arc::new(AtomicUsize::new(0));
    let spinners: Vec<_> = (0..4)
        .map(|_| {
            let (spinner, begun) = (spinner.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                call_within(&spinner, "spin", &[], HOUR_MS).await
            })
        })
        .collect();
    // The threads go from one to the next.
    while begun.load(Ordering::SeqCst) < spinners.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Four spinners on two threads: each turn waits for two ticks of 5 ms. On a thread of its own,
    // as the test itself is, it would wait for nobody.
    let start = Instant::now();
    let quick = tokio::spawn(async move {
        for _ in 0..20 {
            value(&quick, "add", &[Value::Int(1), Value::Int(1)]).await;
        }
    });
    quick.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    for spinner in spinners {
        assert!(!spinner.is_finished(), "the spinners ended before the measurement did");
        spinner.abort();
    }
}

#[tokio::test]
async fn a_spinning_plugin_leaves_a_single_thread_usable() {
    let plugin = load(small(), "attacks");
    let other = plugin.clone();
    let spin = tokio::spawn(async move { call_within(&other, "spin", &[], HOUR_MS).await });
    tokio::task::yield_now().await;
    assert_eq!(value(&plugin, "add", &[Value::Int(2), Value::Int(2)]).await, Value::Int(4));
    assert!(!spin.is_finished());
    spin.abort();
}

#[tokio::test]
async fn a_dropped_future_frees_its_slot() {
    let config = SandboxConfig { instances_max: 1, calls_per_plugin_max: 1, ..small() };
    for (name, function, arguments) in
        [("attacks", "spin", vec![]), ("clock", "sleep", HOUR.to_vec())]
    {
        let plugin = load(config.clone(), name);
        for _ in 0..20 {
            let running = call(&plugin, function, &arguments);
            let ended = tokio::time::timeout(Duration::from_millis(15), running).await;
            assert!(ended.is_err(), "{function} came to an end");
        }
    }
    let plugin = load(config, "attacks");
    for _ in 0..20 {
        let spinning = call(&plugin, "spin", &[]);
        assert!(tokio::time::timeout(Duration::from_millis(15), spinning).await.is_err());
        assert_eq!(value(&plugin, "count", &[]).await, Value::Int(1));
    }
}

#[tokio::test]
async fn calls_wait_for_a_slot_and_too_many_are_turned_away() {
    let config = SandboxConfig { calls_per_plugin_max: 1, calls_waiting_max: 1, ..small() };
    let plugin = load(config, "clock");
    let moment = [Value::Int(1)];
    let mut running = Box::pin(call(&plugin, "sleep", &HOUR));
    assert!(running.as_mut().now_or_never().is_none());
    let mut waiting = Box::pin(call(&plugin, "sleep", &moment));
    assert!(waiting.as_mut().now_or_never().is_none());
    let since = Instant::now();
    let third = call(&plugin, "sleep", &moment).await.unwrap_err();
    assert!(matches!(&third, CallError::Overloaded { plugin, .. } if plugin == "clock"), "{third}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waited_us = since.elapsed().as_micros();
    drop(running);
    let outcome = waiting.await.unwrap();
    assert!(u128::from(outcome.timings.queue_us) >= waited_us, "{waited_us}: {outcome:?}");
}

#[tokio::test]
async fn waiting_for_a_slot_ends_at_the_deadline() {
    let plugin = load(SandboxConfig { calls_per_plugin_max: 1, ..small() }, "clock");
    let mut sleeper = Box::pin(call(&plugin, "sleep", &HOUR));
    assert!(sleeper.as_mut().now_or_never().is_none());
    let error = call_within(&plugin, "sleep", &[Value::Int(1)], 100).await.unwrap_err();
    assert_eq!(error.kind(), "deadline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_calls_than_the_pool_holds_all_get_their_turn() {
    let config = SandboxConfig { instances_max: 2, calls_per_plugin_max: 100, ..small() };
    let plugin = load(config, "attacks");
    all_add(&plugin, 200).await;
}

#[tokio::test]
async fn a_sandbox_can_be_dropped_before_its_plugins() {
    let plugin = load(small(), "attacks");
    // `load` dropped the sandbox: the ticker must still run.
    let error = call_within(&plugin, "spin", &[], 100).await.unwrap_err();
    assert_eq!(error.kind(), "deadline");
}
