//! Components in OCI registries: pushed, pulled, signed and verified.
//!
//! A [`Reference`] names an artifact, a [`Registry`] is the connection to its repository.
//! [`push`], [`resolve`], [`component`], [`sign`] and [`verify`] are what is done with it. Layout and
//! signatures are those of the ecosystem: `wkg` and `oras` read what is pushed here, `cosign`
//! verifies what is signed here, and the other way round.

// The registry of the tests names this crate as they do.
#[cfg(test)]
extern crate self as hyfunc_distribution;

mod artifact;
mod challenge;
mod credentials;
mod digest;
mod error;
mod index;
mod key;
mod keyless;
mod manifest;
mod reference;
mod registry;
mod signature;
mod transport;

pub use artifact::{
    Artifact, Content, Description, Found, Pushed, component, find, push, resolve, sign,
    sign_manifest, verify, verify_any,
};
pub use credentials::Credentials;
pub use digest::{Digest, DigestError};
pub use error::RegistryError;
pub use index::{Entry, Index, IndexError};
pub use key::{KEY_BYTES_MAX, KeyError, PrivateKey, PublicKey};
pub use keyless::{BundleError, Signer, TrustedRoot, check_bundle, verify_keyless};
pub use manifest::{Descriptor, Manifest, ManifestError, media};
pub use reference::{Reference, ReferenceError};
pub use registry::{Access, Fetched, Head, Registry};
pub use signature::{Payload, SignatureError, Signed, check, signature_tag};
pub use transport::{Progress, unseen};
