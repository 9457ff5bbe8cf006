//! Where tasks are kept: the host's key-value store, or memory in tests.

use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{self, Bucket};

/// Every store of the host is of one plugin and one tenant, so one name is enough.
const BUCKET: &str = "default";
/// More pages of keys than this are not asked for: the list has its own, lower bound.
const PAGES_MAX: usize = 64;

/// What tasks are kept on. Errors are sentences that say what to do.
pub trait Shelf {
    /// The bytes under a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String>;
    /// Puts bytes under a key, whatever was there before.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), String>;
    /// Takes a key away; nothing happens when it is not there.
    fn delete(&self, key: &str) -> Result<(), String>;
    /// All keys, in no order.
    fn keys(&self) -> Result<Vec<String>, String>;
    /// Adds one to a counter that begins at zero, and gives the sum. Never the same twice.
    fn count(&self, key: &str) -> Result<u64, String>;
}

/// Opens the host's store.
///
/// # Errors
/// When the host does not grant it, or cannot open it.
pub fn open() -> Result<Bucket, String> {
    store::open(BUCKET).map_err(explain)
}

fn explain(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore | store::Error::AccessDenied => {
            "the list has nowhere to live: approve `[keyvalue] store = true` for the plugin `todo`, then ask again".into()
        }
        store::Error::Other(reason) => format!("the list could not be read or written: {reason}"),
    }
}

impl Shelf for Bucket {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Bucket::get(self, key).map_err(explain)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        Bucket::set(self, key, value).map_err(explain)
    }

    fn delete(&self, key: &str) -> Result<(), String> {
        Bucket::delete(self, key).map_err(explain)
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

    fn count(&self, key: &str) -> Result<u64, String> {
        atomics::increment(self, key, 1).map_err(explain)
    }
}

/// A shelf in memory.
#[cfg(test)]
#[derive(Default)]
pub struct Memory {
    entries: std::cell::RefCell<std::collections::HashMap<String, Vec<u8>>>,
    counter: std::cell::Cell<u64>,
}

#[cfg(test)]
impl Shelf for Memory {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.entries.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.entries.borrow_mut().insert(key.into(), value.into());
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), String> {
        self.entries.borrow_mut().remove(key);
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>, String> {
        Ok(self.entries.borrow().keys().cloned().collect())
    }

    fn count(&self, _key: &str) -> Result<u64, String> {
        self.counter.set(self.counter.get() + 1);
        Ok(self.counter.get())
    }
}
