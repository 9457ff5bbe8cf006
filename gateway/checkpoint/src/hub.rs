//! Fetching checkpoints from a hub, or from a mirror that speaks its protocol.
//!
//! The crate `hf-hub` checks no hashes and would bring a second HTTP client and its own cache layout
//! (decision 0040); the little of the protocol that is needed stands here, over the transport that
//! the gateway has anyway.

mod choice;
mod disk;
mod download;
mod error;
mod git;
mod manifest;
mod name;
mod transport;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

pub use disk::{Disk, Files};
pub use error::HubError;
pub use manifest::{FILE as MANIFEST, Held, HeldFile, Manifest, held};
pub use name::Name;

use choice::choose;
use download::Remote;
use transport::Transport;

/// The public hub.
const ENDPOINT: &str = "https://huggingface.co";
/// Bytes of a listing.
const LISTING_BYTES_MAX: usize = 32 << 20;
/// Bytes of an index of shards.
const INDEX_BYTES_MAX: usize = 64 << 20;
/// Times that one file is tried, each going on where the last one broke.
const ATTEMPTS_MAX: u32 = 6;
/// Milliseconds before the second attempt; each further one waits twice as long.
const PAUSE_MS: u64 = 500;

/// Is told how far a pull is.
pub trait Progress: Send + Sync {
    /// A file begins: its bytes if the hub tells them, and those that are there already.
    fn begin(&self, file: &str, bytes: Option<u64>, bytes_there: u64);

    /// So many bytes of the file are there.
    fn reach(&self, bytes: u64);

    /// The file is whole.
    fn end(&self, file: &str);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Progress for Unseen {
    fn begin(&self, _file: &str, _bytes: Option<u64>, _bytes_there: u64) {}

    fn reach(&self, _bytes: u64) {}

    fn end(&self, _file: &str) {}
}

/// Where the hub is, and who asks.
#[derive(Clone)]
pub struct HubSettings {
    /// Base URL.
    pub endpoint: String,
    /// Sent to the endpoint alone.
    pub token: Option<String>,
    /// Milliseconds before the second attempt.
    pub pause_ms: u64,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { endpoint: ENDPOINT.to_owned(), token: None, pause_ms: PAUSE_MS }
    }
}

impl HubSettings {
    /// As `HF_ENDPOINT` and `HF_TOKEN` say.
    pub fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
        let default = Self::default();
        Self {
            endpoint: set("HF_ENDPOINT").unwrap_or(default.endpoint),
            token: set("HF_TOKEN").map(|token| token.trim().to_owned()),
            ..Self::default()
        }
    }
}

/// A hub.
pub struct Hub {
    endpoint: Url,
    token: Option<String>,
    pause: Duration,
    transport: Transport,
    disk: Arc<dyn Disk>,
}

/// What a repository holds at a commit.
#[derive(Debug, Deserialize)]
struct Listing {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Clone, Debug, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Large>,
    /// As git names it; of a large file that of a pointer to it.
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
}

/// Of a file that is too large for git.
#[derive(Clone, Debug, Deserialize)]
struct Large {
    sha256: Option<String>,
}

impl Hub {
    /// A hub, writing to the disk.
    ///
    /// # Errors
    /// An endpoint that is no address, or a token that would travel in the open.
    pub fn new(settings: &HubSettings) -> Result<Self, HubError> {
        Self::over(settings, Arc::new(Files))
    }

    /// The same, writing elsewhere.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn over(settings: &HubSettings, disk: Arc<dyn Disk>) -> Result<Self, HubError> {
        let wrong = |reason: &str| HubError::Endpoint {
            endpoint: settings.endpoint.clone(),
            reason: reason.to_owned(),
        };
        let endpoint =
            Url::parse(settings.endpoint.trim()).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host().is_none() {
            return Err(wrong("it must begin with https:// (or http://) and name a host"));
        }
        let is_open = endpoint.scheme() == "http" && !transport::is_loopback(&endpoint);
        if is_open && settings.token.is_some() {
            return Err(wrong("HF_TOKEN is not sent in the open: use https://, or unset HF_TOKEN"));
        }
        Ok(Self {
            endpoint,
            token: settings.token.clone(),
            pause: Duration::from_millis(settings.pause_ms),
            transport: Transport::new(),
            disk,
        })
    }

    /// Fetches what is needed of a checkpoint into `out`: configs, tokenizer and either safetensors
    /// or one GGUF, or what `files` names. What is there already stays, and broken transfers go on.
    ///
    /// # Errors
    /// No such checkpoint, nothing in it that is read here, a hash that is wrong, a full disk.
    pub async fn pull(
        &self,
        name: &Name,
        files: &[String],
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<Manifest, HubError> {
        let listing = self.list(name).await?;
        let mut chosen = choose(name, &listing.siblings, files)?;
        if let Some(index) = chosen.index.clone() {
            let shards = self.shards(name, &listing, &index).await?;
            chosen.files.extend(shards);
        }
        let mut manifest = Manifest {
            repository: name.repository.clone(),
            revision: name.revision.clone(),
            commit: listing.sha.clone(),
            files: Vec::new(),
        };
        let before = manifest::read_if_any(out)?;
        for file in &chosen.files {
            let remote = Remote {
                url: self.url(&["resolve"], name, &listing.sha, &file.rfilename)?,
                path: file.rfilename.clone(),
                commit: listing.sha.clone(),
                bytes: file.size,
                sha256: file
                    .lfs
                    .as_ref()
                    .and_then(|large| download::sha256_of(large.sha256.as_deref()?)),
                blob_id: match file.lfs {
                    Some(_) => None,
                    None => file.blob_id.clone().filter(|id| git::is_id(id)),
                },
            };
            let held = self.fetch(&remote, out, before.as_ref(), progress).await?;
            manifest.files.push(held);
        }
        manifest::write(out, &manifest)?;
        Ok(manifest)
    }

    async fn list(&self, name: &Name) -> Result<Listing, HubError> {
        let mut url = self.base(&["api", "models"], name)?;
        segments(&mut url)?.push("revision").push(&name.revision);
        url.query_pairs_mut().append_pair("blobs", "true");
        let body = self.small(&url, name, "listing", LISTING_BYTES_MAX).await?;
        let listing: Listing = serde_json::from_slice(&body).map_err(|error| HubError::Answer {
            url: url.to_string(),
            reason: error.to_string(),
        })?;
        let is_commit =
            !listing.sha.is_empty() && listing.sha.chars().all(|char| char.is_ascii_alphanumeric());
        match is_commit {
            true => Ok(listing),
            false => {
                let reason = "its `sha` is no commit".to_owned();
                Err(HubError::Answer { url: url.to_string(), reason })
            }
        }
    }

    /// The shards that an index names, all of which must be there.
    async fn shards(
        &self,
        name: &Name,
        listing: &Listing,
        index: &str,
    ) -> Result<Vec<Sibling>, HubError> {
        let url = self.url(&["resolve"], name, &listing.sha, index)?;
        let body = self.small(&url, name, "index", INDEX_BYTES_MAX).await?;
        choice::shards(name, &listing.siblings, index, &body)
    }

    /// `{endpoint}/{before}/{repository}`
    fn base(&self, before: &[&str], name: &Name) -> Result<Url, HubError> {
        let mut url = self.endpoint.clone();
        segments(&mut url)?.pop_if_empty().extend(before).extend(name.repository.split('/'));
        Ok(url)
    }

    /// `{endpoint}/{repository}/{middle}/{commit}/{file}`
    fn url(&self, middle: &[&str], name: &Name, commit: &str, file: &str) -> Result<Url, HubError> {
        let mut url = self.base(&[], name)?;
        segments(&mut url)?.extend(middle).push(commit).extend(file.split('/'));
        Ok(url)
    }
}

fn segments(url: &mut Url) -> Result<url::PathSegmentsMut<'_>, HubError> {
    let endpoint = url.to_string();
    url.path_segments_mut()
        .map_err(|()| HubError::Endpoint { endpoint, reason: "no path can follow it".to_owned() })
}
