//! Why a signature without a key is not trusted.

use crate::digest::Digest;

/// Why a bundle does not vouch for an artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No bundle at all.
    #[error(
        "{artifact} has no bundle of sigstore beside it: have its author sign it with \
         `cosign sign --new-bundle-format`"
    )]
    Missing {
        /// What was asked for.
        artifact: String,
    },
    /// A trusted root that is none.
    #[error(
        "this is no trusted root that can be used: {reason}; take the one of your sigstore, as \
         `cosign trusted-root` or its TUF repository gives it (trusted_root.json)"
    )]
    Root {
        /// What is wrong.
        reason: String,
    },
    /// Not a bundle of the right form.
    #[error("the bundle cannot be read: {reason}; sign the artifact anew")]
    Malformed {
        /// Where and why.
        reason: String,
    },
    /// A bundle of another version.
    #[error("the bundle is a `{found}`, and those of versions 0.1 to 0.3 are read")]
    Version {
        /// What it says that it is.
        found: String,
    },
    /// A log that the root does not name.
    #[error("the log {log} of the bundle is not one of the trusted root's")]
    UnknownLog {
        /// First digits of its id.
        log: String,
    },
    /// A log that was not in use then.
    #[error("the log of the bundle was not valid when the entry was made ({time_s} s since 1970)")]
    LogNotValid {
        /// When.
        time_s: u64,
    },
    /// Nothing says that it is in a log.
    #[error("the bundle proves no entry in a log: it has no inclusion proof with a checkpoint")]
    NoProof,
    /// Not in the log.
    #[error("the entry is not in the log: its inclusion proof does not lead to the root hash")]
    Inclusion,
    /// The state of the log that the proof is for is not the log's.
    #[error("the checkpoint of the log does not count: {reason}")]
    Checkpoint {
        /// What is wrong.
        reason: &'static str,
    },
    /// Nothing says when.
    #[error(
        "nothing that can be trusted says when it was signed: the entry has no signed entry \
         timestamp (timestamps of RFC 3161 are not read)"
    )]
    NoTime,
    /// The log did not say so.
    #[error("the signed entry timestamp is not by the log, or not of this entry")]
    Timestamp,
    /// Not by an authority of the root, or not valid then.
    #[error("the certificate does not count: {reason}")]
    Chain {
        /// What is wrong.
        reason: String,
    },
    /// Not by the owner of the certificate.
    #[error("the signature is not by the key of its certificate, or what it signs was changed")]
    Signature,
    /// The log speaks of something else.
    #[error("the entry of the log is of another {what} than the bundle's")]
    OtherEntry {
        /// What differs.
        what: &'static str,
    },
    /// A statement that is no signature.
    #[error(
        "what is signed says `{found}` of the artifact, which is no signature; sign it with \
         `cosign sign`"
    )]
    OtherStatement {
        /// Type of the statement's predicate.
        found: String,
    },
    /// Of something else.
    #[error(
        "the bundle signs another artifact ({signed}): somebody moved it here. Do not use this one"
    )]
    OtherDigest {
        /// What is signed.
        signed: Digest,
    },
    /// Nobody in particular.
    #[error("the certificate names no {what}")]
    NoIdentity {
        /// What is missing.
        what: &'static str,
    },
    /// Somebody else.
    #[error(
        "signed by {identity}, says {issuer}: neither is among those whose word counts; ask the \
         author under which identity it is signed"
    )]
    OtherIdentity {
        /// Who.
        identity: String,
        /// Who says so.
        issuer: String,
    },
}

impl BundleError {
    /// A bundle that cannot be read.
    pub(super) fn malformed(reason: impl ToString) -> Self {
        Self::Malformed { reason: crate::error::said(&reason.to_string()) }
    }
}
