//! Connections to the chat model: kept for the next answer, over TLS where its address says so.
//!
//! No redirect is followed and no proxy of the environment is taken: the key goes where the
//! operator sent it, and nowhere else.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, Uri};
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::OpenError;

/// How long a connection is kept for the next answer, in milliseconds.
const IDLE_MS_MAX: u64 = 30_000;

/// Sends requests to one address.
pub struct Client(legacy::Client<Connector, Body>);

impl Client {
    /// A client for an address; no connection is made yet.
    pub fn new(endpoint: &Uri) -> Result<Self, OpenError> {
        let tls = match endpoint.scheme_str() {
            Some("https") => Some(tls()?),
            _ => None,
        };
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS_MAX))
            .build(Connector { tls });
        Ok(Self(client))
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, legacy::Error> {
        self.0.request(request).await
    }
}

fn tls() -> Result<TlsConnector, OpenError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Tls { reason: error.to_string() })?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[derive(Clone)]
struct Connector {
    tls: Option<TlsConnector>,
}

impl tower::Service<Uri> for Connector {
    type Response = Line;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Line, io::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(uri, self.tls.clone()))
    }
}

async fn connect(uri: Uri, tls: Option<TlsConnector>) -> Result<Line, io::Error> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    // Requests are written at once.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Line::new(stream)) };
    let name = ServerName::try_from(host)
        .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    Ok(Line::new(tls.connect(name, stream).await?))
}

/// Both directions, whatever is below. Their traits are not imported: hyper's have the same methods.
trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, encrypted or not.
struct Line(TokioIo<Box<dyn Stream>>);

impl Line {
    fn new(stream: impl Stream + 'static) -> Self {
        let stream: Box<dyn Stream> = Box::new(stream);
        Self(TokioIo::new(stream))
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
