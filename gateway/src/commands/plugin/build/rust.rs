//! Rust: cargo, for wasm32-wasip2, which makes a component by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::commands::plugin::AuthorError;
use crate::commands::plugin::tool::{self, Tool};

const TARGET: &str = "wasm32-wasip2";

const CARGO: Tool = Tool {
    program: "cargo",
    purpose: "builds plugins written in Rust",
    install: "install Rust as https://rustup.rs says\nrustup target add wasm32-wasip2",
};

const RUSTC: Tool = Tool { program: "rustc", ..CARGO };

/// Builds a folder's library; gives the component that cargo wrote, wherever it keeps such.
pub(super) fn build(folder: &Path) -> Result<PathBuf, AuthorError> {
    if !folder.join("Cargo.toml").is_file() {
        return Err(AuthorError::Unbuildable {
            path: folder.to_owned(),
            reason: "there is no Cargo.toml, which cargo builds; `hyfunc plugin new` makes one"
                .into(),
        });
    }
    let cargo = CARGO.find(&[])?;
    check_target(folder)?;
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let messages = tool::read(&mut command, folder)?;
    artifact(&String::from_utf8_lossy(&messages), folder).ok_or_else(|| AuthorError::Unbuildable {
        path: folder.to_owned(),
        reason: "its package has no library that becomes a component: write \
                 `[lib] crate-type = [\"cdylib\"]` into its Cargo.toml"
            .into(),
    })
}

/// The toolchain that this folder uses must have the target's standard library.
fn check_target(folder: &Path) -> Result<(), AuthorError> {
    let rustc = RUSTC.find(&[])?;
    let mut command = Command::new(&rustc);
    command.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder);
    let output =
        command.output().map_err(|source| AuthorError::Start { program: rustc, source })?;
    let installed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(installed.trim()).is_dir() {
        return Ok(());
    }
    Err(AuthorError::Tool {
        what: format!("the standard library of {TARGET}"),
        purpose: "plugins written in Rust are built against",
        install: tool::indented(&format!("rustup target add {TARGET}")),
    })
}

/// The component among cargo's messages, one JSON object a line: that of this folder's own library.
fn artifact(messages: &str, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let is_own = |message: &Json| {
        let path = message["manifest_path"].as_str().map(Path::new);
        path.is_some_and(|path| {
            path == manifest || path.canonicalize().is_ok_and(|path| path == manifest)
        })
    };
    let mut components = messages.lines().filter_map(|line| {
        let message: Json = serde_json::from_str(line).ok()?;
        let kinds = message["target"]["kind"].as_array()?;
        if message["reason"] != "compiler-artifact"
            || !kinds.iter().any(|kind| kind == "cdylib")
            || !is_own(&message)
        {
            return None;
        }
        let files = message["filenames"].as_array()?.iter().filter_map(Json::as_str);
        files.map(PathBuf::from).find(|file| file.extension().is_some_and(|kind| kind == "wasm"))
    });
    components.next_back()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_folders_own_component_is_found_among_the_messages() {
        let message = |manifest: &str, kind: &str, file: &str| {
            json!({
                "reason": "compiler-artifact", "manifest_path": manifest,
                "target": {"kind": [kind]}, "filenames": [file],
            })
            .to_string()
        };
        let lines = [
            message("/registry/wit-bindgen/Cargo.toml", "lib", "/t/libwit_bindgen.rlib"),
            message("/plugins/other/Cargo.toml", "cdylib", "/t/other.wasm"),
            message("/plugins/tides/Cargo.toml", "lib", "/t/tides.rlib"),
            "Compiling something that is no JSON".to_owned(),
            message("/plugins/tides/Cargo.toml", "cdylib", "/t/tides.wasm"),
            json!({"reason": "build-finished", "success": true}).to_string(),
        ];
        let folder = Path::new("/plugins/tides");
        let found = artifact(&lines.join("\n"), folder);
        assert_eq!(found.as_deref(), Some(Path::new("/t/tides.wasm")));
        assert_eq!(artifact(&lines[..4].join("\n"), folder), None);
        assert_eq!(artifact("", folder), None);
    }
}
