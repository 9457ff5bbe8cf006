//! Compiled components that are kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hyfunc_functions::Value;
use hyfunc_sandbox::{
    Allocation, Grants, Plugin, Sandbox, SandboxConfig, SandboxError, precompile,
};
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

#[tokio::test]
async fn what_another_process_compiled_is_loaded_without_compiling() {
    let component = guest("attacks");
    for allocation in Allocation::ALL {
        let root = tempfile::tempdir().unwrap();
        let config = SandboxConfig { aot_dir: Some(root.path().to_owned()), ..small() };
        precompile(&config, allocation, "attacks", &component).unwrap();
        let sandbox = Sandbox::new(config).unwrap();
        assert!(sandbox.keeps_compiled());
        let loaded = sandbox.load_kept("attacks", &component, &Grants::default()).unwrap();
        assert_eq!(loaded.is_some(), fits(allocation, sandbox.allocation()), "{allocation:?}");
        if let Some(plugin) = loaded {
            assert_adds(&plugin).await;
        }
    }
}

/// Code is made for the address space of a memory: all of 4 GiB, or what it may grow to.
fn fits(made_for: Allocation, runs_on: Allocation) -> bool {
    (made_for == Allocation::PoolFull) == (runs_on == Allocation::PoolFull)
}

#[test]
fn what_was_never_compiled_is_not_compiled_by_asking_for_it() {
    let root = tempfile::tempdir().unwrap();
    let config = SandboxConfig { aot_dir: Some(root.path().to_owned()), ..small() };
    let sandbox = Sandbox::new(config).unwrap();
    let asked = sandbox.load_kept("attacks", &guest("attacks"), &Grants::default()).unwrap();
    assert!(asked.is_none());
    assert!(artifacts(root.path()).is_empty());
}

#[test]
fn what_cannot_be_compiled_apart_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let config = SandboxConfig { aot_dir: Some(root.path().to_owned()), ..small() };
    let tight = SandboxConfig { component_bytes_max: 100, ..config.clone() };
    let nowhere = SandboxConfig { aot_dir: None, ..config.clone() };
    let refused = |config: &SandboxConfig, component: &[u8]| {
        precompile(config, Allocation::PoolFull, "x", component).unwrap_err().to_string()
    };
    for (config, component, words) in [
        (&config, b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (&config, b"(component)".to_vec(), "WebAssembly"),
        (&tight, guest("attacks"), "component_bytes_max = 100"),
        (&nowhere, guest("attacks"), "sandbox.aot_dir"),
    ] {
        let error = refused(config, &component);
        assert!(error.contains(words), "{error} should hold: {words}");
    }
    assert!(artifacts(root.path()).is_empty());
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("link");
    std::os::unix::fs::symlink(root.path(), &link).unwrap();
    let config = SandboxConfig { aot_dir: Some(link), ..small() };
    assert!(matches!(Sandbox::new(config), Err(SandboxError::Directory { .. })));
}
