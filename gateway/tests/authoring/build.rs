//! What comes between a language's tool and a plugin: a tool of the test's own stands for the real
//! one.

use std::fs;
use std::path::Path;

use hyfunc_functions::docs;

use crate::support::{hyfunc, read, tool};

const FOLDER: &str = "words";

/// The last argument is where the component goes.
const COPY: &str = "for last; do :; done\n/bin/cp ../made.wasm \"$last\"\necho copied";

/// A folder in Python whose tool copies `made.wasm`, with the WIT of a bundled plugin.
fn folder(parent: &Path, wit_of: &str, script: &str) {
    let folder = parent.join(FOLDER);
    fs::create_dir_all(folder.join("wit")).unwrap();
    fs::write(folder.join("app.py"), "").unwrap();
    fs::write(folder.join("wit/world.wit"), bundled(wit_of).wit).unwrap();
    tool(&folder.join(".venv/bin"), "componentize-py", script);
}

fn bundled(name: &str) -> &'static hyfunc_plugins::Bundled {
    hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == name).unwrap()
}

fn build(parent: &Path) -> crate::support::Ran {
    hyfunc(parent, &["plugin", "build", FOLDER])
}

#[test]
fn what_the_tool_made_is_packed_and_its_grants_lie_beside_it() {
    let parent = tempfile::tempdir().unwrap();
    folder(parent.path(), "text", COPY);
    fs::write(parent.path().join("made.wasm"), bundled("text").component).unwrap();
    fs::write(parent.path().join(FOLDER).join("grants.toml"), "[keyvalue]\nstore = true\n")
        .unwrap();
    let built = build(parent.path());
    assert!(
        built.stderr.contains("$ componentize-py -d wit componentize app -o "),
        "{}",
        built.stderr
    );
    assert!(built.stdout.contains("copied"), "what the tool says is not shown: {}", built.stdout);
    let text = built.text();
    for part in [
        "words/dist/words.wasm: ",
        "6 functions",
        "text_count_letter(text: string, letter: char) -> u32",
        "hyfunc serve --plugin words/dist/words.wasm",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let dist = parent.path().join(FOLDER).join("dist");
    let component = fs::read(dist.join("words.wasm")).unwrap();
    let packed = docs::extract(&component).unwrap().unwrap();
    assert_eq!(packed.functions.len(), 6);
    assert!(read(&dist.join("words.grants.toml")).contains("store = true"));
    let mut files: Vec<_> =
        fs::read_dir(&dist).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["words.grants.toml", "words.wasm"], "something else was left");
}

#[test]
fn another_place_and_a_world_can_be_named() {
    let parent = tempfile::tempdir().unwrap();
    folder(parent.path(), "text", &format!("echo \"$@\"\n{COPY}"));
    fs::write(parent.path().join("made.wasm"), bundled("text").component).unwrap();
    let typed = ["plugin", "build", FOLDER, "--world", "plugin", "--out", "out/mine.wasm"];
    let said = hyfunc(parent.path(), &typed).text();
    assert!(said.contains("-d wit -w plugin componentize app"), "{said}");
    assert!(parent.path().join("out/mine.wasm").exists());
    assert!(!parent.path().join(FOLDER).join("dist").exists());
}

/// The tool did something, but not this WIT's component: what was built before stays.
#[test]
fn what_does_not_fit_is_refused_and_leaves_the_last_build() {
    let module = b"\0asm\x01\0\0\0".as_slice();
    for (made, script, said) in [
        (bundled("units").component, COPY, "exports no such function"),
        (module, COPY, "core module"),
        (b"<html>", COPY, "no WebAssembly binary"),
        (b"", COPY, "it is empty"),
        (module, "echo it broke >&2\nexit 3", "failed (exit status: 3)"),
        (module, "exit 0", ".unpacked.wasm"),
    ] {
        let parent = tempfile::tempdir().unwrap();
        folder(parent.path(), "text", script);
        fs::write(parent.path().join("made.wasm"), made).unwrap();
        let dist = parent.path().join(FOLDER).join("dist");
        fs::create_dir(&dist).unwrap();
        fs::write(dist.join("words.wasm"), "the last build").unwrap();
        let error = build(parent.path()).error();
        assert!(error.contains(said), "`{said}` is not in {error}");
        assert!(!script.contains("it broke") || error.contains("it broke"), "{error}");
        assert_eq!(read(&dist.join("words.wasm")), "the last build");
        assert_eq!(fs::read_dir(&dist).unwrap().count(), 1, "half a build was left: {said}");
    }
}
