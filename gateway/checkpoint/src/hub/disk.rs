//! Where what comes is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A place to write to; a full one answers [`io::ErrorKind::StorageFull`].
pub trait Disk: Send + Sync {
    /// Opens a file to write at its end.
    ///
    /// # Errors
    /// As the system says.
    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>>;
}

/// The disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

/// Is safe on the disk when it is flushed.
struct Synced(File);

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Disk for Files {
    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Box::new(Synced(file)))
    }
}
