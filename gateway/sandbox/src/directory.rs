//! Directories that this process alone may write.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::SandboxError;

/// A directory of mode 0700 that belongs to the user of this process.
#[derive(Clone, Debug)]
pub(crate) struct Private(PathBuf);

impl Private {
    /// Makes the directory, or makes sure of one that exists.
    pub(crate) fn open(path: &Path, purpose: &'static str) -> Result<Self, SandboxError> {
        Self::try_open(path).map_err(|error| SandboxError::Directory {
            path: path.display().to_string(),
            purpose,
            message: error.to_string(),
        })
    }

    fn try_open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_dir() {
            return Err(io::Error::other("it is a link or a file; name a directory"));
        }
        let directory = Self(path.to_owned());
        directory.check_owner(metadata.uid())?;
        if metadata.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(directory)
    }

    /// A file that this process makes belongs to its user: so must the directory.
    fn check_owner(&self, owner: u32) -> io::Result<()> {
        let probe = self.file(&format!(".probe-{:016x}", rand::random::<u64>()));
        let made = create_new(&probe)?.metadata()?.uid();
        fs::remove_file(&probe)?;
        if made == owner {
            return Ok(());
        }
        Err(io::Error::other("it belongs to another user; name a directory of this process's user"))
    }

    /// Path of a file in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file so that a reader, or the next start after a crash, finds either all of the
    /// old bytes or all of the new ones.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!(".{name}-{:016x}", rand::random::<u64>()));
        let written = create_new(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, self.file(name))?;
            File::open(&self.0)?.sync_all()
        });
        if written.is_err() {
            // Nothing is lost if this fails too: the name is never read.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Writes a file that must not exist yet.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = create_new(&self.file(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let directory = Private::open(&path, "a test").unwrap();
        directory.replace("x", b"one").unwrap();
        directory.replace("x", b"two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("x")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read(path.join("x")).unwrap(), b"two");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert!(Private::open(&link, "a test").is_err());
    }

    #[test]
    fn a_file_that_exists_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let directory = Private::open(root.path(), "a test").unwrap();
        directory.create("key", b"one").unwrap();
        assert!(directory.create("key", b"two").is_err());
        assert_eq!(fs::read(root.path().join("key")).unwrap(), b"one");
    }
}
