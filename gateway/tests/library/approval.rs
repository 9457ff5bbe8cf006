//! What a revision wants to do is approved before it may do it.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::{Gateway, component, digest, start, start_with};

const STORE: &str = "[keyvalue]\nstore = true";
const BOTH: &str = "[keyvalue]\nstore = true\n[http]\nhosts = [{ host = \"a.example\" }]";

async fn approve(gateway: &Gateway, digest: &str) -> crate::support::Answer {
    let request = gateway.admin(Method::POST, "/v1/plugins/tides/approve");
    gateway.send(request.header("if-match", format!("\"sha256:{digest}\""))).await
}

#[tokio::test]
async fn the_first_revision_with_a_wish_waits() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let first = component("tides", 1);
    let answer = gateway.send(gateway.put_wishing("tides", &first, STORE)).await;
    assert_eq!((answer.status, &answer.json["serving"]), (202, &Json::Null), "{answer:?}");
    assert_eq!(answer.json["waiting"]["wishes"], json!(["its key-value store"]));
    assert_eq!(gateway.call("tides_first").await.status, 404);

    assert_eq!(approve(&gateway, &"0".repeat(64)).await.error(), (409, "nothing_waits"));
    let answer = approve(&gateway, &digest(&first)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["waiting"], Json::Null);
    assert_eq!(answer.json["serving"]["grants"]["keyvalue"]["store"], true);
    assert!(answer.json["serving"]["revision"]["approved_ms"].is_u64(), "{answer:?}");
    assert_eq!(gateway.revision("tides_first").await, 1);
    assert_eq!(approve(&gateway, &digest(&first)).await.error(), (409, "nothing_waits"));
}

#[tokio::test]
async fn the_old_revision_serves_while_the_new_one_waits() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    gateway.publish("tides", &component("tides", 1)).await;
    let second = component("tides", 2);
    let answer = gateway.send(gateway.put_wishing("tides", &second, BOTH)).await;
    assert_eq!(answer.status, 202);
    let wishes = json!(["https://a.example:443 (GET, HEAD)", "its key-value store"]);
    assert_eq!(answer.json["waiting"]["wishes"], wishes);
    assert_eq!(gateway.revision("tides_first").await, 1);
    gateway.stop().await;

    // It still waits after a restart, and the old one still serves.
    let gateway = start(root.path()).await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    assert_eq!(gateway.show("tides").await.json["waiting"]["wishes"], wishes);
    assert_eq!(approve(&gateway, &digest(&second)).await.status, 200);
    assert_eq!(gateway.revision("tides_first").await, 2);

    // What is approved is not asked for again, and less is fine; it is bound to what serves.
    let third = gateway.send(gateway.put_wishing("tides", &component("tides", 3), BOTH)).await;
    assert_eq!(third.status, 200, "{third:?}");
    let fourth = gateway.send(gateway.put_wishing("tides", &component("tides", 4), STORE)).await;
    assert_eq!(fourth.status, 200, "{fourth:?}");
    let fifth = gateway.send(gateway.put_wishing("tides", &component("tides", 5), BOTH)).await;
    assert_eq!(fifth.status, 202, "{fifth:?}");
    assert_eq!(gateway.revision("tides_first").await, 4);
}

#[tokio::test]
async fn the_same_component_with_more_wishes_waits_as_well() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let first = component("tides", 1);
    gateway.publish("tides", &first).await;
    let answer = gateway.send(gateway.put_wishing("tides", &first, STORE)).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json["serving"]["grants"]["keyvalue"]["store"], false);
    let again = gateway.send(gateway.put_wishing("tides", &first, STORE)).await;
    assert_eq!((again.status, &again.json), (202, &answer.json));
}

#[tokio::test]
async fn grants_that_name_another_component_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let (first, second) = (component("tides", 1), component("tides", 2));
    let bound = format!("digest = \"sha256:{}\"\n{STORE}", digest(&first));
    assert_eq!(gateway.send(gateway.put_wishing("tides", &first, &bound)).await.status, 202);
    assert_eq!(approve(&gateway, &digest(&first)).await.status, 200);
    let answer = gateway.send(gateway.put_wishing("tides", &second, &bound)).await;
    assert_eq!(answer.error(), (400, "invalid_grants"));
    let message = answer.message();
    assert!(message.contains(&digest(&first)) && message.contains(&digest(&second)), "{message}");
    assert_eq!(gateway.revision("tides_first").await, 1);
}

#[tokio::test]
async fn what_waits_goes_when_something_newer_serves() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    gateway.publish("tides", &component("tides", 1)).await;
    let second = component("tides", 2);
    gateway.send(gateway.put_wishing("tides", &second, STORE)).await;
    assert_eq!(gateway.publish("tides", &component("tides", 3)).await.status, 200);
    assert_eq!(approve(&gateway, &digest(&second)).await.error(), (409, "nothing_waits"));
    assert_eq!(gateway.revision("tides_first").await, 3);
}

#[tokio::test]
async fn the_audit_log_says_who_changed_the_library() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.jsonl");
    let gateway = start_with(root.path(), Vec::new(), |config| {
        config.audit.to = path.to_string_lossy().into_owned();
    })
    .await;
    let (first, second) = (component("tides", 1), component("tides", 2));
    let (one, two) = (digest(&first), digest(&second));
    assert_eq!(gateway.publish("tides", &first).await.status, 201);
    assert_eq!(gateway.publish("tides", &first).await.status, 200);
    assert_eq!(gateway.send(gateway.put_wishing("tides", &second, STORE)).await.status, 202);
    assert!(gateway.publish("tides", b"nothing").await.status >= 400);
    assert_eq!(approve(&gateway, &two).await.status, 200);
    assert_eq!(approve(&gateway, &two).await.status, 409);
    assert_eq!(gateway.remove("tides").await.status, 204);
    assert_eq!(gateway.remove("tides").await.status, 404);

    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> = lines
        .iter()
        .map(|line| ["event", "outcome", "digest"].map(|field| line[field].as_str().unwrap_or("-")))
        .collect();
    let refused = brief[3];
    assert_eq!((refused[0], refused[2]), ("publish", "-"), "{text}");
    assert!(!["created", "replaced", "unchanged", "waits"].contains(&refused[1]), "{text}");
    assert_eq!(
        [brief[0], brief[1], brief[2], brief[4], brief[5], brief[6], brief[7]],
        [
            ["publish", "created", one.as_str()],
            ["publish", "unchanged", one.as_str()],
            ["publish", "waits", two.as_str()],
            ["approve", "ok", two.as_str()],
            ["approve", "nothing_waits", two.as_str()],
            ["remove", "ok", "-"],
            ["remove", "plugin_not_found", "-"],
        ],
        "{text}"
    );
    let whole = |line: &Json| {
        line["plugin"] == "tides" && line["took_us"].is_u64() && line["request_id"].is_string()
    };
    assert!(lines.len() == 8 && lines.iter().all(whole), "{text}");
}
