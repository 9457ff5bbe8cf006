//! Every step of training goes on where a kill left it, and comes to what an unbroken run comes to.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::support::{good, hyfunc, sources};

/// Until a checkpoint is there, or a line is said.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often a run may come to its end before it is killed.
const TRIES_MAX: usize = 10;

/// Ends a process that a test leaves early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rows(folder: &Path) {
    let parameters = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let row = |at: usize| {
        let calls = json!([{"name": "is_prime", "arguments": {"n": at}}]);
        let function = json!({"name": "is_prime", "description": "d", "parameters": parameters});
        let query = format!("is {at} prime?");
        json!({"id": format!("set-{at}"), "query": query, "functions": [function], "calls": calls})
    };
    let lines: String = (0..60).map(|at| format!("{}\n", row(at))).collect();
    std::fs::write(folder.join("rows.jsonl"), lines).unwrap();
}

fn shipped() -> PathBuf {
    sources().join("cascade/models/tiny")
}

/// Kills it as soon as a file of its run is there.
fn killed(command: &mut Command, file: &Path) {
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut process = Running(process);
    let began = Instant::now();
    while !file.is_file() {
        let ended = process.0.try_wait().unwrap();
        let is_early = ended.is_some() && !file.is_file();
        assert!(!is_early, "it ended before {}: {ended:?}", file.display());
        assert!(began.elapsed() < PATIENCE, "no {}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills it between its first checkpoint and its end. Where this process stands still meanwhile, it
/// comes to its end: then once more.
fn kill_in_time(command: &mut Command, run: &Path) {
    for _ in 0..TRIES_MAX {
        // The curve of a run is drawn at every checkpoint.
        killed(command, &run.join("large.svg"));
        if !run.join("models").exists() {
            return;
        }
        std::fs::remove_dir_all(run).unwrap();
    }
    panic!("it always comes to its end before it is killed");
}

/// Waits until it says a line with `part`, and kills it.
fn says(mut command: Command, part: &str) {
    let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Running(process);
    let stderr = process.0.stderr.take().unwrap();
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(part) => return,
            Ok(line) => said.push(line),
            Err(RecvTimeoutError::Timeout) => panic!("not said in time: {part}; {said:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("it ended without {part}: {said:?}"),
        }
    }
}

fn digest(folder: &Path, run: &str) -> Json {
    let report = std::fs::read(folder.join(run).join("models/retriever.json")).unwrap();
    let report: Json = serde_json::from_slice(&report).unwrap();
    report["large_sha256"].clone()
}

#[test]
fn a_killed_run_comes_to_what_an_unbroken_one_comes_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rows(folder);
    let shipped = shipped();
    let from = shipped.to_str().unwrap();
    let typed = |out: &str, more: &[&str]| {
        let mut typed = vec!["train", "retriever", "--rows", "rows.jsonl", "--from", from];
        typed.extend(["--steps", "8", "--shards", "1", "--checkpoint-steps", "1", "--out", out]);
        typed.extend(more);
        hyfunc(folder, &typed)
    };
    kill_in_time(&mut typed("killed", &[]), &folder.join("killed"));
    good(typed("killed", &["--resume"]));
    good(typed("unbroken", &[]));
    assert_eq!(digest(folder, "killed"), digest(folder, "unbroken"));
    let read =
        |run: &str, file: &str| std::fs::read_to_string(folder.join(run).join(file)).unwrap();
    assert_eq!(read("killed", "large.csv"), read("unbroken", "large.csv"));
    assert_eq!(read("killed", "stretches.jsonl").lines().count(), 2);
    assert_eq!(read("unbroken", "stretches.jsonl").lines().count(), 1);
}

#[test]
fn every_step_says_where_it_goes_on() {
    let shipped = shipped();
    let from = shipped.to_str().unwrap();
    let steps: [(&[&str], &str, &str); 3] = [
        (&["train", "tiny", "--from", from, "--steps-large", "500"], "large.checkpoint", "large"),
        (&["train", "lms", "--retriever", from, "--from", from], "small.checkpoint", "small"),
        (
            &["eval", "ablation", "--variants", "base", "--steps", "500"],
            "base/base.checkpoint",
            "base",
        ),
    ];
    for (step, checkpoint, name) in steps {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        rows(folder);
        let typed = |more: &[&str]| {
            let mut typed = step.to_vec();
            typed.extend(["--rows", "rows.jsonl", "--shards", "1", "--checkpoint-steps", "1"]);
            typed.extend(["--out", "run"]);
            typed.extend(more);
            hyfunc(folder, &typed)
        };
        killed(&mut typed(&[]), &folder.join("run").join(checkpoint));
        says(typed(&["--resume"]), &format!("{name}: goes on after "));
    }
}
