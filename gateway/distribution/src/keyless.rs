//! Signatures without a key that lasts: bundles of sigstore, checked without asking anybody.
//!
//! A certificate that was valid for minutes names who signed. A log's entry proves when that was: the
//! log signed the time, and a hash over all its entries that leads to this one. What the operator
//! trusts stands in a file, the trusted root. The certificate's own entry in a log of certificates
//! (its SCT) is not looked at: the authority of the trusted root is taken at its word.

mod bundle;
mod certificate;
mod content;
mod der;
mod error;
mod log;
mod root;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;

use tokio_rustls::rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::EndEntityCert;

pub use error::BundleError;
pub use root::TrustedRoot;

use crate::error::RegistryError;
use crate::manifest::Manifest;
use crate::reference::Reference;
use crate::registry::{Fetched, Registry};
use crate::transport::unseen;
use bundle::Bundle;

/// Largest bundle that is read (bytes).
const BUNDLE_BYTES_MAX: u64 = 1 << 20;
/// Most bundles of an artifact that are looked at.
const BUNDLES_MAX: usize = 64;
/// How authors' keys sign.
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
];

/// Who may sign, or who did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// An address of mail, or of a workflow; as a rule, a `*` at its end stands for any rest.
    pub identity: String,
    /// Who says so: the address of the service where they logged in.
    pub issuer: String,
}

impl fmt::Display for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, says {}", self.identity, self.issuer)
    }
}

impl Signer {
    /// Whom a certificate names, as DER has it. Whether that is true, an authority must say.
    ///
    /// # Errors
    /// A certificate that does not say who its owner is, and who says so.
    pub fn named_in(certificate: &[u8]) -> Result<Self, BundleError> {
        let certificate::Owner { identity, issuer } = certificate::owner(certificate)?;
        Ok(Self { identity, issuer })
    }

    /// Whether this rule lets somebody sign.
    fn admits(&self, found: &Self) -> bool {
        let is_identity = match self.identity.strip_suffix('*') {
            Some(start) => found.identity.starts_with(start),
            None => found.identity == self.identity,
        };
        is_identity && found.issuer == self.issuer
    }
}

/// Who signed a manifest, if it is one of those who may; the bundles lie beside it, where the
/// distribution specification puts what belongs to an artifact.
///
/// # Errors
/// A [`BundleError`] where none counts: that of the last bundle; a registry that cannot be used.
pub async fn verify_keyless(
    registry: &mut Registry,
    reference: &Reference,
    manifest: &Fetched,
    root: &TrustedRoot,
    signers: &[Signer],
) -> Result<Signer, RegistryError> {
    let mut nearest = BundleError::Missing { artifact: reference.to_string() };
    let found = registry.referrers(&manifest.digest, bundle::KIND).await?;
    for digest in found.into_iter().take(BUNDLES_MAX) {
        let Some(fetched) = registry.manifest(&digest.to_string()).await? else { continue };
        let Ok(beside) = Manifest::read(&fetched.bytes) else { continue };
        for layer in &beside.layers {
            // What is said of an artifact beyond its signature is a bundle, too, and may be large.
            if !layer.media_type.starts_with(bundle::KIND) || layer.size > BUNDLE_BYTES_MAX {
                continue;
            }
            let bytes = registry.blob(layer, BUNDLE_BYTES_MAX, &unseen()).await?;
            match check_bundle(&bytes, manifest, root, signers) {
                Ok(signer) => return Ok(signer),
                Err(error) => nearest = error,
            }
        }
    }
    Err(nearest.into())
}

/// Who signed a manifest, if it is one of those who may, by one bundle at hand.
///
/// # Errors
/// What is wrong with the bundle, or that somebody else signed.
pub fn check_bundle(
    bytes: &[u8],
    manifest: &Fetched,
    root: &TrustedRoot,
    signers: &[Signer],
) -> Result<Signer, BundleError> {
    let bundle = Bundle::read(bytes)?;
    // 1. That it is in the log, and since when.
    let entry = bundle.entry()?;
    let log = root.log(&entry.log_id.key_id.0)?;
    let time_s = log::check(entry, log)?;
    // 2. That the certificate is real, and was valid then.
    let certificate = bundle.certificate()?;
    root.check_chain(certificate, time_s)?;
    // 3. That its owner signed, and that the log's entry is of that.
    let content = content::read(&bundle, &manifest.bytes)?;
    check_signature(certificate, &content)?;
    content::check_entry(&entry.canonicalized_body.0, &content, certificate)?;
    // 4. That it is this artifact.
    content::check_subject(&bundle, &manifest.digest)?;
    // 5. That the owner is one who may.
    let found = Signer::named_in(certificate)?;
    if signers.iter().any(|signer| signer.admits(&found)) {
        return Ok(found);
    }
    let Signer { identity, issuer } = found;
    Err(BundleError::OtherIdentity { identity, issuer })
}

fn check_signature(certificate: &[u8], content: &content::Content) -> Result<(), BundleError> {
    let certificate = CertificateDer::from(certificate);
    let owner = EndEntityCert::try_from(&certificate);
    let owner = owner.map_err(|error| BundleError::Chain { reason: error.to_string() })?;
    let (message, signature) = (&content.message, &content.signature);
    let is_good = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        owner.verify_signature(*algorithm, message, signature).is_ok()
    };
    if ALGORITHMS.iter().any(is_good) { Ok(()) } else { Err(BundleError::Signature) }
}
