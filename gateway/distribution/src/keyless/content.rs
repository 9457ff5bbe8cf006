//! What a bundle signs, and whether the log's entry is of that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::bundle::{Bundle, Envelope};
use super::error::BundleError;
use crate::digest::Digest;
use crate::key::pem::Pem;

/// The statements of cosign, and what one of them says when it is a signature.
const STATEMENT: &str = "application/vnd.in-toto+json";
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Bytes and the signature over them.
pub(super) struct Content {
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The kind of entry that a log has of it, and the hash that stands there.
    kind: &'static str,
    hash: String,
}

/// What is signed. Its signature is not checked yet.
pub(super) fn read(bundle: &Bundle, artifact: &[u8]) -> Result<Content, BundleError> {
    match (&bundle.message_signature, &bundle.dsse_envelope) {
        (Some(signed), None) => {
            if let Some(digest) = &signed.message_digest {
                let of_artifact = Sha256::digest(artifact);
                if digest.digest.0 != of_artifact.as_slice() {
                    let signed = format!("sha256:{}", hex::encode(&digest.digest.0));
                    let signed = signed.parse().map_err(BundleError::malformed)?;
                    return Err(BundleError::OtherDigest { signed });
                }
            }
            Ok(Content {
                message: artifact.to_vec(),
                signature: signed.signature.0.clone(),
                kind: "hashedrekord",
                hash: hex::encode(Sha256::digest(artifact)),
            })
        }
        (None, Some(envelope)) => {
            let [signature] = envelope.signatures.as_slice() else {
                return Err(BundleError::malformed("its envelope has not one signature"));
            };
            Ok(Content {
                message: encoded(envelope),
                signature: signature.sig.0.clone(),
                kind: "dsse",
                hash: hex::encode(Sha256::digest(&envelope.payload.0)),
            })
        }
        _ => Err(BundleError::malformed("it holds not one signature of one kind")),
    }
}

/// What an envelope's signature is over: DSSE's pre-authentication encoding.
fn encoded(envelope: &Envelope) -> Vec<u8> {
    let (kind, payload) = (&envelope.payload_type, &envelope.payload.0);
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend(payload);
    message
}

/// Whether what is signed is this artifact. For a signature over the artifact itself, its signature
/// says so.
pub(super) fn check_subject(bundle: &Bundle, artifact: &Digest) -> Result<(), BundleError> {
    let Some(envelope) = &bundle.dsse_envelope else { return Ok(()) };
    if envelope.payload_type != STATEMENT {
        let found = crate::error::said(&envelope.payload_type);
        return Err(BundleError::OtherStatement { found });
    }
    let statement: Json =
        serde_json::from_slice(&envelope.payload.0).map_err(BundleError::malformed)?;
    let says = statement["predicateType"].as_str().unwrap_or_default();
    if says != SIGNATURE {
        return Err(BundleError::OtherStatement { found: crate::error::said(says) });
    }
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut digests = subjects.iter().filter_map(|subject| subject["digest"]["sha256"].as_str());
    if digests.clone().any(|digest| digest == artifact.hex()) {
        return Ok(());
    }
    let first = digests.next().ok_or_else(|| BundleError::malformed("it is of nothing"))?;
    let signed = format!("sha256:{first}").parse().map_err(BundleError::malformed)?;
    Err(BundleError::OtherDigest { signed })
}

/// Whether the log's entry is of this very content, signature and certificate.
pub(super) fn check_entry(
    body: &[u8],
    content: &Content,
    certificate: &[u8],
) -> Result<(), BundleError> {
    let other = |what| BundleError::OtherEntry { what };
    let entry: Json = serde_json::from_slice(body).map_err(BundleError::malformed)?;
    if entry["kind"] != content.kind || entry["apiVersion"] != "0.0.1" {
        return Err(other("kind"));
    }
    let spec = &entry["spec"];
    let (hash, signature, owner) = match content.kind {
        "dsse" => {
            let signed = &spec["signatures"][0];
            (&spec["payloadHash"], &signed["signature"], &signed["verifier"])
        }
        _ => {
            let signed = &spec["signature"];
            (&spec["data"]["hash"], &signed["content"], &signed["publicKey"]["content"])
        }
    };
    if hash["algorithm"] != "sha256" || hash["value"] != content.hash.as_str() {
        return Err(other("content"));
    }
    let decode = |coded: &Json| coded.as_str().and_then(|coded| STANDARD.decode(coded).ok());
    if decode(signature).as_ref() != Some(&content.signature) {
        return Err(other("signature"));
    }
    let owner = decode(owner).and_then(|pem| Pem::read(&String::from_utf8(pem).ok()?).ok());
    let is_same = |pem: &Pem| pem.label == "CERTIFICATE" && pem.bytes == certificate;
    if owner.as_ref().is_some_and(is_same) { Ok(()) } else { Err(other("certificate")) }
}
