//! `wasi:keyvalue`: buckets of the calling plugin and tenant, where the grants admit it.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTableError};

use crate::host::bindings::wasi::keyvalue::{atomics, store};
use crate::host::space::{Address, Space, SpaceError, Spaces};
use crate::host::state::State;

/// Longest name of a bucket.
const BUCKET_BYTES_MAX: usize = 64;
/// Keys in one answer of `list-keys`.
const KEYS_MAX: usize = 1_000;

/// Whose data a call sees.
#[derive(Clone, Debug)]
pub(crate) struct KeyValueAccess {
    pub(crate) spaces: Arc<Spaces>,
    pub(crate) plugin: Arc<str>,
    pub(crate) tenant: String,
}

/// An open bucket.
pub struct Bucket {
    space: Arc<Space>,
    name: String,
}

/// What a guest is told, or what ends its call.
pub enum KeyValueError {
    NoSuchStore,
    AccessDenied,
    Space(SpaceError),
    Trap(wasmtime::Error),
}

impl From<ResourceTableError> for KeyValueError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

impl From<SpaceError> for KeyValueError {
    fn from(error: SpaceError) -> Self {
        Self::Space(error)
    }
}

/// Runs what may wait for a disk where waiting does no harm. It runs to its end even if the call
/// is dropped, so that a file is never half written.
async fn on_disk<T: Send + 'static>(
    is_persistent: bool,
    work: impl FnOnce() -> Result<T, SpaceError> + Send + 'static,
) -> Result<T, KeyValueError> {
    if !is_persistent {
        return Ok(work()?);
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(KeyValueError::Trap(wasmtime::Error::msg(error.to_string()))),
    }
}

impl store::Host for State {
    /// Any short name is a bucket; the empty one is `default`.
    async fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, KeyValueError> {
        if !self.grants.keyvalue.store {
            return Err(KeyValueError::AccessDenied);
        }
        if identifier.len() > BUCKET_BYTES_MAX {
            return Err(KeyValueError::NoSuchStore);
        }
        let name = if identifier.is_empty() { "default".to_owned() } else { identifier };
        let access = self.keyvalue.clone();
        let is_persistent = access.spaces.is_persistent();
        let open = move || access.spaces.space(&access.plugin, &access.tenant);
        let space = on_disk(is_persistent, open).await?;
        Ok(self.table.push(Bucket { space, name })?)
    }

    fn convert_error(&mut self, error: KeyValueError) -> wasmtime::Result<store::Error> {
        match error {
            KeyValueError::NoSuchStore => Ok(store::Error::NoSuchStore),
            KeyValueError::AccessDenied => Ok(store::Error::AccessDenied),
            KeyValueError::Space(error) => Ok(store::Error::Other(error.to_string())),
            KeyValueError::Trap(error) => Err(error),
        }
    }
}

impl State {
    /// Where a key of an open bucket is.
    fn place(
        &self,
        bucket: &Resource<Bucket>,
        key: String,
    ) -> Result<(Arc<Space>, Address), KeyValueError> {
        let bucket = self.table.get(bucket)?;
        Ok((Arc::clone(&bucket.space), (bucket.name.clone(), key)))
    }
}

impl store::HostBucket for State {
    fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Option<Vec<u8>>, KeyValueError> {
        let (space, address) = self.place(&bucket, key)?;
        Ok(space.get(&address))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), KeyValueError> {
        let (space, address) = self.place(&bucket, key)?;
        on_disk(self.keyvalue.spaces.is_persistent(), move || space.set(address, value)).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), KeyValueError> {
        let (space, address) = self.place(&bucket, key)?;
        on_disk(self.keyvalue.spaces.is_persistent(), move || space.delete(address)).await
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, KeyValueError> {
        let (space, address) = self.place(&bucket, key)?;
        Ok(space.exists(&address))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<store::KeyResponse, KeyValueError> {
        let bucket = self.table.get(&bucket)?;
        let from = cursor.unwrap_or(0);
        let (keys, more) = bucket.space.keys(&bucket.name, from, KEYS_MAX);
        let cursor = more.then(|| from + keys.len() as u64);
        Ok(store::KeyResponse { keys, cursor })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, KeyValueError> {
        let (space, address) = self.place(&bucket, key)?;
        on_disk(self.keyvalue.spaces.is_persistent(), move || space.increment(address, delta)).await
    }
}
