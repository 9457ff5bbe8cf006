//! `hyfunc models pull` from a server on this machine that speaks the hub's protocol.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::support::{bad, cramped, good, hyfunc};

const COMMIT: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
const LARGE: &str = "model.safetensors";

/// Blocks of 512 bytes that a file may have on a disk that is full: less than the weights.
const BLOCKS: u32 = 100;

/// How the hub fails.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The first transfer of the weights breaks.
    Broken,
    /// The weights are not those of the listing.
    Changed,
    /// A shard of the index is not there.
    Shard,
}

fn weights() -> Vec<u8> {
    (0..40_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn files(fault: Fault) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> =
        [("config.json".to_owned(), b"{}".to_vec()), (LARGE.to_owned(), weights())].into();
    if fault == Fault::Shard {
        let index = json!({"weight_map": {
            "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
        }});
        files.insert("model.safetensors.index.json".to_owned(), index.to_string().into_bytes());
        files.insert("model-00001-of-00002.safetensors".to_owned(), b"one".to_vec());
    }
    files
}

fn listing(files: &BTreeMap<String, Vec<u8>>) -> Json {
    let sibling = |(name, bytes): (&String, &Vec<u8>)| {
        let lfs = json!({"sha256": hex::encode(Sha256::digest(bytes)), "size": bytes.len()});
        json!({"rfilename": name, "size": bytes.len(), "lfs": lfs})
    };
    json!({"sha": COMMIT, "siblings": files.iter().map(sibling).collect::<Vec<Json>>()})
}

/// Starts a hub, which ends with the process; gives its address.
fn hub(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let files = files(fault);
        let mut transfers = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some((target, from)) = asked(&stream) else { continue };
            let file = target.strip_prefix(&format!("/me/model/resolve/{COMMIT}/"));
            let body = match file {
                None if target.starts_with("/api/models/me/model/revision/main") => {
                    Some(listing(&files).to_string().into_bytes())
                }
                None => None,
                Some(file) => files.get(file).cloned(),
            };
            let Some(mut body) = body else {
                let _ = stream.write_all(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n");
                continue;
            };
            let mut sent = body.len();
            if file == Some(LARGE) {
                transfers += 1;
                if fault == Fault::Changed {
                    body[7] ^= 1;
                }
                if fault == Fault::Broken && transfers == 1 {
                    sent = 70_000;
                }
            }
            // A client that has seen enough hangs up.
            let _ = answer(&mut stream, &body, from, sent);
        }
    });
    address
}

/// What is asked for, and the byte from which on.
fn asked(stream: &TcpStream) -> Option<(String, usize)> {
    let mut lines = BufReader::new(stream).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut from = 0;
    for line in lines {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.strip_suffix('-')?.parse().ok()?;
        }
    }
    Some((target, from))
}

fn answer(stream: &mut TcpStream, body: &[u8], from: usize, sent: usize) -> std::io::Result<()> {
    let len = body.len();
    let mut head = match from {
        0 => "HTTP/1.1 200 X\r\n".to_owned(),
        _ => format!("HTTP/1.1 206 X\r\ncontent-range: bytes {from}-{}/{len}\r\n", len - 1),
    };
    write!(head, "connection: close\r\ncontent-length: {}\r\n\r\n", len - from).unwrap();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[from..sent.max(from)])?;
    stream.flush()
}

const PULL: [&str; 5] = ["models", "pull", "me/model", "--out", "model"];

fn at(mut command: Command, address: &str) -> Command {
    command.env("HF_ENDPOINT", address);
    command
}

fn has_weights(folder: &Path) -> bool {
    fs::read(folder.join("model").join(LARGE)).is_ok_and(|bytes| bytes == weights())
}

#[test]
fn a_broken_transfer_is_gone_on_with_and_what_came_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = good(at(hyfunc(folder, &PULL), &hub(Fault::Broken)));
    assert!(text.contains(&format!("me/model@{COMMIT} is in model: 2 files")), "{text}");
    assert!(has_weights(folder));
    let text = good(hyfunc(folder, &["models", "verify", "model"]));
    assert!(text.contains("2 files stand as they were fetched"), "{text}");
    fs::write(folder.join("model").join(LARGE), "other").unwrap();
    let mut verify = hyfunc(folder, &["models", "verify", "model"]);
    let verified = verify.output().unwrap();
    assert!(!verified.status.success());
    let text = String::from_utf8_lossy(&verified.stdout);
    assert!(text.contains("pull it again") && text.contains(LARGE), "{text}");
}

#[test]
fn a_wrong_hash_and_a_missing_shard_leave_nothing_that_looks_whole() {
    for (fault, parts) in [
        (Fault::Changed, [LARGE, "pull again"]),
        (Fault::Shard, ["model-00002-of-00002.safetensors", "take another revision"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let error = bad(at(hyfunc(folder, &PULL), &hub(fault)));
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
        assert!(!folder.join("model").join(LARGE).exists());
        bad(hyfunc(folder, &["models", "verify", "model"]));
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_the_next_pull_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let address = hub(Fault::None);
    let error = bad(at(cramped(folder, BLOCKS, &PULL), &address));
    assert!(error.contains("the disk is full") && error.contains("pull again"), "{error}");
    assert!(!has_weights(folder));
    good(at(hyfunc(folder, &PULL), &address));
    assert!(has_weights(folder));
}
