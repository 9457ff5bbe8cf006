//! Lists the practice plugins: name, WIT and phrases of each, as an expression that `src/practice.rs`
//! includes. Tells which versions the program is made of, for the record of a run.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the workspace is made of.
const LOCK: &str = "../../Cargo.lock";

/// Folder of the plugins, `NAME.wit` and `NAME.txt` of each.
const FOLDER: &str = "practice";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FOLDER}");
    versions()?;
    let mut wit = BTreeSet::new();
    let mut phrases = BTreeSet::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("wit") => wit.insert(name),
            Some("txt") => phrases.insert(name),
            _ => continue,
        };
    }
    for name in wit.symmetric_difference(&phrases) {
        let (there, missing) = if wit.contains(name) { ("wit", "txt") } else { ("txt", "wit") };
        println!(
            "cargo::error={FOLDER}/{name}.{there} is there and {FOLDER}/{name}.{missing} is not"
        );
    }
    let mut list = String::from("&[\n");
    for name in wit.intersection(&phrases) {
        let file = |extension: &str| {
            let path = format!("/{FOLDER}/{name}.{extension}");
            format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))")
        };
        writeln!(list, "    ({name:?}, {}, {}),", file("wit"), file("txt"))?;
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("practice.rs"), list)?;
    Ok(())
}

/// Gives the versions of what computes as variables of the build.
fn versions() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={LOCK}");
    let lock = fs::read_to_string(LOCK).unwrap_or_default();
    for (variable, name) in [("CANDLE", "candle-core"), ("TOKENIZERS", "tokenizers")] {
        let version = version(&lock, name);
        println!("cargo::rustc-env=HYFUNC_{variable}_VERSION={version}");
    }
    let rustc = Command::new(env::var("RUSTC")?).arg("--version").output()?;
    let rustc = String::from_utf8_lossy(&rustc.stdout).trim().to_owned();
    println!("cargo::rustc-env=HYFUNC_RUSTC_VERSION={rustc}");
    Ok(())
}

/// Of a package of the lock file; of several versions the first.
fn version(lock: &str, name: &str) -> String {
    let mark = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != mark);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.unwrap_or("unknown").trim_matches('"').to_owned()
}
