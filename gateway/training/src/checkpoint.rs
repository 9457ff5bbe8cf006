//! Files that are replaced as a whole: a kill in between, and a disk that fills, leave the old one
//! or the new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::TrainingError;

/// The file beside `path` that is written first.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Lets `write` write a file beside `path`, and moves it over `path` once it is whole and on disk.
///
/// # Errors
/// What `write` says, or a file that cannot be moved. `path` is as it was then, and what was
/// written beside it is gone, so that the room is free again.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), TrainingError>,
) -> Result<(), TrainingError> {
    let beside = beside(path);
    let written = write(&beside).and_then(|()| {
        File::open(&beside)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&beside, path))
            .map_err(TrainingError::file(path))
    });
    if written.is_err() {
        // There may be nothing to remove; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Replaces a file by `bytes`.
///
/// # Errors
/// As [`replace`].
pub fn replace_bytes(path: &Path, bytes: &[u8]) -> Result<(), TrainingError> {
    replace(path, |beside| fs::write(beside, bytes).map_err(TrainingError::file(path)))
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write as _};

    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_disk_that_fills_leaves_the_last_good_file_and_its_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.checkpoint");
        replace_bytes(&path, b"good").unwrap();
        for written in [0, 3] {
            let full = |beside: &Path| {
                let mut file = File::create(beside).unwrap();
                file.write_all(&b"new"[..written]).unwrap();
                Err(TrainingError::file(&path)(ErrorKind::StorageFull.into()))
            };
            let error = replace(&path, full).unwrap_err().to_string();
            assert!(error.contains("large.checkpoint"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), b"good");
            assert_eq!(files(folder.path()), ["large.checkpoint"]);
        }
        replace_bytes(&path, b"better").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"better");
        assert_eq!(files(folder.path()), ["large.checkpoint"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("file");
        assert!(replace_bytes(&path, b"x").is_err());
    }
}
