//! What bundled plugins keep and are configured with: nothing but what their grants admit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use hyfunc_functions::Value;
use hyfunc_sandbox::{CallContext, Grants, OutcomeResult, Plugin, Sandbox, SandboxConfig};
use serde_json::{Value as Json, json};
use support::{call_json, context, small};

const STORE: &str = "[keyvalue]\nstore = true";

fn bundled(config: SandboxConfig, name: &str, grants: &str) -> Plugin {
    let bundled = hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == name).unwrap();
    let grants = Grants::parse(grants).unwrap();
    Sandbox::new(config).unwrap().load(name, bundled.component, &grants).unwrap()
}

async fn call_for(plugin: &Plugin, tenant: &str, name: &str, arguments: Json) -> OutcomeResult {
    let context = CallContext { tenant: tenant.into(), ..context() };
    call_json(plugin, name, &arguments, context).await.unwrap().result
}

fn refusal(result: OutcomeResult) -> String {
    match result {
        OutcomeResult::ToolError(Some(Value::String(reason))) => reason,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_kept_without_a_grant() {
    let plugin = bundled(small(), "todo", "");
    for (name, arguments) in [("add", json!({"title": "milk"})), ("list-items", json!({}))] {
        let reason = refusal(call_for(&plugin, "anna", name, arguments).await);
        assert!(reason.contains("store = true"), "{reason}");
    }
}

#[tokio::test]
async fn what_is_kept_outlives_the_call_and_is_its_tenants_alone() {
    let plugin = bundled(small(), "todo", STORE);
    let added = call_for(&plugin, "anna", "add", json!({"title": "milk"})).await;
    assert!(matches!(added, OutcomeResult::Value(Some(_))), "{added:?}");
    for (tenant, count) in [("anna", 1), ("ben", 0)] {
        let OutcomeResult::Value(Some(Value::List(tasks))) =
            call_for(&plugin, tenant, "list-items", json!({})).await
        else {
            panic!("no list for {tenant}")
        };
        assert_eq!(tasks.len(), count, "{tenant}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_named() {
    let plugin = bundled(SandboxConfig { keyvalue_bytes_max: 100, ..small() }, "todo", STORE);
    let title = "milk ".repeat(20);
    let reason = refusal(call_for(&plugin, "anna", "add", json!({"title": title})).await);
    assert!(reason.contains("keyvalue_bytes_max = 100"), "{reason}");
}

#[tokio::test]
async fn configuration_is_what_the_grants_name() {
    let current = |grants: &str| {
        let plugin = bundled(small(), "weather", grants);
        async move { refusal(call_for(&plugin, "anna", "current", json!({"city": "Paris"})).await) }
    };
    let seen = current("[config]\nkeys = { base_url = \"no address\" }").await;
    assert!(seen.contains("the configured `base_url`"), "{seen}");
    for grants in ["", "[config]\nkeys = { other = \"no address\" }"] {
        let unseen = current(grants).await;
        assert!(!unseen.contains("the configured"), "{unseen}");
    }
}
