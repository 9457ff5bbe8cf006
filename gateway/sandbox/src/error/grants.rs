//! What can be wrong with grants.

/// Why a `grants.toml` was refused.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// Not TOML, or a key that grants do not have.
    #[error("grants.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A digest of another form.
    #[error(
        "grants.toml: digest `{written}`: write sha256: and the 64 digits that \
         `sha256sum NAME.wasm` prints"
    )]
    Digest {
        /// As written.
        written: String,
    },
    /// They are for another component.
    #[error(
        "grants.toml: these grants are for {wanted}, and the component is {found}: look at what \
         this one wishes for, then write its digest, or put the other one back"
    )]
    Component {
        /// As `sha256:` and digits.
        wanted: String,
        /// Likewise.
        found: String,
    },
    /// A host entry that can match nothing, or too much.
    #[error("grants.toml: host `{host}`: {message}")]
    Host {
        /// As written.
        host: String,
        /// What is wrong with it and what to write.
        message: String,
    },
}
