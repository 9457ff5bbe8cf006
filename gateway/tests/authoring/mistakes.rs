//! What is typed wrong, what is missing, and what the program says about it.

use std::fs;

use crate::support::{command, hyfunc, run, tool};

fn assert_said(error: &str, said: &[&str]) {
    for part in said {
        assert!(error.contains(part), "`{part}` is not in {error}");
    }
}

#[test]
fn new_plugins_that_cannot_be() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("taken")).unwrap();
    for (arguments, said) in [
        (&["Tides"][..], "small letters"),
        (&["tide_tables"], "joined by hyphens"),
        (&["../tides"], "small letters"),
        (&["string"], "keeps for itself"),
        (&["weather"], "comes with the gateway"),
        (&["taken"], "exists already"),
        (&["tides", "--lang", "cobol"], "rust, python, js, c"),
        (&["tides", "--dir", "nowhere"], "nowhere"),
        (&[], "<NAME>"),
    ] {
        let typed: Vec<&str> = ["plugin", "new"].iter().chain(arguments).copied().collect();
        assert_said(&hyfunc(parent.path(), &typed).error(), &[said]);
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "something was left behind");
    assert_eq!(fs::read_dir(parent.path().join("taken")).unwrap().count(), 0);
}

#[test]
fn folders_that_cannot_be_built() {
    let parent = tempfile::tempdir().unwrap();
    let make = |name: &str, files: &[(&str, &str)]| {
        for (file, text) in files {
            let path = parent.path().join(name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    };
    make("empty", &[("README.md", "")]);
    make("two", &[("Cargo.toml", ""), ("package.json", "{}")]);
    make("no-wit", &[("app.py", "")]);
    make("empty-wit", &[("app.py", ""), ("wit/README.md", "")]);
    let broken = "package local:broken@0.1.0;\n\nworld plugin {\n  export oops\n}\n";
    make("broken", &[("app.py", ""), ("wit/world.wit", broken)]);
    let tag = "package a:b;\ninterface i {\n  /// Adds.\n  /// @exmaple \"x\" {}\n  add: func();\n}\n\
               world w {\n  export i;\n}\n";
    make("tag", &[("app.py", ""), ("wit/world.wit", tag)]);
    let whole = "package a:b;\ninterface i { add: func(); }\nworld w { export i; }\n";
    make("grants", &[("app.py", ""), ("wit/w.wit", whole), ("grants.toml", "[files]\n")]);
    for (folder, said) in [
        ("nothing", &["no folder"][..]),
        ("empty", &["no Cargo.toml", "hyfunc plugin new"]),
        ("two", &["rust and js", "--lang"]),
        ("no-wit", &["no .wit file"]),
        ("empty-wit", &["no .wit file"]),
        ("broken", &["world.wit:5"]),
        ("tag", &["`@exmaple` is no tag", "a:b/i#add"]),
        ("grants", &["grants.toml", "files"]),
    ] {
        let error = hyfunc(parent.path(), &["plugin", "build", folder]).error();
        assert_said(&error, said);
        assert!(!parent.path().join(folder).join("dist").exists(), "{folder}");
    }
}

/// What each language says where its tools are missing, one tool after the other.
#[test]
fn missing_tools_are_named_with_what_to_install() {
    let parent = tempfile::tempdir().unwrap();
    /// A language, and what is said while one tool after the other is still missing.
    type Step<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])]);
    let steps: &[Step<'_>] = &[
        (
            "rust",
            &[("cargo", &["`cargo` is missing", "rustup", "wasm32-wasip2"]), ("", &["`rustc`"])],
        ),
        ("python", &[("", &["`componentize-py` is missing", "pip install componentize-py=="])]),
        ("js", &[("node", &["`node` is missing", "Node.js 20"]), ("", &["`jco`", "npm install"])]),
        (
            "c",
            &[
                ("wit-bindgen", &["`wit-bindgen` is missing", "cargo install wit-bindgen-cli"]),
                ("clang", &["`clang` is missing", "wasi-libc", "WASI_SDK_PATH"]),
                ("", &["`wasm-ld` is missing", "apt-get install"]),
            ],
        ),
    ];
    for (language, tools) in steps {
        let name = format!("in-{language}");
        hyfunc(parent.path(), &["plugin", "new", &name, "--lang", language]).text();
        let path = parent.path().join(format!("tools-of-{language}"));
        fs::create_dir(&path).unwrap();
        for (next, said) in *tools {
            let mut building = command(parent.path(), &["plugin", "build", &name]);
            building.env("PATH", &path);
            assert_said(&run(building).error(), said);
            if !next.is_empty() {
                tool(&path, next, "exit 3");
            }
        }
        assert!(!parent.path().join(&name).join("dist").join(format!("{name}.wasm")).exists());
    }
}

#[test]
fn a_toolchain_without_the_target_is_told_so() {
    let parent = tempfile::tempdir().unwrap();
    hyfunc(parent.path(), &["plugin", "new", "tides"]).text();
    let path = parent.path().join("tools");
    tool(&path, "cargo", "exit 3");
    tool(&path, "rustc", "echo /nowhere/lib");
    let mut building = command(parent.path(), &["plugin", "build", "tides"]);
    building.env("PATH", &path);
    assert_said(&run(building).error(), &["rustup target add wasm32-wasip2"]);
}

#[test]
fn plugins_that_are_not_there() {
    let parent = tempfile::tempdir().unwrap();
    hyfunc(parent.path(), &["plugin", "new", "tides"]).text();
    fs::write(parent.path().join("text.wasm"), "no component").unwrap();
    for (arguments, said) in [
        (&["check", "nothing.wasm"][..], &["neither a file nor a bundled plugin", "calc"][..]),
        (&["check", "tides"], &["tides.wasm is not there yet", "hyfunc plugin build tides"]),
        (&["test", "tides"], &["hyfunc plugin build tides"]),
        (&["test", "text.wasm"], &["no WebAssembly binary"]),
        (&["call", "tides", "greet"], &["hyfunc plugin build tides"]),
        (&["call", "text.wasm", "greet"], &["no WebAssembly binary"]),
        (&["call", "text", "count_wrods"], &["no function is called `count_wrods`"]),
        (&["call", "text", "count_words", "{\"txt\": 1}"], &["arguments of `text_count_words`"]),
        (&["inspect", "tides"], &["hyfunc plugin build tides"]),
    ] {
        let typed: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
        assert_said(&hyfunc(parent.path(), &typed).error(), said);
    }
    // What can be judged is judged: the report is printed, and the end is no good one.
    let checked = hyfunc(parent.path(), &["plugin", "check", "text.wasm", "--json"]);
    assert!(!checked.is_good);
    assert_eq!(checked.json()["errors"], 1);
}
