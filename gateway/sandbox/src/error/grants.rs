//! What can be wrong with grants.

/// Why a `grants.toml` was refused.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// Not TOML, or a key that grants do not have.
    #[error("grants.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A host entry that can match nothing, or too much.
    #[error("grants.toml: host `{host}`: {message}")]
    Host {
        /// As written.
        host: String,
        /// What is wrong with it and what to write.
        message: String,
    },
}
