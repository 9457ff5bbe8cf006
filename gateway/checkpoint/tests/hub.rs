//! Pulls from a server on this machine that speaks the hub's protocol, and breaks it as hubs do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyfunc_checkpoint::hub::{
    Disk, Files, Hub, HubError, HubSettings, MANIFEST, Manifest, Name, Unseen,
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const COMMIT: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
const LARGE: &str = "model.safetensors";

/// What a client sent.
#[derive(Clone, Debug)]
struct Asked {
    target: String,
    headers: BTreeMap<String, String>,
}

/// What is answered.
#[derive(Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes after which the line is cut.
    cut: Option<usize>,
}

type Handler = Box<dyn Fn(&Asked, usize) -> Answer + Send>;

/// A server; its handler is told which request of the same target it is, from 0 on.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let before = {
                    let mut seen = seen.lock().unwrap();
                    let same = |other: &&Asked| other.target == request.target;
                    let before = seen.iter().filter(same).count();
                    seen.push(request.clone());
                    before
                };
                // A client that has seen enough hangs up.
                let _ = write(&mut stream, handler(&request, before));
            }
        });
        Self { address, asked }
    }

    fn asked(&self, target: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.target.contains(target)).cloned().collect()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Asked { target, headers })
}

fn write(stream: &mut TcpStream, answer: Answer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", answer.body.len()).unwrap();
    stream.write_all(head.as_bytes())?;
    let sent = answer.cut.unwrap_or(answer.body.len());
    stream.write_all(&answer.body[..sent])?;
    stream.flush()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Bytes that no shift of themselves equals.
fn weights() -> Vec<u8> {
    (0..40_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// The files of a small checkpoint.
fn checkpoint() -> BTreeMap<String, Vec<u8>> {
    [
        ("config.json", b"{}".to_vec()),
        ("tokenizer.json", b"{\"a\": 1}".to_vec()),
        ("README.md", b"not needed".to_vec()),
        ("pytorch_model.bin", b"not needed either".to_vec()),
        (LARGE, weights()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// As the hub lists them: the hash of large files alone.
fn listing(files: &BTreeMap<String, Vec<u8>>) -> Json {
    let sibling = |(name, bytes): (&String, &Vec<u8>)| {
        let lfs = json!({"sha256": sha256(bytes), "size": bytes.len()});
        let lfs = if bytes.len() > 1_000 { lfs } else { Json::Null };
        json!({"rfilename": name, "size": bytes.len(), "lfs": lfs})
    };
    json!({"sha": COMMIT, "siblings": files.iter().map(sibling).collect::<Vec<Json>>()})
}

fn ok(body: Vec<u8>) -> Answer {
    Answer { status: 200, body, ..Answer::default() }
}

fn status(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

/// A file, or what is behind the byte that was asked for.
fn ranged(asked: &Asked, bytes: &[u8]) -> Answer {
    let Some(range) = asked.headers.get("range") else { return ok(bytes.to_vec()) };
    let from: usize =
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
    if from >= bytes.len() {
        return status(416);
    }
    let told = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
    Answer {
        status: 206,
        headers: vec![("content-range", told)],
        body: bytes[from..].to_vec(),
        cut: None,
    }
}

/// A hub that does as it should, but where `instead` has something else to say.
fn hub_of(
    files: BTreeMap<String, Vec<u8>>,
    instead: impl Fn(&Asked, usize) -> Option<Answer> + Send + 'static,
) -> Server {
    Server::start(Box::new(move |asked, before| {
        if let Some(answer) = instead(asked, before) {
            return answer;
        }
        if asked.target == "/api/models/me/model/revision/main?blobs=true" {
            return ok(listing(&files).to_string().into_bytes());
        }
        let file = asked.target.strip_prefix(&format!("/me/model/resolve/{COMMIT}/"));
        match file.and_then(|file| files.get(file)) {
            Some(bytes) => ranged(asked, bytes),
            None => status(404),
        }
    }))
}

fn settings(server: &Server) -> HubSettings {
    HubSettings { endpoint: server.address.clone(), token: None, pause_ms: 1 }
}

async fn pull_over(
    settings: &HubSettings,
    disk: Arc<dyn Disk>,
    files: &[&str],
    out: &Path,
) -> Result<Manifest, HubError> {
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    let name: Name = "me/model".parse().unwrap();
    Hub::over(settings, disk)?.pull(&name, &files, out, &Unseen).await
}

async fn pull(server: &Server, out: &TempDir) -> Result<Manifest, HubError> {
    pull_over(&settings(server), Arc::new(Files), &[], out.path()).await
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_target(asked: &Asked, file: &str) -> bool {
    asked.target.ends_with(&format!("/{file}"))
}

#[tokio::test]
async fn what_is_needed_is_fetched_once_and_told_with_its_hashes() {
    let hub = hub_of(checkpoint(), |_, _| None);
    let out = tempfile::tempdir().unwrap();
    let manifest = pull(&hub, &out).await.unwrap();
    assert_eq!(names(&out), ["config.json", MANIFEST, LARGE, "tokenizer.json"]);
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
    assert_eq!(manifest.commit, COMMIT);
    let large = manifest.files.iter().find(|file| file.path == LARGE).unwrap();
    assert_eq!((large.bytes, large.is_vouched), (160_000, true));
    assert_eq!(large.sha256, sha256(&weights()));
    assert_eq!(Manifest::read(out.path()).unwrap(), manifest);
    assert!(manifest.verify(out.path()).is_empty());

    assert_eq!(pull(&hub, &out).await.unwrap(), manifest);
    assert_eq!(hub.asked("/resolve/").len(), 3, "what is there is not fetched again");
    std::fs::write(out.path().join(LARGE), vec![0; 160_000]).unwrap();
    assert_eq!(manifest.verify(out.path()).len(), 1);
    pull(&hub, &out).await.unwrap();
    assert_eq!(hub.asked("/resolve/").len(), 4, "what was changed is");
    assert!(manifest.verify(out.path()).is_empty());
}

#[tokio::test]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let hub = hub_of(checkpoint(), |asked, before| {
        let cut = [70_000, 10_000, 0].get(before).copied()?;
        is_target(asked, LARGE).then(|| Answer { cut: Some(cut), ..ranged(asked, &weights()) })
    });
    let out = tempfile::tempdir().unwrap();
    pull(&hub, &out).await.unwrap();
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
    let ranges: Vec<Option<String>> =
        hub.asked(LARGE).iter().map(|asked| asked.headers.get("range").cloned()).collect();
    let from = |byte: u32| Some(format!("bytes={byte}-"));
    assert_eq!(ranges, [None, from(70_000), from(80_000), from(80_000)]);
}

#[tokio::test]
async fn a_transfer_that_always_breaks_is_given_up_and_gone_on_with_by_the_next_pull() {
    let hub = hub_of(checkpoint(), |asked, before| {
        let is_cut = is_target(asked, LARGE) && before < 6;
        is_cut.then(|| Answer { cut: Some(1_000), ..ranged(asked, &weights()) })
    });
    let out = tempfile::tempdir().unwrap();
    let error = pull(&hub, &out).await.unwrap_err();
    assert!(matches!(error, HubError::Broken { bytes: 6_000, .. }), "{error}");
    assert!(!out.path().join(LARGE).exists() && !out.path().join(MANIFEST).exists());
    pull(&hub, &out).await.unwrap();
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
    let last = hub.asked(LARGE).pop().unwrap();
    assert_eq!(last.headers["range"], "bytes=6000-");
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_of_it_again() {
    let hub = hub_of(checkpoint(), |asked, before| {
        let whole = || ok(weights());
        let cut = || Answer { cut: Some(500), ..whole() };
        is_target(asked, LARGE).then(|| if before == 0 { cut() } else { whole() })
    });
    let out = tempfile::tempdir().unwrap();
    pull(&hub, &out).await.unwrap();
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
}

#[tokio::test]
async fn a_wrong_hash_is_refused_and_nothing_of_it_stays() {
    let hub = hub_of(checkpoint(), |asked, _| {
        let mut changed = weights();
        changed[7] ^= 1;
        is_target(asked, LARGE).then(|| ok(changed))
    });
    let out = tempfile::tempdir().unwrap();
    let error = pull(&hub, &out).await.unwrap_err();
    assert!(matches!(&error, HubError::Hash { file, .. } if file == LARGE), "{error}");
    assert_eq!(names(&out), ["config.json", "tokenizer.json"]);
    assert_eq!(hub.asked(LARGE).len(), 1, "a second attempt would be no better");
}

/// Of small files a hub tells git's hash alone.
#[tokio::test]
async fn a_small_file_is_held_against_the_hash_that_git_has_of_it() {
    // `git hash-object` of `{}`.
    let config = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
    for (told, is_good) in [(config, true), ("0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c", false)] {
        let hub = hub_of(checkpoint(), move |asked, _| {
            let mut listing = listing(&checkpoint());
            for sibling in listing["siblings"].as_array_mut().unwrap() {
                if sibling["rfilename"] == "config.json" {
                    sibling["blobId"] = json!(told);
                } else if sibling["lfs"].is_object() {
                    // That of a pointer, which the file itself is not.
                    sibling["blobId"] = json!(COMMIT);
                }
            }
            asked.target.starts_with("/api/").then(|| ok(listing.to_string().into_bytes()))
        });
        let out = tempfile::tempdir().unwrap();
        match (pull(&hub, &out).await, is_good) {
            (Ok(manifest), true) => {
                let vouched = |path: &str| {
                    manifest.files.iter().find(|file| file.path == path).map(|file| file.is_vouched)
                };
                assert_eq!(vouched("config.json"), Some(true));
                assert_eq!(vouched("tokenizer.json"), Some(false), "nobody told its hash");
                assert!(manifest.verify(out.path()).is_empty());
            }
            (Err(HubError::Hash { file, .. }), false) => {
                assert_eq!(file, "config.json");
                assert!(names(&out).is_empty());
            }
            (other, _) => panic!("{told}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_hash_that_is_told_on_the_way_counts_and_the_token_stays_with_the_hub() {
    let away = Server::start(Box::new(|asked, _| ranged(asked, &weights())));
    let (there, wrong) = (format!("{}/blob?x=1", away.address), sha256(b"other"));
    let hub = hub_of(checkpoint(), move |asked, before| {
        if asked.target.starts_with("/api/") {
            let bare = json!({"sha": COMMIT, "siblings": [{"rfilename": LARGE}]});
            return Some(ok(bare.to_string().into_bytes()));
        }
        let tag = if before == 0 { sha256(&weights()) } else { wrong.clone() };
        let headers = vec![
            ("location", there.clone()),
            ("x-linked-etag", format!("\"{tag}\"")),
            ("x-linked-size", "160000".to_owned()),
        ];
        is_target(asked, LARGE).then(|| Answer { status: 302, headers, ..Answer::default() })
    });
    let secret = HubSettings { token: Some("hf_secret".into()), ..settings(&hub) };
    let out = tempfile::tempdir().unwrap();
    let manifest = pull_over(&secret, Arc::new(Files), &[], out.path()).await.unwrap();
    assert!(manifest.files[0].is_vouched);
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
    assert_eq!(hub.asked(LARGE)[0].headers["authorization"], "Bearer hf_secret");
    let blobs = away.asked("/blob?x=1");
    assert_eq!(blobs.len(), 1);
    assert!(!blobs[0].headers.contains_key("authorization"));

    let out = tempfile::tempdir().unwrap();
    let error = pull_over(&secret, Arc::new(Files), &[], out.path()).await.unwrap_err();
    assert!(matches!(error, HubError::Hash { .. }), "{error}");
}

#[tokio::test]
async fn a_shard_that_is_not_there_is_found_before_any_weight_is_fetched() {
    let index = json!({"weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
    }});
    let mut files = checkpoint();
    files.remove(LARGE);
    files.insert("model.safetensors.index.json".into(), index.to_string().into_bytes());
    files.insert("model-00001-of-00002.safetensors".into(), weights());
    let hub = hub_of(files.clone(), |_, _| None);
    let out = tempfile::tempdir().unwrap();
    let error = pull(&hub, &out).await.unwrap_err();
    let is_named = |shard: &str| shard == "model-00002-of-00002.safetensors";
    assert!(matches!(&error, HubError::MissingShard { shard, .. } if is_named(shard)), "{error}");
    assert!(hub.asked("00001").is_empty());

    files.insert("model-00002-of-00002.safetensors".into(), b"second".to_vec());
    let hub = hub_of(files, |_, _| None);
    pull(&hub, &out).await.unwrap();
    assert!(out.path().join("model-00002-of-00002.safetensors").exists());
}

#[tokio::test]
async fn what_is_not_for_everybody_or_not_there_is_told_at_once() {
    for (code, asks) in [(401, 1), (403, 1), (404, 1), (500, 6)] {
        let hub = hub_of(checkpoint(), move |_, _| Some(status(code)));
        let out = tempfile::tempdir().unwrap();
        let error = pull(&hub, &out).await.unwrap_err();
        let is_right = match code {
            401 | 403 => matches!(error, HubError::Denied { status, .. } if status == code),
            404 => matches!(error, HubError::Unknown { .. }),
            _ => matches!(error, HubError::Down { .. }),
        };
        assert!(is_right, "{code}: {error}");
        assert_eq!(hub.asked("/api/").len(), asks, "{code}");
        assert!(names(&out).is_empty());
    }
}

#[tokio::test]
async fn a_hub_that_asks_to_wait_is_waited_for_but_not_forever() {
    let wait = |seconds: &str| {
        let headers = vec![("retry-after", seconds.to_owned())];
        Answer { status: 429, headers, ..Answer::default() }
    };
    let hub = hub_of(checkpoint(), move |asked, before| {
        (is_target(asked, LARGE) && before < 2).then(|| wait("0"))
    });
    let out = tempfile::tempdir().unwrap();
    pull(&hub, &out).await.unwrap();
    assert_eq!(hub.asked(LARGE).len(), 3);

    for (seconds, asks, told) in [("100000", 1, 100_000), ("0", 6, 0)] {
        let hub = hub_of(checkpoint(), move |_, _| Some(wait(seconds)));
        let error = pull(&hub, &out).await.unwrap_err();
        let is_told = |s: u64| s == told;
        assert!(
            matches!(error, HubError::Busy { status: 429, retry_after_s, .. } if is_told(retry_after_s)),
            "{error}"
        );
        assert_eq!(hub.asked("/api/").len(), asks);
    }
}

/// A disk with room for so many bytes of large files.
struct Small(usize);

struct Room {
    file: Box<dyn Write + Send>,
    bytes_left: usize,
}

impl Disk for Small {
    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        let file = Files.append(path)?;
        Ok(Box::new(Room { file, bytes_left: self.0 }))
    }
}

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(self.bytes_left)];
        if bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let written = self.file.write(bytes)?;
        self.bytes_left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_written_is_gone_on_with() {
    let hub = hub_of(checkpoint(), |_, _| None);
    let out = tempfile::tempdir().unwrap();
    let full = pull_over(&settings(&hub), Arc::new(Small(50_000)), &[], out.path()).await;
    let error = full.unwrap_err();
    assert!(matches!(error, HubError::DiskFull { wanted: Some(160_000), .. }), "{error}");
    assert!(!out.path().join(LARGE).exists());
    pull(&hub, &out).await.unwrap();
    assert_eq!(std::fs::read(out.path().join(LARGE)).unwrap(), weights());
    assert!(hub.asked(LARGE)[1].headers.contains_key("range"));
}

#[tokio::test]
async fn one_gguf_is_taken_and_of_several_one_must_be_chosen() {
    let mut files = checkpoint();
    files.remove(LARGE);
    let hub = hub_of(files.clone(), |_, _| None);
    let out = tempfile::tempdir().unwrap();
    assert!(matches!(pull(&hub, &out).await, Err(HubError::NoWeights { .. })));

    files.insert("m-Q4_K_M.gguf".into(), b"four".to_vec());
    let hub = hub_of(files.clone(), |_, _| None);
    pull(&hub, &out).await.unwrap();
    assert!(out.path().join("m-Q4_K_M.gguf").exists());

    files.insert("m-Q8_0.gguf".into(), b"eight".to_vec());
    let hub = hub_of(files, |_, _| None);
    let error = pull(&hub, &out).await.unwrap_err().to_string();
    assert!(error.contains("--file") && error.contains("m-Q8_0.gguf"), "{error}");
    let chosen = |file: &'static str| {
        let (settings, out) = (settings(&hub), out.path().to_owned());
        async move { pull_over(&settings, Arc::new(Files), &[file], &out).await }
    };
    chosen("m-Q8_0.gguf").await.unwrap();
    assert!(out.path().join("m-Q8_0.gguf").exists());
    assert!(matches!(chosen("other.gguf").await, Err(HubError::NoFile { .. })));
}

#[tokio::test]
async fn files_that_would_lie_elsewhere_are_refused() {
    for path in ["../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", "a\\evil.gguf"] {
        let files = BTreeMap::from([(path.to_owned(), b"x".to_vec())]);
        let hub = hub_of(files, |_, _| None);
        let out = tempfile::tempdir().unwrap();
        let error = pull(&hub, &out).await.unwrap_err();
        assert!(matches!(error, HubError::Outside { .. }), "{path}: {error}");
        assert!(hub.asked("/resolve/").is_empty());
    }
}

#[tokio::test]
async fn answers_that_no_hub_gives_are_refused() {
    let bad = ["", "{}", "[]", "{\"sha\": \"../x\", \"siblings\": []}", "<html>"];
    for body in bad {
        let hub = hub_of(checkpoint(), move |_, _| Some(ok(body.as_bytes().to_vec())));
        let out = tempfile::tempdir().unwrap();
        let error = pull(&hub, &out).await.unwrap_err();
        assert!(matches!(error, HubError::Answer { .. }), "{body}: {error}");
    }
    let forever = |_: &Asked, _| {
        let headers = vec![("location", "/api/again".to_owned())];
        Some(Answer { status: 302, headers, ..Answer::default() })
    };
    let hub = hub_of(checkpoint(), forever);
    let error = pull(&hub, &tempfile::tempdir().unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("redirects more than"), "{error}");
}

#[test]
fn endpoints_that_cannot_be_are_refused_and_no_token_travels_in_the_open() {
    for (endpoint, token, is_good) in [
        ("https://hub.example", Some("t"), true),
        ("http://127.0.0.1:1", Some("t"), true),
        ("http://mirror.example/hub/", None, true),
        ("http://mirror.example", Some("t"), false),
        ("ftp://mirror.example", None, false),
        ("mirror", None, false),
        ("", None, false),
    ] {
        let token = token.map(str::to_owned);
        let settings = HubSettings { endpoint: endpoint.into(), token, pause_ms: 1 };
        assert_eq!(Hub::new(&settings).is_ok(), is_good, "{endpoint}");
    }
}
