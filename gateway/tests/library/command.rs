//! `hyfunc plugin publish`, `approve`, `list` and `remove` against a gateway.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use hyfunc::keys::{Moment, Role};
use serde_json::json;
use tokio::process::Command;

use crate::registry::{Answer, Fake};
use crate::ring::{Ring, with_role, wrong};
use crate::support::{component, digest, start, start_with};

async fn hyfunc(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyfunc"));
    command.arg("plugin").args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command.env_remove("HYFUNC_CONFIG");
    command.output().await.unwrap()
}

#[track_caller]
fn good(output: &Output) -> String {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

#[track_caller]
fn bad(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_from_its_file_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let at = gateway.admin.as_str();
    let folder = root.path();
    assert_eq!(good(&hyfunc(folder, &["list", "--gateway", at]).await), "no plugins\n");

    fs::write(folder.join("tides.wasm"), component("tides", 1)).unwrap();
    let text = good(&hyfunc(folder, &["publish", "tides.wasm", "--to", at]).await);
    assert!(text.starts_with("tides serves\n"), "{text}");
    assert!(text.contains("tides_first, tides_second, tides_slow"), "{text}");

    // What it asks for stands beside it.
    let second = component("tides", 2);
    fs::write(folder.join("tides.wasm"), &second).unwrap();
    fs::write(folder.join("tides.grants.toml"), "[keyvalue]\nstore = true").unwrap();
    let text = good(&hyfunc(folder, &["publish", "tides.wasm", "--to", at]).await);
    assert!(text.contains("waits for approval: it wants its key-value store"), "{text}");
    assert_eq!(gateway.revision("tides_first").await, 1);
    let text = good(&hyfunc(folder, &["approve", "tides", "--gateway", at]).await);
    assert!(text.starts_with("tides may do: its key-value store\n"), "{text}");
    assert_eq!(gateway.revision("tides_first").await, 2);

    let text = good(&hyfunc(folder, &["list", "--gateway", at]).await);
    assert!(text.contains("revision 2, sha256:"), "{text}");
    let text = bad(&hyfunc(folder, &["approve", "tides", "--gateway", at]).await);
    assert!(text.contains("waits for approval"), "{text}");
    let other = "0".repeat(64);
    let stale = ["remove", "tides", "--gateway", at, "--digest", other.as_str()];
    assert!(bad(&hyfunc(folder, &stale).await).contains(&digest(&second)));
    good(&hyfunc(folder, &["remove", "tides", "--gateway", at]).await);
    assert_eq!(gateway.call("tides_first").await.status, 404);
}

/// What is typed, and words that the error must hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_said_in_words() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    let at = gateway.admin.as_str();
    fs::write(root.path().join("tides.wasm"), b"no component").unwrap();
    fs::write(root.path().join("empty"), b"").unwrap();
    for (arguments, words) in [
        (&["publish", "tides.wasm", "--to", at][..], "no WebAssembly binary"),
        (&["publish", "none.wasm", "--to", at], "none.wasm: No such file or directory"),
        (&["publish", "none.wasm", "--to", at], "check the path"),
        (&["publish", "tides.wasm", "--to", at, "--name", "Tides"], "small letters"),
        (&["publish", "tides.wasm", "--to", at, "--over", "abc"], "if-match"),
        (&["publish", "tides.wasm", "--to", at, "--key-file", "empty"], "one line of ASCII"),
        (&["publish", "tides.wasm", "--to", "https://x.example"], "http://127.0.0.1:8081"),
        (
            &["publish", "tides.wasm", "--to", "oci://x.example/me/tides:1"],
            "use `hyfunc plugin push tides.wasm x.example/me/tides:1`",
        ),
        (&["publish", "tides.wasm", "--to", "x.example/me/tides:1"], "is a place in a registry"),
        (&["publish", "tides.wasm", "--to", "http://127.0.0.1:9"], "admin.address"),
        (&["list", "--gateway", gateway.base.as_str()], "admin.address"),
        (&["remove", "tides", "--gateway", at], "no plugin is called `tides`"),
    ] {
        let text = bad(&hyfunc(root.path(), arguments).await);
        assert!(text.contains(words), "{arguments:?}: {text} should hold: {words}");
    }
}

/// A file with a key, or none; what is typed; and words that the error must hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_told_why_and_what_served_serves() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let ring = Ring::new();
    let call = ring.key("call", with_role(Role::Call));
    let publish = ring.key("publish", with_role(Role::Publish));
    let late = ring.key("late", |args| args.expires = Some(Moment::now().after(-1)));
    for (file, key) in
        [("call", &call), ("publish", &publish), ("late", &late), ("wrong", &wrong(&publish))]
    {
        fs::write(folder.join(file), key).unwrap();
    }
    let gateway = start_with(folder, Vec::new(), |config| config.keys = ring.config()).await;
    let at = gateway.admin.as_str();
    fs::write(folder.join("tides.wasm"), component("tides", 1)).unwrap();
    let published = ["publish", "tides.wasm", "--to", at, "--key-file", "publish"];
    good(&hyfunc(folder, &published).await);
    // What waits for approval, so that approving is what is refused.
    fs::write(folder.join("tides.wasm"), component("tides", 2)).unwrap();
    fs::write(folder.join("tides.grants.toml"), "[keyvalue]\nstore = true").unwrap();
    good(&hyfunc(folder, &published).await);
    let before = good(&hyfunc(folder, &["list", "--gateway", at, "--key-file", "publish"]).await);

    fs::write(folder.join("tides.wasm"), component("tides", 3)).unwrap();
    for (key, words) in [
        (None, "status 401: this needs a key"),
        (Some("wrong"), "status 401: this key is not valid here"),
        (Some("late"), "status 401: this key expired at"),
        (Some("call"), "status 403: this key lacks the role `publish`"),
    ] {
        for typed in [
            &["publish", "tides.wasm", "--to", at][..],
            &["approve", "tides", "--gateway", at],
            &["remove", "tides", "--gateway", at],
            &["list", "--gateway", at],
        ] {
            let mut arguments = typed.to_vec();
            arguments.extend(key.into_iter().flat_map(|file| ["--key-file", file]));
            let text = bad(&hyfunc(folder, &arguments).await);
            assert!(text.contains(words), "{arguments:?}: {text} should hold: {words}");
        }
    }
    let approve = ["approve", "tides", "--gateway", at, "--key-file", "publish"];
    let text = bad(&hyfunc(folder, &approve).await);
    assert!(text.contains("status 403: this key lacks the role `admin`"), "{text}");
    let after = good(&hyfunc(folder, &["list", "--gateway", at, "--key-file", "publish"]).await);
    assert_eq!(after, before);
}

/// What a gateway, or what stands before it, answers; and words that the error must hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_none_of_a_gateway_are_told() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("tides.wasm"), component("tides", 1)).unwrap();
    let message = json!({"error": {"message": "later", "code": "x"}}).to_string();
    for (answer, words) in [
        (Answer::new(401).body("who?"), "(status 401 Unauthorized, and no JSON)"),
        (Answer::new(403).body("{}"), "nothing is published at"),
        (
            Answer::new(502).body("<html>bad gateway</html>"),
            "(status 502 Bad Gateway, and no JSON)",
        ),
        (Answer::new(429).body(message.clone()), "later"),
        (Answer::new(503).body(message.clone()), "later"),
        (Answer { cut: Some(4), ..Answer::new(200).body(message) }, "no gateway answers at"),
    ] {
        let fake = Fake::start(move |_| Some(answer.clone())).await;
        let at = format!("http://{}", fake.address);
        let at = at.as_str();
        for arguments in [
            &["publish", "tides.wasm", "--to", at][..],
            &["approve", "tides", "--gateway", at],
            &["remove", "tides", "--gateway", at],
        ] {
            let text = bad(&hyfunc(root.path(), arguments).await);
            assert!(text.contains(words), "{arguments:?}: {text} should hold: {words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_takes_its_time_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("tides.wasm"), component("tides", 1)).unwrap();
    let waiting = json!({"digest": format!("sha256:{}", "ab".repeat(32)), "wishes": ["much"]});
    let plugin = json!({"name": "tides", "origin": "published", "waiting": waiting}).to_string();
    let fake = Fake::start(move |_| {
        std::thread::sleep(Duration::from_millis(1_500));
        Some(Answer::new(200).body(plugin.clone()))
    })
    .await;
    let at = format!("http://{}", fake.address);
    let at = at.as_str();
    for (arguments, words) in [
        (&["publish", "tides.wasm", "--to", at][..], "tides serves in its newest revision"),
        (&["approve", "tides", "--gateway", at], "tides may do: much"),
        (&["remove", "tides", "--gateway", at], "tides is removed"),
    ] {
        let text = good(&hyfunc(root.path(), arguments).await);
        assert!(text.contains(words), "{arguments:?}: {text} should hold: {words}");
    }
}
