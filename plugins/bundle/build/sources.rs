//! Which plugins there are, and what they are made of.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::BuildError;

/// A plugin's folder.
pub(crate) struct Guest {
    /// Name of the folder, and of the plugin.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Whether it is there for tests only.
    pub(crate) is_fixture: bool,
}

impl Guest {
    /// File name of the component that cargo makes of it.
    pub(crate) fn artifact(&self) -> String {
        let kind = if self.is_fixture { "fixture" } else { "plugin" };
        format!("hyfunc_{kind}_{}.wasm", self.name.replace('-', "_"))
    }

    /// Paths below `wit/`, with `/` between their parts, and texts of its WIT files.
    pub(crate) fn wit(&self) -> Result<Vec<(String, String)>, BuildError> {
        let mut files = Vec::new();
        collect(&self.folder.join("wit"), "", &mut files)?;
        Ok(files)
    }
}

/// Every folder with a WIT world: `plugins/<name>` and `plugins/fixtures/<name>`, by name.
pub(crate) fn find(plugins: &Path) -> Result<Vec<Guest>, BuildError> {
    let mut guests = Vec::new();
    for (folder, is_fixture) in [(plugins.to_owned(), false), (plugins.join("fixtures"), true)] {
        for (name, folder) in entries(&folder)? {
            if folder.join("wit").is_dir() && folder.join("Cargo.toml").is_file() {
                guests.push(Guest { name, folder, is_fixture });
            }
        }
    }
    if guests.is_empty() {
        return Err(BuildError::NoPlugins { folder: plugins.to_owned() });
    }
    Ok(guests)
}

/// Tells cargo to run this again when anything changes that a plugin is made of.
pub(crate) fn watch(plugins: &Path, guests: &[Guest]) {
    let shared = ["Cargo.toml", "Cargo.lock"].map(|file| plugins.join(file));
    // Cargo takes a missing file for a changed one: a lock file that is yet to be written would
    // build everything twice.
    for path in
        shared.iter().filter(|path| path.exists()).chain(guests.iter().map(|guest| &guest.folder))
    {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO_NET_OFFLINE"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
}

fn collect(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, String)>,
) -> Result<(), BuildError> {
    for (name, path) in entries(folder)? {
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if path.is_dir() {
            collect(&path, &relative, files)?;
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            let text =
                fs::read_to_string(&path).map_err(|source| BuildError::File { path, source })?;
            files.push((relative, text));
        }
    }
    Ok(())
}

/// Names and paths in a folder, by name: directory order differs between machines.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, BuildError> {
    let file = |source| BuildError::File { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(file)? {
        let entry = entry.map_err(file)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
