//! Compiled components, kept for the next start.
//!
//! Loading one is running it: whoever can write the file can run code in this process. So a file
//! is used only if it carries a MAC under a key that nobody but this process's user can read.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::directory::Private;
use crate::error::SandboxError;

/// First bytes of a cached artifact.
const MAGIC: &[u8; 8] = b"hyfncao1";
const MAC_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "key";

/// The cache of one directory.
pub(crate) struct Aot {
    directory: Private,
    key: [u8; KEY_BYTES],
}

impl Aot {
    /// Opens the directory, and makes its key the first time.
    pub(crate) fn open(path: &Path) -> Result<Self, SandboxError> {
        let directory = Private::open(path, "compiled components")?;
        let key = read_key(&directory).map_err(|error| SandboxError::Directory {
            path: directory.file(KEY_FILE).display().to_string(),
            purpose: "the key of compiled components",
            message: format!("{error}; remove the file to start over"),
        })?;
        Ok(Self { directory, key })
    }

    /// A component that was kept, if it is this one, for this engine, and untouched.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let name = file_name(engine, digest);
        let bytes = match fs::read(self.directory.file(&name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.discard(&name, &error.to_string()),
        };
        let Some(artifact) = self.open_sealed(&name, &bytes) else {
            return self.discard(&name, "its MAC is wrong: it is damaged, or not ours");
        };
        // SAFETY: `deserialize` trusts its bytes. These were written by `store` of a process that
        // holds our key, under this very name (the MAC covers both), and came out of
        // `Component::serialize` of an engine with the same compatibility hash, since the hash is
        // part of the name.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, artifact) };
        match component {
            Ok(component) => Some(component),
            Err(error) => self.discard(&name, &format!("{error:#}")),
        }
    }

    /// Keeps a component. A failure costs the next start some time, and nothing else.
    pub(crate) fn store(&self, engine: &Engine, digest: &str, component: &Component) {
        let stored =
            component.serialize().map_err(|error| format!("{error:#}")).and_then(|artifact| {
                self.keep(engine, digest, &artifact).map_err(|error| error.to_string())
            });
        if let Err(reason) = stored {
            tracing::warn!(digest, reason, "a compiled component was not kept");
        }
    }

    /// Keeps what the compiler made of a component for this engine.
    pub(crate) fn keep(&self, engine: &Engine, digest: &str, artifact: &[u8]) -> io::Result<()> {
        let name = file_name(engine, digest);
        self.directory.replace(&name, &self.seal(&name, artifact))
    }

    fn discard(&self, name: &str, reason: &str) -> Option<Component> {
        tracing::warn!(name, reason, "discarded a compiled component; it will be compiled again");
        // If it stays, the next `store` replaces it.
        let _ = fs::remove_file(self.directory.file(name));
        None
    }

    /// Magic, then the MAC of name and artifact, then the artifact.
    fn seal(&self, name: &str, artifact: &[u8]) -> Vec<u8> {
        let mac = self.mac(name, artifact).finalize().into_bytes();
        [MAGIC.as_slice(), mac.as_slice(), artifact].concat()
    }

    fn open_sealed<'a>(&self, name: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, artifact) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<MAC_BYTES>()?;
        self.mac(name, artifact).verify_slice(mac).ok()?;
        Some(artifact)
    }

    fn mac(&self, name: &str, artifact: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(artifact);
        mac
    }
}

/// The component, and everything about the engine that its code depends on.
fn file_name(engine: &Engine, digest: &str) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.aot", hasher.finish())
}

fn read_key(directory: &Private) -> io::Result<[u8; KEY_BYTES]> {
    let fresh: [u8; KEY_BYTES] = rand::random();
    match directory.create(KEY_FILE, &fresh) {
        Ok(()) => return Ok(fresh),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let bytes = fs::read(directory.file(KEY_FILE))?;
    bytes.try_into().map_err(|_| io::Error::other("the key has the wrong length"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let first = Aot::open(root.path()).unwrap();
        let second = Aot::open(root.path()).unwrap();
        assert_eq!(first.key, second.key);
        let mode = fs::metadata(root.path().join(KEY_FILE)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_seal_holds_for_its_name_bytes_and_key() {
        let root = tempfile::tempdir().unwrap();
        let aot = Aot::open(root.path()).unwrap();
        let sealed = aot.seal("a", b"artifact");
        assert_eq!(aot.open_sealed("a", &sealed), Some(&b"artifact"[..]));
        assert_eq!(aot.open_sealed("b", &sealed), None);
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert_eq!(aot.open_sealed("a", &damaged), None, "byte {position}");
        }
        for len in 0..sealed.len() {
            assert_eq!(aot.open_sealed("a", &sealed[..len]), None, "{len} bytes");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(Aot::open(elsewhere.path()).unwrap().open_sealed("a", &sealed), None);
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        let root = tempfile::tempdir().unwrap();
        drop(Aot::open(root.path()).unwrap());
        fs::write(root.path().join(KEY_FILE), b"short").unwrap();
        assert!(matches!(Aot::open(root.path()), Err(SandboxError::Directory { .. })));
    }
}
