//! Where lines go: a file, or the log.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

/// The value of `audit.to` that puts lines among the log lines.
const LOG: &str = "log";

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit log {path}: {source}; check audit.to and its folder", path = .path.display())]
pub struct AuditError {
    /// Path as configured.
    path: PathBuf,
    /// What the system said.
    source: std::io::Error,
}

pub enum Sink {
    /// Log lines under `hyfunc::audit`.
    Log,
    /// Lines at the end of a file.
    File(Mutex<File>),
}

impl Sink {
    /// `None` where nothing is to be written.
    pub fn open(to: &str) -> Result<Option<Self>, AuditError> {
        if to.is_empty() {
            return Ok(None);
        }
        if to == LOG {
            return Ok(Some(Self::Log));
        }
        let mut options = OpenOptions::new();
        // What comes after a rotation that empties the file goes to its new end.
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(to);
        let file = file.map_err(|source| AuditError { path: PathBuf::from(to), source })?;
        Ok(Some(Self::File(Mutex::new(file))))
    }

    /// One line, in one write: it stays whole beside those of others.
    pub fn write(&self, line: &Json) {
        match self {
            Self::Log => tracing::info!(target: "hyfunc::audit", "{line}"),
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
                    tracing::error!(%error, "a line of the audit log is lost: {line}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_at_start() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("no/such/folder/a"), folder.path().to_owned()] {
            let error = Sink::open(&path.to_string_lossy()).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains("audit.to"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let sink = Sink::open(&path.to_string_lossy()).unwrap().unwrap();
        sink.write(&serde_json::json!({"a": 1}));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n");
    }
}
