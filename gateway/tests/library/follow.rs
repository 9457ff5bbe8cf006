//! A gateway that follows a registry: what changes there changes here, and nothing else does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyfunc::Config;
use hyfunc_distribution::{
    Artifact, Description, Entry, Index, PrivateKey, Reference, Registry, push, resolve, sign,
    sign_manifest, unseen,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::registry::{Answer, Fake, Seen};
use crate::support::{Gateway, component, digest, start_with};

const STORE: &str = "[keyvalue]\nstore = true";
/// What has not happened until then does not happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for several looks.
const A_WHILE: Duration = Duration::from_millis(600);

/// An author with a registry.
struct Author {
    fake: Fake,
    key: PrivateKey,
    root: TempDir,
}

impl Author {
    async fn new(twist: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let (key, _) = PrivateKey::generate("").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("author.pub"), key.public().to_pem()).unwrap();
        Self { fake: Fake::start(twist).await, key, root }
    }

    fn public_key(&self) -> PathBuf {
        self.root.path().join("author.pub")
    }

    fn reference(&self, rest: &str) -> String {
        self.fake.reference(rest).to_string()
    }

    /// Stores a component under a version, unsigned.
    async fn push(&self, rest: &str, bytes: &[u8], grants: Option<&str>) -> Artifact {
        let (mut registry, reference) = self.fake.open(rest);
        let description = Description {
            title: "plugin.wasm".into(),
            grants: grants.map(str::to_owned),
            ..Description::default()
        };
        let done = push(&mut registry, &reference, bytes.to_vec(), &description, true, unseen());
        done.await.unwrap();
        resolve(&mut registry, &reference).await.unwrap()
    }

    async fn sign(&self, artifact: &Artifact) {
        let mut registry = Registry::new(&artifact.reference, Default::default()).unwrap();
        sign(&mut registry, artifact, &self.key).await.unwrap();
    }

    /// Stores a version of `tides`, signed, and lets `stable` name it.
    async fn release(&self, version: &str, bytes: &[u8]) {
        let artifact = self.push(&format!("me/tides:{version}"), bytes, None).await;
        self.sign(&artifact).await;
        self.fake.copy(version, "stable");
    }

    /// Lets `list` name these versions of plugins, signed as a whole; they themselves are not.
    async fn list(&self, plugins: &[(&str, &[u8])]) {
        let (mut registry, reference) = self.fake.open("me/plugins:list");
        let mut entries = Vec::new();
        for (name, bytes) in plugins {
            let tag = format!("{name}-{}", &digest(bytes)[..8]);
            let artifact = self.push(&format!("me/plugins:{tag}"), bytes, None).await;
            entries.push(Entry { name: (*name).into(), digest: artifact.digest, size: 1 });
        }
        let bytes = Index { entries }.to_bytes();
        let digest = hyfunc_distribution::Digest::of(&bytes);
        registry.put_index("list", bytes).await.unwrap();
        let pinned: Reference = reference.pinned(&digest);
        sign_manifest(&mut registry, &pinned, &digest, &self.key).await.unwrap();
    }

    /// A gateway that follows these references.
    async fn gateway(&self, folder: &Path, references: &[&str]) -> Gateway {
        self.gateway_with(folder, references, |_| {}).await
    }

    async fn gateway_with(
        &self,
        folder: &Path,
        references: &[&str],
        change: impl FnOnce(&mut Config),
    ) -> Gateway {
        let references = references.iter().map(|rest| match rest.split_once('=') {
            Some((name, rest)) => format!("{name}={}", self.reference(rest)),
            None => self.reference(rest),
        });
        let references: Vec<String> = references.collect();
        start_with(folder, Vec::new(), |config| {
            config.follow.references = references;
            config.follow.keys = vec![self.public_key().to_string_lossy().into_owned()];
            config.follow.interval_ms = 50;
            config.follow.backoff_ms_max = 100;
            change(config);
        })
        .await
    }
}

/// What the gateway says of the one place that it follows.
async fn followed(gateway: &Gateway) -> Json {
    let answer = gateway.send(gateway.admin(Method::GET, "/v1/follow")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["data"][0].clone()
}

/// Waits until what is followed is so.
async fn until(gateway: &Gateway, is_so: impl Fn(&Json) -> bool) -> Json {
    let began = Instant::now();
    loop {
        let state = followed(gateway).await;
        if is_so(&state) {
            return state;
        }
        assert!(began.elapsed() < PATIENCE, "{state:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_failing(gateway: &Gateway, words: &str) -> Json {
    until(gateway, |state| {
        state["state"] == "failing" && state["error"].as_str().unwrap().contains(words)
    })
    .await
}

/// Waits until a function says that revision.
async fn until_revision(gateway: &Gateway, function: &str, revision: u64) {
    let began = Instant::now();
    loop {
        let answer = gateway.call(function).await;
        if answer.json["result"] == revision {
            return;
        }
        let state = followed(gateway).await;
        assert!(began.elapsed() < PATIENCE, "{answer:?}\n{state:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn nothing(_: &Seen) -> Option<Answer> {
    None
}

#[tokio::test]
async fn a_tag_that_moves_is_followed_and_nothing_is_fetched_twice() {
    let author = Author::new(nothing).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    let state = until(&gateway, |state| state["state"] == "current").await;
    assert!(state["signed_by"].as_str().unwrap().starts_with("the key "), "{state:#}");
    assert_eq!(state["plugins"][0]["version"], "1.0.0");
    assert_eq!(state["plugins"][0]["state"], "serving");
    author.release("1.1.0", &component("tides", 2)).await;
    until_revision(&gateway, "tides_first", 2).await;
    let shown = gateway.show("tides").await.json;
    let from = &shown["serving"]["revision"]["followed"];
    assert_eq!(from["version"], "1.1.0");
    assert_eq!(from["reference"], author.reference("me/tides:stable"));
    tokio::time::sleep(A_WHILE).await;
    // However often it looks, each component is pulled once.
    let is_pull = |seen: &&Seen| {
        let wanted = [digest(&component("tides", 1)), digest(&component("tides", 2))];
        seen.method == "GET" && wanted.iter().any(|digest| seen.path.ends_with(digest.as_str()))
    };
    assert_eq!(author.fake.seen().iter().filter(is_pull).count(), 2);
    gateway.stop().await;

    // Nor after a restart: what is here already is known by its digest.
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until(&gateway, |state| state["state"] == "current").await;
    assert_eq!(gateway.revision("tides_first").await, 2);
    assert_eq!(author.fake.seen().iter().filter(is_pull).count(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_the_old_one_serves() {
    let author = Author::new(nothing).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    let artifact = author.push("me/tides:2.0.0", &component("tides", 2), None).await;
    author.fake.copy("2.0.0", "stable");
    until_failing(&gateway, "is not signed").await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    // Signed later, it is taken at the next look, though the tag is the same.
    author.sign(&artifact).await;
    until_revision(&gateway, "tides_first", 2).await;
    gateway.stop().await;
}

#[tokio::test]
async fn signatures_may_warn_or_not_be_looked_at_if_that_is_said() {
    let author = Author::new(nothing).await;
    author.push("me/tides:stable", &component("tides", 1), None).await;
    for verify in ["warn", "off"] {
        let root = tempfile::tempdir().unwrap();
        let gateway = author.gateway_with(root.path(), &["me/tides:stable"], |config| {
            config.follow.verify = verify.into();
        });
        let gateway = gateway.await;
        until_revision(&gateway, "tides_first", 1).await;
        let state = until(&gateway, |state| state["state"] == "current").await;
        assert_eq!(state["signed_by"], Json::Null, "{verify}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_registry_that_is_down_changes_nothing() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let twist = move |_: &Seen| down.load(Ordering::SeqCst).then(|| Answer::new(500));
    let author = Author::new(twist).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    is_down.store(true, Ordering::SeqCst);
    let state = until_failing(&gateway, "500").await;
    assert_eq!(state["plugins"][0]["name"], "tides", "what was known is still told: {state:#}");
    until(&gateway, |state| state["failures"].as_u64().unwrap() > 2).await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    is_down.store(false, Ordering::SeqCst);
    author.release("1.1.0", &component("tides", 2)).await;
    until_revision(&gateway, "tides_first", 2).await;
    until(&gateway, |state| state["state"] == "current" && state["failures"] == 0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_look_that_takes_too_long_is_ended() {
    let is_silent = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&is_silent);
    let nothing_said = || Answer { is_silent: true, ..Answer::default() };
    let author = Author::new(move |_| silent.load(Ordering::SeqCst).then(nothing_said)).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway_with(root.path(), &["me/tides:stable"], |config| {
        config.follow.look_ms_max = 2_000;
    });
    let gateway = gateway.await;
    until_revision(&gateway, "tides_first", 1).await;
    is_silent.store(true, Ordering::SeqCst);
    until_failing(&gateway, "follow.look_ms_max = 2000 ms").await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    is_silent.store(false, Ordering::SeqCst);
    author.release("1.1.0", &component("tides", 2)).await;
    until_revision(&gateway, "tides_first", 2).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_policy_is_for_its_place_alone() {
    let author = Author::new(nothing).await;
    author.push("me/tides:one", &component("tides", 1), None).await;
    author.push("try/dates:two", &component("dates", 2), None).await;
    for policy in ["warn", "off"] {
        let root = tempfile::tempdir().unwrap();
        let place = author.fake.address;
        let references = ["me/tides:one", "try/dates:two"];
        let gateway = author.gateway_with(root.path(), &references, |config| {
            config.follow.policies = vec![format!("{place}/try={policy}")];
        });
        let gateway = gateway.await;
        until_revision(&gateway, "dates_first", 2).await;
        let state = until_failing(&gateway, "is not signed").await;
        assert_eq!(state["reference"], author.reference("me/tides:one"), "{policy}");
        assert_eq!(gateway.call("tides_first").await.status, 404, "{policy}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_registry_that_asks_to_be_left_alone_is() {
    let asked = Arc::new(AtomicUsize::new(0));
    for status in [429, 503] {
        let count = Arc::clone(&asked);
        count.store(0, Ordering::SeqCst);
        let author = Author::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Some(Answer::new(status).header("retry-after", "3600"))
        })
        .await;
        let root = tempfile::tempdir().unwrap();
        let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
        let state = until_failing(&gateway, "3600 s").await;
        let pause_ms = state["next_ms"].as_u64().unwrap() - state["checked_ms"].as_u64().unwrap();
        assert!((3_590_000..=3_610_000).contains(&pause_ms), "{status}: {pause_ms}");
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn what_wishes_for_more_waits_for_approval_and_the_old_one_serves() {
    let author = Author::new(nothing).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    let second = component("tides", 2);
    let artifact = author.push("me/tides:2.0.0", &second, Some(STORE)).await;
    author.sign(&artifact).await;
    author.fake.copy("2.0.0", "stable");
    until(&gateway, |state| state["plugins"][0]["state"] == "waiting").await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    assert_eq!(followed(&gateway).await["state"], "current", "that it waits is no failure");
    let approve = gateway.admin(Method::POST, "/v1/plugins/tides/approve");
    let approve = approve.header("if-match", format!("\"sha256:{}\"", digest(&second)));
    assert_eq!(gateway.send(approve).await.status, 200);
    assert_eq!(gateway.revision("tides_first").await, 2);
    until(&gateway, |state| state["plugins"][0]["state"] == "serving").await;
    gateway.stop().await;
}

#[tokio::test]
async fn an_earlier_version_is_refused_unless_that_is_meant() {
    let author = Author::new(nothing).await;
    author.release("1.10.0", &component("tides", 10)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 10).await;
    // Never served here, and signed: its number alone tells.
    author.release("1.9.0", &component("tides", 9)).await;
    until_failing(&gateway, "1.9.0").await;
    assert_eq!(gateway.revision("tides_first").await, 10);
    gateway.stop().await;
    let gateway = author.gateway_with(root.path(), &["me/tides:stable"], |config| {
        config.follow.allow_downgrade = true;
    });
    let gateway = gateway.await;
    until_revision(&gateway, "tides_first", 9).await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_served_before_is_refused_without_a_version_as_well() {
    let author = Author::new(nothing).await;
    author.release("blue", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    author.release("green", &component("tides", 2)).await;
    until_revision(&gateway, "tides_first", 2).await;
    author.fake.copy("blue", "stable");
    until_failing(&gateway, "downgrade").await;
    assert_eq!(gateway.revision("tides_first").await, 2);
    gateway.stop().await;
}

/// A tag that is gone leaves the plugin, or takes it along.
#[tokio::test]
async fn what_is_gone_stays_or_goes_as_it_is_said() {
    for (on_missing, status) in [("keep", 200), ("remove", 404)] {
        let is_gone = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&is_gone);
        let author = Author::new(move |seen| {
            let is_tag = seen.path.ends_with("/manifests/stable");
            (is_tag && gone.load(Ordering::SeqCst)).then(|| Answer::new(404))
        })
        .await;
        author.release("1.0.0", &component("tides", 1)).await;
        let root = tempfile::tempdir().unwrap();
        let gateway = author.gateway_with(root.path(), &["me/tides:stable"], |config| {
            config.follow.on_missing = on_missing.into();
        });
        let gateway = gateway.await;
        gateway.publish("dates", &component("dates", 1)).await;
        until_revision(&gateway, "tides_first", 1).await;
        is_gone.store(true, Ordering::SeqCst);
        // What is to go goes at the second look that finds nothing.
        let is_settled = |state: &Json| {
            let is_empty = state["plugins"].as_array().is_some_and(Vec::is_empty);
            state["state"] == "missing" && (on_missing == "keep" || is_empty)
        };
        let state = until(&gateway, is_settled).await;
        assert_eq!(gateway.call("tides_first").await.status, status, "{on_missing}: {state:#}");
        let kept = if on_missing == "keep" { json!("kept") } else { Json::Null };
        assert_eq!(state["plugins"][0]["state"], kept, "{on_missing}");
        assert_eq!(gateway.revision("dates_first").await, 1, "what is not from there stays");
        gateway.stop().await;
    }
}

/// What a registry lets go of and offers again must not be earlier than it was: else whoever can only
/// replay what was signed once gets an old version in by way of a removal.
#[tokio::test]
async fn what_went_comes_back_no_earlier_than_it_was() {
    let is_gone = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&is_gone);
    let author = Author::new(move |seen| {
        let is_tag = seen.path.ends_with("/manifests/stable");
        (is_tag && gone.load(Ordering::SeqCst)).then(|| Answer::new(404))
    })
    .await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let remove = |config: &mut Config| config.follow.on_missing = "remove".into();
    let gateway = author.gateway_with(root.path(), &["me/tides:stable"], remove).await;
    until_revision(&gateway, "tides_first", 1).await;
    author.release("2.0.0", &component("tides", 2)).await;
    until_revision(&gateway, "tides_first", 2).await;
    is_gone.store(true, Ordering::SeqCst);
    let is_empty = |state: &Json| state["plugins"].as_array().is_some_and(Vec::is_empty);
    until(&gateway, |state| state["state"] == "missing" && is_empty(state)).await;
    assert_eq!(gateway.show("tides").await.status, 404);
    let listed = gateway.send(gateway.admin(Method::GET, "/v1/plugins")).await.json;
    assert_eq!(listed["data"], json!([]), "what is remembered is nothing that is there");
    gateway.stop().await;

    // After a restart as well: it served once, and it is earlier.
    let gateway = author.gateway_with(root.path(), &["me/tides:stable"], remove).await;
    author.fake.copy("1.0.0", "stable");
    is_gone.store(false, Ordering::SeqCst);
    until_failing(&gateway, "has been version 2.0.0 here").await;
    assert_eq!(gateway.call("tides_first").await.status, 404);
    // Without a version, the component itself is known.
    author.release("blue", &component("tides", 1)).await;
    until_failing(&gateway, "downgrade").await;
    assert_eq!(gateway.call("tides_first").await.status, 404);
    // The very one that went comes back.
    author.fake.copy("2.0.0", "stable");
    until_revision(&gateway, "tides_first", 2).await;
    gateway.stop().await;
}

#[tokio::test]
async fn two_gateways_are_equal_through_a_list_alone() {
    let author = Author::new(nothing).await;
    author.list(&[("tides", &component("tides", 1)), ("dates", &component("dates", 1))]).await;
    let roots = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let remove = |config: &mut Config| config.follow.on_missing = "remove".into();
    let first = author.gateway_with(roots[0].path(), &["me/plugins:list"], remove).await;
    let second = author.gateway_with(roots[1].path(), &["me/plugins:list"], remove).await;
    for gateway in [&first, &second] {
        until_revision(gateway, "tides_first", 1).await;
        until_revision(gateway, "dates_first", 1).await;
    }
    // One is replaced, one goes, one comes.
    author.list(&[("tides", &component("tides", 2)), ("units", &component("units", 7))]).await;
    let mut seen = Vec::new();
    for gateway in [&first, &second] {
        until_revision(gateway, "tides_first", 2).await;
        until_revision(gateway, "units_first", 7).await;
        until(gateway, |state| state["plugins"][1]["name"] == "units").await;
        assert_eq!(gateway.call("dates_first").await.status, 404);
        let plugins = gateway.send(gateway.admin(Method::GET, "/v1/plugins")).await.json;
        let plugins = plugins["data"].as_array().unwrap().iter();
        let digests =
            plugins.map(|plugin| (plugin["name"].clone(), plugin["serving"]["digest"].clone()));
        seen.push(digests.collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_taken_does_not_keep_the_others_out() {
    let author = Author::new(nothing).await;
    let plugins: [(&str, &[u8]); 3] = [
        ("tides", &component("tides", 1)),
        ("broken", b"no component"),
        ("dates", &component("dates", 1)),
    ];
    author.list(&plugins).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/plugins:list"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    until_revision(&gateway, "dates_first", 1).await;
    let state = until_failing(&gateway, "`broken`").await;
    let states: Vec<_> = state["plugins"].as_array().unwrap().iter().collect();
    let states: Vec<_> = states.iter().map(|plugin| plugin["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["serving", "refused", "serving"], "{state:#}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_list_that_is_not_signed_is_refused_whole() {
    let author = Author::new(nothing).await;
    let artifact = author.push("me/plugins:one", &component("tides", 1), None).await;
    author.sign(&artifact).await;
    let (mut registry, _) = author.fake.open("me/plugins:list");
    let entries = vec![Entry { name: "tides".into(), digest: artifact.digest, size: 1 }];
    registry.put_index("list", Index { entries }.to_bytes()).await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/plugins:list"]).await;
    until_failing(&gateway, "is not signed").await;
    assert_eq!(gateway.call("tides_first").await.status, 404);
    gateway.stop().await;
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_left_alone() {
    let author = Author::new(nothing).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until(&gateway, |state| state["state"] == "missing").await;
    gateway.publish("tides", &component("tides", 5)).await;
    author.release("9.0.0", &component("tides", 9)).await;
    until_failing(&gateway, "hyfunc plugin remove tides").await;
    assert_eq!(gateway.revision("tides_first").await, 5);
    assert_eq!(gateway.remove("tides").await.status, 204);
    until_revision(&gateway, "tides_first", 9).await;
    // And what is taken out by hand comes back: the registry says what is here.
    assert_eq!(gateway.remove("tides").await.status, 204);
    until_revision(&gateway, "tides_first", 9).await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_a_registry_damages_is_not_taken() {
    let damages = Arc::new(AtomicU32::new(0));
    let damage = Arc::clone(&damages);
    let second = component("tides", 2);
    let path = format!("/blobs/sha256:{}", digest(&second));
    let author = Author::new(move |seen| {
        let is_it = seen.method == "GET" && seen.path.ends_with(&path);
        match (is_it, damage.load(Ordering::SeqCst)) {
            (true, 0) => Some(Answer::new(200).body(vec![b'x'; 99])),
            (true, 1) => Some(Answer::new(404)),
            _ => None,
        }
    })
    .await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &["me/tides:stable"]).await;
    until_revision(&gateway, "tides_first", 1).await;
    author.release("2.0.0", &second).await;
    until_failing(&gateway, "nothing was kept").await;
    damages.store(1, Ordering::SeqCst);
    until_failing(&gateway, "there is no").await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    damages.store(2, Ordering::SeqCst);
    until_revision(&gateway, "tides_first", 2).await;
    gateway.stop().await;
}

#[tokio::test]
async fn other_settings_count_within_a_second_or_so() {
    let author = Author::new(nothing).await;
    author.release("1.0.0", &component("tides", 1)).await;
    let root = tempfile::tempdir().unwrap();
    let gateway = author.gateway(root.path(), &[]).await;
    assert_eq!(followed(&gateway).await, Json::Null);
    let mut config = gateway.config();
    config.follow.references = vec![author.reference("me/tides:stable")];
    let reload = gateway.reloader.apply(&config).unwrap();
    assert_eq!(reload.changed, ["follow.references"]);
    until_revision(&gateway, "tides_first", 1).await;
    // What is followed no more stays, and changes no more.
    config.follow.references.clear();
    gateway.reloader.apply(&config).unwrap();
    until(&gateway, Json::is_null).await;
    author.release("2.0.0", &component("tides", 2)).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(gateway.revision("tides_first").await, 1);
    // Under another name it is another plugin, whose functions would clash: refused, and said.
    config.follow.references = vec![format!("seas={}", author.reference("me/tides:stable"))];
    gateway.reloader.apply(&config).unwrap();
    until_failing(&gateway, "in the library already").await;
    gateway.stop().await;
}
