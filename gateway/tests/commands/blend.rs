//! What `hyfunc train blend` writes, and what it refuses.

use std::fs;

use serde_json::Value as Json;

use crate::support::{bad, good, hyfunc, sources};

#[test]
fn between_models_and_themselves_lie_those_models() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = sources().join("cascade/models/tiny");
    let models = tiny.to_str().unwrap();
    let text = good(hyfunc(folder.path(), &["train", "blend", models, models, "--out", "out"]));
    for name in ["large.safetensors", "small.safetensors", "tokenizer.json", "cascade.json"] {
        assert!(folder.path().join("out").join(name).exists(), "{name}");
    }
    let config = |folder: &std::path::Path| -> Json {
        serde_json::from_slice(&fs::read(folder.join("cascade.json")).unwrap()).unwrap()
    };
    let (before, after) = (config(&tiny), config(&folder.path().join("out")));
    for key in ["call_threshold", "more_threshold", "again_threshold", "cosine_weight"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    for key in ["large_sha256", "small_sha256"] {
        assert!(text.contains(after[key].as_str().unwrap()), "{text}");
    }
    // What is between a model and itself is itself.
    let again = ["train", "blend", "out", models, "--share", "0.3", "--out", "again"];
    good(hyfunc(folder.path(), &again));
    for name in ["large.safetensors", "small.safetensors"] {
        let read = |place: &str| fs::read(folder.path().join(place).join(name)).unwrap();
        assert!(read("again") == read("out"), "{name}");
    }
}

#[test]
fn what_cannot_be_blended_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = sources().join("cascade/models/tiny");
    let models = tiny.to_str().unwrap();
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&tiny).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let before = fs::read(copy.join("small.safetensors")).unwrap();
    for (typed, said) in [
        (&[models, models, "--out", "out", "--share", "1.5"][..], "from 0, the first models"),
        (&[models, "nowhere", "--out", "out"], "nowhere"),
        (&["copy", models, "--out", "copy"], "another folder with --out"),
        (&[models, "copy", "--out", "copy/../copy"], "another folder with --out"),
    ] {
        let command = [&["train", "blend"], typed].concat();
        let error = bad(hyfunc(folder.path(), &command));
        assert!(error.contains(said), "{error}");
        assert!(!folder.path().join("out").exists(), "{typed:?}");
    }
    assert_eq!(fs::read(copy.join("small.safetensors")).unwrap(), before);
}
