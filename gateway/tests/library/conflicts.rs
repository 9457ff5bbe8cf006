//! Several who publish: names that are taken, functions that clash, older revisions, races.

use futures::future::join_all;
use reqwest::Method;

use crate::support::{component, digest, start, start_with};

#[tokio::test]
async fn names_of_the_configuration_are_taken() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("moon.wasm");
    std::fs::write(&file, component("moon", 1)).unwrap();
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.plugins.bundled = true;
        config.plugins.files = vec![file.to_string_lossy().into_owned()];
    })
    .await;
    for (name, by) in [("units", "bundled"), ("moon", "plugins.files")] {
        let answer = gateway.publish(name, &component("tides", 1)).await;
        assert_eq!(answer.error(), (409, "name_taken"));
        assert!(answer.message().contains(by), "{}", answer.message());
        assert_eq!(gateway.remove(name).await.error(), (409, "not_published"));
        let shown = gateway.show(name).await;
        assert_eq!((shown.status, &shown.json["waiting"]), (200, &serde_json::Value::Null));
    }
    // A published function may not take the name of a bundled one either.
    let answer = gateway.publish("moon-2", &component("moon", 2)).await;
    assert_eq!(answer.error(), (409, "function_names_clash"));
}

#[tokio::test]
async fn functions_of_others_keep_their_names() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    gateway.publish("tides", &component("tides", 1)).await;
    let answer = gateway.publish("high-tides", &component("tides", 2)).await;
    assert_eq!(answer.error(), (409, "function_names_clash"));
    for function in ["tides_first", "tides_second", "tides_slow"] {
        assert!(answer.message().contains(function), "{}", answer.message());
    }
    assert!(answer.message().contains("plugin `tides`"), "{}", answer.message());
    assert_eq!(gateway.revision("tides_first").await, 1);
    gateway.remove("tides").await;
    assert_eq!(gateway.publish("high-tides", &component("tides", 2)).await.status, 201);
}

#[tokio::test]
async fn an_older_revision_comes_back_only_if_it_is_meant_to() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let (first, second) = (component("tides", 1), component("tides", 2));
    gateway.publish("tides", &first).await;
    gateway.publish("tides", &second).await;
    let answer = gateway.publish("tides", &first).await;
    assert_eq!(answer.error(), (409, "downgrade"));
    assert!(answer.message().contains("revision 1"), "{}", answer.message());
    assert_eq!(gateway.revision("tides_first").await, 2);
    let meant = gateway.put("tides", &first).header("x-hyfunc-allow-downgrade", "true");
    let answer = gateway.send(meant).await;
    assert_eq!(
        (answer.status, &answer.json["serving"]["revision"]["number"]),
        (200, &serde_json::json!(3))
    );
    assert_eq!(gateway.revision("tides_first").await, 1);
}

#[tokio::test]
async fn a_change_is_made_over_what_its_author_saw() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let (first, second) = (component("tides", 1), component("tides", 2));
    let over = |component: &[u8], header: &str, value: &str| {
        gateway.send(gateway.put("tides", component).header(header, value))
    };
    assert_eq!(over(&first, "if-match", "*").await.error(), (412, "changed_meanwhile"));
    assert_eq!(over(&first, "if-none-match", "*").await.status, 201);
    assert_eq!(over(&second, "if-none-match", "*").await.error(), (412, "changed_meanwhile"));
    let stale = over(&second, "if-match", &format!("\"sha256:{}\"", digest(&second))).await;
    assert_eq!(stale.error(), (412, "changed_meanwhile"));
    assert!(stale.message().contains(&digest(&first)), "{}", stale.message());
    assert_eq!(gateway.revision("tides_first").await, 1);
    let seen = over(&second, "if-match", &format!("\"sha256:{}\"", digest(&first))).await;
    assert_eq!(seen.status, 200);
    let request = gateway.admin(Method::DELETE, "/v1/plugins/tides");
    let stale = gateway.send(request.header("if-match", digest(&first))).await;
    assert_eq!(stale.error(), (412, "changed_meanwhile"));
    let request = gateway.admin(Method::DELETE, "/v1/plugins/tides");
    assert_eq!(gateway.send(request.header("if-match", digest(&second))).await.status, 204);
}

/// One wins or several do, one after another; whoever came in between is told so.
#[tokio::test]
async fn two_at_once_do_not_mix() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let components: Vec<_> = (1..=6).map(|revision| component("tides", revision)).collect();
    let fresh = |component: &Vec<u8>| {
        gateway.send(gateway.put("tides", component).header("if-none-match", "*"))
    };
    let answers = join_all(components.iter().map(fresh)).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        let told = [(409, "publish_in_progress"), (412, "changed_meanwhile")];
        assert!(told.contains(&lost.error()), "{lost:?}");
    }
    let serves = gateway.revision("tides_first").await;
    let at = usize::try_from(serves).unwrap() - 1;
    let tagged = format!("sha256:{}", digest(&components[at]));
    assert_eq!(won[0].json["serving"]["digest"], tagged.as_str());
}
