//! TLS, where it is configured: the certificate, and streams that may or may not be encrypted.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig as RustlsConfig};
use tokio_rustls::server::TlsStream;

use super::stall::Patient;
use crate::config::ServerConfig;

/// What is spoken inside, for clients that ask.
const PROTOCOL: &[u8] = b"http/1.1";

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; check {key}", path = .path.display())]
    Read {
        /// Path as configured.
        path: PathBuf,
        /// `section.key`.
        key: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{path} holds no {what}: {reason}; {key} names a PEM file", path = .path.display())]
    Pem {
        /// Path as configured.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// `section.key`.
        key: &'static str,
        /// What was found.
        reason: String,
    },
    /// Certificate and key cannot be used together.
    #[error(
        "server.tls_certificate and server.tls_key cannot be used: {0}; the key must be that of \
         the first certificate of the file"
    )]
    Pair(#[from] rustls::Error),
}

/// Encrypts connections, or leaves them as they are. Copies share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: Option<Arc<RwLock<TlsAcceptor>>>,
    handshake_ms_max: u64,
}

impl Tls {
    /// With the configured certificate, or none.
    ///
    /// # Errors
    /// Files that cannot be read, or that do not belong together.
    pub fn open(config: &ServerConfig) -> Result<Self, TlsError> {
        let handshake_ms_max = config.head_read_ms_max;
        if config.tls_certificate.is_empty() {
            return Ok(Self { acceptor: None, handshake_ms_max });
        }
        let acceptor = Some(Arc::new(RwLock::new(acceptor(config)?)));
        Ok(Self { acceptor, handshake_ms_max })
    }

    /// Reads certificate and key again, for the connections from now on; says whether there are
    /// any. What cannot be used changes nothing.
    ///
    /// # Errors
    /// As [`Tls::open`].
    pub fn renew(&self, config: &ServerConfig) -> Result<bool, TlsError> {
        let Some(present) = &self.acceptor else { return Ok(false) };
        let renewed = acceptor(config)?;
        *present.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(true)
    }

    /// How addresses of this server begin.
    pub fn scheme(&self) -> &'static str {
        if self.acceptor.is_some() { "https" } else { "http" }
    }

    /// The stream that requests come over; `None` where the client did not agree on one in time.
    pub async fn accept(&self, stream: Patient<TcpStream>) -> Option<Stream> {
        let Some(present) = &self.acceptor else { return Some(Stream::Plain(stream)) };
        let acceptor = present.read().unwrap_or_else(PoisonError::into_inner).clone();
        let limit = Duration::from_millis(self.handshake_ms_max);
        match tokio::time::timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(Stream::Encrypted(Box::new(stream))),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a client and the gateway did not agree on TLS");
                None
            }
            Err(_) => {
                tracing::debug!("a client took too long to agree on TLS");
                None
            }
        }
    }
}

fn acceptor(config: &ServerConfig) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(Path::new(&config.tls_certificate))?;
    let key = private_key(Path::new(&config.tls_key))?;
    let mut tls = RustlsConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let key = "server.tls_certificate";
    let pem = read(path, key)?;
    let wrong =
        |reason: String| TlsError::Pem { path: path.to_owned(), what: "certificate", key, reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("there is no BEGIN CERTIFICATE".to_owned()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = "server.tls_key";
    let pem = read(path, key)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| TlsError::Pem {
        path: path.to_owned(),
        what: "private key",
        key,
        reason: error.to_string(),
    })
}

fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), key, source })
}

/// A connection's bytes.
pub enum Stream {
    /// As they come.
    Plain(Patient<TcpStream>),
    /// Out of TLS.
    Encrypted(Box<TlsStream<Patient<TcpStream>>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_certificate_or_key_are_refused_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.pem");
        std::fs::write(&text, "hello").unwrap();
        let nothing = folder.path().join("nothing.pem");
        for (path, words) in [(&text, "holds no"), (&nothing, "cannot read")] {
            for (error, key) in [
                (certificates(path).unwrap_err(), "server.tls_certificate"),
                (private_key(path).unwrap_err(), "server.tls_key"),
            ] {
                let error = error.to_string();
                assert!(error.contains(words) && error.contains(key), "{error}");
            }
        }
    }

    #[test]
    fn without_a_certificate_there_is_no_tls() {
        let config = ServerConfig::default();
        let tls = Tls::open(&config).unwrap();
        assert_eq!(tls.scheme(), "http");
        assert!(!tls.renew(&config).unwrap(), "there is nothing to read again");
    }
}
