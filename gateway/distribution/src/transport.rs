//! One request, one connection: TCP, TLS where the address says so, HTTP/1.1.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::error::{RegistryError, chain};

/// Milliseconds to connect, TLS included.
const CONNECT_MS_MAX: u64 = 10_000;
/// Milliseconds without a byte.
const SILENT_MS_MAX: u64 = 30_000;
/// Milliseconds for one request or answer as a whole.
const TRANSFER_MS_MAX: u64 = 600_000;
/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Is told how many bytes went by so far.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Nobody is told.
pub fn unseen() -> Progress {
    Arc::new(|_| {})
}

/// Connects.
#[derive(Clone)]
pub(crate) struct Transport {
    tls: TlsConnector,
    allow_plain: bool,
    /// Milliseconds without a byte before an answer begins.
    silent_ms_max: u64,
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transport").field("allow_plain", &self.allow_plain).finish()
    }
}

impl Transport {
    /// Trusts the public authorities, and those in this file besides.
    pub(crate) fn new(
        authority: Option<&(PathBuf, Vec<u8>)>,
        allow_plain: bool,
    ) -> Result<Self, RegistryError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some((path, pem)) = authority {
            add(&mut roots, pem)
                .map_err(|reason| RegistryError::Authority { path: path.clone(), reason })?;
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions of TLS");
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, allow_plain, silent_ms_max: SILENT_MS_MAX })
    }

    /// Sends, and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        url: &Url,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let host = authority(url);
        let is_tls = url.scheme() == "https";
        if !is_tls && !self.allow_plain && !is_loopback(url) {
            return Err(RegistryError::Plain { url: origin(url) });
        }
        let slow = |silent_ms| RegistryError::Slow { host: host.clone(), silent_ms };
        let connect_max = Duration::from_millis(CONNECT_MS_MAX);
        let stream = timeout(connect_max, connect(url, &host));
        let stream = stream.await.map_err(|_| slow(CONNECT_MS_MAX))??;
        let is_upload = request.body().bytes_left() > 0;
        let answer_ms_max = if is_upload { TRANSFER_MS_MAX } else { self.silent_ms_max };
        let answer_max = Duration::from_millis(answer_ms_max);
        let sent = if is_tls {
            let stream = timeout(connect_max, self.secure(url, &host, stream));
            let stream = stream.await.map_err(|_| slow(CONNECT_MS_MAX))??;
            timeout(answer_max, exchange(stream, request)).await
        } else {
            timeout(answer_max, exchange(stream, request)).await
        };
        let answer = sent.map_err(|_| slow(answer_ms_max))?;
        answer.map_err(|error| RegistryError::Broken {
            host: host.clone(),
            bytes: 0,
            reason: chain(&error),
        })
    }

    async fn secure(
        &self,
        url: &Url,
        host: &str,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, RegistryError> {
        let failed = |reason: String| {
            let advice = if reason.contains("InvalidContentType") {
                "it speaks plain HTTP: have it speak TLS, or say --plain-http"
            } else if reason.contains("UnknownIssuer") || reason.contains("CaUsedAsEndEntity") {
                "name the authority that signed its certificate with --ca FILE"
            } else {
                "its certificate must be valid today, and for this very name"
            };
            RegistryError::Tls { host: host.to_owned(), reason, advice }
        };
        let name =
            ServerName::try_from(bare_host(url)).map_err(|error| failed(error.to_string()))?;
        self.tls.connect(name, stream).await.map_err(|error| failed(chain(&error)))
    }
}

/// Adds every certificate of a file.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut certificates = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        certificates += 1;
    }
    if certificates == 0 { Err("there is none".to_owned()) } else { Ok(()) }
}

async fn connect(url: &Url, host: &str) -> Result<TcpStream, RegistryError> {
    let port = url.port_or_known_default().unwrap_or(443);
    let stream = TcpStream::connect((bare_host(url), port)).await;
    stream.map_err(|error| RegistryError::Down { host: host.to_owned(), reason: chain(&error) })
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Upload>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer's body; what went wrong is said there.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await
}

/// Reads a body whole, in pieces as they come.
pub(crate) async fn read(
    mut body: Incoming,
    host: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), RegistryError>,
) -> Result<u64, RegistryError> {
    let silent_max = Duration::from_millis(SILENT_MS_MAX);
    let pieces = async {
        let mut bytes = 0;
        loop {
            let frame = timeout(silent_max, body.frame()).await.map_err(|_| {
                RegistryError::Slow { host: host.to_owned(), silent_ms: SILENT_MS_MAX }
            })?;
            let Some(frame) = frame else { return Ok::<u64, RegistryError>(bytes) };
            let frame = frame.map_err(|error| RegistryError::Broken {
                host: host.to_owned(),
                bytes,
                reason: chain(&error),
            })?;
            if let Ok(piece) = frame.into_data() {
                bytes += piece.len() as u64;
                each(&piece)?;
            }
        }
    };
    let read = timeout(Duration::from_millis(TRANSFER_MS_MAX), pieces).await;
    read.unwrap_or_else(|_| {
        let host = host.to_owned();
        Err(RegistryError::Endless { host, transfer_ms_max: TRANSFER_MS_MAX })
    })
}

/// Reads a small body.
pub(crate) async fn read_all(
    body: Incoming,
    host: &str,
    what: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, RegistryError> {
    let mut all = Vec::new();
    read(body, host, |piece| {
        if all.len() + piece.len() > bytes_max {
            let (what, bytes_max) = (what.to_owned(), bytes_max as u64);
            return Err(RegistryError::TooLarge { what, bytes_max });
        }
        all.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(all)
}

/// Host and port, as the header `Host` has it.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Scheme, host and port.
pub(crate) fn origin(url: &Url) -> String {
    format!("{}://{}", url.scheme(), authority(url))
}

/// The host without brackets.
fn bare_host(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// A body that tells how much of it was sent.
pub(crate) struct Upload {
    rest: Bytes,
    sent: u64,
    progress: Progress,
}

impl Upload {
    pub(crate) fn new(bytes: Bytes, progress: Progress) -> Self {
        Self { rest: bytes, sent: 0, progress }
    }

    fn bytes_left(&self) -> usize {
        self.rest.len()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = self.rest.len().min(CHUNK_BYTES);
        let piece = self.rest.split_to(bytes);
        self.sent += bytes as u64;
        (self.progress)(self.sent);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        for pem in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let file = (PathBuf::from("ca.pem"), pem.as_bytes().to_vec());
            let error = Transport::new(Some(&file), false).unwrap_err().to_string();
            assert!(error.starts_with("ca.pem holds no certificate"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_registry_that_is_silent_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                streams.push(stream);
            }
        });
        let mut transport = Transport::new(None, false).unwrap();
        transport.silent_ms_max = 50;
        let url = Url::parse(&format!("http://{address}/v2/")).unwrap();
        let request = Request::new(Upload::new(Bytes::new(), unseen()));
        let error = transport.send(&url, request).await.unwrap_err();
        assert!(matches!(error, RegistryError::Slow { silent_ms: 50, .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(&address.to_string()) && said.contains("try again later"), "{said}");
        accepted.abort();
    }

    #[tokio::test]
    async fn plain_http_beyond_this_machine_must_be_asked_for() {
        let url = Url::parse("http://registry.example/v2/").unwrap();
        let request = Request::new(Upload::new(Bytes::new(), unseen()));
        let sent = Transport::new(None, false).unwrap().send(&url, request).await;
        assert!(matches!(sent, Err(RegistryError::Plain { .. })));
        for (url, expected) in [
            ("http://localhost:1/", true),
            ("http://[::1]/", true),
            ("http://127.1/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
