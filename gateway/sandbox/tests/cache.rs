//! Compiled components that are kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hyfunc_functions::Value;
use hyfunc_sandbox::{Grants, Plugin, Sandbox, SandboxConfig, SandboxError};
use support::{guest, small, value};

fn load(directory: &Path) -> Plugin {
    let config = SandboxConfig { aot_dir: Some(directory.to_owned()), ..small() };
    Sandbox::new(config).unwrap().load("attacks", &guest("attacks"), &Grants::default()).unwrap()
}

/// A start that may not compile: what it loads comes from the cache.
fn load_without_compiling(directory: &Path) -> Option<Plugin> {
    let config =
        SandboxConfig { aot_dir: Some(directory.to_owned()), compile_ms_max: 0, ..small() };
    Sandbox::new(config).unwrap().load("attacks", &guest("attacks"), &Grants::default()).ok()
}

fn artifacts(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|name| name == "aot")).collect()
}

async fn assert_adds(plugin: &Plugin) {
    assert_eq!(value(plugin, "add", &[Value::Int(40), Value::Int(2)]).await, Value::Int(42));
}

#[tokio::test]
async fn a_second_start_does_not_compile_and_works_the_same() {
    let root = tempfile::tempdir().unwrap();
    assert!(load_without_compiling(root.path()).is_none());
    assert_adds(&load(root.path())).await;
    let kept = artifacts(root.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::metadata(&kept[0]).unwrap().mode() & 0o777, 0o600);
    let plugin = load_without_compiling(root.path()).expect("nothing was kept");
    assert_adds(&plugin).await;
}

#[tokio::test]
async fn a_damaged_artifact_is_discarded_and_made_again() {
    let root = tempfile::tempdir().unwrap();
    load(root.path());
    let path = artifacts(root.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let foreign = [b"hyfncao1".as_slice(), &[0; 32], &whole[40..]].concat();
    for damaged in [&b""[..], &whole[..100], &flipped, &foreign, b"\x7fELF"] {
        fs::write(&path, damaged).unwrap();
        assert!(load_without_compiling(root.path()).is_none());
        assert!(!path.exists(), "the damaged file was left");
        assert_adds(&load(root.path())).await;
        assert!(load_without_compiling(root.path()).is_some());
    }
}

#[test]
fn an_artifact_under_another_name_or_key_is_discarded() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    load(here.path());
    load(there.path());
    let (own, foreign) = (artifacts(here.path()).remove(0), artifacts(there.path()).remove(0));
    assert_eq!(own.file_name(), foreign.file_name());
    fs::copy(&foreign, &own).unwrap();
    assert!(load_without_compiling(here.path()).is_none());
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("link");
    std::os::unix::fs::symlink(root.path(), &link).unwrap();
    let config = SandboxConfig { aot_dir: Some(link), ..small() };
    assert!(matches!(Sandbox::new(config), Err(SandboxError::Directory { .. })));
}
