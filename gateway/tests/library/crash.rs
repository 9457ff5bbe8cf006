//! `kill -9` at any point of a publish: the registry holds the old revision or the new one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hyfunc::publish::{Record, Registry};

/// The variable that names the folder to the process that is killed.
const FOLDER: &str = "HYFUNC_TEST_REGISTRY";

/// The test that is killed.
const VICTIM: &str = "crash::publishes_until_it_is_killed";

/// How often.
const KILLS: u64 = 25;

/// Bytes of a component: enough for many pages, different in every revision.
fn bytes(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(20_000)
}

fn digest(number: u64) -> String {
    format!("{number:064x}")
}

fn after(record: &Record) -> (u64, Record) {
    let number = record.number_last + 1;
    let revision = record.next(digest(number), String::new());
    (number, record.served_by(revision))
}

#[test]
#[ignore = "the test below starts it, and kills it"]
fn publishes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { panic!("{FOLDER} names no folder") };
    let registry = Registry::open(Path::new(&folder)).unwrap();
    loop {
        let (number, record) = after(&registry.get("tides").unwrap());
        let component = bytes(number);
        registry
            .put("tides", &record, Some((digest(number).as_str(), component.as_slice())))
            .unwrap();
        println!("\ndone {number}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_killed_publish_leaves_the_old_revision_or_the_new_one() {
    let root = tempfile::tempdir().unwrap();
    let mut done = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([VICTIM, "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = |line: std::io::Result<String>| {
            line.unwrap().strip_prefix("done ").and_then(|number| number.parse::<u64>().ok())
        };
        let began = lines.by_ref().find_map(numbers);
        assert!(began.is_some(), "the process published nothing");
        // A time that no two rounds share; in between are some publishes and a part of one.
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines.filter_map(numbers).last().or(began).unwrap();
        assert!(last > done, "{last} after {done}");

        let registry = Registry::open(root.path()).unwrap();
        let record = registry.get("tides").unwrap();
        let serving = record.serving.as_ref().unwrap();
        // What was said to be done is done; the next one is there whole, or not at all.
        assert!([last, last + 1].contains(&serving.number), "{last}, and {serving:?}");
        assert_eq!(serving.digest, digest(serving.number));
        assert_eq!(registry.component(&serving.digest).unwrap(), bytes(serving.number));
        assert_eq!(registry.len().unwrap(), 1);
        done = serving.number;
    }
}
