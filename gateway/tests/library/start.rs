//! Starting: what the models made of functions at an earlier start is there, and is the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hyfunc::config::ModelsConfig;
use hyfunc::{App, Config, app};

fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.models.prepared_dir = folder.join("prepared").to_string_lossy().into_owned();
    config.sandbox.instances_max = 8;
    config
}

/// Every function of the library, with all that the models made of it before anybody asks.
async fn library(config: &Config) -> Vec<(String, Vec<u32>, usize)> {
    let app = App::build(config.clone()).await.unwrap();
    let library = app.pipeline().shelf.snapshot();
    let entries = library.entries().iter().map(|entry| {
        let bits = entry.prepared.vector().iter().map(|number| number.to_bits()).collect();
        (entry.function().name.clone(), bits, entry.prepared.block_tokens())
    });
    entries.collect()
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_start_has_the_same_functions_as_the_first() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path());
    let first = library(&config).await;
    let kept = contents(&root.path().join("prepared"));
    assert_eq!(kept.len(), 2 * first.len());
    assert_eq!(library(&config).await, first);
    assert!(contents(&root.path().join("prepared")) == kept);
    let mut nowhere = config;
    nowhere.models.prepared_dir = String::new();
    assert_eq!(library(&nowhere).await, first);
}

#[test]
fn a_folder_that_was_named_must_be_one() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a-file");
    fs::write(&file, b"x").unwrap();
    let prepared_dir = file.to_string_lossy().into_owned();
    let refused = app::cascade(&ModelsConfig { prepared_dir, ..ModelsConfig::default() });
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("prepared functions") && message.contains("a-file"), "{message}");
}
