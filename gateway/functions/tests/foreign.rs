//! Inputs of strangers, kept as files: the seeds that fuzzing starts from, in `fuzz/seeds/`, and
//! what was found once, in `regressions/`. The folder's name is the parser's.

mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// A parser, and what must hold of all that it is given.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 7] = [
    ("component", targets::component::check),
    ("docs", targets::docs::check),
    ("json", targets::json::check),
    ("reply", targets::reply::check),
    ("schema", targets::schema::check),
    ("slot", targets::slot::check),
    ("wit", targets::wit::check),
];

/// Largest file that is kept (bytes).
const FILE_BYTES_MAX: u64 = 64 << 10;

fn here(path: &str) -> PathBuf {
    Path::new(".").join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

/// Runs a target over a folder's files, and says how many there were.
fn run((name, check): Target, folder: &Path) -> usize {
    let files = files(&folder.join(name));
    for path in &files {
        println!("{}", path.display());
        let data = fs::read(path).expect("a readable file");
        assert!(data.len() as u64 <= FILE_BYTES_MAX, "{}: keep a smaller one", path.display());
        check(&data);
    }
    files.len()
}

#[test]
fn seeds_hold() {
    for target in TARGETS {
        assert!(run(target, &here("../../fuzz/seeds")) > 0, "{} has no seed", target.0);
    }
}

#[test]
fn regressions_hold() {
    let kept: usize =
        TARGETS.into_iter().map(|target| run(target, &here("tests/regressions"))).sum();
    assert!(kept > 0, "what was found once is kept in tests/regressions/");
}

/// Damage at every byte, and every beginning: what a fuzzer tries first, without one.
#[test]
fn damaged_seeds_hold() {
    for (name, check) in TARGETS {
        for path in files(&here("../../fuzz/seeds").join(name)) {
            let data = fs::read(path).expect("a readable file");
            let stride = (data.len() / 64).max(1);
            for at in (0..data.len()).step_by(stride) {
                check(&data[..at]);
                for byte in [0, b'"', b'{', 0x7f, 0x80, 0xff] {
                    let mut damaged = data.clone();
                    damaged[at] = byte;
                    check(&damaged);
                }
            }
        }
    }
}
