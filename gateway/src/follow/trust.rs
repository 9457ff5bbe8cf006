//! Whose word counts for what a registry offers.

use std::path::Path;

use hyfunc_distribution::{Found, PublicKey, Reference, Registry, Signer, TrustedRoot};

use super::error::FollowError;
use crate::config::{FollowConfig, OFF, WARN};

/// Largest file of a key, a root or certificates (bytes).
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A policy with what it needs.
pub struct Trust {
    policy: Policy,
    keys: Vec<PublicKey>,
    keyless: Option<(TrustedRoot, Vec<Signer>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Require,
    Warn,
    Off,
}

impl Trust {
    /// Reads the files that the configuration names for a place. Blocking.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn open(reference: &Reference, settings: &FollowConfig) -> Result<Self, FollowError> {
        let policy = match settings.policy_for(reference) {
            OFF => Policy::Off,
            WARN => Policy::Warn,
            _ => Policy::Require,
        };
        if policy == Policy::Off {
            return Ok(Self { policy, keys: Vec::new(), keyless: None });
        }
        let mut keys = Vec::new();
        for key in settings.keys_for(reference) {
            let path = Path::new(&key.file);
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            let key = PublicKey::from_pem(&text);
            keys.push(key.map_err(|source| FollowError::Key { path: path.to_owned(), source })?);
        }
        let signers = settings.signers_for(reference).into_iter();
        let signers = signers.map(|one| Signer { identity: one.identity, issuer: one.issuer });
        let signers: Vec<Signer> = signers.collect();
        let keyless = match settings.trusted_root.as_str() {
            "" => None,
            _ if signers.is_empty() => None,
            path => {
                let path = Path::new(path);
                let root = TrustedRoot::read(&read(path)?);
                let root =
                    root.map_err(|source| FollowError::Root { path: path.to_owned(), source })?;
                Some((root, signers))
            }
        };
        Ok(Self { policy, keys, keyless })
    }

    /// Who signed; nothing where the policy lets it pass without.
    ///
    /// # Errors
    /// Nobody that counts, or a registry that cannot be used.
    pub async fn check(
        &self,
        registry: &mut Registry,
        found: &Found,
    ) -> Result<Option<String>, FollowError> {
        if self.policy == Policy::Off {
            return Ok(None);
        }
        match self.signer(registry, found).await {
            Ok(signer) => Ok(Some(signer)),
            Err(error) if self.policy == Policy::Warn && error.is_about_trust() => {
                tracing::warn!(%error, "taken all the same: its place is set to warn");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn signer(&self, registry: &mut Registry, found: &Found) -> Result<String, FollowError> {
        let (reference, digest) = (&found.reference, &found.manifest.digest);
        let Some((root, signers)) = &self.keyless else {
            let verified =
                hyfunc_distribution::verify_any(registry, reference, digest, &self.keys, None);
            return Ok(by_key(verified.await?));
        };
        let mut with_keys = None;
        if !self.keys.is_empty() {
            let verified =
                hyfunc_distribution::verify_any(registry, reference, digest, &self.keys, None);
            match verified.await {
                Ok(key) => return Ok(by_key(key)),
                Err(error) if error.is_about_trust() => with_keys = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        let verified = hyfunc_distribution::verify_keyless(
            registry,
            reference,
            &found.manifest,
            root,
            signers,
        );
        match (verified.await, with_keys) {
            (Ok(signer), _) => Ok(signer.to_string()),
            (Err(keyless), Some(key)) if keyless.is_about_trust() => {
                Err(FollowError::Neither { key: Box::new(key), keyless: Box::new(keyless) })
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}

fn by_key(key: &PublicKey) -> String {
    format!("the key {}", key.fingerprint())
}

/// A file, if it is not too large to be what it should.
pub fn read(path: &Path) -> Result<Vec<u8>, FollowError> {
    let failed = |reason: String| FollowError::File { path: path.to_owned(), reason };
    let found = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if found.len() > FILE_BYTES_MAX {
        return Err(failed(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| failed(error.to_string()))
}
