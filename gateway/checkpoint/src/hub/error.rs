//! What can go wrong between here and a hub.

use std::io;
use std::path::PathBuf;

/// Why a checkpoint was not fetched, or does not stand as it was fetched.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The endpoint cannot be used.
    #[error("HF_ENDPOINT = {endpoint} cannot be used: {reason}")]
    Endpoint {
        /// As set.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection.
    #[error(
        "{host} cannot be reached: {reason}; check the network, or name a mirror with HF_ENDPOINT"
    )]
    Down {
        /// The host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// A transfer broke, as often as it was tried.
    #[error(
        "{host} broke off after {bytes} bytes: {reason}; pull again: what is there already is kept"
    )]
    Broken {
        /// The host.
        host: String,
        /// Bytes that are there.
        bytes: u64,
        /// What happened.
        reason: String,
    },
    /// The hub wants to know who asks.
    #[error(
        "{name} is private, gated or not there ({status}): check the spelling, accept its terms on \
         the hub's page, and set HF_TOKEN to a token that may read it"
    )]
    Denied {
        /// The checkpoint.
        name: String,
        /// Status of HTTP.
        status: u16,
    },
    /// There is no such checkpoint, revision or file.
    #[error(
        "{name} is not on the hub: check the spelling and the revision (a private one needs HF_TOKEN)"
    )]
    Unknown {
        /// The checkpoint, or a file of it.
        name: String,
    },
    /// The hub asks to wait, again and again.
    #[error("{host} asks to wait ({status}); pull again in {retry_after_s} s, or set HF_TOKEN")]
    Busy {
        /// The host.
        host: String,
        /// Status of HTTP.
        status: u16,
        /// Seconds.
        retry_after_s: u64,
    },
    /// An answer that is none.
    #[error("{url} answers what no hub does: {reason}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// No weights that are read here.
    #[error("{name} holds no weights that are read here: neither safetensors nor GGUF")]
    NoWeights {
        /// The checkpoint.
        name: String,
    },
    /// Several GGUFs.
    #[error("{name} holds several GGUFs: choose one with --file, of {files}")]
    Several {
        /// The checkpoint.
        name: String,
        /// Their names.
        files: String,
    },
    /// A file that is not there.
    #[error("{name} holds no {file}; it holds {files}")]
    NoFile {
        /// The checkpoint.
        name: String,
        /// As asked for.
        file: String,
        /// What is there.
        files: String,
    },
    /// A shard that the index names is not on the hub.
    #[error(
        "{name} is not whole: its index {index} names the shard {shard}, which is not on the hub; \
         take another revision"
    )]
    MissingShard {
        /// The checkpoint.
        name: String,
        /// The index.
        index: String,
        /// The shard.
        shard: String,
    },
    /// A path that leads elsewhere.
    #[error(
        "{name} names a file {file:?}, which would lie outside its folder; nothing was written"
    )]
    Outside {
        /// The checkpoint.
        name: String,
        /// As named.
        file: String,
    },
    /// A file that is not what the hub says.
    #[error(
        "{file} has the hash {found}, the hub says {wanted}: it was changed on its way, and is \
         removed; pull again"
    )]
    Hash {
        /// The file.
        file: String,
        /// Of what came.
        found: String,
        /// As the hub says.
        wanted: String,
    },
    /// A file of another length than the hub says.
    #[error("{file} has {found} bytes, the hub says {wanted}; it is removed; pull again")]
    Length {
        /// The file.
        file: String,
        /// Of what came.
        found: u64,
        /// As the hub says.
        wanted: u64,
    },
    /// The disk is full.
    #[error(
        "the disk is full: {path} has {bytes} bytes{}; make room and pull again: what is there is kept",
        of_all(.wanted),
        path = .path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes of the whole.
        wanted: Option<u64>,
    },
    /// A file cannot be used.
    #[error("cannot use {path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A manifest that cannot be read.
    #[error("{path} is no manifest: {reason}; pull the checkpoint again", path = .path.display())]
    Manifest {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn of_all(wanted: &Option<u64>) -> String {
    wanted.map(|wanted| format!(" of {wanted}")).unwrap_or_default()
}
