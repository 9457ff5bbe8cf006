//! What `hyfunc train words` makes of an encoder, and what it refuses.

use std::fs;

use crate::support::{bad, good, hyfunc, sources};

#[test]
fn a_table_is_made_that_models_are_trained_and_served_with() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = sources().join("checkpoint/tests/parity/bert");
    let encoder = encoder.to_str().unwrap();
    let train = ["train", "words", "--encoder", encoder, "--width", "8", "--steps", "2"];
    let text = good(hyfunc(folder.path(), &train));
    assert!(text.contains("among five") && text.contains("as the encoder has it"), "{text}");
    let run = folder.path().join("words.hyfunc-run");
    for name in ["settings.json", "words.checkpoint", "words.svg", "models/words.safetensors"] {
        assert!(run.join(name).is_file(), "{name}");
    }
    let error = bad(hyfunc(folder.path(), &train));
    assert!(error.contains("--resume"), "{error}");
    let table = fs::read(run.join("models/words.safetensors")).unwrap();
    good(hyfunc(folder.path(), &[&train[..], &["--resume"]].concat()));
    assert!(fs::read(run.join("models/words.safetensors")).unwrap() == table, "the same again");

    // Models that begin with a folder take its table.
    let from = folder.path().join("from");
    fs::create_dir(&from).unwrap();
    for entry in fs::read_dir(sources().join("cascade/models/tiny")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), from.join(entry.file_name())).unwrap();
    }
    fs::write(from.join("words.safetensors"), &table).unwrap();
    let blend = ["train", "blend", "from", "from", "--out", "out"];
    let error = bad(hyfunc(folder.path(), &blend));
    assert!(error.contains("words.safetensors is damaged: its SHA-256"), "{error}");
    let tiny = ["train", "tiny", "--from", "from", "--steps-large", "0", "--steps-small", "0"];
    good(hyfunc(folder.path(), &tiny));
    let models = folder.path().join("tiny.hyfunc-run/models");
    assert!(fs::read(models.join("words.safetensors")).unwrap() == table);
    let set = format!("models.dir={}", models.display());
    let requests = sources().join("../tests/heldout/dev.jsonl");
    good(hyfunc(folder.path(), &["eval", "requests", requests.to_str().unwrap(), "--set", &set]));
}

#[test]
fn what_is_no_encoder_of_word_pieces_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = sources().join("cascade/models/tiny");
    for (encoder, said) in [(tiny.to_str().unwrap(), "config.json"), ("nowhere", "nowhere")] {
        let error = bad(hyfunc(folder.path(), &["train", "words", "--encoder", encoder]));
        assert!(error.contains(said), "{error}");
    }
    let encoder = sources().join("checkpoint/tests/parity/bert");
    let wide = ["train", "words", "--encoder", encoder.to_str().unwrap(), "--width", "33"];
    let error = bad(hyfunc(folder.path(), &wide));
    assert!(error.contains("32 numbers") && error.contains("--width"), "{error}");
}
