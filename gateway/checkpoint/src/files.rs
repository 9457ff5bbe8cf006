//! Small files, read with a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::CheckpointError;

/// Bytes of a description: configs, templates, tokenizers.
pub(crate) const BYTES_MAX: u64 = 256 << 20;

/// A file's bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        let reason = format!("it has more than {bytes_max} bytes");
        return Err(CheckpointError::Damaged { path: path.to_owned(), reason });
    }
    Ok(bytes)
}

/// A file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CheckpointError> {
    serde_json::from_slice(&read(path, BYTES_MAX)?).map_err(|error| CheckpointError::Config {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// A file of JSON that need not be there.
pub(crate) fn read_json_if_any<T: DeserializeOwned>(
    path: &Path,
) -> Result<Option<T>, CheckpointError> {
    if path.exists() { read_json(path).map(Some) } else { Ok(None) }
}
