//! Where settings are kept: the host's key-value store, or memory in tests.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::wasi::keyvalue::store::{self, Bucket};

/// Every store of the host is of one plugin and one tenant, so one name is enough.
const BUCKET: &str = "default";
/// More pages of keys than this are not asked for.
const PAGES_MAX: usize = 64;

/// What settings are kept on. Errors are sentences that say what to do.
pub trait Shelf {
    /// The bytes under a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String>;
    /// Puts bytes under a key, whatever was there before.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), String>;
    /// All keys, in no order.
    fn keys(&self) -> Result<Vec<String>, String>;
}

/// Opens the host's store.
///
/// # Errors
/// When the host does not grant it, or cannot open it.
pub fn open() -> Result<Bucket, String> {
    store::open(BUCKET).map_err(explain)
}

/// The setting under a key.
///
/// # Errors
/// When the store cannot be read, or holds something else under that key.
pub fn read<T: DeserializeOwned>(shelf: &impl Shelf, key: &str) -> Result<Option<T>, String> {
    let Some(bytes) = shelf.get(key)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        format!("what was set under `{key}` cannot be read ({error}): set it again")
    })
}

/// Puts a setting under a key.
///
/// # Errors
/// When the store cannot be written.
pub fn write<T: Serialize>(shelf: &impl Shelf, key: &str, setting: &T) -> Result<(), String> {
    let bytes = serde_json::to_vec(setting)
        .map_err(|error| format!("`{key}` cannot be written: {error}"))?;
    shelf.set(key, &bytes)
}

fn explain(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore | store::Error::AccessDenied => {
            "the home has nowhere to keep its settings: approve `[keyvalue] store = true` for the plugin `home`, then ask again".into()
        }
        store::Error::Other(reason) => format!("the settings could not be read or written: {reason}"),
    }
}

impl Shelf for Bucket {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Bucket::get(self, key).map_err(explain)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        Bucket::set(self, key, value).map_err(explain)
    }

    fn keys(&self) -> Result<Vec<String>, String> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.list_keys(cursor).map_err(explain)?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(keys)
    }
}

/// A shelf in memory.
#[cfg(test)]
#[derive(Default)]
pub struct Memory(std::cell::RefCell<std::collections::HashMap<String, Vec<u8>>>);

#[cfg(test)]
impl Shelf for Memory {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.0.borrow_mut().insert(key.into(), value.into());
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>, String> {
        Ok(self.0.borrow().keys().cloned().collect())
    }
}
