//! Files of keys and of pulled plugins. A file is whole or not there at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hyfunc_distribution::KEY_BYTES_MAX;

use super::DistributionError;
use crate::file::{self, Readers};

/// A file of certificates may hold many (bytes).
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// A file with a key.
pub(super) fn read_text(path: &Path) -> Result<String, DistributionError> {
    let bytes = read(path, KEY_BYTES_MAX as u64)?;
    String::from_utf8(bytes).map_err(|_| DistributionError::File {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not text"),
    })
}

/// A file with certificates.
pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, DistributionError> {
    read(path, CERTIFICATES_BYTES_MAX)
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, DistributionError> {
    let failed = |source| DistributionError::File { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > bytes_max {
        return Err(DistributionError::TooLarge { path: path.to_owned(), bytes_max });
    }
    fs::read(path).map_err(failed)
}

/// Writes a file that nobody else may read, and that must not be there yet.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), DistributionError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => DistributionError::Exists { path: path.to_owned() },
        _ => DistributionError::File { path: path.to_owned(), source },
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|source| {
        // It was made by this very call, and half a key is none.
        let _ = fs::remove_file(path);
        DistributionError::File { path: path.to_owned(), source }
    })
}

/// Writes a file; other content gives way only if `force` says so. Whoever reads it meanwhile finds
/// the old content or the new.
pub(super) fn replace(path: &Path, bytes: &[u8], force: bool) -> Result<(), DistributionError> {
    let failed = |source| DistributionError::File { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) if !force => return Err(DistributionError::Differs { path: path.to_owned() }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    file::replace(path, bytes, Readers::Any).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_file_is_private_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hyfunc.key");
        create_private(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = create_private(&path, b"two");
        assert!(matches!(again, Err(DistributionError::Exists { .. })));
        assert_eq!(read_text(&path).unwrap(), "one");
    }

    #[test]
    fn a_private_file_that_cannot_be_written_is_told_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = create_private(&folder.path().join("no/hyfunc.key"), b"one").unwrap_err();
        assert!(nowhere.to_string().contains("check the path"), "{nowhere}");
    }

    #[test]
    fn other_content_gives_way_only_when_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tides.wasm");
        replace(&path, b"one", false).unwrap();
        replace(&path, b"one", false).unwrap();
        let differs = replace(&path, b"two", false);
        assert!(matches!(differs, Err(DistributionError::Differs { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = replace(&folder.path().join("no/where"), b"one", true);
        assert!(matches!(nowhere, Err(DistributionError::File { .. })));
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, vec![b'x'; KEY_BYTES_MAX + 1]).unwrap();
        assert!(matches!(read_text(&path), Err(DistributionError::TooLarge { .. })));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read_text(&path), Err(DistributionError::File { .. })));
    }
}
