//! Manifests: what an artifact consists of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Media types, as they stand in manifests.
pub mod media {
    /// A manifest of one artifact.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// A list of manifests.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of an artifact with WebAssembly.
    pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
    /// A component or a module.
    pub const WASM: &str = "application/wasm";
    /// The same, as tools wrote it before there was an agreed layout.
    pub const WASM_EARLIER: &str = "application/vnd.wasm.content.layer.v1+wasm";
    /// The configuration of a container image, which is what signatures look like.
    pub const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// What a signature of cosign signs.
    pub const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
}

/// Most layers that are read; signatures of one artifact are layers, too.
const LAYERS_MAX: usize = 64;

/// Points at content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its name.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What is said about it besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_none")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

/// What an artifact consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its configuration.
    pub config: Descriptor,
    /// Its content.
    pub layers: Vec<Descriptor>,
    /// What is said about it besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_none")]
    pub annotations: BTreeMap<String, String>,
}

/// Some tools write `null` for none.
fn or_none<'de, D>(reader: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(reader)?.unwrap_or_default())
}

/// A manifest that is no plugin's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of the right form.
    #[error("the manifest cannot be read: {reason}; push the component anew")]
    Malformed {
        /// Where and why.
        reason: String,
    },
    /// A list of artifacts.
    #[error(
        "this is a list of several artifacts; name the one that is meant by its digest{}",
        choices(.manifests)
    )]
    Index {
        /// Their digests.
        manifests: Vec<String>,
    },
    /// A version that is not read.
    #[error(
        "this is a manifest of type `{found}`, and `application/vnd.oci.image.manifest.v1+json` is \
         what is read; push the component anew with `hyfunc plugin push`, `wkg` or `oras`"
    )]
    Type {
        /// What it says that it is.
        found: String,
    },
    /// Not one component.
    #[error(
        "this is no component: an artifact with one has one layer of type `application/wasm`, and \
         this has {found}; push one with `hyfunc plugin push FILE REFERENCE`, or \
         `oras push REFERENCE FILE:application/wasm`"
    )]
    NoComponent {
        /// Its layers.
        found: String,
    },
    /// More layers than are read.
    #[error("the manifest has {layers} layers, and at most {layers_max} are read")]
    Layers {
        /// How many.
        layers: usize,
        /// The limit.
        layers_max: usize,
    },
}

fn choices(manifests: &[String]) -> String {
    match manifests {
        [] => String::new(),
        some => format!(": {}", some.join(", ")),
    }
}

impl Manifest {
    /// Of an artifact with this configuration and content.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            config,
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is no manifest of one artifact.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let malformed =
            |error: serde_json::Error| ManifestError::Malformed { reason: error.to_string() };
        let kind: Kind = serde_json::from_slice(bytes).map_err(malformed)?;
        if let Some(manifests) = kind.manifests {
            let manifests = manifests.into_iter().take(LAYERS_MAX);
            let manifests = manifests.map(|one| one.digest.to_string()).collect();
            return Err(ManifestError::Index { manifests });
        }
        let version = kind.schema_version;
        let found = kind.media_type.unwrap_or_else(|| media::MANIFEST.to_owned());
        if version != 2 {
            return Err(ManifestError::Type { found: format!("{found}, schema {version}") });
        }
        if found != media::MANIFEST {
            return Err(ManifestError::Type { found });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        let layers = manifest.layers.len();
        if layers > LAYERS_MAX {
            return Err(ManifestError::Layers { layers, layers_max: LAYERS_MAX });
        }
        Ok(manifest)
    }

    /// As JSON, which is what its digest is of.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest holds nothing but text and numbers")
    }

    /// Where its component is.
    ///
    /// # Errors
    /// An artifact of another kind.
    pub fn component(&self) -> Result<&Descriptor, ManifestError> {
        match self.layers.as_slice() {
            [one] if matches!(one.media_type.as_str(), media::WASM | media::WASM_EARLIER) => {
                Ok(one)
            }
            layers => Err(ManifestError::NoComponent { found: describe(layers) }),
        }
    }
}

fn describe(layers: &[Descriptor]) -> String {
    let types: Vec<_> = layers.iter().map(|layer| format!("`{}`", layer.media_type)).collect();
    match types.as_slice() {
        [] => "none".to_owned(),
        [one] => format!("one of type {one}"),
        several => several.join(", "),
    }
}

/// As much as tells kinds of manifests apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn artifact() -> Manifest {
        let mut layer = Descriptor::of(media::WASM, b"\0asm");
        layer.annotations.insert("org.opencontainers.image.title".into(), "tides.wasm".into());
        Manifest::new(Descriptor::of(media::WASM_CONFIG, b"{}"), vec![layer])
    }

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let manifest = artifact();
        let text = String::from_utf8(manifest.to_bytes()).unwrap();
        assert!(text.starts_with("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci"));
        assert_eq!(Manifest::read(text.as_bytes()).unwrap(), manifest);
        assert_eq!(manifest.component().unwrap().size, 4);
    }

    /// As `oras push REFERENCE FILE:application/wasm` and wkg write them.
    #[test]
    fn manifests_of_other_tools_are_read() {
        let oras = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.unknown.artifact.v1",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "data": "e30=",
              "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
            "layers": [{"mediaType": "application/wasm", "size": 4, "annotations": null,
              "digest": "sha256:cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f"}],
            "annotations": {"org.opencontainers.image.created": "2026-11-22T20:00:00Z"}}"#;
        assert_eq!(Manifest::read(oras.as_bytes()).unwrap().component().unwrap().size, 4);
        let without_type = oras.replacen("\"mediaType\"", "\"ignored\"", 1);
        assert!(Manifest::read(without_type.as_bytes()).unwrap().component().is_ok());
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        let one = artifact();
        let read = |manifest: &Manifest| Manifest::read(&manifest.to_bytes());
        for (layers, says) in [
            (vec![], "none"),
            (vec![one.layers[0].clone(), one.layers[0].clone()], "`application/wasm`, `"),
            (vec![one.config.clone()], "one of type `application/vnd.wasm.config"),
        ] {
            let manifest = Manifest { layers, ..one.clone() };
            let error = read(&manifest).unwrap().component().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let many = Manifest { layers: vec![one.config.clone(); LAYERS_MAX + 1], ..one.clone() };
        assert!(matches!(read(&many), Err(ManifestError::Layers { .. })));
        let docker = "application/vnd.docker.distribution.manifest.v2+json";
        let docker = Manifest { media_type: Some(docker.into()), ..one.clone() };
        assert!(matches!(read(&docker), Err(ManifestError::Type { .. })));
        let first = Manifest { schema_version: 1, ..one.clone() };
        assert!(matches!(read(&first), Err(ManifestError::Type { .. })));
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [one.config]});
        let error = Manifest::read(index.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(one.config.digest.hex()), "{error}");
        for text in ["", "[]", "null", "{}", "{\"schemaVersion\":2}", "{\"schemaVersion\":-1}"] {
            assert!(Manifest::read(text.as_bytes()).is_err(), "{text}");
        }
        let wrong = String::from_utf8(one.to_bytes()).unwrap().replace("sha256:", "sha256:../");
        assert!(matches!(Manifest::read(wrong.as_bytes()), Err(ManifestError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn a_damaged_manifest_is_read_or_refused(at in 0usize..300, byte in any::<u8>()) {
            let mut bytes = artifact().to_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Manifest::read(&bytes).map(|manifest| manifest.component().cloned());
            let _ = Manifest::read(&bytes[..at]);
        }
    }
}
