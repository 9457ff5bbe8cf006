//! Builds the plugins as components, packs their docs into them, and lists them for the crate.

mod error;
mod guests;
mod pack;
mod sources;
mod target;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use error::BuildError;
use sources::Guest;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BuildError> {
    let bundle = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let plugins = bundle.parent().ok_or(BuildError::NoPlugins { folder: bundle.clone() })?;
    let found = sources::find(plugins)?;
    sources::watch(plugins, &found);

    target::install()?;
    let components = guests::build(plugins, &guests::target_dir(&out))?;
    for guest in &found {
        pack::pack(guest, &components.join(guest.artifact()), &out)?;
    }
    let list = list(&found);
    write(&out.join("bundled.rs"), list.as_bytes())
}

/// The Rust source of both lists; paths stay relative to `OUT_DIR`.
fn list(guests: &[Guest]) -> String {
    let mut text = String::from("static BUNDLED: &[Bundled] = &[\n");
    for guest in guests.iter().filter(|guest| !guest.is_fixture) {
        let name = &guest.name;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "    Bundled {{ name: {name:?}, component: {}, grants: {}, wit: {} }},",
            include("bytes", &format!("{name}.wasm")),
            include("str", &format!("{name}.grants.toml")),
            include("str", &format!("{name}.wit")),
        );
    }
    text.push_str("];\nstatic FIXTURES: &[(&str, &[u8])] = &[\n");
    for guest in guests.iter().filter(|guest| guest.is_fixture) {
        let _ = writeln!(
            text,
            "    ({:?}, {}),",
            guest.name,
            include("bytes", &format!("{}.wasm", guest.name))
        );
    }
    text.push_str("];\n");
    text
}

fn include(kind: &str, file: &str) -> String {
    format!("include_{kind}!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))")
}

fn variable(name: &'static str) -> Result<String, BuildError> {
    env::var(name).map_err(|_| BuildError::Variable { name })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    fs::write(path, bytes).map_err(|source| BuildError::File { path: path.to_owned(), source })
}
