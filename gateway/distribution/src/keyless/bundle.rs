//! The file of a bundle: the certificate, the signature, and its entry in a log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::error::BundleError;

/// What media types of bundles begin with, and the versions that are read.
pub(super) const KIND: &str = "application/vnd.dev.sigstore.bundle";
const VERSIONS: &[&str] = &[
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];

/// A bundle. Fields are those of its protocol buffer, in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    media_type: String,
    verification_material: Material,
    pub(super) message_signature: Option<MessageSignature>,
    pub(super) dsse_envelope: Option<Envelope>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<Raw>,
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<Entry>,
}

/// Certificates, the author's first.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Chain {
    pub(super) certificates: Vec<Raw>,
}

/// DER.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    pub(super) raw_bytes: Bytes,
}

/// A signature of the artifact itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageSignature {
    pub(super) message_digest: Option<MessageDigest>,
    pub(super) signature: Bytes,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct MessageDigest {
    pub(super) digest: Bytes,
}

/// A signature of a statement about the artifact.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) payload: Bytes,
    pub(super) payload_type: String,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct EnvelopeSignature {
    pub(super) sig: Bytes,
}

/// An entry of a log.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) log_index: Number,
    pub(super) log_id: LogId,
    pub(super) integrated_time: Option<Number>,
    pub(super) inclusion_promise: Option<Promise>,
    pub(super) inclusion_proof: Option<Proof>,
    pub(super) canonicalized_body: Bytes,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    pub(super) key_id: Bytes,
}

/// The log's word that it has the entry, and since when.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promise {
    pub(super) signed_entry_timestamp: Bytes,
}

/// That the log has the entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proof {
    pub(super) log_index: Number,
    pub(super) root_hash: Bytes,
    pub(super) tree_size: Number,
    #[serde(default)]
    pub(super) hashes: Vec<Bytes>,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// The state of the log at some time, signed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) envelope: String,
}

/// Base64 in the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

/// 64 bits: text in the file, and a number in those of some tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Number(pub(super) u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Number(u64),
}

impl TryFrom<Written> for Number {
    type Error = std::num::ParseIntError;

    fn try_from(written: Written) -> Result<Self, std::num::ParseIntError> {
        match written {
            Written::Text(text) => text.parse().map(Self),
            Written::Number(number) => Ok(Self(number)),
        }
    }
}

impl Bundle {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(bytes).map_err(BundleError::malformed)?;
        if VERSIONS.contains(&bundle.media_type.as_str()) {
            return Ok(bundle);
        }
        Err(BundleError::Version { found: crate::error::said(&bundle.media_type) })
    }

    /// The author's certificate.
    pub(super) fn certificate(&self) -> Result<&[u8], BundleError> {
        let material = &self.verification_material;
        let chain = material.x509_certificate_chain.as_ref();
        let first = chain.and_then(|chain| chain.certificates.first());
        let certificate = material.certificate.as_ref().or(first);
        let certificate = certificate.map(|raw| raw.raw_bytes.0.as_slice());
        certificate.ok_or_else(|| BundleError::malformed("it holds no certificate"))
    }

    /// The entry of a log. One is enough, and several are not weighed against one another.
    pub(super) fn entry(&self) -> Result<&Entry, BundleError> {
        match self.verification_material.tlog_entries.as_slice() {
            [] => Err(BundleError::NoProof),
            [one] => Ok(one),
            several => {
                let reason = format!("it has {} entries of logs, not one", several.len());
                Err(BundleError::Malformed { reason })
            }
        }
    }
}
