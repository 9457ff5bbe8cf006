//! From nothing to a call, in Rust: the real compiler, the real models, the real sandbox.

use std::fs;
use std::path::Path;

use crate::support::{Ran, command, hyfunc, run};

const NAME: &str = "tide-tables";

/// Builds with what cargo has; the crates are those of the bundled plugins. Where this user's cargo
/// never fetched them, it may fetch them now.
fn build(folder: &Path) -> Ran {
    let cargo = |is_offline: bool| {
        let mut command = command(folder, &["plugin", "build"]);
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring-target");
        command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", is_offline.to_string());
        // Meant for the build around this test, not for a plugin's.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        run(command)
    };
    let built = cargo(true);
    if built.is_good { built } else { cargo(false) }
}

#[test]
fn a_plugin_is_begun_built_checked_tested_and_called() {
    let parent = tempfile::tempdir().unwrap();
    let said = hyfunc(parent.path(), &["plugin", "new", NAME]).text();
    assert!(said.contains("src/lib.rs") && said.contains("cd tide-tables"), "{said}");
    let folder = parent.path().join(NAME);

    let built = build(&folder).text();
    let signature = "greetings_greet(name: string, language?: english | french | german | spanish) \
                     -> result<string, string>";
    assert!(built.contains("1 function") && built.contains(signature), "{built}");
    assert!(folder.join("dist/tide-tables.grants.toml").is_file());

    let inspected =
        hyfunc(&folder, &["plugin", "inspect", "dist/tide-tables.wasm", "--json"]).json();
    assert_eq!(inspected["docs"], "hyfunc:docs");
    assert_eq!(inspected["refused"], serde_json::json!([]));
    let template = inspected["functions"][0]["examples"][1]["template"].as_str().unwrap();
    assert!(template.contains("⟨Pierre⟩") && template.contains("⟦french⟧"), "{template}");

    let checked = hyfunc(&folder, &["plugin", "check", "--json"]);
    assert!(checked.is_good, "{}", checked.stdout);
    let checked = checked.json();
    assert_eq!(checked["errors"], 0);
    assert_eq!(checked["retrieval"]["examples"].as_array().unwrap().len(), 5);

    let tested = hyfunc(&folder, &["plugin", "test", "--json"]);
    assert!(tested.is_good, "{}", tested.stdout);
    let tested = tested.json();
    assert_eq!(tested["examples"], 5);
    assert_eq!(tested["ran"], 5);
    assert_eq!(tested["functions"][0]["examples"][1]["reply"], "Bonjour, Pierre!");
    let table = hyfunc(&folder, &["plugin", "test"]).text();
    for part in ["greetings_greet", "✓", "Bonjour, Pierre!", "5 of 5 examples run"] {
        assert!(table.contains(part), "`{part}` is not in {table}");
    }

    let call = |arguments: &str| {
        let typed = ["plugin", "call", "dist/tide-tables.wasm", "greet", arguments, "--json"];
        hyfunc(&folder, &typed).json()
    };
    let called = call(r#"{"name": "Maria", "language": "german"}"#);
    assert_eq!(called["result"], "Guten Tag, Maria!");
    assert_eq!(called["grants"], "nothing");
    assert_eq!(call(r#"{"name": " "}"#)["error"], "say whom to greet");

    // The gateway's own way to load it.
    let files = "plugins.files=dist/tide-tables.wasm";
    let typed = ["--set", files, "call", "greetings_greet", r#"{"name": "Maria"}"#];
    assert_eq!(hyfunc(&folder, &typed).json()["result"], "Hello, Maria!");
    a_slip_leaves_what_was_built(&folder);
}

fn a_slip_leaves_what_was_built(folder: &Path) {
    let built = fs::read(folder.join("dist/tide-tables.wasm")).unwrap();
    let wit = folder.join("wit/world.wit");
    let text = fs::read_to_string(&wit).unwrap();
    for (from, to, said) in [
        ("greet: func(", "greet: func[", "world.wit:"),
        ("\"language\": \"french\"", "\"language\": \"klingon\"", "greet Pierre in French"),
        ("@param name ", "@param nmae ", "no parameter `nmae`"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&wit, text.replace(from, to)).unwrap();
        let error = build(folder).error();
        assert!(error.contains(said), "`{said}` is not in {error}");
        assert_eq!(fs::read(folder.join("dist/tide-tables.wasm")).unwrap(), built);
    }
    fs::write(&wit, text).unwrap();
    let checked = hyfunc(folder, &["plugin", "check", "--json"]).stdout;
    assert!(checked.contains("changed after it was built"), "{checked}");
}
