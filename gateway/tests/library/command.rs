//! `hyfunc plugin publish`, `approve`, `list` and `remove` against a gateway.

use std::fs;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::support::{component, digest, start};

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
