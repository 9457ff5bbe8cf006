//! What is made of the library's functions is the same wherever it comes from: the models, memory,
//! or the folder of an earlier start.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{
    Candidate, Cascade, CascadeConfig, CascadeError, DecodeRequest, Prepared, ToolChoice,
};
use hyfunc_functions::Function;
use support::{OwnFiles, plain_function, wide_function};

const QUERIES: [&str; 3] =
    ["weather in Paris for 3 days", "Rome 2, then \"New York\" at 18:30", "x"];

fn functions() -> Vec<Arc<Function>> {
    let plain = ["forecast", "history", "tides"].map(plain_function);
    plain.into_iter().chain([wide_function()]).collect()
}

fn in_folder(folder: &Path) -> CascadeConfig {
    let prepared_dir = Some(folder.to_owned());
    CascadeConfig { prepared_dir, value_tokens_max: 4, threads: 2, ..CascadeConfig::default() }
}

fn without_folder() -> CascadeConfig {
    CascadeConfig { value_tokens_max: 4, ..CascadeConfig::default() }
}

fn cascade(files: &OwnFiles, config: &CascadeConfig) -> Cascade {
    Cascade::new(files.load(|_, _| ()).unwrap(), config).unwrap()
}

/// Everything that can be seen of functions and of what is decided with them, to the last bit.
async fn seen(cascade: &Cascade, prepared: Vec<Arc<Prepared>>) -> Vec<String> {
    let vectors = prepared.iter().map(|prepared| {
        let bits: Vec<u32> = prepared.vector().iter().map(|number| number.to_bits()).collect();
        format!("{bits:?} {} {}", prepared.block_tokens(), prepared.block_bytes())
    });
    let mut seen: Vec<String> = vectors.collect();
    let candidates: Vec<Candidate> =
        prepared.into_iter().map(|prepared| Candidate { prepared, score: 1.0 }).collect();
    for query in QUERIES {
        let deadline = Instant::now() + Duration::from_secs(120);
        let intent = cascade.distil(query, deadline).await.unwrap();
        let request = DecodeRequest {
            query: query.into(),
            earlier: Vec::new(),
            intent,
            candidates: candidates.clone(),
            choice: ToolChoice::Required,
            calls_max: 3,
            deadline,
        };
        // A pattern may be out of reach for random weights: then that is the same, too.
        let decoded = cascade.decode(request).await;
        seen.push(decoded.map_or_else(|error| error.to_string(), |decoded| format!("{decoded:?}")));
    }
    seen
}

async fn of_library(files: &OwnFiles, config: &CascadeConfig) -> Vec<String> {
    let cascade = cascade(files, config);
    let prepared = cascade.prepare_library(functions()).await.unwrap();
    seen(&cascade, prepared).await
}

/// As the models make it for one request, with nothing kept anywhere.
async fn plainly(files: &OwnFiles) -> Vec<String> {
    let cascade = cascade(files, &without_folder());
    let prepared = cascade.prepare(functions()).await.unwrap();
    seen(&cascade, prepared).await
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test]
async fn every_way_gives_the_same_bits() {
    let files = OwnFiles::random();
    let root = tempfile::tempdir().unwrap();
    let plain = plainly(&files).await;
    let no_memory = CascadeConfig { blocks_bytes_max: 0, ..without_folder() };
    let kept = in_folder(&root.path().join("a/b"));
    let kept_without_memory = CascadeConfig { blocks_bytes_max: 0, ..kept.clone() };
    for (way, config) in [
        ("in memory", without_folder()),
        ("read anew at every request", no_memory),
        ("first start", kept.clone()),
        ("second start", kept),
        ("from the disk at every request", kept_without_memory),
    ] {
        assert_eq!(of_library(&files, &config).await, plain, "{way}");
    }
}

#[tokio::test]
async fn the_second_start_writes_nothing() {
    let files = OwnFiles::random();
    let root = tempfile::tempdir().unwrap();
    of_library(&files, &in_folder(root.path())).await;
    let first = contents(root.path());
    assert_eq!(first.len(), 2 * functions().len());
    // Whatever is written again gets another place on the disk.
    let places = || -> Vec<u64> {
        use std::os::unix::fs::MetadataExt as _;
        let path = |name: &String| fs::metadata(root.path().join(name)).unwrap().ino();
        first.keys().map(path).collect()
    };
    let before = places();
    of_library(&files, &in_folder(root.path())).await;
    assert_eq!(places(), before);
    assert_eq!(contents(root.path()), first);
}

#[tokio::test]
async fn what_is_damaged_is_made_anew() {
    let files = OwnFiles::random();
    let root = tempfile::tempdir().unwrap();
    let whole = of_library(&files, &in_folder(root.path())).await;
    let good = contents(root.path());
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [(&str, Damage); 4] = [
        ("emptied", |_| Vec::new()),
        ("cut", |bytes| bytes[..bytes.len() / 2].to_vec()),
        ("one bit", |bytes| {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }),
        ("something else", |_| b"something else".to_vec()),
    ];
    for (what, damage) in damages {
        for part in [".head", ".block", ""] {
            for (name, bytes) in good.iter().filter(|(name, _)| name.ends_with(part)) {
                fs::write(root.path().join(name), damage(bytes)).unwrap();
            }
            let seen = of_library(&files, &in_folder(root.path())).await;
            assert_eq!(seen, whole, "{what}: {part}");
            assert!(contents(root.path()) == good, "{what}: {part}");
        }
    }
    // The file of another function under the name of this one.
    let heads: Vec<&String> = good.keys().filter(|name| name.ends_with(".head")).collect();
    fs::write(root.path().join(heads[0]), &good[heads[1]]).unwrap();
    assert_eq!(of_library(&files, &in_folder(root.path())).await, whole);
    assert!(contents(root.path()) == good);
}

#[tokio::test]
async fn functions_of_one_request_are_kept_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let cascade = cascade(&OwnFiles::random(), &in_folder(root.path()));
    let prepared = cascade.prepare(functions()).await.unwrap();
    assert!(prepared.iter().all(|prepared| prepared.block_bytes() > 0));
    assert!(contents(root.path()).is_empty());
    assert_eq!(cascade.block_bytes(), 0);
}

#[tokio::test]
async fn other_weights_read_for_themselves() {
    let (one, other) = (OwnFiles::random(), OwnFiles::random());
    let root = tempfile::tempdir().unwrap();
    of_library(&one, &in_folder(root.path())).await;
    let of_one = contents(root.path());
    assert_eq!(of_library(&other, &in_folder(root.path())).await, plainly(&other).await);
    let both = contents(root.path());
    assert_eq!(both.len(), 2 * of_one.len());
    assert!(of_one.iter().all(|(name, bytes)| both.get(name) == Some(bytes)));
}

#[tokio::test]
async fn a_folder_without_room_costs_time_alone() {
    let files = OwnFiles::random();
    let plain = plainly(&files).await;
    for prepared_bytes_max in [0, 1, 3_000] {
        let root = tempfile::tempdir().unwrap();
        let config = CascadeConfig { prepared_bytes_max, ..in_folder(root.path()) };
        for start in ["first", "second"] {
            let seen = of_library(&files, &config).await;
            assert_eq!(seen, plain, "{start} start within {prepared_bytes_max} bytes");
            let bytes: usize = contents(root.path()).values().map(Vec::len).sum();
            assert!(bytes as u64 <= prepared_bytes_max, "{bytes}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_is_read_only_serves() {
    let files = OwnFiles::random();
    let root = tempfile::tempdir().unwrap();
    let kept = root.path().join("kept");
    let whole = of_library(&files, &in_folder(&kept)).await;
    let mode = |mode| fs::set_permissions(&kept, fs::Permissions::from_mode(mode)).unwrap();
    let good = contents(&kept);
    mode(0o500);
    assert_eq!(of_library(&files, &in_folder(&kept)).await, whole);
    mode(0o700);
    assert!(contents(&kept) == good);
    // Of half the library, the other half cannot be kept.
    for name in good.keys().step_by(2) {
        fs::remove_file(kept.join(name)).unwrap();
    }
    mode(0o500);
    assert_eq!(of_library(&files, &in_folder(&kept)).await, whole);
    mode(0o700);
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, b"x").unwrap();
    let tiny = OwnFiles::random().load(|_, _| ()).unwrap();
    let error = Cascade::new(tiny, &in_folder(&file)).err().unwrap();
    assert!(matches!(error, CascadeError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn blocks_in_memory_are_bounded() {
    let files = OwnFiles::random();
    let whole = cascade(&files, &without_folder());
    let prepared = whole.prepare_library(functions()).await.unwrap();
    let each: Vec<usize> = prepared.iter().map(|prepared| prepared.block_bytes()).collect();
    assert_eq!(whole.block_bytes(), each.iter().sum::<usize>());
    let blocks_bytes_max = each.iter().max().unwrap() + 1;
    let config = CascadeConfig { blocks_bytes_max, ..without_folder() };
    let bounded = cascade(&files, &config);
    let prepared = bounded.prepare_library(functions()).await.unwrap();
    assert!(bounded.block_bytes() <= blocks_bytes_max);
    seen(&bounded, prepared).await;
    assert!((1..=blocks_bytes_max).contains(&bounded.block_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gateways_share_a_folder() {
    let files = OwnFiles::random();
    let root = tempfile::tempdir().unwrap();
    let config = in_folder(root.path());
    let plain = plainly(&files).await;
    let one = tokio::join!(
        of_library(&files, &config),
        of_library(&files, &config),
        of_library(&files, &config)
    );
    for seen in [one.0, one.1, one.2] {
        assert_eq!(seen, plain);
    }
    assert_eq!(contents(root.path()).len(), 2 * functions().len());
    assert_eq!(of_library(&files, &config).await, plain);
}
