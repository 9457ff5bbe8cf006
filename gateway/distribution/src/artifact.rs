//! Components as artifacts: pushed, found, pulled, signed, verified.
//!
//! The layout is that of the WebAssembly working group, which `wkg` writes and reads: a
//! configuration that says what the component imports and exports, and one layer, the component.

use hyper::body::Bytes;
use serde_json::json;

use crate::digest::Digest;
use crate::error::RegistryError;
use crate::index::Index;
use crate::key::{PrivateKey, PublicKey};
use crate::manifest::{Descriptor, Manifest, ManifestError, media};
use crate::reference::Reference;
use crate::registry::{Fetched, Registry};
use crate::signature::{
    PAYLOAD_BYTES_MAX, Payload, SignatureError, Signed, check, signature_of, signature_tag,
    signatures_manifest,
};
use crate::transport::{Progress, unseen};

/// What the plugin wishes for, as the text of its grants: an annotation of the manifest, so that a
/// signature covers it.
const GRANTS: &str = "hyfunc.grants";
/// File name of a layer, and version of an artifact, as the OCI names them.
const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

/// What is said about a component that is pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// File name, which `oras pull` gives it.
    pub title: String,
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// What it wishes for: the text of its grants, where it has some.
    pub grants: Option<String>,
    /// When it is pushed (seconds since 1970).
    pub created_s: u64,
}

/// What pushing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Of the manifest.
    pub digest: Digest,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// An artifact in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is, pinned to its digest.
    pub reference: Reference,
    /// Of its manifest.
    pub digest: Digest,
    manifest: Manifest,
}

impl Artifact {
    /// The component: its digest, its size.
    ///
    /// # Errors
    /// An artifact of another kind.
    pub fn component(&self) -> Result<&Descriptor, RegistryError> {
        self.manifest.component().map_err(|source| wrong(&self.reference, source))
    }

    /// What the plugin wishes for, as the text of its grants.
    pub fn grants(&self) -> Option<&str> {
        self.manifest.annotations.get(GRANTS).map(String::as_str)
    }

    /// Its version, as its author named it: the tag that it was pushed to.
    pub fn version(&self) -> Option<&str> {
        self.manifest.annotations.get(VERSION).map(String::as_str)
    }

    /// Of a manifest that was fetched.
    ///
    /// # Errors
    /// A manifest that is no component's.
    pub fn read(reference: &Reference, fetched: &Fetched) -> Result<Self, RegistryError> {
        let manifest = Manifest::read(&fetched.bytes).map_err(|source| wrong(reference, source))?;
        let (reference, digest) = (reference.pinned(&fetched.digest), fetched.digest.clone());
        let artifact = Self { reference, digest, manifest };
        artifact.component()?;
        Ok(artifact)
    }
}

/// Whatever a reference may name.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is, pinned to its digest.
    pub reference: Reference,
    /// As it came.
    pub manifest: Fetched,
    /// What it is.
    pub content: Content,
}

/// One component or several.
#[derive(Clone, Debug)]
pub enum Content {
    /// One.
    Component(Box<Artifact>),
    /// Several, by name.
    Index(Index),
}

/// Finds a component or a list of some; `None` where there is nothing.
///
/// # Errors
/// Something else, or a registry that cannot be used.
pub async fn find(
    registry: &mut Registry,
    reference: &Reference,
) -> Result<Option<Found>, RegistryError> {
    let Some(fetched) = registry.manifest(&reference.wanted()).await? else { return Ok(None) };
    let content = if Index::is_one(&fetched.bytes) {
        let index = Index::read(&fetched.bytes);
        let reference = reference.to_string();
        Content::Index(index.map_err(|source| RegistryError::Index { reference, source })?)
    } else {
        Content::Component(Box::new(Artifact::read(reference, &fetched)?))
    };
    let reference = reference.pinned(&fetched.digest);
    Ok(Some(Found { reference, manifest: fetched, content }))
}

fn wrong(reference: &Reference, source: ManifestError) -> RegistryError {
    RegistryError::Manifest { reference: reference.to_string(), source }
}

/// Stores a component under a tag. One and the same component may be pushed again; another wants
/// `replace`.
///
/// # Errors
/// A reference without a tag, a tag that is taken, a registry that cannot be used.
pub async fn push(
    registry: &mut Registry,
    reference: &Reference,
    component: Vec<u8>,
    description: &Description,
    replace: bool,
    progress: Progress,
) -> Result<Pushed, RegistryError> {
    let no_tag = |reason| RegistryError::NoTag {
        reference: reference.to_string(),
        reason,
        name: reference.name(),
    };
    let tag = match (reference.digest(), reference.tag()) {
        (Some(_), _) => return Err(no_tag("is pinned to a digest, which only the content makes")),
        (None, None) => return Err(no_tag("names no tag")),
        (None, Some(tag)) => tag,
    };
    let mut layer = Descriptor::of(media::WASM, &component);
    layer.annotations.insert(TITLE.to_owned(), description.title.clone());
    let grants = description.grants.as_ref();
    if let Some(existing) = registry.manifest(tag).await? {
        let manifest = Manifest::read(&existing.bytes);
        let there = manifest.as_ref().ok().and_then(|manifest| manifest.component().ok());
        let is_same = manifest.as_ref().is_ok_and(|manifest| {
            let same = there.is_some_and(|there| there.digest == layer.digest);
            same && manifest.annotations.get(GRANTS) == grants
        });
        if is_same {
            return Ok(Pushed { digest: existing.digest, is_new: false });
        }
        if !replace {
            let existing = there.map_or("something else".to_owned(), |it| it.digest.to_string());
            return Err(RegistryError::Taken { reference: reference.to_string(), existing });
        }
    }
    let config = config(&layer.digest, description);
    let mut manifest = Manifest::new(Descriptor::of(media::WASM_CONFIG, &config), vec![layer]);
    manifest.annotations.insert(VERSION.to_owned(), tag.to_owned());
    if let Some(grants) = grants {
        manifest.annotations.insert(GRANTS.to_owned(), grants.clone());
    }
    registry.put_blob(Bytes::from(component), progress).await?;
    registry.put_blob(Bytes::from(config), unseen()).await?;
    let bytes = manifest.to_bytes();
    let digest = Digest::of(&bytes);
    registry.put_manifest(tag, bytes).await?;
    Ok(Pushed { digest, is_new: true })
}

/// The configuration, field for field as `wkg` writes it.
fn config(component: &Digest, description: &Description) -> Vec<u8> {
    let config = json!({
        "created": rfc3339(description.created_s),
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [component.to_string()],
        "component": {
            "exports": description.exports,
            "imports": description.imports,
            "target": null,
        },
    });
    config.to_string().into_bytes()
}

/// `2026-11-22T20:44:43Z`, of seconds since 1970; after Howard Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the day which leap years add comes last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Finds an artifact.
///
/// # Errors
/// None there, or one that is no component's, or a registry that cannot be used.
pub async fn resolve(
    registry: &mut Registry,
    reference: &Reference,
) -> Result<Artifact, RegistryError> {
    let fetched = registry.manifest(&reference.wanted()).await?;
    let fetched = fetched.ok_or_else(|| RegistryError::NotFound { what: reference.to_string() })?;
    Artifact::read(reference, &fetched)
}

/// The component of an artifact.
///
/// # Errors
/// Content that is too large, damaged or another; a registry that cannot be used.
pub async fn component(
    registry: &mut Registry,
    artifact: &Artifact,
    bytes_max: u64,
    progress: &Progress,
) -> Result<Vec<u8>, RegistryError> {
    registry.blob(artifact.component()?, bytes_max, progress).await
}

/// Whether an artifact is signed by this key, under its own name or the one that is given.
///
/// # Errors
/// A [`SignatureError`] where it is not; a registry that cannot be used.
pub async fn verify(
    registry: &mut Registry,
    artifact: &Artifact,
    key: &PublicKey,
    signed_as: Option<&Reference>,
) -> Result<(), RegistryError> {
    let keys = std::slice::from_ref(key);
    verify_any(registry, &artifact.reference, &artifact.digest, keys, signed_as).await?;
    Ok(())
}

/// The first of these keys that has signed a manifest of any kind.
///
/// # Errors
/// A [`SignatureError`] where none has: the one that says most; a registry that cannot be used.
pub async fn verify_any<'a>(
    registry: &mut Registry,
    reference: &Reference,
    digest: &Digest,
    keys: &'a [PublicKey],
    signed_as: Option<&Reference>,
) -> Result<&'a PublicKey, RegistryError> {
    let (_, signatures) = signatures(registry, reference, digest).await?;
    let expected = payload(signed_as.unwrap_or(reference), digest);
    let artifact = reference.to_string();
    let tag = signature_tag(digest);
    let mut nearest = SignatureError::Unsigned { artifact: artifact.clone(), tag };
    for key in keys {
        match check(&artifact, &expected, key, &signatures) {
            Ok(()) => return Ok(key),
            Err(SignatureError::OtherKey { .. })
                if !matches!(nearest, SignatureError::Unsigned { .. }) => {}
            Err(error) => nearest = error,
        }
    }
    Err(nearest.into())
}

/// Signs an artifact; `false` where this key has signed it already. The signatures of other keys
/// stay.
///
/// # Errors
/// A registry that cannot be used.
pub async fn sign(
    registry: &mut Registry,
    artifact: &Artifact,
    key: &PrivateKey,
) -> Result<bool, RegistryError> {
    sign_manifest(registry, &artifact.reference, &artifact.digest, key).await
}

/// The same for a manifest of any kind.
///
/// # Errors
/// As [`sign`].
pub async fn sign_manifest(
    registry: &mut Registry,
    reference: &Reference,
    digest: &Digest,
    key: &PrivateKey,
) -> Result<bool, RegistryError> {
    let payload = payload(reference, digest);
    let (mut layers, signatures) = signatures(registry, reference, digest).await?;
    let name = reference.to_string();
    if check(&name, &payload, key.public(), &signatures).is_ok() {
        return Ok(false);
    }
    let signed = Signed::new(&payload, key)?;
    layers.push(signed.layer());
    let (manifest, config) = signatures_manifest(layers);
    registry.put_blob(Bytes::from(signed.payload), unseen()).await?;
    registry.put_blob(Bytes::from(config), unseen()).await?;
    registry.put_manifest(&signature_tag(digest), manifest.to_bytes()).await?;
    Ok(true)
}

/// What a signature of an artifact says. Docker's registry has another name there, by tradition.
fn payload(reference: &Reference, digest: &Digest) -> Payload {
    let name = match reference.registry() {
        "docker.io" => format!("index.docker.io/{}", reference.repository()),
        _ => reference.name(),
    };
    Payload { name, digest: digest.clone() }
}

/// The signatures beside an artifact, as layers and read.
async fn signatures(
    registry: &mut Registry,
    reference: &Reference,
    digest: &Digest,
) -> Result<(Vec<Descriptor>, Vec<Signed>), RegistryError> {
    let tag = signature_tag(digest);
    let Some(fetched) = registry.manifest(&tag).await? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let manifest = Manifest::read(&fetched.bytes).map_err(|error| SignatureError::Malformed {
        artifact: reference.to_string(),
        reason: error.to_string(),
    })?;
    let mut signatures = Vec::new();
    for layer in &manifest.layers {
        if let Some(signature) = signature_of(layer) {
            let payload = registry.blob(layer, PAYLOAD_BYTES_MAX, &unseen()).await?;
            signatures.push(Signed { payload, signature });
        }
    }
    Ok((manifest.layers, signatures))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_380_283, "2026-11-22T20:44:43Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    /// Byte for byte what `WasmConfig` of `oci-wasm` 0.5 writes.
    #[test]
    fn the_configuration_is_that_of_wkg() {
        let description = Description {
            exports: vec!["hyfunc:tides/harbor@0.1.0".into()],
            imports: vec!["wasi:cli/environment@0.2.6".into()],
            ..Description::default()
        };
        let digest = Digest::of(b"");
        let text = String::from_utf8(config(&digest, &description)).unwrap();
        let expected = format!(
            "{{\"created\":\"1970-01-01T00:00:00Z\",\"author\":null,\"architecture\":\"wasm\",\
             \"os\":\"wasip2\",\"layerDigests\":[\"{digest}\"],\"component\":{{\
             \"exports\":[\"hyfunc:tides/harbor@0.1.0\"],\
             \"imports\":[\"wasi:cli/environment@0.2.6\"],\"target\":null}}}}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_signature_names_registry_and_repository() {
        for (reference, name) in [
            ("ghcr.io/me/tides:1", "ghcr.io/me/tides"),
            ("docker.io/me/tides:1", "index.docker.io/me/tides"),
            ("localhost:5000/tides", "localhost:5000/tides"),
        ] {
            let reference = reference.parse().unwrap();
            assert_eq!(payload(&reference, &Digest::of(b"")).name, name);
        }
    }
}
