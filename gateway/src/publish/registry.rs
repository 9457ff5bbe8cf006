//! The durable part: which component serves under which name.
//!
//! One file of an embedded database. A change is one transaction that is on the disk when it is
//! done, so whatever ends the process leaves the old state or the new one, never a part of either.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::{AccessGuard, Database, DatabaseError, Error, ReadableDatabase as _};
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use super::revision::Record;
use crate::file::is_full;

/// Name → [`Record`], as JSON.
const PLUGINS: TableDefinition<&str, &[u8]> = TableDefinition::new("plugins");
/// Digest → the component's bytes.
const COMPONENTS: TableDefinition<&str, &[u8]> = TableDefinition::new("components");

/// The database's file in the folder.
const FILE: &str = "registry.redb";

/// Memory for pages of the database. Components are read at start and then never again.
const CACHE_BYTES: usize = 16 << 20;

/// Why the registry cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The folder cannot be made or used.
    #[error("cannot use library.dir = {path}: {source}", path = .path.display())]
    Folder {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else has it open.
    #[error(
        "{path} is in use by another process, perhaps another hyfunc; stop it, or give this one a \
         library.dir of its own", path = .path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is no room for it.
    #[error(
        "there is no room left for {path} ({source}); free some and publish again: nothing was \
         changed, and what served before still serves", path = .path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it is not what was written.
    #[error(
        "{path} is damaged ({reason}); put a backup in its place, or move it away and publish the \
         plugins again", path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Any other failure.
    #[error("cannot use {path}: {reason}", path = .path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
}

type Opener = dyn Fn() -> Result<Database, DatabaseError> + Send + Sync;

/// Names, revisions and components, on the disk.
pub struct Registry {
    path: PathBuf,
    open: Box<Opener>,
    /// Closed after an error, and opened anew for the next change: after a failed write the
    /// database itself wants no less.
    database: Mutex<Option<Database>>,
}

impl Registry {
    /// Opens the registry of a folder, and makes both the first time.
    ///
    /// # Errors
    /// A folder that cannot be used, a file in use or damaged.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        private_folder(folder)
            .map_err(|source| RegistryError::Folder { path: folder.to_owned(), source })?;
        let path = folder.join(FILE);
        let file = path.clone();
        Self::with_opener(path, move || {
            Database::builder().set_cache_size(CACHE_BYTES).create(&file)
        })
    }

    fn with_opener(
        path: PathBuf,
        open: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, RegistryError> {
        let registry = Self { path, open: Box::new(open), database: Mutex::new(None) };
        registry.change(|change| {
            // Both exist from the first moment, so that reading needs no other case.
            change.open_table(PLUGINS)?;
            change.open_table(COMPONENTS)?;
            Ok(())
        })?;
        Ok(registry)
    }

    /// Every name with its record, by name.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else.
    pub fn all(&self) -> Result<Vec<(String, Record)>, RegistryError> {
        let rows = self.with(|database| {
            let table = database.begin_read()?.open_table(PLUGINS)?;
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (name, record) = row?;
                rows.push((name.value().to_owned(), record.value().to_vec()));
            }
            Ok(rows)
        })?;
        let parse =
            |(name, bytes): (String, Vec<u8>)| self.parse(&bytes).map(|record| (name, record));
        rows.into_iter().map(parse).collect()
    }

    /// What is under a name; an empty record where there is nothing.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else.
    pub fn get(&self, name: &str) -> Result<Record, RegistryError> {
        let bytes = self.with(|database| {
            let table = database.begin_read()?.open_table(PLUGINS)?;
            let found = table.get(name)?;
            Ok(found.map(|record| record.value().to_vec()))
        })?;
        bytes.map_or_else(|| Ok(Record::default()), |bytes| self.parse(&bytes))
    }

    /// How many names there are.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn len(&self) -> Result<usize, RegistryError> {
        self.with(|database| Ok(database.begin_read()?.open_table(PLUGINS)?.iter()?.count()))
    }

    /// Whether nothing is published.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_empty(&self) -> Result<bool, RegistryError> {
        Ok(self.len()? == 0)
    }

    /// The bytes of a component.
    ///
    /// # Errors
    /// A file that cannot be read, or that does not hold it.
    pub fn component(&self, digest: &str) -> Result<Vec<u8>, RegistryError> {
        let bytes = self.with(|database| {
            let table = database.begin_read()?.open_table(COMPONENTS)?;
            let found = table.get(digest)?;
            Ok(found.map(|component| component.value().to_vec()))
        })?;
        bytes.ok_or_else(|| self.damaged(format!("the component {digest} is missing")))
    }

    /// Puts a record under a name, and its newest component beside it; components that no record
    /// needs any more go. When this returns, it is on the disk.
    ///
    /// # Errors
    /// A file that cannot be written. Then nothing was changed.
    pub fn put(
        &self,
        name: &str,
        record: &Record,
        component: Option<(&str, &[u8])>,
    ) -> Result<(), RegistryError> {
        let bytes = serde_json::to_vec(record).map_err(|error| self.damaged(error.to_string()))?;
        self.change(|change| {
            if let Some((digest, component)) = component {
                change.open_table(COMPONENTS)?.insert(digest, component)?;
            }
            let before = replaced(change.open_table(PLUGINS)?.insert(name, bytes.as_slice())?);
            sweep(change, before)
        })
    }

    /// Removes a name with its components. Whether there was anything.
    ///
    /// # Errors
    /// A file that cannot be written. Then nothing was changed.
    pub fn remove(&self, name: &str) -> Result<bool, RegistryError> {
        self.change(|change| {
            let before = replaced(change.open_table(PLUGINS)?.remove(name)?);
            let was_there = before.is_some();
            sweep(change, before)?;
            Ok(was_there)
        })
    }

    /// Puts a record under which nothing serves or waits. Of such names so many are kept; beyond
    /// that, those go whose last revision was published longest ago.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn let_go(
        &self,
        name: &str,
        record: &Record,
        removed_max: usize,
    ) -> Result<(), RegistryError> {
        self.put(name, record, None)?;
        let gone = self.all()?.into_iter().filter(|(_, record)| record.digest().is_none());
        let age = |record: &Record| record.removed.as_ref().map(|last| last.published_ms);
        let mut gone: Vec<_> = gone.map(|(name, record)| (age(&record), name)).collect();
        gone.sort_unstable();
        let excess = gone.len().saturating_sub(removed_max);
        for (_, name) in gone.drain(..excess) {
            self.remove(&name)?;
        }
        Ok(())
    }

    fn change<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, RegistryError> {
        self.with(|database| {
            let change = database.begin_write()?;
            let done = work(&change)?;
            change.commit()?;
            Ok(done)
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Error>,
    ) -> Result<T, RegistryError> {
        let mut slot = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match slot.take() {
            Some(database) => database,
            None => (self.open)().map_err(|error| self.classify(error.into()))?,
        };
        let done = work(&database).map_err(|error| self.classify(error))?;
        *slot = Some(database);
        Ok(done)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Record, RegistryError> {
        serde_json::from_slice(bytes).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, reason: String) -> RegistryError {
        RegistryError::Damaged { path: self.path.clone(), reason }
    }

    fn classify(&self, error: Error) -> RegistryError {
        let path = self.path.clone();
        match error {
            Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => {
                RegistryError::InUse { path }
            }
            Error::Io(source) if is_full(source.kind()) => RegistryError::Full { path, source },
            Error::Corrupted(reason) => RegistryError::Damaged { path, reason },
            error => RegistryError::Failed { path, reason: error.to_string() },
        }
    }
}

/// What is in it decides what runs: it is for this process's user alone.
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The value that another took the place of.
fn replaced(value: Option<AccessGuard<'_, &'static [u8]>>) -> Option<Vec<u8>> {
    value.map(|value| value.value().to_vec())
}

/// Removes the components of a name's former record that no record needs now. The others are not
/// looked at: all of them together may be gigabytes. A record that cannot be read may need any.
fn sweep(change: &WriteTransaction, before: Option<Vec<u8>>) -> Result<(), Error> {
    let before = before.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let Some(before) = before else { return Ok(()) };
    let mut unneeded: HashSet<String> = before.digests().map(str::to_owned).collect();
    for row in change.open_table(PLUGINS)?.iter()? {
        let (_, record) = row?;
        let Ok(record) = serde_json::from_slice::<Record>(record.value()) else { return Ok(()) };
        for digest in record.digests() {
            unneeded.remove(digest);
        }
    }
    let mut components = change.open_table(COMPONENTS)?;
    for digest in unneeded {
        components.remove(digest.as_str())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use redb::StorageBackend;

    use super::super::revision::Revision;
    use super::*;

    fn record(digest: &str) -> Record {
        let record = Record::default();
        let revision = record.next(digest.into(), String::new());
        record.served_by(Revision { published_ms: 0, ..revision })
    }

    #[test]
    fn what_was_put_is_there_after_reopening() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let registry = Registry::open(&folder).unwrap();
        assert!(registry.is_empty().unwrap());
        assert_eq!(registry.get("tides").unwrap(), Record::default());
        registry.put("tides", &record("d1"), Some(("d1", b"one"))).unwrap();
        registry.put("moon", &record("d2"), Some(("d2", b"two"))).unwrap();
        drop(registry);
        let registry = Registry::open(&folder).unwrap();
        let names: Vec<String> = registry.all().unwrap().into_iter().map(|row| row.0).collect();
        assert_eq!(names, ["moon", "tides"]);
        assert_eq!(registry.get("tides").unwrap(), record("d1"));
        assert_eq!(registry.component("d2").unwrap(), b"two");
        assert_eq!(registry.len().unwrap(), 2);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn components_that_nobody_needs_go_and_shared_ones_stay() {
        let root = tempfile::tempdir().unwrap();
        let registry = Registry::open(root.path()).unwrap();
        registry.put("a", &record("same"), Some(("same", b"s"))).unwrap();
        registry.put("b", &record("same"), Some(("same", b"s"))).unwrap();
        let waiting = record("same").waited_for_by(record("same").next("new".into(), "g".into()));
        registry.put("b", &waiting, Some(("new", b"n"))).unwrap();
        assert!(registry.remove("a").unwrap());
        assert!(!registry.remove("a").unwrap());
        assert_eq!(registry.component("same").unwrap(), b"s");
        assert_eq!(registry.component("new").unwrap(), b"n");
        registry.put("b", &record("new"), None).unwrap();
        assert!(matches!(registry.component("same"), Err(RegistryError::Damaged { .. })));
        assert_eq!(registry.component("new").unwrap(), b"n");
    }

    #[test]
    fn of_names_that_were_let_go_so_many_are_remembered() {
        let root = tempfile::tempdir().unwrap();
        let registry = Registry::open(root.path()).unwrap();
        registry.put("serving", &record("s"), Some(("s", b"s"))).unwrap();
        for (name, published_ms) in [("young", 3), ("old", 1), ("middle", 2)] {
            let revision = Record::default().next(name.into(), String::new());
            let served = Record::default().served_by(Revision { published_ms, ..revision });
            registry.put(name, &served, Some((name, b"x"))).unwrap();
            registry.let_go(name, &served.let_go(), 2).unwrap();
            assert!(registry.component(name).is_err(), "its component goes at once");
        }
        let names: Vec<String> = registry.all().unwrap().into_iter().map(|row| row.0).collect();
        assert_eq!(names, ["middle", "serving", "young"]);
        assert_eq!(registry.get("young").unwrap().last().unwrap().digest, "young");
    }

    #[test]
    fn a_second_process_is_told_that_it_is_in_use() {
        let root = tempfile::tempdir().unwrap();
        let _first = Registry::open(root.path()).unwrap();
        let second = Registry::open(root.path());
        assert!(matches!(second, Err(RegistryError::InUse { .. })));
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(FILE), b"something else, longer than nothing").unwrap();
        let error = Registry::open(root.path()).err().unwrap().to_string();
        assert!(error.contains(FILE), "{error}");
    }

    /// A disk with so much room, shared by everybody who opens it.
    #[derive(Clone, Debug)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        room: Arc<AtomicU64>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> Result<u64, io::Error> {
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
            let bytes = self.bytes.lock().unwrap();
            let offset = usize::try_from(offset).unwrap();
            let part = bytes.get(offset..offset + out.len());
            out.copy_from_slice(part.ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn set_len(&self, len: u64) -> Result<(), io::Error> {
            if len > self.room.load(Ordering::SeqCst) {
                return Err(ErrorKind::StorageFull.into());
            }
            self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }

        fn sync_data(&self) -> Result<(), io::Error> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
            let offset = usize::try_from(offset).unwrap();
            self.bytes.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_changes_nothing_and_is_over_once_there_is_room() {
        let disk = Disk { bytes: Arc::default(), room: Arc::new(AtomicU64::new(8 << 20)) };
        let open = disk.clone();
        let registry = Registry::with_opener("disk".into(), move || {
            Database::builder().create_with_backend(open.clone())
        });
        let registry = registry.unwrap();
        registry.put("tides", &record("old"), Some(("old", b"old"))).unwrap();
        let large = vec![7; 16 << 20];
        let refused =
            registry.put("tides", &record("new"), Some(("new", large.as_slice()))).unwrap_err();
        assert!(matches!(refused, RegistryError::Full { .. }), "{refused}");
        assert_eq!(registry.get("tides").unwrap(), record("old"));
        assert_eq!(registry.component("old").unwrap(), b"old");
        disk.room.store(256 << 20, Ordering::SeqCst);
        registry.put("tides", &record("new"), Some(("new", large.as_slice()))).unwrap();
        assert_eq!(registry.component("new").unwrap(), large);
    }
}
