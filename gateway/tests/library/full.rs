//! A disk without room: what is published then is refused by name, and what served before serves.
//!
//! The disk is full by a limit on how large a file may become, which the system keeps for a process
//! of its own.

use serde_json::{Value as Json, json};

use crate::process::Gateway;
use crate::support::{component, component_with};

/// Blocks of 512 bytes: more than the registry of a small plugin takes, and less than the machine
/// code of a large one.
const BLOCKS: u32 = 2_000;

async fn publish(gateway: &Gateway, name: &str, component: Vec<u8>) -> (u16, Json) {
    let answer = gateway.put(name, component).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// That it is refused for want of room; gives the message.
async fn refused(gateway: &Gateway, name: &str, component: Vec<u8>) -> String {
    let (status, json) = publish(gateway, name, component).await;
    assert_eq!((status, &json["error"]["code"]), (507, &json!("disk_full")), "{json}");
    json["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_full_disk_is_said_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    // Who writes too much is told so, and not ended.
    let limits = format!("trap '' XFSZ; ulimit -f {BLOCKS}; ");
    let gateway = Gateway::start(root.path(), &limits).await;
    assert_eq!(publish(&gateway, "tides", component("tides", 1)).await.0, 201);

    // No room for the machine code.
    let mut bundled = hyfunc_plugins::bundled().iter();
    let geo = bundled.find(|bundled| bundled.name == "geo").unwrap();
    let message = refused(&gateway, "geo", geo.component.to_vec()).await;
    assert!(message.contains("aot") && message.contains("free some room"), "{message}");

    // None for the component.
    let large = component_with("tides", 2, BLOCKS as usize * 512 + 100_000);
    let message = refused(&gateway, "tides", large).await;
    assert!(message.contains("registry.redb") && message.contains("free some"), "{message}");

    assert_eq!(gateway.call("tides_first").await, 1);
    assert_eq!(publish(&gateway, "tides", component("tides", 3)).await.0, 200);
    assert_eq!(gateway.call("tides_first").await, 3);
}
