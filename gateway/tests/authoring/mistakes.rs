//! What is typed wrong, what is missing, and what the program says about it.

use std::fs;
use std::process::Command;

use crate::support::{command, hyfunc, run, tool};

fn assert_said(error: &str, said: &[&str]) {
    for part in said {
        assert!(error.contains(part), "`{part}` is not in {error}");
    }
}

/// No half of a message is the other half again, as it is where an error and its cause are joined
/// that say the same.
fn assert_said_once(error: &str) {
    let words: Vec<&str> = error.split_whitespace().collect();
    for window in words.windows(8) {
        let sentence = window.join(" ");
        let folded = words.join(" ");
        assert_eq!(folded.matches(&sentence).count(), 1, "`{sentence}` is said twice: {error}");
    }
}

#[test]
fn new_plugins_that_cannot_be() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("taken")).unwrap();
    fs::write(parent.path().join("file"), "").unwrap();
    for (arguments, said) in [
        (&["Tides"][..], "small letters"),
        (&["tide_tables"], "joined by hyphens"),
        (&["../tides"], "small letters"),
        (&["string"], "keeps for itself"),
        (&["weather"], "comes with the gateway"),
        (&["taken"], "exists already"),
        (&["tides", "--lang", "cobol"], "rust, python, js, c"),
        (&["tides", "--dir", "nowhere"], "check the path, and that its folder is there"),
        (&["tides", "--dir", "taken/../file"], "a file, not a folder"),
        (&[], "<NAME>"),
    ] {
        let typed: Vec<&str> = ["plugin", "new"].iter().chain(arguments).copied().collect();
        let error = hyfunc(parent.path(), &typed).error();
        assert_said(&error, &[said]);
        assert_said_once(&error);
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "something was left behind");
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
    let wit = |name: &str, text: &str| make(name, &[("app.py", ""), ("wit/world.wit", text)]);
    wit("nothing-said", "");
    wit("no-world", "package a:b;\n");
    wit("two-worlds", "package a:b;\nworld sea {}\nworld land {}\n");
    wit("no-export", "package a:b;\nworld sea {}\n");
    wit("no-type", "package a:b;\ninterface i { add: func(a: nmuber); }\nworld w { export i; }\n");
    wit("no-deps", "package a:b;\nworld w { import wasi:keyvalue/store@0.2.0-draft; }\n");
    let latin1 = parent.path().join("latin1/wit");
    make("latin1", &[("app.py", ""), ("wit/world.wit", "")]);
    fs::write(latin1.join("world.wit"), b"package a:b; // \xe4").unwrap();
    for (folder, said) in [
        ("nothing", &["no folder"][..]),
        ("empty", &["no Cargo.toml", "hyfunc plugin new"]),
        ("two", &["rust and js", "--lang"]),
        ("no-wit", &["no .wit file"]),
        ("empty-wit", &["no .wit file"]),
        ("broken", &["world.wit:5"]),
        ("tag", &["`@exmaple` is no tag", "a:b/i#add"]),
        ("grants", &["grants.toml: TOML", "files"]),
        ("nothing-said", &["which package it is", "`package local:tides@0.1.0;`"]),
        ("no-world", &["`world plugin { export harbor; }`"]),
        ("two-worlds", &["name one of them with --world: "]),
        ("no-export", &["no-export/wit exports no function", "`export` it"]),
        ("no-type", &["`nmuber` does not exist", "world.wit:2:28"]),
        ("no-deps", &["wasi:keyvalue@0.2.0-draft", "world.wit:2:18", "below deps"]),
        ("latin1", &["latin1/wit/world.wit", "save the file as UTF-8"]),
    ] {
        let error = hyfunc(parent.path(), &["plugin", "build", folder]).error();
        assert_said(&error, said);
        assert_said_once(&error);
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
        (&["call", "text", "count_wrods"], &["called `count_wrods`", "`count-words`"]),
        (&["call", "text", "text_count_wrds"], &["did you mean `text_count_words`?"]),
        (&["call", "text", "count_words", "{\"txt\": 1}"], &["arguments of `text_count_words`"]),
        (&["call", "text", "count_words", "{"], &["not JSON at line 1"]),
        (&["call", "text", "count_words", "[]"], &["write an object with the keys `text`"]),
        (&["pack", "nothing.wasm", "--wit", ".", "-o", "o.wasm"], &["check the path"]),
        (&["pack", "text.wasm", "--wit", "tides/dist", "-o", "o.wasm"], &["check the path"]),
        (&["pack", "text.wasm", "--wit", "tides/wit", "-o", "o.wasm"], &["no WebAssembly binary"]),
        (&["inspect", "tides"], &["hyfunc plugin build tides"]),
    ] {
        let typed: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
        let error = hyfunc(parent.path(), &typed).error();
        assert_said(&error, said);
        assert_said_once(&error);
    }
    // What can be judged is judged: the report is printed, and the end is no good one.
    let checked = hyfunc(parent.path(), &["plugin", "check", "text.wasm", "--json"]);
    assert!(!checked.is_good);
    assert_eq!(checked.json()["errors"], 1);
}

/// Components that were built for other hosts: a command without exports, and one that wants what
/// nobody offers here.
#[test]
fn components_for_another_world() {
    let parent = tempfile::tempdir().unwrap();
    let make = |name: &str, text: &str| {
        fs::write(parent.path().join(name), wat::parse_str(text).unwrap()).unwrap();
    };
    make("command.wasm", "(component)");
    let import = r#"(component
      (import "other:host/files" (instance (export "read" (func))))
      (core module $m (func (export "say") (result i32) (i32.const 1)))
      (core instance $i (instantiate $m))
      (func (export "say") (result u32) (canon lift (core func $i "say"))))"#;
    make("wishful.wasm", import);
    make("core.wasm", "(module)");
    fs::write(parent.path().join("world.wit"), "package a:b;\nworld w { export say: func(); }\n")
        .unwrap();
    let nobody = "127.0.0.1:9/me/x:1";
    for (arguments, said) in [
        (&["inspect", "command.wasm"][..], &["exports no function", "its world needs an `export`"]),
        (&["call", "command.wasm", "say"], &["exports no function", "crate-type `cdylib`"]),
        (&["test", "command.wasm"], &["exports no function", "crate-type `cdylib`"]),
        (&["push", "command.wasm", nobody], &["exports no function", "crate-type `cdylib`"]),
        (
            &["pack", "command.wasm", "--wit", "world.wit", "-o", "o.wasm"],
            &["exports no function", "crate-type `cdylib`"],
        ),
        (&["call", "wishful.wasm", "say"], &["wishful", "other:host/files"]),
        (&["test", "wishful.wasm"], &["wishful", "other:host/files"]),
        (&["inspect", "core.wasm"], &["core", "module"]),
        (&["push", "core.wasm", nobody], &["core", "module"]),
    ] {
        let typed: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
        let error = hyfunc(parent.path(), &typed).error();
        assert_said(&error, said);
        assert_said_once(&error);
    }
    let checked = hyfunc(parent.path(), &["plugin", "check", "command.wasm", "--json"]);
    assert!(!checked.is_good && checked.json()["errors"] == 1, "{}", checked.stdout);
    assert!(!parent.path().join("o.wasm").exists());
}

/// A component of one plugin and the WIT of another, and places where nothing can be written: what
/// is there stays.
#[test]
fn components_that_cannot_be_packed() {
    let parent = tempfile::tempdir().unwrap();
    let bundled =
        |name: &str| hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == name).unwrap();
    fs::write(parent.path().join("text.wasm"), bundled("text").component).unwrap();
    fs::write(parent.path().join("text.wit"), bundled("text").wit).unwrap();
    fs::write(parent.path().join("units.wit"), bundled("units").wit).unwrap();
    fs::create_dir(parent.path().join("folder")).unwrap();
    for (wit, out, said) in [
        ("units.wit", "text.wasm", &["exports no such function", "hyfunc:text/text"][..]),
        ("text.wit", "folder", &["folder is no ordinary file", "NAME.wasm"]),
        ("text.wit", "/dev/full", &["/dev/full is no ordinary file"]),
        ("text.wit", "nowhere/text.wasm", &["nowhere/text.wasm", "that its folder is there"]),
        ("text.wit", "text.wit/text.wasm", &["a file, not a folder"]),
    ] {
        let typed = ["plugin", "pack", "text.wasm", "--wit", wit, "-o", out];
        let error = hyfunc(parent.path(), &typed).error();
        assert_said(&error, said);
        assert_said_once(&error);
        let component = fs::read(parent.path().join("text.wasm")).unwrap();
        assert!(component == bundled("text").component, "{out}: what was there is gone");
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 4, "something was left behind");
    let typed = ["plugin", "pack", "text.wasm", "--wit", "text.wit", "-o", "text.wasm"];
    assert!(hyfunc(parent.path(), &typed).text().contains("functions"));
}

/// A disk without room, by a limit on how large a file may become: nothing at all may be written.
#[test]
fn a_disk_without_room_is_told_and_nothing_is_left_behind() {
    let parent = tempfile::tempdir().unwrap();
    let bundled = hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == "text").unwrap();
    fs::write(parent.path().join("text.wasm"), bundled.component).unwrap();
    fs::write(parent.path().join("text.wit"), bundled.wit).unwrap();
    for typed in [
        &["plugin", "new", "tides"][..],
        &["plugin", "key", "generate", "--out", "me"],
        &["plugin", "pack", "text.wasm", "--wit", "text.wit", "-o", "packed.wasm"],
        &["plugin", "pack", "text.wasm", "--wit", "text.wit", "-o", "text.wasm"],
    ] {
        let mut limited = Command::new("sh");
        // Who writes too much is told so, and not ended.
        limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
        limited.arg(env!("CARGO_BIN_EXE_hyfunc")).args(typed).current_dir(parent.path());
        limited.env("NO_COLOR", "1").env("HYFUNC_KEY_PASSWORD", "x").env_remove("HYFUNC_CONFIG");
        let error = run(limited).error();
        assert_said(&error, &["cannot use", "free some space and try again"]);
        let mut left: Vec<_> = fs::read_dir(parent.path()).unwrap().map(Result::unwrap).collect();
        left.retain(|entry| entry.file_name() != "text.wasm" && entry.file_name() != "text.wit");
        assert!(left.is_empty(), "{typed:?}: {left:?}");
        assert!(fs::read(parent.path().join("text.wasm")).unwrap() == bundled.component);
    }
}

/// Where a report cannot be written, the command says so and does not end well.
#[test]
fn a_full_disk_is_told() {
    let parent = tempfile::tempdir().unwrap();
    for typed in [
        &["plugin", "inspect", "text"][..],
        &["plugin", "new", "tides"],
        &["plugin", "call", "text", "count_words", "{\"text\": \"a\"}"],
        &["config"],
    ] {
        let mut command = command(parent.path(), typed);
        command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{typed:?}");
        assert_said(&error, &["cannot write to standard output", "No space left on device"]);
    }
}
