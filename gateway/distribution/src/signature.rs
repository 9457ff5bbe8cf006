//! Signatures as cosign writes them: a small document that names an artifact, signed with a key,
//! kept beside the artifact under a tag made from its digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::digest::Digest;
use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::manifest::{Descriptor, Manifest, media};

/// Where a layer's signature stands.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What the document says that it is; earlier tools say the second.
const TYPE: &str = "cosign container image signature";
const TYPE_EARLIER: &str = "atomic container signature";
/// Largest document that is read (bytes).
pub(crate) const PAYLOAD_BYTES_MAX: u64 = 64 << 10;

/// What a signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// `registry/repository` of the artifact when it was signed.
    pub name: String,
    /// Its manifest.
    pub digest: Digest,
}

/// Why an artifact is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error(
        "{artifact} is not signed: there is no `{tag}` beside it. If a tag was moved since it was \
         signed, name the signed digest; if it is yours, sign it with `hyfunc plugin sign`; else \
         ask its author"
    )]
    Unsigned {
        /// What was asked for.
        artifact: String,
        /// Where a signature would be.
        tag: String,
    },
    /// Somebody else's signature, or none that fits its document.
    #[error(
        "{artifact} is not signed by the key {key}: its {signatures} signature(s) are by other \
         keys, or damaged; ask the author which public key is the right one"
    )]
    OtherKey {
        /// What was asked for.
        artifact: String,
        /// Fingerprint of the key that was looked for.
        key: String,
        /// How many there are.
        signatures: usize,
    },
    /// A signature of something else.
    #[error(
        "{artifact} carries a signature by the right key of another artifact, {signed}: somebody \
         moved it here. Do not use this artifact, and tell its author"
    )]
    OtherDigest {
        /// What was asked for.
        artifact: String,
        /// What was signed.
        signed: Digest,
    },
    /// Copied to another name after it was signed.
    #[error(
        "{artifact} was signed as {signed}, and is offered under another name: it was copied or \
         tagged anew. If that is meant, say so with `--signed-as {signed}`"
    )]
    OtherName {
        /// What was asked for.
        artifact: String,
        /// The name when it was signed.
        signed: String,
    },
    /// A document that is none.
    #[error("the signature of {artifact} cannot be read: {reason}; sign it anew")]
    Malformed {
        /// What was asked for.
        artifact: String,
        /// What is wrong.
        reason: String,
    },
}

/// The tag under which the signatures of an artifact lie.
pub fn signature_tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

impl Payload {
    /// The document, byte for byte as cosign writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let document = json!({
            "critical": {
                "identity": {"docker-reference": self.name},
                "image": {"docker-manifest-digest": self.digest.to_string()},
                "type": TYPE,
            },
            "optional": null,
        });
        document.to_string().into_bytes()
    }

    /// Reads one, or says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let document: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let text = |path: &str| {
            let found = document.pointer(path).and_then(Json::as_str);
            found.ok_or_else(|| format!("`{path}` is missing"))
        };
        let kind = text("/critical/type")?;
        if kind != TYPE && kind != TYPE_EARLIER {
            return Err(format!("its type is `{kind}`"));
        }
        let digest = text("/critical/image/docker-manifest-digest")?;
        let digest = digest.parse::<Digest>().map_err(|error| error.to_string())?;
        Ok(Self { name: text("/critical/identity/docker-reference")?.to_owned(), digest })
    }
}

/// A signature of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The document.
    pub payload: Vec<u8>,
    /// DER.
    pub signature: Vec<u8>,
}

impl Signed {
    /// Signs.
    ///
    /// # Errors
    /// A system without random bytes.
    pub fn new(payload: &Payload, key: &PrivateKey) -> Result<Self, KeyError> {
        let payload = payload.to_bytes();
        let signature = key.sign(&payload)?;
        Ok(Self { payload, signature })
    }

    /// Whether it is of this key.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.has_signed(&self.payload, &self.signature)
    }

    /// The layer of the manifest of signatures.
    pub(crate) fn layer(&self) -> Descriptor {
        let mut layer = Descriptor::of(media::SIGNED, &self.payload);
        layer.annotations.insert(SIGNATURE.to_owned(), STANDARD.encode(&self.signature));
        layer
    }
}

/// The signature that a layer carries; `None` for layers of another kind.
pub(crate) fn signature_of(layer: &Descriptor) -> Option<Vec<u8>> {
    if layer.media_type != media::SIGNED || layer.size > PAYLOAD_BYTES_MAX {
        return None;
    }
    STANDARD.decode(layer.annotations.get(SIGNATURE)?).ok()
}

/// The manifest of signatures with these layers, and its configuration: an image without content,
/// as cosign writes it.
pub(crate) fn signatures_manifest(layers: Vec<Descriptor>) -> (Manifest, Vec<u8>) {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let digests: Vec<_> = layers.iter().map(|layer| layer.digest.to_string()).collect();
    let history: Vec<_> = layers.iter().map(|_| json!({"created": NEVER})).collect();
    let config = json!({
        "architecture": "",
        "created": NEVER,
        "history": history,
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": digests},
        "config": {},
    });
    let config = config.to_string().into_bytes();
    (Manifest::new(Descriptor::of(media::IMAGE_CONFIG, &config), layers), config)
}

/// Whether one of these signatures is by this key, of this artifact, under this name.
///
/// # Errors
/// The nearest to a good one among the signatures says what is wrong.
pub fn check(
    artifact: &str,
    expected: &Payload,
    key: &PublicKey,
    signatures: &[Signed],
) -> Result<(), SignatureError> {
    let artifact = || artifact.to_owned();
    let mut nearest = match signatures {
        [] => {
            SignatureError::Unsigned { artifact: artifact(), tag: signature_tag(&expected.digest) }
        }
        some => SignatureError::OtherKey {
            artifact: artifact(),
            key: key.fingerprint(),
            signatures: some.len(),
        },
    };
    for signed in signatures.iter().filter(|signed| signed.is_by(key)) {
        // Not before the signature is known to be good is the document looked at.
        nearest = match Payload::read(&signed.payload) {
            Ok(payload) if payload.digest != expected.digest => {
                SignatureError::OtherDigest { artifact: artifact(), signed: payload.digest }
            }
            Ok(payload) if !is_name(&payload.name, &expected.name) => {
                SignatureError::OtherName { artifact: artifact(), signed: payload.name }
            }
            Ok(_) => return Ok(()),
            Err(reason) => SignatureError::Malformed { artifact: artifact(), reason },
        };
    }
    Err(nearest)
}

/// Whether a signature's name is this one; podman writes the tag after it.
fn is_name(signed: &str, expected: &str) -> bool {
    signed
        .strip_prefix(expected)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']) && !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A public example of cosign, from the tests of sigstore-rs.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENptdY/l3nB0yqkXLBWkZWQwo6+cu\n\
        OSWS1X9vPavpiQOoTTGC0xX57OojUadxF1cdQmrsiReWg2Wn4FneJfa8xw==\n\
        -----END PUBLIC KEY-----\n";
    const SIGNATURE_OF_COSIGN: &str = "MEUCIQD6q/COgzOyW0YH1Dk+CCYSt4uAhm3FDHUwvPI55zwnlwIgE0ZK58ZOWpZw8YVmBapJhBqCfdPekIknimuO0x\
         H8Jh8=";

    fn cosign() -> (Payload, PublicKey, Signed) {
        let digest = "sha256:f3cfc9d0dbf931d3db4685ec659b7ac68e2a578219da4aae65427886e649b06b";
        let payload = Payload {
            name: "registry-testing.svc.lan/busybox".to_owned(),
            digest: digest.parse().unwrap(),
        };
        let signature = STANDARD.decode(SIGNATURE_OF_COSIGN).unwrap();
        let signed = Signed { payload: payload.to_bytes(), signature };
        (payload, PublicKey::from_pem(KEY).unwrap(), signed)
    }

    #[test]
    fn a_signature_of_cosign_is_good_over_the_document_as_it_is_written_here() {
        let (payload, key, signed) = cosign();
        assert_eq!(check("it", &payload, &key, &[signed]), Ok(()));
    }

    #[test]
    fn a_name_may_end_in_a_tag_and_in_nothing_else() {
        for (signed, expected) in [
            ("ghcr.io/me/tides", true),
            ("ghcr.io/me/tides:1.0.0", true),
            ("ghcr.io/me/tides-of-mine", false),
            ("ghcr.io/me/tides/deep", false),
            ("ghcr.io/me", false),
        ] {
            assert_eq!(is_name(signed, "ghcr.io/me/tides"), expected, "{signed}");
        }
    }

    #[test]
    fn a_layer_gives_its_signature_back() {
        let (_, _, signed) = cosign();
        let layer = signed.layer();
        assert_eq!(signature_of(&layer), Some(signed.signature));
        let (manifest, config) = signatures_manifest(vec![layer.clone(), layer]);
        assert_eq!(manifest.config.digest, Digest::of(&config));
        let other = Descriptor::of(media::WASM, b"");
        assert_eq!(signature_of(&other), None);
    }

    #[test]
    fn what_is_not_to_be_trusted_is_told_apart() {
        let (payload, key, signed) = cosign();
        let (mine, _) = PrivateKey::generate("").unwrap();
        let of = |payload: &Payload| Signed::new(payload, &mine).unwrap();
        let elsewhere = Payload { name: "ghcr.io/me/tides".into(), ..payload.clone() };
        let another = Payload { digest: Digest::of(b"another"), ..payload.clone() };
        let mut damaged = of(&payload);
        damaged.payload.push(b' ');
        let other_key = |signatures| SignatureError::OtherKey {
            artifact: "it".into(),
            key: mine.public().fingerprint(),
            signatures,
        };
        for (signatures, expected) in [
            (
                vec![],
                Err(SignatureError::Unsigned {
                    artifact: "it".into(),
                    tag: signature_tag(&payload.digest),
                }),
            ),
            (vec![signed.clone()], Err(other_key(1))),
            (vec![damaged.clone(), signed.clone()], Err(other_key(2))),
            (
                vec![of(&another), signed.clone()],
                Err(SignatureError::OtherDigest {
                    artifact: "it".into(),
                    signed: another.digest.clone(),
                }),
            ),
            (
                vec![of(&elsewhere)],
                Err(SignatureError::OtherName {
                    artifact: "it".into(),
                    signed: elsewhere.name.clone(),
                }),
            ),
            (vec![signed.clone(), of(&elsewhere), of(&payload)], Ok(())),
        ] {
            assert_eq!(check("it", &payload, mine.public(), &signatures), expected);
        }
        assert!(check("it", &elsewhere, &key, &[signed]).is_err());
    }

    #[test]
    fn a_document_of_another_kind_is_no_signature() {
        let (mine, _) = PrivateKey::generate("").unwrap();
        let (payload, ..) = cosign();
        let text = String::from_utf8(payload.to_bytes()).unwrap();
        for text in [
            "{}".to_owned(),
            "not JSON".to_owned(),
            text.replace(TYPE, "an invoice"),
            text.replace("sha256:", "sha1:"),
            text.replace("docker-reference", "reference"),
        ] {
            let signature = mine.sign(text.as_bytes()).unwrap();
            let signed = Signed { payload: text.into_bytes(), signature };
            let found = check("it", &payload, mine.public(), &[signed]);
            assert!(matches!(found, Err(SignatureError::Malformed { .. })), "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn any_document_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            let _ = Payload::read(&bytes);
        }
    }
}
