//! The WIT files of a folder, or a single one.

use std::path::{Path, PathBuf};

use crate::commands::CommandError;

/// Every `.wit` file below a folder: its path from there, and its text, in order. A file stands for
/// itself.
///
/// # Errors
/// A folder or file that cannot be read, or a folder without WIT.
pub(super) fn sources(typed: &Path) -> Result<Vec<(String, String)>, CommandError> {
    let is_file = typed.is_file();
    let folder = typed.parent().filter(|_| is_file).unwrap_or(typed);
    let mut sources = Vec::new();
    for path in if is_file { vec![typed.to_owned()] } else { files(folder)? } {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| CommandError::File { path: path.clone(), source })?;
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        sources.push((name, text));
    }
    if sources.is_empty() {
        return Err(CommandError::NoWit { path: folder.to_owned() });
    }
    Ok(sources)
}

/// Their paths alone.
///
/// # Errors
/// A folder that cannot be read.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |source| CommandError::File { path: folder.to_owned(), source };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            found.push(path);
        }
    }
    Ok(found)
}
