//! One file: followed to where it lies, gone on with where it broke, held against its hash.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_RANGE, HOST, HeaderMap, LOCATION, RANGE, RETRY_AFTER, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use url::Url;

use super::git;
use super::manifest::hash;
use super::transport::{authority, next};
use super::{ATTEMPTS_MAX, HeldFile, Hub, HubError, Manifest, Name, Progress};

/// Hosts that a file is followed over.
const REDIRECTS_MAX: usize = 5;
/// Seconds that a hub may ask to wait for, before it is given up.
const WAIT_S_MAX: u64 = 120;
/// The hash of a large file, told before the redirect to where it lies.
const LINKED_ETAG: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";

/// A file as the hub has it.
pub(super) struct Remote {
    pub(super) url: Url,
    pub(super) path: String,
    pub(super) commit: String,
    pub(super) bytes: Option<u64>,
    pub(super) sha256: Option<String>,
    /// Git's name for its content, where it is small.
    pub(super) blob_id: Option<String>,
}

/// An answer, with what was told on the way to it.
struct Answer {
    response: Response<Incoming>,
    host: String,
    sha256: Option<String>,
    bytes: Option<u64>,
}

/// Why an attempt failed, and whether another may not.
enum Failure {
    Final(HubError),
    Again { error: HubError, wait: Option<Duration> },
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Down { .. } | HubError::Broken { .. } => Self::Again { error, wait: None },
            error => Self::Final(error),
        }
    }
}

impl Hub {
    /// Fetches a file, unless it is there.
    pub(super) async fn fetch(
        &self,
        remote: &Remote,
        out: &Path,
        before: Option<&Manifest>,
        progress: &dyn Progress,
    ) -> Result<HeldFile, HubError> {
        let path = out.join(&remote.path);
        if let Some(held) = there(remote, &path, before)? {
            progress.begin(&remote.path, Some(held.bytes), held.bytes);
            progress.end(&remote.path);
            return Ok(held);
        }
        if let Some(folder) = path.parent() {
            let failed = |source| HubError::File { path: folder.to_owned(), source };
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let part = part(remote, &path);
        let mut attempt = 1;
        let told = loop {
            match self.attempt(remote, &part, progress).await {
                Ok(told) => break told,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again { error, .. }) if attempt == ATTEMPTS_MAX => return Err(error),
                Err(Failure::Again { error, wait }) => {
                    let backoff = self.pause * 2u32.saturating_pow(attempt - 1);
                    let wait = wait.unwrap_or(backoff);
                    tracing::warn!(%error, attempt, file = remote.path.as_str(), "goes on");
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
            }
        };
        let held = finish(remote, &part, &path, told)?;
        progress.end(&remote.path);
        Ok(held)
    }

    /// Puts what is missing behind what is there. Gives the hash that was told on the way.
    async fn attempt(
        &self,
        remote: &Remote,
        part: &Path,
        progress: &dyn Progress,
    ) -> Result<Option<String>, Failure> {
        let mut there = length(part)?;
        if remote.bytes.is_some_and(|bytes| there > bytes) {
            remove(part)?;
            there = 0;
        }
        progress.begin(&remote.path, remote.bytes, there);
        if there > 0 && remote.bytes == Some(there) {
            return Ok(None);
        }
        let answer = self.follow(&remote.url, there).await?;
        let status = answer.response.status();
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            // What is there is no beginning of what is to come.
            remove(part)?;
            let (host, reason) = (answer.host, "there is nothing behind what is there".to_owned());
            let error = HubError::Broken { host, bytes: there, reason };
            return Err(Failure::Again { error, wait: None });
        }
        check_status(&answer, &remote.path)?;
        let goes_on = status == StatusCode::PARTIAL_CONTENT;
        if goes_on && start(answer.response.headers()) != Some(there) {
            let url = remote.url.to_string();
            let reason = format!("it was asked to go on from byte {there}, and does not");
            remove(part)?;
            return Err(HubError::Answer { url, reason }.into());
        }
        if there > 0 && !goes_on {
            // It sends all of it again.
            remove(part)?;
            there = 0;
        }
        let wanted = remote.bytes.or(answer.bytes);
        let sha256 = answer.sha256.clone();
        self.write(answer, part, there, wanted, progress).await?;
        Ok(sha256)
    }

    async fn write(
        &self,
        answer: Answer,
        part: &Path,
        mut there: u64,
        wanted: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<(), Failure> {
        let failed = |source: std::io::Error, bytes: u64| {
            let path = part.to_owned();
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    HubError::DiskFull { path, bytes, wanted }
                }
                _ => HubError::File { path, source },
            }
        };
        let mut file = self.disk.append(part).map_err(|source| failed(source, there))?;
        let mut body = answer.response.into_body();
        loop {
            let piece = next(&mut body).await;
            let broken = |reason: String| {
                let host = answer.host.clone();
                HubError::Broken { host, bytes: there, reason }
            };
            let Some(piece) = piece.map_err(broken)? else { break };
            if wanted.is_some_and(|wanted| there + piece.len() as u64 > wanted) {
                drop(file);
                remove(part)?;
                let reason = "it sends more than it said".to_owned();
                return Err(HubError::Broken { host: answer.host, bytes: there, reason }.into());
            }
            file.write_all(&piece).map_err(|source| failed(source, there))?;
            there += piece.len() as u64;
            progress.reach(there);
        }
        file.flush().map_err(|source| failed(source, there))?;
        match wanted {
            Some(wanted) if there < wanted => {
                let (host, reason) = (answer.host, format!("{wanted} were said to come"));
                Err(HubError::Broken { host, bytes: there, reason }.into())
            }
            _ => Ok(()),
        }
    }

    /// Asks for a file from a byte on, wherever it lies. The token stays with the endpoint.
    async fn follow(&self, url: &Url, from: u64) -> Result<Answer, HubError> {
        let mut url = url.clone();
        let (mut sha256, mut bytes) = (None, None);
        for _ in 0..=REDIRECTS_MAX {
            let response = self.ask(&url, from).await?;
            let headers = response.headers();
            sha256 = sha256.or_else(|| text(headers, LINKED_ETAG).and_then(sha256_of));
            bytes = bytes.or_else(|| text(headers, LINKED_SIZE)?.parse().ok());
            if !response.status().is_redirection() {
                return Ok(Answer { response, host: authority(&url), sha256, bytes });
            }
            let wrong = |reason: String| HubError::Answer { url: url.to_string(), reason };
            let location = text(headers, LOCATION.as_str());
            let location = location.ok_or_else(|| wrong("it redirects nowhere".to_owned()))?;
            let next = url.join(location).map_err(|error| wrong(error.to_string()))?;
            let is_worse = url.scheme() == "https" && next.scheme() != "https";
            if is_worse || !matches!(next.scheme(), "http" | "https") {
                return Err(wrong(format!("it redirects to {}", next.scheme())));
            }
            url = next;
        }
        let reason = format!("it redirects more than {REDIRECTS_MAX} times");
        Err(HubError::Answer { url: url.to_string(), reason })
    }

    async fn ask(&self, url: &Url, from: u64) -> Result<Response<Incoming>, HubError> {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::get(target)
            .header(HOST, authority(url))
            .header(USER_AGENT, concat!("hyfunc/", env!("CARGO_PKG_VERSION")));
        let is_endpoint = url.origin() == self.endpoint.origin();
        if let Some(token) = self.token.as_ref().filter(|_| is_endpoint) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| HubError::Answer {
            url: url.to_string(),
            reason: error.to_string(),
        })?;
        self.transport.send(url, request).await
    }

    /// A small answer, whole.
    pub(super) async fn small(
        &self,
        url: &Url,
        name: &Name,
        what: &str,
        bytes_max: usize,
    ) -> Result<Vec<u8>, HubError> {
        let mut attempt = 1;
        loop {
            match self.small_once(url, name, what, bytes_max).await {
                Ok(body) => return Ok(body),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again { error, .. }) if attempt == ATTEMPTS_MAX => return Err(error),
                Err(Failure::Again { wait, .. }) => {
                    let backoff = self.pause * 2u32.saturating_pow(attempt - 1);
                    tokio::time::sleep(wait.unwrap_or(backoff)).await;
                    attempt += 1;
                }
            }
        }
    }

    async fn small_once(
        &self,
        url: &Url,
        name: &Name,
        what: &str,
        bytes_max: usize,
    ) -> Result<Vec<u8>, Failure> {
        let answer = self.follow(url, 0).await?;
        check_status(&answer, &name.to_string())?;
        let mut body = answer.response.into_body();
        let mut all = Vec::new();
        loop {
            let bytes = all.len() as u64;
            let broken = |reason| HubError::Broken { host: answer.host.clone(), bytes, reason };
            let Some(piece) = next(&mut body).await.map_err(broken)? else { return Ok(all) };
            if all.len() + piece.len() > bytes_max {
                let reason = format!("its {what} has more than {bytes_max} bytes");
                return Err(HubError::Answer { url: url.to_string(), reason }.into());
            }
            all.extend_from_slice(&piece);
        }
    }
}

/// A file that need not be fetched again.
fn there(
    remote: &Remote,
    path: &Path,
    before: Option<&Manifest>,
) -> Result<Option<HeldFile>, HubError> {
    let bytes = length(path)?;
    if !path.is_file() || remote.bytes.is_some_and(|wanted| wanted != bytes) {
        return Ok(None);
    }
    let old = before.filter(|before| before.commit == remote.commit);
    let old = old.and_then(|old| old.files.iter().find(|file| file.path == remote.path));
    let wanted = remote.sha256.as_ref().or(old.map(|old| &old.sha256));
    let Some(wanted) = wanted else { return Ok(None) };
    let (bytes, sha256) = hash(path)?;
    let is_vouched = remote.sha256.is_some() || old.is_some_and(|old| old.is_vouched);
    let held = HeldFile { path: remote.path.clone(), bytes, sha256, is_vouched };
    Ok((held.sha256 == *wanted).then_some(held))
}

/// Holds what came against its hash, and puts it in its place.
fn finish(
    remote: &Remote,
    part: &Path,
    path: &Path,
    told: Option<String>,
) -> Result<HeldFile, HubError> {
    let (bytes, found) = hash(part)?;
    let file = remote.path.clone();
    if let Some(wanted) = remote.bytes.filter(|wanted| *wanted != bytes) {
        remove(part)?;
        return Err(HubError::Length { file, found: bytes, wanted });
    }
    let wanted = remote.sha256.clone().or(told);
    if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != found) {
        remove(part)?;
        return Err(HubError::Hash { file, found, wanted: wanted.clone() });
    }
    if let (None, Some(wanted)) = (&wanted, &remote.blob_id) {
        let found = git::blob_id(part)?;
        if !found.eq_ignore_ascii_case(wanted) {
            remove(part)?;
            return Err(HubError::Hash { file, found, wanted: wanted.clone() });
        }
    }
    let is_vouched = wanted.is_some() || remote.blob_id.is_some();
    let failed = |source| HubError::File { path: path.to_owned(), source };
    fs::rename(part, path).map_err(failed)?;
    Ok(HeldFile { path: file, bytes, sha256: found, is_vouched })
}

/// Where a file grows; its name tells which state of the file it is of.
fn part(remote: &Remote, path: &Path) -> PathBuf {
    /// Characters that tell states apart.
    const STATE_CHARS: usize = 12;
    let state = remote.sha256.as_ref().unwrap_or(&remote.commit);
    let state: String = state.chars().take(STATE_CHARS).collect();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    path.with_file_name(format!("{}.{state}.part", name.unwrap_or_default()))
}

fn length(path: &Path) -> Result<u64, HubError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(source) => Err(HubError::File { path: path.to_owned(), source }),
    }
}

fn remove(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(HubError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn check_status(answer: &Answer, name: &str) -> Result<(), Failure> {
    let (status, headers) = (answer.response.status(), answer.response.headers());
    let host = answer.host.clone();
    let code = status.as_u16();
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(Failure::Final(HubError::Denied { name: name.to_owned(), status: code }))
        }
        StatusCode::NOT_FOUND => Err(Failure::Final(HubError::Unknown { name: name.to_owned() })),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let asked = text(headers, RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
            let error =
                HubError::Busy { host, status: code, retry_after_s: asked.unwrap_or(WAIT_S_MAX) };
            match asked {
                Some(seconds) if seconds > WAIT_S_MAX => Err(Failure::Final(error)),
                asked => Err(Failure::Again { error, wait: asked.map(Duration::from_secs) }),
            }
        }
        _ if status.is_server_error() => {
            let error = HubError::Down { host, reason: format!("it answers {status}") };
            Err(Failure::Again { error, wait: None })
        }
        _ => {
            let reason = format!("it answers {status}");
            Err(Failure::Final(HubError::Answer { url: host, reason }))
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A large file's tag is its hash; a small one's is git's, which is of another kind.
pub(super) fn sha256_of(tag: &str) -> Option<String> {
    /// Digits of a sha256.
    const HEX_CHARS: usize = 64;
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    let is_hash = tag.len() == HEX_CHARS && tag.chars().all(|char| char.is_ascii_hexdigit());
    is_hash.then(|| tag.to_ascii_lowercase())
}

/// The byte that a part begins with: `bytes 5-9/10`.
fn start(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}
