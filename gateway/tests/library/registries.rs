//! Every command that speaks with a registry, and every way in which a registry does not.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use hyfunc_distribution::PrivateKey;
use tokio::process::Command;

use crate::registry::{Answer, Fake};
use crate::support::{component, digest};

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

#[track_caller]
fn good(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// All at once, since each waits until it gives up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_says_nothing_is_given_up_by_each_command() {
    let root = tempfile::tempdir().unwrap();
    furnish(root.path());
    let fake = Fake::start(|_| Some(Answer { is_silent: true, ..Answer::default() })).await;
    let reference = fake.reference("me/tides:1.0.0").to_string();
    let list = fake.reference("me/tides:list").to_string();
    let (reference, list) = (reference.as_str(), list.as_str());
    let typed = [
        &["push", "tides.wasm", reference][..],
        &["pull", reference, "--key", "me.pub", "-o", "before.wasm", "--force"],
        &["pull", reference, "--verify", "off", "-o", "before.wasm", "--force"],
        &["sign", reference, "--key", "me.key"],
        &["verify", reference, "--key", "me.pub"],
        &["index", list, "tides=1.0.0", "--key", "me.key"],
    ];
    let outputs = join_all(typed.map(|arguments| hyfunc(root.path(), arguments))).await;
    for (arguments, output) in typed.iter().zip(outputs) {
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let is_said = said.contains("was silent for") && said.contains("try again later");
        assert!(is_said, "{arguments:?}: {said}");
    }
    assert_eq!(fs::read(root.path().join("before.wasm")).unwrap(), BEFORE);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 5, "something was left behind");
}

/// What the registry makes of the component, and words that the error must hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_is_damaged_on_its_way_replaces_nothing() {
    type Damage = fn(Vec<u8>) -> Answer;
    let damages: [(Damage, &str); 5] = [
        (
            |body| Answer { cut: Some(body.len() / 2), ..Answer::new(200).body(body) },
            "ended the connection",
        ),
        (|body| Answer::new(200).body(&body[..body.len() / 2]), "nothing was kept"),
        (|body| Answer::new(200).body(vec![b'x'; body.len()]), "nothing was kept"),
        (|_| Answer::new(200).body(component("tides", 2)), "nothing was kept"),
        (|_| Answer::new(404), "there is no"),
    ];
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    furnish(folder);
    let whole = component("tides", 1);
    let path = format!("/blobs/sha256:{}", digest(&whole));
    // Which damage is done; none after the last.
    let damage = Arc::new(AtomicUsize::new(damages.len()));
    let (chosen, body) = (Arc::clone(&damage), whole.clone());
    let fake = Fake::start(move |seen| {
        let (make, _) = damages.get(chosen.load(Ordering::SeqCst))?;
        let is_it = seen.method == "GET" && seen.path.ends_with(&path);
        is_it.then(|| make(body.clone()))
    })
    .await;
    let reference = fake.reference("me/tides:1.0.0").to_string();
    let reference = reference.as_str();
    good(&hyfunc(folder, &["push", "tides.wasm", reference, "--key", "me.key"]).await);
    let pulls = [
        &["pull", reference, "--key", "me.pub", "-o", "before.wasm", "--force"][..],
        &["pull", reference, "--verify", "off", "-o", "before.wasm", "--force"],
    ];
    for (at, (_, words)) in damages.into_iter().enumerate() {
        damage.store(at, Ordering::SeqCst);
        for arguments in pulls {
            let output = hyfunc(folder, arguments).await;
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success(), "{at}: {arguments:?}");
            assert!(said.contains(words), "{at}: {said} should hold: {words}");
            assert_eq!(fs::read(folder.join("before.wasm")).unwrap(), BEFORE, "{at}");
        }
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 5, "something was left behind");
    damage.store(damages.len(), Ordering::SeqCst);
    good(&hyfunc(folder, pulls[0]).await);
    assert_eq!(fs::read(folder.join("before.wasm")).unwrap(), whole);
}

/// A registry has no way to keep a tag for one of two who both found it free: the later one has it,
/// and what it names is whole and signed, whoever that was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pushes_to_one_tag_at_once_leave_one_of_them_whole() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    furnish(folder);
    let (first, second) = (component("tides", 1), component("tides", 2));
    fs::write(folder.join("second.wasm"), &second).unwrap();
    let is_hidden = Arc::new(AtomicBool::new(true));
    let hidden = Arc::clone(&is_hidden);
    let fake = Fake::start(move |seen| {
        let asks = seen.method != "PUT" && seen.path.ends_with("/manifests/1.0.0");
        (asks && hidden.load(Ordering::SeqCst)).then(|| Answer::new(404))
    })
    .await;
    let reference = fake.reference("me/tides:1.0.0").to_string();
    let reference = reference.as_str();
    let push = async |file| hyfunc(folder, &["push", file, reference, "--key", "me.key"]).await;
    let (one, other) = tokio::join!(push("tides.wasm"), push("second.wasm"));
    good(&one);
    good(&other);
    is_hidden.store(false, Ordering::SeqCst);
    let pull = ["pull", reference, "--key", "me.pub", "-o", "pulled.wasm"];
    good(&hyfunc(folder, &pull).await);
    let pulled = fs::read(folder.join("pulled.wasm")).unwrap();
    assert!(pulled == first || pulled == second);

    // Whoever comes after both is told that it is taken.
    fs::write(folder.join("third.wasm"), component("tides", 3)).unwrap();
    let output = push("third.wasm").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("--replace"), "{said}");
}
