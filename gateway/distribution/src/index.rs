//! Lists of components: an OCI image index in which every manifest has a name.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::{Descriptor, media};

/// The annotation of an entry that names it, as the OCI has it for entries of an index.
const NAME: &str = "org.opencontainers.image.ref.name";
/// Most entries that are read.
const ENTRIES_MAX: usize = 1_000;

/// One component of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// Its manifest, in the list's own repository.
    pub digest: Digest,
    /// Bytes of the manifest.
    pub size: u64,
}

/// Which components belong together, each by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// In the order of the list.
    pub entries: Vec<Entry>,
}

/// A list that is none of components.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not JSON of the right form.
    #[error("the list cannot be read: {reason}; write it anew with `hyfunc plugin index`")]
    Malformed {
        /// Where and why.
        reason: String,
    },
    /// An entry that nobody could call anything.
    #[error(
        "the entry {digest} of the list has no name: every entry has one in the annotation \
         `org.opencontainers.image.ref.name`; write the list with `hyfunc plugin index`"
    )]
    Unnamed {
        /// Its manifest.
        digest: Digest,
    },
    /// Two entries of one name.
    #[error("the list has two entries called `{name}`; write it anew with one of them")]
    Twice {
        /// The name.
        name: String,
    },
    /// A list in a list, or an image of another time.
    #[error(
        "the entry `{name}` of the list is a `{found}`; entries are manifests of type \
         `application/vnd.oci.image.manifest.v1+json`"
    )]
    Kind {
        /// The entry.
        name: String,
        /// What it says that it is.
        found: String,
    },
    /// More than are read.
    #[error("the list has {entries} entries, and at most {entries_max} are read; split it")]
    TooMany {
        /// How many.
        entries: usize,
        /// The limit.
        entries_max: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Descriptor>,
}

impl Index {
    /// Whether this is a list at all, rather than one manifest.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Kind {
            manifests: Option<IgnoredAny>,
        }
        serde_json::from_slice::<Kind>(bytes).is_ok_and(|kind| kind.manifests.is_some())
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is no list of named components.
    pub fn read(bytes: &[u8]) -> Result<Self, IndexError> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| IndexError::Malformed { reason: error.to_string() })?;
        let kind = document.media_type.as_deref().unwrap_or(media::INDEX);
        if document.schema_version != 2 || kind != media::INDEX {
            let version = document.schema_version;
            let reason = format!("it is a `{kind}` of schema {version}");
            return Err(IndexError::Malformed { reason });
        }
        let entries = document.manifests.len();
        if entries > ENTRIES_MAX {
            return Err(IndexError::TooMany { entries, entries_max: ENTRIES_MAX });
        }
        let mut names = BTreeSet::new();
        let mut entries = Vec::new();
        for manifest in document.manifests {
            let Some(name) = manifest.annotations.get(NAME).cloned() else {
                return Err(IndexError::Unnamed { digest: manifest.digest });
            };
            if manifest.media_type != media::MANIFEST {
                return Err(IndexError::Kind { name, found: manifest.media_type });
            }
            if !names.insert(name.clone()) {
                return Err(IndexError::Twice { name });
            }
            entries.push(Entry { name, digest: manifest.digest, size: manifest.size });
        }
        Ok(Self { entries })
    }

    /// As JSON, which is what its digest is of.
    pub fn to_bytes(&self) -> Vec<u8> {
        let manifests = self.entries.iter().map(|entry| Descriptor {
            media_type: media::MANIFEST.to_owned(),
            digest: entry.digest.clone(),
            size: entry.size,
            annotations: BTreeMap::from([(NAME.to_owned(), entry.name.clone())]),
        });
        let document = Document {
            schema_version: 2,
            media_type: Some(media::INDEX.to_owned()),
            manifests: manifests.collect(),
        };
        serde_json::to_vec(&document).expect("a list holds nothing but text and numbers")
    }
}

/// Manifests of a kind in an index that names none: what stands beside an artifact, as the
/// distribution specification lists it.
pub(crate) fn referrers(bytes: &[u8], kind: &str) -> Vec<Digest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Referrer {
        digest: Digest,
        artifact_type: Option<String>,
    }
    #[derive(Deserialize)]
    struct Referrers {
        manifests: Vec<Referrer>,
    }
    let found = serde_json::from_slice::<Referrers>(bytes).map(|found| found.manifests);
    let is_kind = |found: &Referrer| {
        found.artifact_type.as_deref().is_some_and(|artifact| artifact.starts_with(kind))
    };
    let found = found.unwrap_or_default().into_iter().filter(is_kind);
    found.map(|referrer| referrer.digest).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn list(names: &[&str]) -> Index {
        let entry = |name: &&str| Entry {
            name: (*name).to_owned(),
            digest: Digest::of(name.as_bytes()),
            size: 7,
        };
        Index { entries: names.iter().map(entry).collect() }
    }

    #[test]
    fn a_list_is_read_as_it_is_written() {
        for names in [&[][..], &["tides"], &["tides", "dates", "units"]] {
            let list = list(names);
            let bytes = list.to_bytes();
            assert!(Index::is_one(&bytes));
            assert_eq!(Index::read(&bytes), Ok(list));
        }
        assert!(!Index::is_one(b"{\"schemaVersion\":2,\"layers\":[]}"));
    }

    #[test]
    fn what_is_no_list_of_components_is_told_apart() {
        let of = |manifests: serde_json::Value| {
            let index =
                json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests});
            Index::read(index.to_string().as_bytes())
        };
        let digest = Digest::of(b"x");
        let entry = |kind: &str, annotations: serde_json::Value| json!({"mediaType": kind, "digest": digest, "size": 1, "annotations": annotations});
        let named = entry(media::MANIFEST, json!({NAME: "tides"}));
        assert!(of(json!([named])).is_ok());
        let unnamed = of(json!([entry(media::MANIFEST, json!({}))]));
        assert_eq!(unnamed, Err(IndexError::Unnamed { digest: digest.clone() }));
        let twice = of(json!([named, named]));
        assert_eq!(twice, Err(IndexError::Twice { name: "tides".into() }));
        let nested = of(json!([entry(media::INDEX, json!({NAME: "tides"}))]));
        assert!(matches!(nested, Err(IndexError::Kind { .. })), "{nested:?}");
        let many = list(&vec!["x"; ENTRIES_MAX + 1]).to_bytes();
        assert!(matches!(Index::read(&many), Err(IndexError::TooMany { .. })));
        for text in ["", "null", "{}", "{\"manifests\":[]}", "{\"schemaVersion\":2}"] {
            let read = Index::read(text.as_bytes());
            assert!(matches!(read, Err(IndexError::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn what_stands_beside_an_artifact_is_found_by_its_kind() {
        let index = json!({"manifests": [
            {"digest": Digest::of(b"a"), "artifactType": "application/x.v1+json"},
            {"digest": Digest::of(b"b"), "artifactType": "application/y"},
            {"digest": Digest::of(b"c")},
        ]});
        let found = referrers(index.to_string().as_bytes(), "application/x");
        assert_eq!(found, [Digest::of(b"a")]);
        assert!(referrers(b"not JSON", "application/x").is_empty());
    }

    proptest! {
        #[test]
        fn a_damaged_list_is_read_or_refused(at in 0usize..500, byte in any::<u8>()) {
            let mut bytes = list(&["tides", "dates"]).to_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Index::read(&bytes);
            let _ = referrers(&bytes[..at], "application");
        }
    }
}
