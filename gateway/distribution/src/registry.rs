//! A repository of a registry, as the distribution specification of the OCI has it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
    USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::challenge::Challenge;
use crate::credentials::Credentials;
use crate::digest::{Digest, Digester};
use crate::error::{RegistryError, said};
use crate::index;
use crate::manifest::{Descriptor, media};
use crate::reference::Reference;
use crate::transport::{Progress, Transport, Upload, authority, origin, read, read_all, unseen};

/// Largest manifest that is read, as registries have it (bytes).
const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Largest answer with a token or an error (bytes).
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Redirects that are followed for one request.
const REDIRECTS_MAX: usize = 5;
/// Times that one request waits because the registry is busy.
const WAITS_MAX: usize = 3;
/// Longest such wait (seconds); who asks for more is not waited for.
const WAIT_S_MAX: u64 = 10;
/// Wait where a registry does not say how long (seconds).
const WAIT_S: u64 = 1;

/// Every kind of manifest, so that what is found can be named even where it is not read.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// How to reach a registry.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// A file with certificates of authorities that are trusted besides the public ones.
    pub authority: Option<(PathBuf, Vec<u8>)>,
    /// Plain HTTP beyond this machine, too.
    pub plain_http: bool,
    /// Who one is.
    pub credentials: Option<Credentials>,
}

/// A connection to one repository.
pub struct Registry {
    transport: Transport,
    base: Url,
    host: String,
    name: String,
    repository: String,
    credentials: Option<Credentials>,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A manifest as it came.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The very bytes that the digest is of.
    pub bytes: Vec<u8>,
    /// Computed from them.
    pub digest: Digest,
}

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// There is none.
    Missing,
    /// This one.
    Digest(Digest),
    /// There is one, and it does not say which.
    Unsaid,
}

/// One request.
struct Ask {
    method: Method,
    url: Url,
    accept: Option<&'static str>,
    content_type: Option<&'static str>,
    body: Bytes,
    progress: Progress,
}

impl Ask {
    fn new(method: Method, url: Url) -> Self {
        let (accept, content_type) = (None, None);
        Self { method, url, accept, content_type, body: Bytes::new(), progress: unseen() }
    }

    fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// What a server of tokens answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a registry says about a failure.
#[derive(Deserialize)]
struct Failures {
    errors: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Registry {
    /// Of a reference's repository. Nothing is sent yet.
    ///
    /// A registry on this very machine is spoken to in plain HTTP, unless an authority is named.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(reference: &Reference, access: Access) -> Result<Self, RegistryError> {
        let is_plain = access.plain_http || reference.is_loopback() && access.authority.is_none();
        let scheme = if is_plain { "http" } else { "https" };
        // Docker's registry answers at another name than the one people write.
        let host = match reference.registry() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        };
        let base = format!("{scheme}://{host}/v2/{}/", reference.repository());
        let base = Url::parse(&base).map_err(|error| RegistryError::Answer {
            host: host.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            transport: Transport::new(access.authority.as_ref(), access.plain_http)?,
            base,
            host: reference.registry().to_owned(),
            name: reference.name(),
            repository: reference.repository().to_owned(),
            credentials: access.credentials,
            authorization: None,
        })
    }

    /// A manifest by its tag or digest; `None` where there is none.
    ///
    /// # Errors
    /// A registry that cannot be used, or other content than the digest says.
    pub async fn manifest(&mut self, wanted: &str) -> Result<Option<Fetched>, RegistryError> {
        let mut ask = Ask::new(Method::GET, self.url(&format!("manifests/{wanted}"))?);
        ask.accept = Some(MANIFESTS);
        let response = self.ask(&ask).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = self.expect(&ask, response, &[StatusCode::OK]).await?;
        let said_digest = response.headers().get("docker-content-digest").cloned();
        let what = format!("the manifest of {}", self.name);
        let host = &self.host;
        let bytes = read_all(response.into_body(), host, &what, MANIFEST_BYTES_MAX).await?;
        let digest = Digest::of(&bytes);
        // By a tag there is nothing to hold it against but the registry's own word.
        let said_digest = said_digest.as_ref().and_then(|value| value.to_str().ok());
        let wanted = wanted.parse::<Digest>().ok();
        let expected = wanted.or_else(|| said_digest.and_then(|text| text.parse().ok()));
        match expected {
            Some(expected) if expected != digest => {
                Err(RegistryError::OtherContent { what, wanted: expected, found: digest })
            }
            _ => Ok(Some(Fetched { bytes, digest })),
        }
    }

    /// Which manifest a tag or digest names, by the registry's own word.
    ///
    /// # Errors
    /// A registry that cannot be used.
    pub async fn head(&mut self, wanted: &str) -> Result<Head, RegistryError> {
        let mut ask = Ask::new(Method::HEAD, self.url(&format!("manifests/{wanted}"))?);
        ask.accept = Some(MANIFESTS);
        let response = self.ask(&ask).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Head::Missing);
        }
        // Some registries know no HEAD: then the manifest itself is asked for.
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(Head::Unsaid);
        }
        let response = self.expect(&ask, response, &[StatusCode::OK]).await?;
        let said = response.headers().get("docker-content-digest");
        let said = said.and_then(|value| value.to_str().ok());
        Ok(said.and_then(|text| text.parse().ok()).map_or(Head::Unsaid, Head::Digest))
    }

    /// The manifests of a kind that say that they belong to another: by the registry's list of them
    /// or, where it has none, by the tag that stands in for it.
    ///
    /// # Errors
    /// A registry that cannot be used.
    pub(crate) async fn referrers(
        &mut self,
        digest: &Digest,
        kind: &str,
    ) -> Result<Vec<Digest>, RegistryError> {
        let mut ask = Ask::new(Method::GET, self.url(&format!("referrers/{digest}"))?);
        ask.accept = Some(media::INDEX);
        let response = self.ask(&ask).await?;
        // What it is that a registry without such lists answers differs much.
        if response.status() != StatusCode::OK {
            if response.status().is_server_error()
                || response.status() == StatusCode::TOO_MANY_REQUESTS
            {
                self.expect(&ask, response, &[StatusCode::OK]).await?;
                return Ok(Vec::new());
            }
            let tag = format!("sha256-{}", digest.hex());
            let fetched = self.manifest(&tag).await?;
            return Ok(fetched.map_or_else(Vec::new, |it| index::referrers(&it.bytes, kind)));
        }
        let what = format!("what belongs to {digest} of {}", self.name);
        let bytes = read_all(response.into_body(), &self.host, &what, MANIFEST_BYTES_MAX).await?;
        Ok(index::referrers(&bytes, kind))
    }

    /// Stores a manifest under a tag.
    ///
    /// # Errors
    /// A registry that cannot be used.
    pub async fn put_manifest(&mut self, tag: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        self.put(tag, media::MANIFEST, bytes).await
    }

    /// Stores a list of manifests under a tag.
    ///
    /// # Errors
    /// A registry that cannot be used.
    pub async fn put_index(&mut self, tag: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        self.put(tag, media::INDEX, bytes).await
    }

    async fn put(
        &mut self,
        tag: &str,
        kind: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let mut ask = Ask::new(Method::PUT, self.url(&format!("manifests/{tag}"))?);
        ask.content_type = Some(kind);
        ask.body = Bytes::from(bytes);
        let response = self.ask(&ask).await?;
        self.expect(&ask, response, &[StatusCode::CREATED, StatusCode::ACCEPTED]).await?;
        Ok(())
    }

    /// The content that a manifest points at, held against size and digest as it comes.
    ///
    /// # Errors
    /// A registry that cannot be used, content that is too large, too short, or another.
    pub async fn blob(
        &mut self,
        blob: &Descriptor,
        bytes_max: u64,
        progress: &Progress,
    ) -> Result<Vec<u8>, RegistryError> {
        let what = format!("the content {} of {}", blob.digest, self.name);
        if blob.size > bytes_max {
            return Err(RegistryError::TooLarge { what, bytes_max });
        }
        let ask = Ask::new(Method::GET, self.url(&format!("blobs/{}", blob.digest))?);
        let response = self.ask(&ask).await?;
        let response = self.expect(&ask, response, &[StatusCode::OK]).await?;
        let (mut bytes, mut digester) = (Vec::new(), Digester::default());
        let read = read(response.into_body(), &self.host, |piece| {
            let found = bytes.len() as u64 + piece.len() as u64;
            if found > blob.size {
                return Err(RegistryError::OtherSize {
                    what: what.clone(),
                    wanted: blob.size,
                    found,
                });
            }
            digester.update(piece);
            bytes.extend_from_slice(piece);
            progress(found);
            Ok(())
        });
        let found = read.await?;
        if found != blob.size {
            return Err(RegistryError::OtherSize { what, wanted: blob.size, found });
        }
        let found = digester.finish();
        if found != blob.digest {
            return Err(RegistryError::OtherContent { what, wanted: blob.digest.clone(), found });
        }
        Ok(bytes)
    }

    /// Stores content, unless it is there already.
    ///
    /// # Errors
    /// A registry that cannot be used.
    pub async fn put_blob(
        &mut self,
        bytes: Bytes,
        progress: Progress,
    ) -> Result<(), RegistryError> {
        let digest = Digest::of(&bytes);
        let known = Ask::new(Method::HEAD, self.url(&format!("blobs/{digest}"))?);
        if self.ask(&known).await?.status() == StatusCode::OK {
            progress(bytes.len() as u64);
            return Ok(());
        }
        let begin = Ask::new(Method::POST, self.url("blobs/uploads/")?);
        let response = self.ask(&begin).await?;
        let response = self.expect(&begin, response, &[StatusCode::ACCEPTED]).await?;
        let mut url = self.location(&begin.url, response.headers())?;
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut put = Ask::new(Method::PUT, url);
        put.content_type = Some("application/octet-stream");
        put.body = bytes;
        put.progress = progress;
        let response = self.ask(&put).await?;
        self.expect(&put, response, &[StatusCode::CREATED]).await?;
        Ok(())
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        // With `./`, or `manifests/sha256:…` could be read as a scheme.
        self.base.join(&format!("./{path}")).map_err(|error| self.odd(error.to_string()))
    }

    fn odd(&self, reason: String) -> RegistryError {
        RegistryError::Answer { host: self.host.clone(), reason }
    }

    /// Sends, says who one is when that is asked for, follows redirects, waits where it is busy.
    async fn ask(&mut self, ask: &Ask) -> Result<Response<Incoming>, RegistryError> {
        let mut url = ask.url.clone();
        let (mut was_challenged, mut redirects, mut waits) = (false, 0, 0);
        loop {
            let response = self.send(ask, &url).await?;
            let is_here = origin(&url) == origin(&self.base);
            match response.status() {
                StatusCode::UNAUTHORIZED if is_here && !was_challenged => {
                    was_challenged = true;
                    self.authorize(ask, response).await?;
                }
                status if status.is_redirection() && response.headers().contains_key(LOCATION) => {
                    redirects += 1;
                    let next = self.location(&url, response.headers())?;
                    if !ask.is_read() || redirects > REDIRECTS_MAX {
                        let next = said(next.as_str());
                        return Err(self.odd(format!("it sends this request on to {next}")));
                    }
                    url = next;
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                    if waits < WAITS_MAX && wait_s(response.headers()) <= WAIT_S_MAX =>
                {
                    waits += 1;
                    tokio::time::sleep(Duration::from_secs(wait_s(response.headers()))).await;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn send(&self, ask: &Ask, url: &Url) -> Result<Response<Incoming>, RegistryError> {
        let mut request = Request::new(Upload::new(ask.body.clone(), ask.progress.clone()));
        *request.method_mut() = ask.method.clone();
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().map_err(|_| self.odd(format!("the address {path}")))?;
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(&authority(url));
        headers.insert(HOST, host.map_err(|_| self.odd("its address".to_owned()))?);
        let agent = concat!("hyfunc/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(accept) = ask.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if let Some(content_type) = ask.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        // Wherever else the registry sends this request is no place for the registry's token.
        if let Some(authorization) = &self.authorization
            && origin(url) == origin(&self.base)
        {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.transport.send(url, request).await
    }

    /// The address that an answer names.
    fn location(&self, url: &Url, headers: &HeaderMap) -> Result<Url, RegistryError> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.odd("it names no `Location`".to_owned()))?;
        let next = url
            .join(location)
            .map_err(|_| self.odd(format!("its `Location` is no address: {}", said(location))))?;
        if !matches!(next.scheme(), "http" | "https") {
            return Err(self.odd(format!("its `Location` is {}", said(location))));
        }
        if url.scheme() == "https" && next.scheme() == "http" {
            return Err(RegistryError::Plain { url: said(next.as_str()) });
        }
        Ok(next)
    }

    async fn authorize(
        &mut self,
        ask: &Ask,
        response: Response<Incoming>,
    ) -> Result<(), RegistryError> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let challenge = Challenge::read(headers.iter().filter_map(|value| value.to_str().ok()));
        let authorization = match challenge {
            None => return Err(self.odd("it answers 401 and names no way to log in".to_owned())),
            Some(Challenge::Basic) => match &self.credentials {
                Some(credentials) => credentials.basic(),
                None => return Err(self.refused(ask, response).await),
            },
            Some(Challenge::Bearer { realm, service, scope, .. }) => {
                let token = self.token(ask, &realm, service.as_deref(), scope).await?;
                format!("Bearer {token}")
            }
        };
        let mut value = HeaderValue::from_str(&authorization)
            .map_err(|_| self.odd("its token is no text".to_owned()))?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    async fn token(
        &self,
        ask: &Ask,
        realm: &str,
        service: Option<&str>,
        scope: Option<String>,
    ) -> Result<String, RegistryError> {
        let mut url = Url::parse(realm).map_err(|_| {
            self.odd(format!("its server of tokens is no address: {}", said(realm)))
        })?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(RegistryError::Plain { url: said(url.as_str()) });
        }
        let rights = if ask.is_read() { "pull" } else { "pull,push" };
        let scope = scope.unwrap_or_else(|| format!("repository:{}:{rights}", self.repository));
        {
            let mut pairs = url.query_pairs_mut();
            if let Some(service) = service {
                pairs.append_pair("service", service);
            }
            pairs.append_pair("scope", &scope);
        }
        let mut request = Request::new(Upload::new(Bytes::new(), unseen()));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().map_err(|_| self.odd(format!("the address {path}")))?;
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(&authority(&url));
        headers.insert(HOST, host.map_err(|_| self.odd("its address".to_owned()))?);
        if let Some(credentials) = &self.credentials {
            let basic = HeaderValue::from_str(&credentials.basic());
            headers.insert(AUTHORIZATION, basic.expect("base64 is text"));
        }
        let response = self.transport.send(&url, request).await?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.refused(ask, response).await);
        }
        let asked = Ask::new(Method::GET, url.clone());
        let response = self.expect(&asked, response, &[StatusCode::OK]).await?;
        let what = "the token";
        let host = authority(&url);
        let bytes = read_all(response.into_body(), &host, what, ANSWER_BYTES_MAX).await?;
        let token = serde_json::from_slice::<Token>(&bytes).ok();
        let token = token.and_then(|answer| answer.token.or(answer.access_token));
        token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| RegistryError::Answer { host, reason: "it gives no token".to_owned() })
    }

    /// The answer, if it is one of those that are hoped for.
    async fn expect(
        &self,
        ask: &Ask,
        response: Response<Incoming>,
        hoped_for: &[StatusCode],
    ) -> Result<Response<Incoming>, RegistryError> {
        let status = response.status();
        if hoped_for.contains(&status) {
            return Ok(response);
        }
        let host = self.host.clone();
        let retry_after_s = wait_s(response.headers());
        let request = format!("{} {}", ask.method, ask.url.path());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.refused(ask, response).await)
            }
            StatusCode::NOT_FOUND => {
                Err(RegistryError::NotFound { what: format!("{host}{}", ask.url.path()) })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let detail = self.detail(response).await;
                Err(RegistryError::TooMany { host, detail, retry_after_s })
            }
            StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => {
                let detail = self.detail(response).await;
                Err(RegistryError::Unavailable { host, detail, retry_after_s })
            }
            status if status.is_success() => {
                Err(self.odd(format!("{status} is no answer to {request}")))
            }
            status => {
                let detail = self.detail(response).await;
                Err(RegistryError::Status { host, status: status.as_u16(), request, detail })
            }
        }
    }

    async fn refused(&self, ask: &Ask, response: Response<Incoming>) -> RegistryError {
        let is_forbidden = response.status() == StatusCode::FORBIDDEN;
        let detail = self.detail(response).await;
        let host = self.host.clone();
        let who = self.credentials.as_ref().map_or("anybody", |known| known.user()).to_owned();
        let action = if ask.is_read() { "read" } else { "write" };
        let name = self.repository.clone();
        if is_forbidden {
            RegistryError::Forbidden { host, who, action, name, detail }
        } else {
            RegistryError::Unauthorized { host, who, action, name, detail }
        }
    }

    /// What the registry says about it.
    async fn detail(&self, response: Response<Incoming>) -> String {
        let status = response.status();
        let body = read_all(response.into_body(), &self.host, "an error", ANSWER_BYTES_MAX).await;
        let body = body.unwrap_or_default();
        let failures = serde_json::from_slice::<Failures>(&body).map(|found| found.errors);
        let texts: Vec<String> = failures
            .unwrap_or_default()
            .into_iter()
            .map(|Failure { code, message }| if message.is_empty() { code } else { message })
            .filter(|text| !text.is_empty())
            .collect();
        match texts.as_slice() {
            [] => said(status.canonical_reason().unwrap_or("no reason given")),
            some => said(&some.join("; ")),
        }
    }
}

/// How long a registry asks to wait (seconds).
fn wait_s(headers: &HeaderMap) -> u64 {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    header.and_then(|text| text.trim().parse().ok()).unwrap_or(WAIT_S)
}
