//! What one plugin keeps for one tenant, and the set of all such.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::config::SandboxConfig;
use crate::directory::Private;
use crate::error::SandboxError;

/// First bytes of a file of key-value data.
const MAGIC: &[u8; 8] = b"hyfnckv1";
/// What a pair costs beside its key and value, so that empty ones are bounded, too.
const PAIR_BYTES: usize = 32;

/// A bucket's name and a key in it.
pub(crate) type Address = (String, String);

/// All spaces of one sandbox.
#[derive(Debug)]
pub(crate) struct Spaces {
    by_owner: Mutex<HashMap<(String, String), Arc<Space>>>,
    directory: Option<Private>,
    bytes_max: usize,
    spaces_max: usize,
}

/// The pairs of one plugin and tenant.
#[derive(Debug)]
pub(crate) struct Space {
    pairs: Mutex<Pairs>,
    file: Option<(Private, String)>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Pairs {
    values: BTreeMap<Address, Vec<u8>>,
    /// Keys, values and [`PAIR_BYTES`] a pair.
    bytes: usize,
}

/// Why nothing was kept or found.
#[derive(Debug, thiserror::Error)]
pub enum SpaceError {
    #[error("the store is full: keyvalue_bytes_max = {0}")]
    Full(usize),
    #[error("too many stores are in use: keyvalue_spaces_max = {0}")]
    TooMany(usize),
    #[error("the store could not be read or written: {0}")]
    File(#[from] io::Error),
    #[error("the value of `{0}` is not a number")]
    NotANumber(String),
    #[error("the value of `{0}` would be too large")]
    Overflow(String),
}

impl Spaces {
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let open = |path: &Path| Private::open(path, "key-value data");
        Ok(Self {
            by_owner: Mutex::default(),
            directory: config.keyvalue_dir.as_deref().map(open).transpose()?,
            bytes_max: config.keyvalue_bytes_max,
            spaces_max: config.keyvalue_spaces_max,
        })
    }

    /// Whether opening and changing a space waits for a disk.
    pub(crate) fn is_persistent(&self) -> bool {
        self.directory.is_some()
    }

    /// The space of a plugin and a tenant, read from its file the first time.
    pub(crate) fn space(&self, plugin: &str, tenant: &str) -> Result<Arc<Space>, SpaceError> {
        let mut by_owner = lock(&self.by_owner);
        let owner = (plugin.to_owned(), tenant.to_owned());
        if let Some(space) = by_owner.get(&owner) {
            return Ok(Arc::clone(space));
        }
        if by_owner.len() >= self.spaces_max {
            by_owner.retain(|_, space| Arc::strong_count(space) > 1 || !space.is_disposable());
        }
        if by_owner.len() >= self.spaces_max {
            return Err(SpaceError::TooMany(self.spaces_max));
        }
        let file = self.directory.clone().map(|directory| (directory, file_name(&owner)));
        let space = Arc::new(Space::open(file, self.bytes_max)?);
        by_owner.insert(owner, Arc::clone(&space));
        Ok(space)
    }
}

/// Plugin and tenant are anybody's text; their digest is a file's name.
fn file_name((plugin, tenant): &(String, String)) -> String {
    let mut digest = Sha256::new();
    digest.update((plugin.len() as u64).to_le_bytes());
    digest.update(plugin);
    digest.update(tenant);
    format!("{}.kv", hex::encode(digest.finalize()))
}

impl Space {
    fn open(file: Option<(Private, String)>, bytes_max: usize) -> Result<Self, SpaceError> {
        let pairs = match &file {
            Some((directory, name)) => match std::fs::read(directory.file(name)) {
                Ok(bytes) => Pairs::decode(&bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Pairs::default(),
                Err(error) => return Err(error.into()),
            },
            None => Pairs::default(),
        };
        Ok(Self { pairs: Mutex::new(pairs), file, bytes_max })
    }

    /// Whether dropping it loses nothing.
    fn is_disposable(&self) -> bool {
        self.file.is_some() || lock(&self.pairs).values.is_empty()
    }

    pub(crate) fn get(&self, address: &Address) -> Option<Vec<u8>> {
        lock(&self.pairs).values.get(address).cloned()
    }

    pub(crate) fn exists(&self, address: &Address) -> bool {
        lock(&self.pairs).values.contains_key(address)
    }

    /// Keys of a bucket in order, `keys_max` from position `from` on, and whether more follow.
    pub(crate) fn keys(&self, bucket: &str, from: u64, keys_max: usize) -> (Vec<String>, bool) {
        let pairs = lock(&self.pairs);
        let of_bucket = pairs
            .values
            .range((bucket.to_owned(), String::new())..)
            .take_while(|((name, _), _)| name == bucket)
            .map(|((_, key), _)| key.clone());
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut keys: Vec<String> = of_bucket.skip(from).take(keys_max.saturating_add(1)).collect();
        let more = keys.len() > keys_max;
        keys.truncate(keys_max);
        (keys, more)
    }

    pub(crate) fn set(&self, address: Address, value: Vec<u8>) -> Result<(), SpaceError> {
        self.change(address, |_| Ok((Some(value), ())))
    }

    pub(crate) fn delete(&self, address: Address) -> Result<(), SpaceError> {
        self.change(address, |_| Ok((None, ())))
    }

    /// Adds to a number that is kept as decimal text, which is 0 when absent.
    pub(crate) fn increment(&self, address: Address, delta: u64) -> Result<u64, SpaceError> {
        let key = address.1.clone();
        self.change(address, |old| {
            let old: u64 = match old {
                Some(bytes) => std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| SpaceError::NotANumber(key.clone()))?,
                None => 0,
            };
            let new = old.checked_add(delta).ok_or_else(|| SpaceError::Overflow(key.clone()))?;
            Ok((Some(new.to_string().into_bytes()), new))
        })
    }

    /// Changes one value, in memory and in the file, or neither.
    fn change<T>(
        &self,
        address: Address,
        decide: impl FnOnce(Option<&Vec<u8>>) -> Result<(Option<Vec<u8>>, T), SpaceError>,
    ) -> Result<T, SpaceError> {
        let mut pairs = lock(&self.pairs);
        let (new, answer) = decide(pairs.values.get(&address))?;
        if new.is_none() && !pairs.values.contains_key(&address) {
            return Ok(answer);
        }
        let old = pairs.put(address.clone(), new);
        if pairs.bytes > self.bytes_max {
            pairs.put(address, old);
            return Err(SpaceError::Full(self.bytes_max));
        }
        if let Some((directory, name)) = &self.file {
            let written = directory.replace(name, &pairs.encode());
            if let Err(error) = written {
                pairs.put(address, old);
                return Err(error.into());
            }
        }
        Ok(answer)
    }
}

impl Pairs {
    /// Sets or removes a value; the one before is returned.
    fn put(&mut self, address: Address, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let key_bytes = address.0.len() + address.1.len() + PAIR_BYTES;
        let old = match value {
            Some(value) => {
                self.bytes += key_bytes + value.len();
                self.values.insert(address, value)
            }
            None => self.values.remove(&address),
        };
        if let Some(old) = &old {
            self.bytes -= key_bytes + old.len();
        }
        old
    }

    /// Magic, then bucket, key and value a pair, each after its length, then a SHA-256 of all.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for ((bucket, key), value) in &self.values {
            for part in [bucket.as_bytes(), key.as_bytes(), value] {
                bytes.extend((part.len() as u64).to_le_bytes());
                bytes.extend(part);
            }
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        let (body, digest) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(damaged());
        }
        let mut rest = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let mut pairs = Self::default();
        while !rest.is_empty() {
            let mut part = || {
                let (len, after) = rest.split_first_chunk::<8>()?;
                let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
                let (part, after) = after.split_at_checked(len)?;
                rest = after;
                Some(part.to_vec())
            };
            let mut text = || part().and_then(|bytes| String::from_utf8(bytes).ok());
            let bucket = text().ok_or_else(damaged)?;
            let key = text().ok_or_else(damaged)?;
            let value = part().ok_or_else(damaged)?;
            pairs.put((bucket, key), Some(value));
        }
        Ok(pairs)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(key: &str) -> Address {
        ("default".into(), key.into())
    }

    fn spaces(directory: Option<&Path>, bytes_max: usize) -> Spaces {
        Spaces::new(&SandboxConfig {
            keyvalue_dir: directory.map(Path::to_owned),
            keyvalue_bytes_max: bytes_max,
            keyvalue_spaces_max: 3,
            ..SandboxConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn spaces_are_apart() {
        let spaces = spaces(None, 1_000);
        spaces.space("todo", "anna").unwrap().set(at("a"), b"1".to_vec()).unwrap();
        assert_eq!(spaces.space("todo", "anna").unwrap().get(&at("a")).unwrap(), b"1");
        assert_eq!(spaces.space("todo", "ben").unwrap().get(&at("a")), None);
        assert_eq!(spaces.space("home", "anna").unwrap().get(&at("a")), None);
        assert_eq!(spaces.space("todo", "anna").unwrap().get(&("b".into(), "a".into())), None);
    }

    #[test]
    fn plugin_and_tenant_do_not_run_together() {
        let name = |plugin: &str, tenant: &str| file_name(&(plugin.into(), tenant.into()));
        assert_ne!(name("ab", "c"), name("a", "bc"));
    }

    #[test]
    fn empty_spaces_make_room_and_full_ones_stay() {
        let spaces = spaces(None, 1_000);
        for tenant in ["a", "b", "c", "d"] {
            spaces.space("todo", tenant).unwrap();
        }
        for tenant in ["a", "b", "c"] {
            spaces.space("todo", tenant).unwrap().set(at("k"), vec![1]).unwrap();
        }
        assert!(matches!(spaces.space("todo", "e"), Err(SpaceError::TooMany(3))));
        assert_eq!(spaces.space("todo", "a").unwrap().get(&at("k")), Some(vec![1]));
    }

    #[test]
    fn the_quota_counts_keys_and_values_and_gives_back() {
        let space = spaces(None, 100).space("todo", "anna").unwrap();
        space.set(at("a"), vec![0; 60]).unwrap();
        space.set(at("a"), vec![1; 60]).unwrap();
        assert!(matches!(space.set(at("a"), vec![2; 61]), Err(SpaceError::Full(100))));
        assert!(matches!(space.set(at("b"), vec![]), Err(SpaceError::Full(100))));
        assert_eq!(space.get(&at("a")), Some(vec![1; 60]));
        space.delete(at("a")).unwrap();
        space.set(at("b"), vec![0; 60]).unwrap();
    }

    #[test]
    fn numbers_are_incremented() {
        let space = spaces(None, 1_000).space("todo", "anna").unwrap();
        assert_eq!(space.increment(at("n"), 2).unwrap(), 2);
        assert_eq!(space.increment(at("n"), 40).unwrap(), 42);
        assert_eq!(space.get(&at("n")).unwrap(), b"42");
        assert!(matches!(space.increment(at("n"), u64::MAX), Err(SpaceError::Overflow(_))));
        space.set(at("n"), b"many".to_vec()).unwrap();
        assert!(matches!(space.increment(at("n"), 1), Err(SpaceError::NotANumber(_))));
        assert_eq!(space.get(&at("n")).unwrap(), b"many");
    }

    #[test]
    fn keys_come_in_pages() {
        let space = spaces(None, 10_000).space("todo", "anna").unwrap();
        for key in ["c", "a", "b"] {
            space.set(at(key), vec![]).unwrap();
        }
        space.set(("other".into(), "z".into()), vec![]).unwrap();
        assert_eq!(space.keys("default", 0, 2), (vec!["a".into(), "b".into()], true));
        assert_eq!(space.keys("default", 2, 2), (vec!["c".into()], false));
        assert_eq!(space.keys("default", u64::MAX, 2), (vec![], false));
        assert_eq!(space.keys("empty", 0, 2), (vec![], false));
    }

    #[test]
    fn what_is_kept_survives_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let before = spaces(Some(root.path()), 1_000).space("todo", "../../etc").unwrap();
        before.set(at("a"), vec![0, 255]).unwrap();
        before.set(at("b"), vec![]).unwrap();
        before.delete(at("b")).unwrap();
        let after = spaces(Some(root.path()), 1_000).space("todo", "../../etc").unwrap();
        assert_eq!(after.get(&at("a")), Some(vec![0, 255]));
        assert!(!after.exists(&at("b")));
        assert_eq!(lock(&after.pairs).bytes, lock(&before.pairs).bytes);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let before = spaces(Some(root.path()), 1_000).space("todo", "anna").unwrap();
        before.set(at("a"), vec![7]).unwrap();
        let path = root.path().join(file_name(&("todo".into(), "anna".into())));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[12] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let read = spaces(Some(root.path()), 1_000).space("todo", "anna");
        assert!(matches!(read, Err(SpaceError::File(_))));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
