//! What can go wrong between a plugin's file and a registry.

use std::path::PathBuf;

use hyfunc_distribution::{BundleError, KeyError, RegistryError};

use crate::commands::advice;

/// Why a plugin was not pushed, pulled, signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// The registry, or what lies in it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A key that cannot be used.
    #[error("{path}: {source}", path = .path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A trusted root that cannot be used.
    #[error("{path}: {source}", path = .path.display())]
    Root {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: BundleError,
    },
    /// Nobody is trusted.
    #[error(
        "whose signature is to be trusted? Name the author's public key with --key FILE (or \
         HYFUNC_VERIFY_KEY); --verify off takes the plugin unseen"
    )]
    NoKey,
    /// Something is there already.
    #[error("{path} exists already: choose another name, or move it away", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file with other content is there already.
    #[error("{path} exists already with other content: --force overwrites it", path = .path.display())]
    Differs {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}{}", advice(.source), path = .path.display())]
    File {
        /// As typed.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no key and no certificate.
    #[error("{path} is larger than {bytes_max} bytes: it is neither key nor certificate", path = .path.display())]
    TooLarge {
        /// As typed.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// Text that names no component of a list.
    #[error(
        "`{written}` names no component of the list: write NAME=TAG or NAME=sha256:…, of what lies \
         in the list's own repository"
    )]
    Entry {
        /// As typed.
        written: String,
    },
    /// Two components of one name.
    #[error("the list would have two entries called `{name}`; give one of them another name")]
    EntryTwice {
        /// The name.
        name: String,
    },
    /// No password, and nobody to ask for it.
    #[error("{what} needs a password: set {variable}, or type it in a terminal")]
    NoPassword {
        /// What it is for.
        what: String,
        /// Where it may stand.
        variable: &'static str,
    },
    /// Two passwords that should be one.
    #[error("the two passwords differ: no key was made; try again")]
    PasswordsDiffer,
}

impl DistributionError {
    /// Whether the artifact is there and not trusted, which a policy may let pass.
    pub(super) fn is_about_trust(&self) -> bool {
        matches!(self, Self::NoKey | Self::Registry(RegistryError::Signature(_)))
    }
}
