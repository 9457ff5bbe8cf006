//! What was fetched, with its hashes, beside it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::HubError;

/// Its name in the folder of a checkpoint.
pub const FILE: &str = "hyfunc-manifest.json";
/// Bytes that are hashed at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `owner/name`
    pub repository: String,
    /// As asked for.
    pub revision: String,
    /// What that was.
    pub commit: String,
    /// Its files.
    pub files: Vec<HeldFile>,
}

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFile {
    /// Within the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hex.
    pub sha256: String,
    /// Whether it was held against a hash of the hub: its SHA-256, or git's of a small file.
    pub is_vouched: bool,
}

/// A checkpoint on the disk.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its folder.
    pub folder: PathBuf,
    /// What was fetched.
    pub manifest: Manifest,
}

impl Manifest {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(folder: &Path) -> Result<Self, HubError> {
        read_if_any(folder)?.ok_or_else(|| HubError::Manifest {
            path: folder.join(FILE),
            reason: "it is not there".to_owned(),
        })
    }

    /// Reads every file again; gives those that are missing or changed, with what is wrong.
    pub fn verify(&self, folder: &Path) -> Vec<(String, String)> {
        let check = |file: &HeldFile| match hash(&folder.join(&file.path)) {
            Err(error) => Some(error.to_string()),
            Ok((bytes, _)) if bytes != file.bytes => {
                Some(format!("it has {bytes} bytes, {} were fetched", file.bytes))
            }
            Ok((_, sha256)) if sha256 != file.sha256 => {
                Some(format!("its sha256 is {sha256}, {} was fetched", file.sha256))
            }
            Ok(_) => None,
        };
        let checked = self.files.iter().map(|file| (file.path.clone(), check(file)));
        checked.filter_map(|(path, wrong)| Some((path, wrong?))).collect()
    }
}

/// The checkpoints in a folder of folders, by name.
///
/// # Errors
/// A folder that cannot be listed, or a damaged manifest.
pub fn held(folder: &Path) -> Result<Vec<Held>, HubError> {
    let failed = |source| HubError::File { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let folder = entry.map_err(failed)?.path();
        if let Some(manifest) = read_if_any(&folder)? {
            all.push(Held { folder, manifest });
        }
    }
    all.sort_by(|one, two| one.folder.cmp(&two.folder));
    Ok(all)
}

/// The manifest of a folder that may have none.
pub(super) fn read_if_any(folder: &Path) -> Result<Option<Manifest>, HubError> {
    let path = folder.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(HubError::File { path, source }),
    };
    let manifest = serde_json::from_slice(&text);
    manifest.map(Some).map_err(|error| HubError::Manifest { path, reason: error.to_string() })
}

/// Written whole or not at all.
pub(super) fn write(folder: &Path, manifest: &Manifest) -> Result<(), HubError> {
    let path = folder.join(FILE);
    let new = folder.join(format!("{FILE}.part"));
    let failed = |source| HubError::File { path: path.clone(), source };
    let mut text = serde_json::to_string_pretty(manifest)
        .map_err(|error| HubError::Manifest { path: path.clone(), reason: error.to_string() })?;
    text.push('\n');
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Else a machine that stops may leave the name without the bytes.
        file.sync_all()?;
        fs::rename(&new, &path)
    });
    if written.is_err() {
        // Half a file helps nobody, and whatever is left of it says less than the error.
        let _ = fs::remove_file(&new);
    }
    written.map_err(failed)
}

/// Length and hash of a file.
pub(super) fn hash(path: &Path) -> Result<(u64, String), HubError> {
    let failed = |source| HubError::File { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            return Ok((bytes, hex::encode(hasher.finalize())));
        }
        hasher.update(&chunk[..read]);
        bytes += read as u64;
    }
}
