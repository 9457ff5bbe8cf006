//! Why a place was not followed. What served before still serves.

use std::path::PathBuf;

use hyfunc_distribution::{BundleError, KeyError, RegistryError};

use crate::publish::PublishError;

/// Why the library was not made equal to a registry.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The registry, or what lies in it.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// Not published.
    #[error("`{name}`: {source}")]
    Publish {
        /// The plugin.
        name: String,
        /// Why.
        source: Box<PublishError>,
    },
    /// A component that could not be fetched or read.
    #[error("`{name}`: {source}")]
    Component {
        /// The plugin.
        name: String,
        /// Why.
        source: Box<RegistryError>,
    },
    /// An entry of a list whose manifest is gone.
    #[error("`{name}`: the list names {digest}, and the registry does not have it; push it again")]
    Gone {
        /// The plugin.
        name: String,
        /// Of the manifest.
        digest: String,
    },
    /// One name for several components.
    #[error(
        "{reference} is a list, whose entries have names of their own: write it in \
         follow.references without NAME="
    )]
    Named {
        /// What is followed.
        reference: String,
    },
    /// The name belongs to somebody else.
    #[error(
        "`{name}` is not taken from here: {by}; take it out with `hyfunc plugin remove {name}`, or \
         give this one another name in follow.references, as NAME=REFERENCE"
    )]
    Foreign {
        /// The plugin.
        name: String,
        /// Whose it is.
        by: String,
    },
    /// An earlier version than the one that serves.
    #[error(
        "`{name}` has been version {serving} here, and the registry offers {offered}, which is \
         earlier: not taken; set follow.allow_downgrade = true if that is meant"
    )]
    Earlier {
        /// The plugin.
        name: String,
        /// What is offered.
        offered: String,
        /// What serves.
        serving: String,
    },
    /// Signed neither with a key nor by an identity.
    #[error("{key}. Nor without a key: {keyless}")]
    Neither {
        /// What is wrong with the signatures with keys.
        key: Box<RegistryError>,
        /// What is wrong with the bundles.
        keyless: Box<RegistryError>,
    },
    /// A file that the configuration names.
    #[error("cannot use {path}: {reason}", path = .path.display())]
    File {
        /// As written.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key that is none.
    #[error("{path}: {source}", path = .path.display())]
    Key {
        /// As written.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
    /// A trusted root that is none.
    #[error("{path}: {source}", path = .path.display())]
    Root {
        /// As written.
        path: PathBuf,
        /// What is wrong.
        source: BundleError,
    },
    /// A registry that answers, and never comes to an end.
    #[error(
        "looking took more than follow.look_ms_max = {look_ms_max} ms and was ended; what was taken \
         until then stays, and the next look goes on from there"
    )]
    TooLong {
        /// The limit.
        look_ms_max: u64,
    },
    /// A fault of the gateway.
    #[error("a fault in the gateway ended this; see its log")]
    Panicked,
}

impl From<RegistryError> for FollowError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl FollowError {
    /// One of few words: what metrics are counted by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Registry(error) if error.is_about_trust() => "not_trusted",
            Self::Neither { .. } => "not_trusted",
            Self::Registry(_) | Self::Component { .. } | Self::Gone { .. } => "registry",
            Self::Publish { .. } => "not_published",
            Self::Foreign { .. } => "name_taken",
            Self::Earlier { .. } => "downgrade",
            Self::Named { .. } | Self::File { .. } | Self::Key { .. } | Self::Root { .. } => {
                "configuration"
            }
            Self::TooLong { .. } => "registry",
            Self::Panicked => "panicked",
        }
    }

    /// Whether the artifact is there and not trusted, which a policy may let pass.
    pub fn is_about_trust(&self) -> bool {
        self.kind() == "not_trusted"
    }

    /// How long the registry asks to be left alone, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Registry(source) | Self::Component { source, .. } => source.retry_after_s(),
            Self::Neither { key, keyless } => key.retry_after_s().max(keyless.retry_after_s()),
            _ => None,
        }
    }
}
