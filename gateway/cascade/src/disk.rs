//! What the models made of functions, kept for the next start: a folder of small files.
//!
//! One file a function and part, and no database: several gateways may share the folder, which the
//! embedded database that keeps the registry does not allow. What every start reads lies in small
//! files of its own. A file is written beside its place and then renamed; nobody waits for the disk,
//! since a file that a crash left in pieces has a wrong sum and is made anew.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::key::Key;

/// A file is marked as used if it was not within this time: marking costs a write.
const USED_AFTER: Duration = Duration::from_secs(3_600);

/// What was being written for so long is left over from a crash.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(3_600);

/// Largest file that is read: far above a block of any model.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Files that this process began to write, which keeps their names apart.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Which part of a function a file holds. Small ones that every start needs stay longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Vector and tokens.
    Head,
    /// Keys and values.
    Block,
}

impl Part {
    fn extension(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Block => "block",
        }
    }
}

/// A folder of such files, bounded in bytes.
pub(crate) struct Disk {
    folder: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
    /// Off after the first failure, which is told; reading goes on.
    is_writable: AtomicBool,
}

struct State {
    bytes: u64,
    /// Files of earlier processes, the last to be removed first.
    old: Vec<Old>,
    /// Keys that this process asked for: their files stay.
    used: HashSet<Key>,
}

struct Old {
    key: Key,
    part: Part,
    modified: SystemTime,
    bytes: u64,
}

impl Disk {
    /// Opens a folder, makes it the first time, and removes what has no room in it: whatever was
    /// used least recently, blocks before heads.
    pub(crate) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_private(folder)?;
        let mut old = files(folder)?;
        old.sort_by(|a, b| a.part.cmp(&b.part).then_with(|| b.modified.cmp(&a.modified)));
        let bytes: u64 = old.iter().map(|file| file.bytes).sum();
        let disk = Self {
            folder: folder.to_owned(),
            bytes_max,
            state: Mutex::new(State { bytes, old, used: HashSet::new() }),
            is_writable: AtomicBool::new(true),
        };
        disk.make_room(&mut disk.state(), 0);
        Ok(disk)
    }

    /// A part of a function as it was written, or as a crash left it; the caller looks.
    pub(crate) fn read(&self, key: &Key, part: Part) -> Option<Vec<u8>> {
        self.state().used.insert(*key);
        let bytes = match read(&self.path(key, part)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::debug!(%key, ?part, %error, "a prepared function cannot be read");
                return None;
            }
        };
        Some(bytes)
    }

    /// Removes a part that is not what it should be.
    pub(crate) fn discard(&self, key: &Key, part: Part) {
        let path = self.path(key, part);
        tracing::warn!(path = %path.display(), "discarded a damaged file; it is made anew");
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        // If it stays, the next write replaces it.
        if fs::remove_file(&path).is_ok() {
            let mut state = self.state();
            state.bytes = state.bytes.saturating_sub(bytes);
        }
    }

    /// Whether a file of so many bytes is likely to be kept.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let state = self.state();
        let fits = state.bytes.saturating_add(bytes as u64) <= self.bytes_max;
        self.is_writable.load(Ordering::Relaxed) && (fits || !state.old.is_empty())
    }

    /// Keeps a part, if there is room. A failure costs the next start some time and nothing else.
    pub(crate) fn write(&self, key: &Key, part: Part, bytes: &[u8]) {
        if !self.is_writable.load(Ordering::Relaxed) {
            return;
        }
        let len = bytes.len() as u64;
        {
            let mut state = self.state();
            state.used.insert(*key);
            if !self.make_room(&mut state, len) {
                return;
            }
            state.bytes += len;
        }
        let Err(error) = self.replace(key, part, bytes) else { return };
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(len);
        if self.is_writable.swap(false, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "what the models make of functions is kept no more");
        }
    }

    /// Removes files that nobody asked for until so many bytes fit. Says whether they do.
    fn make_room(&self, state: &mut State, bytes: u64) -> bool {
        while state.bytes.saturating_add(bytes) > self.bytes_max {
            let Some(file) = state.old.pop() else { return false };
            if state.used.contains(&file.key) {
                continue;
            }
            match fs::remove_file(self.path(&file.key, file.part)) {
                Ok(()) => state.bytes = state.bytes.saturating_sub(file.bytes),
                // Another gateway was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    state.bytes = state.bytes.saturating_sub(file.bytes);
                }
                Err(_) => {}
            }
        }
        true
    }

    /// Beside its place and then renamed, so that a reader finds the old bytes or the new ones.
    fn replace(&self, key: &Key, part: Part, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key, part);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let extension = part.extension();
        // Two machines may share a folder, and then a process's number: never for other bytes.
        let name = format!(".{key}.{extension}-{}-{number}", std::process::id());
        let temporary = self.folder.join(name);
        let mut options = OpenOptions::new();
        let made = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        let written = made.and_then(|mut file| {
            file.write_all(bytes)?;
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            // Nothing is lost if this fails too: the name is never read.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn path(&self, key: &Key, part: Part) -> PathBuf {
        self.folder.join(format!("{key}.{}", part.extension()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever can write here decides what is called: nobody but this process's user may. A folder that
/// comes with an image, of root and read-only, is fine.
fn check_private(folder: &Path) -> io::Result<()> {
    let metadata = fs::metadata(folder)?;
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(io::Error::other("it belongs to another user; name a folder of this one's"));
    }
    if metadata.mode() & 0o022 != 0 {
        // One that all share is theirs, too; and what lies in it may be anybody's.
        let is_shared = metadata.mode() & 0o1000 != 0;
        if is_shared || fs::read_dir(folder)?.next().is_some() {
            let reason = "others may write to it: name a folder of this user alone";
            return Err(io::Error::other(reason));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(|error| {
            io::Error::other(format!("others may write to it, and that cannot be changed: {error}"))
        })?;
    }
    Ok(())
}

/// Every file of the folder that is ours; what was left over from a crash goes.
fn files(folder: &Path) -> io::Result<Vec<Old>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Another gateway may just have removed or renamed it.
        let Ok(metadata) = entry.metadata() else { continue };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if name.starts_with('.') {
            if modified.elapsed().is_ok_and(|age| age > LEFT_OVER_AFTER) {
                // Of no harm where it cannot be removed.
                let _ = fs::remove_file(entry.path());
            }
            continue;
        }
        let Some((key, extension)) = name.split_once('.') else { continue };
        let part = [Part::Head, Part::Block].into_iter().find(|p| p.extension() == extension);
        if let (Some(key), Some(part)) = (Key::parse(key), part) {
            files.push(Old { key, part, modified, bytes: metadata.len() });
        }
    }
    Ok(files)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is too large"));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.read_to_end(&mut bytes)?;
    if metadata.modified()?.elapsed().is_ok_and(|age| age > USED_AFTER) {
        // In a folder that is read-only nothing is ever removed either.
        let _ = file.set_modified(SystemTime::now());
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::parse(&format!("{number:02x}").repeat(Key::BYTES)).unwrap()
    }

    /// A file as an earlier process left it, so many hours ago.
    fn left(folder: &Path, number: u8, part: Part, bytes: usize, hours: u64) {
        let path = folder.join(format!("{}.{}", key(number), part.extension()));
        fs::write(&path, vec![number; bytes]).unwrap();
        let when = SystemTime::now() - Duration::from_secs(hours * 3_600);
        File::options().write(true).open(&path).unwrap().set_modified(when).unwrap();
    }

    fn kept(disk: &Disk) -> Vec<(u8, Part)> {
        let numbers = (0..=u8::MAX).flat_map(|n| [(n, Part::Head), (n, Part::Block)]);
        numbers.filter(|(number, part)| disk.path(&key(*number), *part).exists()).collect()
    }

    #[test]
    fn what_is_written_is_read_by_the_next_and_by_a_neighbour() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let (one, neighbour) =
            (Disk::open(&folder, 100).unwrap(), Disk::open(&folder, 100).unwrap());
        assert_eq!(one.read(&key(1), Part::Head), None);
        one.write(&key(1), Part::Head, b"head");
        one.write(&key(1), Part::Block, b"block");
        one.write(&key(1), Part::Head, b"HEAD");
        for disk in [one, neighbour, Disk::open(&folder, 100).unwrap()] {
            assert_eq!(disk.read(&key(1), Part::Head).unwrap(), b"HEAD");
            assert_eq!(disk.read(&key(1), Part::Block).unwrap(), b"block");
        }
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn what_was_used_least_recently_goes_first_and_heads_last() {
        let root = tempfile::tempdir().unwrap();
        left(root.path(), 1, Part::Head, 10, 90);
        left(root.path(), 1, Part::Block, 40, 90);
        left(root.path(), 2, Part::Block, 40, 2);
        left(root.path(), 3, Part::Block, 40, 50);
        // 130 bytes: the oldest block goes at once.
        let disk = Disk::open(root.path(), 100).unwrap();
        assert_eq!(kept(&disk), [(1, Part::Head), (2, Part::Block), (3, Part::Block)]);
        // What was asked for stays, although it was the older one.
        assert!(disk.read(&key(3), Part::Block).is_some());
        disk.write(&key(4), Part::Block, &[4; 40]);
        assert_eq!(kept(&disk), [(1, Part::Head), (3, Part::Block), (4, Part::Block)]);
        // Nothing more can go but the head.
        disk.write(&key(5), Part::Block, &[5; 20]);
        assert_eq!(kept(&disk), [(3, Part::Block), (4, Part::Block), (5, Part::Block)]);
        assert!(!disk.has_room(1));
        disk.write(&key(6), Part::Block, &[6; 1]);
        assert_eq!(kept(&disk), [(3, Part::Block), (4, Part::Block), (5, Part::Block)]);
    }

    #[test]
    fn using_marks_a_file_as_used() {
        let root = tempfile::tempdir().unwrap();
        left(root.path(), 1, Part::Block, 40, 90);
        left(root.path(), 2, Part::Block, 40, 50);
        drop(Disk::open(root.path(), 100).unwrap().read(&key(1), Part::Block).unwrap());
        let disk = Disk::open(root.path(), 50).unwrap();
        assert_eq!(kept(&disk), [(1, Part::Block)]);
    }

    #[test]
    fn a_discarded_file_makes_room() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open(root.path(), 40).unwrap();
        disk.write(&key(1), Part::Head, &[1; 40]);
        assert!(!disk.has_room(1));
        disk.discard(&key(1), Part::Head);
        assert!(disk.has_room(40));
        disk.discard(&key(1), Part::Head);
        assert_eq!(disk.read(&key(1), Part::Head), None);
    }

    #[test]
    fn strangers_are_left_alone_and_leftovers_go() {
        let root = tempfile::tempdir().unwrap();
        for name in ["notes.txt", ".1-1", ".2-1", "zz.head"] {
            fs::write(root.path().join(name), b"x").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * LEFT_OVER_AFTER;
        let left_over = File::options().write(true).open(root.path().join(".1-1")).unwrap();
        left_over.set_modified(long_ago).unwrap();
        let disk = Disk::open(root.path(), 0).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&disk.folder).unwrap().collect::<Result<_, _>>().unwrap();
        names.sort_by_key(fs::DirEntry::file_name);
        let names: Vec<_> = names.iter().map(fs::DirEntry::file_name).collect();
        assert_eq!(names, [".2-1", "notes.txt", "zz.head"]);
    }

    #[test]
    fn a_folder_that_others_write_to_is_closed_to_them() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Disk::open(root.path(), 1).unwrap();
        assert_eq!(fs::metadata(root.path()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_is_everybodys_or_holds_what_others_wrote_is_refused() {
        for (mode, file) in [(0o1777, false), (0o777, true)] {
            let root = tempfile::tempdir().unwrap();
            if file {
                fs::write(root.path().join("x.head"), "anybody's").unwrap();
            }
            fs::set_permissions(root.path(), fs::Permissions::from_mode(mode)).unwrap();
            let Err(error) = Disk::open(root.path(), 1) else { panic!("{mode:o} was taken") };
            assert!(error.to_string().contains("this user alone"), "{error}");
            assert_eq!(fs::metadata(root.path()).unwrap().mode() & 0o7777, mode, "left as it is");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_still_read() {
        let root = tempfile::tempdir().unwrap();
        Disk::open(root.path(), 100).unwrap().write(&key(1), Part::Head, b"head");
        let disk = Disk::open(root.path(), 100).unwrap();
        // Nobody can write a file where a folder is gone, root included; the read comes first.
        assert!(disk.read(&key(1), Part::Head).is_some());
        fs::remove_dir_all(root.path()).unwrap();
        disk.write(&key(2), Part::Head, b"head");
        assert!(!disk.has_room(1));
        disk.write(&key(3), Part::Head, b"head");
        assert_eq!(disk.state().bytes, 4);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(&path, b"x").unwrap();
        assert!(Disk::open(&path, 1).is_err());
    }
}
