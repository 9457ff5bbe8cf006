//! Every command that speaks with a registry, and every way in which a registry does not.

use std::fs;
use std::path::Path;
use std::process::Output;

use hyfunc_distribution::PrivateKey;
use tokio::process::Command;

use crate::registry::{Answer, Fake};
use crate::support::component;

const PASSWORD: &str = "x";
const BEFORE: &[u8] = b"what was pulled before";

/// Nobody's logins and settings but those of the test.
async fn hyfunc(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyfunc"));
    command.arg("plugin").args(arguments).current_dir(folder).env("NO_COLOR", "1");
    for name in
        ["CONFIG", "REGISTRY_USER", "REGISTRY_PASSWORD", "REGISTRY_CA", "VERIFY_KEY"].map(of_ours)
    {
        command.env_remove(name);
    }
    command.env("HYFUNC_KEY_PASSWORD", PASSWORD);
    command.env("REGISTRY_AUTH_FILE", folder.join("nobody.json"));
    command.output().await.unwrap()
}

fn of_ours(name: &str) -> String {
    format!("HYFUNC_{name}")
}

/// A plugin, a pair of keys, and a file that a pull would replace.
fn furnish(folder: &Path) {
    let (key, text) = PrivateKey::generate(PASSWORD).unwrap();
    fs::write(folder.join("me.key"), text).unwrap();
    fs::write(folder.join("me.pub"), key.public().to_pem()).unwrap();
    fs::write(folder.join("tides.wasm"), component("tides", 1)).unwrap();
    fs::write(folder.join("before.wasm"), BEFORE).unwrap();
    fs::write(folder.join("nobody.json"), "{}").unwrap();
}

/// Runs every command against a repository; each must end with an error of these words, and leave
/// what was there before.
async fn fail(folder: &Path, repository: &str, pushes: bool, words: &str) {
    let reference = format!("{repository}/me/tides:1.0.0");
    let reference = reference.as_str();
    let list = format!("{repository}/me/tides:list");
    for arguments in [
        &["push", "tides.wasm", reference][..],
        &["pull", reference, "--key", "me.pub", "-o", "before.wasm", "--force"],
        &["pull", reference, "--verify", "off", "-o", "before.wasm", "--force"],
        &["sign", reference, "--key", "me.key"],
        &["verify", reference, "--key", "me.pub"],
        &["index", list.as_str(), "tides=1.0.0", "--key", "me.key"],
    ] {
        if arguments[0] == "push" && !pushes {
            continue;
        }
        let output = hyfunc(folder, arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said.contains(words), "{arguments:?}: {said} should hold: {words}");
        assert_eq!(fs::read(folder.join("before.wasm")).unwrap(), BEFORE, "{arguments:?}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 5, "something was left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_is_said_by_each_command_with_a_way_out() {
    let root = tempfile::tempdir().unwrap();
    furnish(root.path());
    for (status, header, pushes, words) in [
        (401, ("www-authenticate", "Basic realm=\"x\""), true, "docker login"),
        (403, ("x", "x"), true, "ask its owner for the right"),
        (404, ("x", "x"), false, "check the name and the tag"),
        (429, ("retry-after", "3600"), true, "try again in 3600 s"),
        (500, ("x", "x"), true, "the registry's own fault"),
        (503, ("retry-after", "3600"), true, "try again in 3600 s"),
    ] {
        let (name, value) = header;
        let fake = Fake::start(move |_| Some(Answer::new(status).header(name, value))).await;
        fail(root.path(), &fake.address.to_string(), pushes, words).await;
    }
    fail(root.path(), "127.0.0.1:1", true, "check the name and the network").await;
}
