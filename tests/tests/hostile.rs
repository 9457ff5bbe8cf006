//! A plugin that means harm, loaded into the whole gateway: it fails alone.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support::{Gateway, config};

/// One call's deadline where it is to pass, in milliseconds: long enough to start, short enough to
/// wait for.
const DEADLINE_MS: u64 = 800;
/// The same where it is not to pass, on a machine that may stand still for seconds.
const NEVER_MS: u64 = 600_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Function, arguments, and the status of the answer.
fn attacks() -> Vec<(&'static str, Json, u16)> {
    vec![
        ("attacks_trap", json!({}), 502),
        ("attacks_spin", json!({}), 504),
        ("attacks_sleep", json!({"ms": NEVER_MS}), 504),
        ("attacks_allocate", json!({"megabytes": 1024}), 502),
        ("attacks_large", json!({"bytes": 64 << 20}), 502),
        ("attacks_recurse", json!({"depth": 1_000_000_000u64}), 502),
    ]
}

/// Calls that end, but must not succeed in what they try.
fn probes() -> Vec<(&'static str, Json)> {
    vec![
        ("attacks_read_file", json!({"path": "/etc/passwd"})),
        ("attacks_connect", json!({"address": "127.0.0.1:22"})),
        ("attacks_fetch", json!({"url": "http://169.254.169.254/latest/meta-data/"})),
    ]
}

fn start(folder: &std::path::Path, deadline_ms: u64) -> Gateway {
    let component = hyfunc_plugins::fixture("hostile").expect("the fixture is bundled");
    let path = folder.join("hostile.wasm");
    std::fs::write(&path, component).expect("the folder can be written");
    let mut config = config();
    config.plugins.files = vec![path.to_string_lossy().into_owned()];
    config.sandbox.deadline_ms_max = deadline_ms;
    config.request.deadline_ms = NEVER_MS;
    Gateway::start(config)
}

/// Status and answer of a call that does no harm.
async fn other(gateway: &Gateway) -> (u16, Json) {
    let arguments = json!({"value": 90, "from_unit": "minutes", "to_unit": "hours"});
    gateway.call("units_convert", &arguments).await
}

async fn check_others(gateway: &Gateway, after: &str) {
    assert_eq!(gateway.get("/readyz").await.0, 200, "after {after}");
    let began = Instant::now();
    let mut called = other(gateway).await;
    // Where there is little time, it can be over for this one, too, if the machine stood still.
    while called.0 == 504 && began.elapsed() < PATIENCE {
        called = other(gateway).await;
    }
    let (status, answer) = called;
    assert_eq!(status, 200, "after {after}: {answer}");
    assert_eq!(answer["result"]["value"], json!(1.5), "after {after}: {answer}");
}

#[tokio::test]
async fn it_fails_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (gateway, hasty) = (start(folder.path(), NEVER_MS), start(folder.path(), DEADLINE_MS));
    for (function, arguments, expected) in attacks() {
        let gateway = if expected == 504 { &hasty } else { &gateway };
        let began = Instant::now();
        let (status, answer) = gateway.call(function, &arguments).await;
        assert_eq!(status, expected, "{function}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or("");
        assert!(message.contains(function), "{function}: {answer}");
        let took = began.elapsed();
        assert!(took < PATIENCE, "{function} held on for {took:?}");
        check_others(gateway, function).await;
    }
    for (function, arguments) in probes() {
        let (status, answer) = gateway.call(function, &arguments).await;
        assert!(
            status != 200 || answer.get("error").is_some(),
            "{function} was let through: {answer}"
        );
        check_others(&gateway, function).await;
    }
}

#[tokio::test]
async fn it_sees_nothing_of_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = start(folder.path(), NEVER_MS);
    for function in ["attacks_list_env", "attacks_list_args"] {
        let (status, answer) = gateway.call(function, &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["result"], json!([]), "{function}");
    }
}

/// What becomes of a call that does no harm while guests spin for so long.
async fn beside_attacks(deadline_ms: u64) -> (u16, Json) {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = std::sync::Arc::new(start(folder.path(), deadline_ms));
    let attacks: Vec<_> = (0..4)
        .map(|_| {
            let gateway = std::sync::Arc::clone(&gateway);
            tokio::spawn(async move { gateway.call("attacks_spin", &json!({})).await.0 })
        })
        .collect();
    let called = other(&gateway).await;
    for attack in attacks {
        let status = attack.await.expect("answered");
        assert!(matches!(status, 503 | 504), "{status}");
    }
    assert_eq!(gateway.get("/readyz").await.0, 200);
    called
}

#[tokio::test]
async fn attacks_side_by_side_leave_room_for_others() {
    // More time only where the machine stood still for the less.
    let mut called = beside_attacks(DEADLINE_MS).await;
    if called.0 == 504 {
        called = beside_attacks(10 * DEADLINE_MS).await;
    }
    let (status, answer) = called;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["value"], json!(1.5), "{answer}");
}
