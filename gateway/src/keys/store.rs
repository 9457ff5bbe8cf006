//! The keys in force: read again when their file changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::error::{AccessError, KeysError};
use super::file;
use super::key::Key;
use super::limits::Limits;
use super::principal::{Holder, Principal};
use super::secret::{Hash, id_of};

/// Time between two looks at the file, in milliseconds.
const LOOK_MS: u64 = 1_000;

type Ring = HashMap<String, Holder>;

/// The keys of one file.
pub struct Store {
    path: PathBuf,
    ring: RwLock<Arc<Ring>>,
    look: Mutex<Look>,
}

/// The last look at the file.
struct Look {
    next: Instant,
    seen: Option<Stamp>,
}

/// What tells one state of a file from another: it is renamed into place, so that even two changes
/// within one tick of the clock differ.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Store {
    /// Reads the file.
    ///
    /// # Errors
    /// No such file, one that cannot be read, or one without keys.
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let seen = stamp(path);
        let keys = file::read(path)?;
        if keys.is_empty() {
            return Err(KeysError::Empty { path: path.to_owned() });
        }
        warn_if_others_read(path);
        Ok(Self {
            path: path.to_owned(),
            ring: RwLock::new(Arc::new(ring_of(keys, &Ring::new()))),
            look: Mutex::new(Look { next: Instant::now() + Duration::from_millis(LOOK_MS), seen }),
        })
    }

    /// Whose key this is, even if its time is over.
    ///
    /// # Errors
    /// Nobody's.
    pub fn authenticate(&self, token: &str) -> Result<Principal, AccessError> {
        self.look();
        let ring = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        let holder = id_of(token).and_then(|id| ring.get(id));
        // Where there is no such key, as much is computed as where there is one.
        let is_right = match holder {
            Some(holder) => holder.key.is(token),
            None => Hash::of_nothing().is_of(token),
        };
        match holder {
            Some(holder) if is_right => Ok(Principal::of(holder.clone())),
            _ => Err(AccessError::UnknownKey),
        }
    }

    /// Looks at the file, at most once a second. One that cannot be read leaves the keys as they
    /// were; one that is gone leaves none.
    fn look(&self) {
        // Somebody else is looking.
        let Ok(mut look) = self.look.try_lock() else { return };
        let now = Instant::now();
        if now < look.next {
            return;
        }
        look.next = now + Duration::from_millis(LOOK_MS);
        let seen = stamp(&self.path);
        if seen == look.seen {
            return;
        }
        let keys = match file::read(&self.path) {
            Ok(keys) => keys,
            Err(error @ KeysError::Missing { .. }) => {
                tracing::error!("{error}; until then nobody is let in");
                Vec::new()
            }
            Err(error) => {
                tracing::error!("{error}; the keys stay as they were");
                look.seen = seen;
                return;
            }
        };
        look.seen = seen;
        drop(look);
        tracing::info!(keys = keys.len(), path = %self.path.display(), "keys were read again");
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        *ring = Arc::new(ring_of(keys, &ring));
    }
}

/// The keys by their public parts. One whose limits did not change keeps what is left of them.
fn ring_of(keys: Vec<Key>, before: &Ring) -> Ring {
    let holders = keys.into_iter().map(|key| {
        let same = before.get(&key.row.id).filter(|held| {
            held.key.row.requests_per_minute == key.row.requests_per_minute
                && held.key.row.concurrent_max == key.row.concurrent_max
        });
        let limits = same.map_or_else(
            || Arc::new(Limits::new(key.row.requests_per_minute, key.row.concurrent_max)),
            |held| Arc::clone(&held.limits),
        );
        (key.row.id.clone(), Holder { key: Arc::new(key), limits })
    });
    holders.collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode })
}

/// Hashes give no key away, but names, roles and scopes are nobody else's business.
fn warn_if_others_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let path = path.display();
            tracing::warn!("others can read or write the keys: chmod 600 {path}");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::keys::{Moment, Role, Row, mint};

    fn add(path: &Path, name: &str, change: impl FnOnce(&mut Row)) -> String {
        let minted = mint().unwrap();
        let mut row = Row {
            name: name.into(),
            id: minted.id,
            sha256: minted.hash.to_text(),
            roles: vec![Role::Call],
            scopes: vec!["*".into()],
            created: Moment::now(),
            expires: None,
            requests_per_minute: None,
            concurrent_max: None,
        };
        change(&mut row);
        file::update(path, |rows| {
            rows.retain(|other| other.name != name);
            rows.push(row);
            Ok(())
        })
        .unwrap();
        minted.token
    }

    /// As if a second had passed.
    fn look_again(store: &Store) {
        store.look.lock().unwrap().next = Instant::now();
    }

    #[test]
    fn only_the_whole_right_key_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let alice = add(&path, "alice", |_| {});
        let late = add(&path, "late", |row| row.expires = Some(Moment::now().after(-1)));
        let store = Store::open(&path).unwrap();
        assert_eq!(store.authenticate(&alice).unwrap().name(), Some("alice"));
        let late_still = store.authenticate(&late).unwrap();
        assert_eq!(late_still.name(), Some("late"));
        assert!(matches!(late_still.check_time(), Err(AccessError::Expired { .. })));
        let mut other = alice.clone();
        let last = if other.pop() == Some('0') { '1' } else { '0' };
        other.push(last);
        let mut wrong_and_late = late.clone();
        wrong_and_late.push('0');
        for wrong in ["", "alice", &other, &wrong_and_late, "hyf_000000000000_0"] {
            let refused = store.authenticate(wrong);
            assert!(matches!(refused, Err(AccessError::UnknownKey)), "{wrong}: {refused:?}");
        }
    }

    #[test]
    fn changes_are_read_and_what_is_broken_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let alice = add(&path, "alice", |_| {});
        let store = Store::open(&path).unwrap();

        let bob = add(&path, "bob", |_| {});
        store.look.lock().unwrap().next = Instant::now() + Duration::from_secs(60);
        assert!(store.authenticate(&bob).is_err(), "not before a second is over");
        look_again(&store);
        assert!(store.authenticate(&bob).is_ok());

        std::fs::write(&path, "[[key]]\nbroken").unwrap();
        look_again(&store);
        assert!(store.authenticate(&alice).is_ok(), "the keys stay as they were");

        std::fs::remove_file(&path).unwrap();
        look_again(&store);
        assert!(store.authenticate(&alice).is_err(), "without a file nobody is let in");

        let again = add(&path, "alice", |_| {});
        look_again(&store);
        assert!(store.authenticate(&alice).is_err(), "that one was replaced");
        assert!(store.authenticate(&again).is_ok());
    }

    #[test]
    fn reading_again_gives_nobody_a_fresh_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let alice = add(&path, "alice", |row| row.requests_per_minute = NonZeroU32::new(1));
        let store = Store::open(&path).unwrap();
        store.authenticate(&alice).unwrap().request().unwrap();
        add(&path, "bob", |_| {});
        look_again(&store);
        assert!(store.authenticate(&alice).unwrap().request().is_err());
    }

    #[test]
    fn a_file_without_keys_is_refused_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for (text, words) in [(None, "there are no keys"), (Some(""), "holds no key")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = Store::open(&path).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(words) && error.contains("hyfunc key create"), "{error}");
        }
    }
}
