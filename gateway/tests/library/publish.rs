//! What publishing, listing and removing come to.

use crate::support::{component, component_with, digest, start, start_with};

#[tokio::test]
async fn nothing_is_published_at_first() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let list = gateway.send(gateway.admin(reqwest::Method::GET, "/v1/plugins")).await;
    assert_eq!(list.json, serde_json::json!({"object": "list", "data": []}));
    assert_eq!(gateway.show("tides").await.error(), (404, "plugin_not_found"));
    assert_eq!(gateway.remove("tides").await.error(), (404, "plugin_not_found"));
    assert_eq!(gateway.call("tides_first").await.error(), (404, "function_not_found"));
}

#[tokio::test]
async fn the_public_listener_publishes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let url = format!("{}/v1/plugins/tides", gateway.base);
    let answer = gateway.send(gateway.client.put(url).body(component("tides", 1))).await;
    assert_eq!(answer.error(), (404, "not_found"));
}

#[tokio::test]
async fn what_is_published_serves_until_it_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let first = component("tides", 1);
    let answer = gateway.publish("tides", &first).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let tagged = format!("sha256:{}", digest(&first));
    assert_eq!(answer.tag.as_deref(), Some(format!("\"{tagged}\"").as_str()));
    assert_eq!(answer.json["serving"]["digest"], tagged.as_str());
    assert_eq!(answer.json["serving"]["revision"]["number"], 1);
    let functions = serde_json::json!(["tides_first", "tides_second", "tides_slow"]);
    assert_eq!(answer.json["serving"]["functions"], functions);
    assert_eq!(gateway.revision("tides_first").await, 1);

    // The same again changes nothing.
    let again = gateway.publish("tides", &first).await;
    assert_eq!((again.status, &again.json), (200, &answer.json));

    let replaced = gateway.publish("tides", &component("tides", 2)).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert_eq!(replaced.json["serving"]["revision"]["number"], 2);
    assert_eq!(gateway.revision("tides_second").await, 2);

    assert_eq!(gateway.publish("moon", &component("moon", 7)).await.status, 201);
    let list = gateway.send(gateway.admin(reqwest::Method::GET, "/v1/plugins")).await;
    let names: Vec<_> = list.json["data"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["moon", "tides"]);

    let removed = gateway.remove("tides").await;
    assert_eq!((removed.status, removed.json), (204, serde_json::Value::Null));
    assert_eq!(gateway.call("tides_first").await.error(), (404, "function_not_found"));
    assert_eq!(gateway.revision("moon_first").await, 7);
}

#[tokio::test]
async fn a_second_start_serves_what_was_published() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    gateway.publish("tides", &component("tides", 1)).await;
    gateway.publish("tides", &component("tides", 2)).await;
    gateway.publish("moon", &component("moon", 3)).await;
    gateway.remove("moon").await;
    gateway.stop().await;
    // From the cache alone: a compiler that does not exist is not missed.
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.compiler = "/does/not/exist".into();
    })
    .await;
    assert_eq!(gateway.revision("tides_first").await, 2);
    assert_eq!(gateway.show("tides").await.json["serving"]["revision"]["number"], 2);
    assert_eq!(gateway.show("moon").await.status, 404);
    gateway.stop().await;
    // Without the cache it is compiled again.
    std::fs::remove_dir_all(root.path().join("aot")).unwrap();
    let gateway = start(root.path()).await;
    assert_eq!(gateway.revision("tides_first").await, 2);
}

#[tokio::test]
async fn a_component_of_just_the_limit_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let most = component_with("tides", 1, 100_000);
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.library.component_bytes_max = most.len();
    })
    .await;
    assert_eq!(gateway.publish("tides", &most).await.status, 201);
    let one_more = component_with("tides", 1, 100_001);
    let refused = gateway.publish("tides", &one_more).await;
    assert_eq!(refused.error(), (413, "component_too_large"));
    assert!(refused.message().contains("library.component_bytes_max"), "{}", refused.message());
    assert_eq!(gateway.revision("tides_first").await, 1);
}
