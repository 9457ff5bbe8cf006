//! The configuration: a file, a line `---`, variables of the environment, a line `---`, flags. The
//! reader is taken in as files, since its crate links everything.
#![no_main]

#[path = "../../gateway/src"]
#[allow(dead_code, unused_imports, reason = "the gateway uses the rest")]
mod gateway {
    pub mod config;
    pub mod suggest;
}

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use gateway::config::{Effective, Inputs, KEYS, load};
// Where the configuration looks for it.
use gateway::suggest;
use libfuzzer_sys::fuzz_target;

/// What is in force is printed, and what is printed is read as the same; the rest is refused with
/// the name of the setting.
fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split("\n---\n");
    let mut part = || parts.next().unwrap_or_default();
    let path = file();
    let first = read(&path, part(), pairs(part()), pairs(part()));
    let Some(effective) = first else { return };
    for key in KEYS {
        assert!(effective.source(key.path).is_some(), "{} comes from nowhere", key.path);
    }
    let printed = effective.to_toml();
    let again = read(&path, &printed, Vec::new(), Vec::new()).expect("what is printed is read");
    assert_eq!(again.config, effective.config, "{printed}");
}

fn read(
    path: &Path,
    file: &str,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String)>,
) -> Option<Effective> {
    fs::write(path, file).expect("a folder for temporary files");
    match load(&Inputs { file: Some(path.to_owned()), environment, flags }) {
        Ok(effective) => Some(effective),
        Err(error) => {
            let words = error.to_string();
            let suggested = suggest::hint(&Some(String::new()));
            assert!(!words.is_empty() && !words.contains(&suggested), "{words}");
            None
        }
    }
}

/// One file a process.
fn file() -> PathBuf {
    env::temp_dir().join(format!("hyfunc-fuzz-config-{}.toml", process::id()))
}

/// `name=value` a line.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fuzz_target!(|data: &[u8]| check(data));
