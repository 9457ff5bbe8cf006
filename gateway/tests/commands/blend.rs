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
    let words = |folder: &std::path::Path| fs::read(folder.join("words.safetensors")).unwrap();
    assert!(words(&folder.path().join("out")) == words(&tiny), "the table is the first's");
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
    // The same weights without the table of words that they were trained with.
    let wordless = folder.path().join("wordless");
    fs::create_dir(&wordless).unwrap();
    for entry in fs::read_dir(&copy).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), wordless.join(entry.file_name())).unwrap();
    }
    let path = wordless.join("cascade.json");
    let mut config: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("words_sha256").unwrap();
    fs::write(&path, config.to_string()).unwrap();
    let before = fs::read(copy.join("small.safetensors")).unwrap();
    for (typed, said) in [
        (&[models, models, "--out", "out", "--share", "1.5"][..], "from 0, the first models"),
        (&[models, "nowhere", "--out", "out"], "nowhere"),
        (&[models, "wordless", "--out", "out"], "its words.safetensors is another one"),
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
