//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the system lets, as for any file.
    Any,
    /// Its owner alone.
    Owner,
}

/// Drafts are told apart within a process as well: two threads may write at once.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Whoever reads the file finds all of the old bytes or all of the new ones, also when the disk is
/// full or the machine stops: it is written beside the old one, brought to the disk, and renamed;
/// then the folder is brought to the disk, too.
///
/// # Errors
/// What the system says; then the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = beside(path, &format!("{}-{number}.new", process::id()));
    let written = write(&draft, bytes, readers).and_then(|()| fs::rename(&draft, path));
    if let Err(error) = written {
        // Half a file helps nobody, and whatever is left of it says less than the error.
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    sync_folder(path)
}

/// No room on the disk, in the quota, or in the longest file that the system allows.
pub fn is_full(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};

    matches!(kind, StorageFull | QuotaExceeded | FileTooLarge)
}

/// The file of that ending beside another.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// How a file is opened that only some may read.
pub fn options(readers: Readers) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    let mode = match readers {
        Readers::Any => 0o666,
        Readers::Owner => 0o600,
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _: u32 = mode;
    options
}

fn write(draft: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = options(readers).truncate(true).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// So that the rename itself outlives a crash.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    match synced {
        // Some file systems have no such thing; the file itself is in place.
        Err(error) if is_unknown(error.kind()) => Ok(()),
        synced => synced,
    }
}

fn is_unknown(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_there_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"first", Readers::Any).unwrap();
        replace(&path, b"second", Readers::Any).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        // A folder does not give way to a file.
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("inside"), b"x").unwrap();
        assert!(replace(&other, b"third", Readers::Any).is_err());
        assert!(replace(&folder.path().join("no/file"), b"third", Readers::Any).is_err());
        assert_eq!(count(folder.path()), 2, "half a file was left");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_for_its_owner_is_for_nobody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        replace(&path, b"x", Readers::Owner).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn many_who_write_at_once_leave_what_one_of_them_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::thread::scope(|scope| {
            for letter in [b'a', b'b', b'c', b'd'] {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        replace(path, &[letter; 4096], Readers::Any).unwrap();
                    }
                });
            }
        });
        let found = fs::read(&path).unwrap();
        assert_eq!(found.len(), 4096);
        assert!(found.iter().all(|byte| *byte == found[0]), "two writers were mixed");
        assert_eq!(count(folder.path()), 1);
    }
}
