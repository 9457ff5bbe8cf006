//! One request, one connection: TCP, TLS where the address says so, HTTP/1.1.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::HubError;

/// Milliseconds to connect, TLS included.
const CONNECT_MS_MAX: u64 = 10_000;
/// Milliseconds without a byte.
const SILENT_MS_MAX: u64 = 30_000;

/// Connects.
pub(super) struct Transport {
    tls: TlsConnector,
}

impl Transport {
    /// Trusts the public authorities.
    pub(super) fn new() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions of TLS");
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        url: &Url,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, HubError> {
        let host = authority(url);
        let down = |reason: String| HubError::Down { host: host.clone(), reason };
        let late = |ms_max: u64| down(format!("no answer within {ms_max} ms"));
        let port = url.port_or_known_default().unwrap_or(443);
        let connect_max = Duration::from_millis(CONNECT_MS_MAX);
        let stream = timeout(connect_max, TcpStream::connect((bare_host(url), port))).await;
        let stream =
            stream.map_err(|_| late(CONNECT_MS_MAX))?.map_err(|error| down(error.to_string()))?;
        let answer_max = Duration::from_millis(SILENT_MS_MAX);
        let sent = if url.scheme() == "https" {
            let name =
                ServerName::try_from(bare_host(url)).map_err(|error| down(error.to_string()))?;
            let secured = timeout(connect_max, self.tls.connect(name, stream)).await;
            let stream = secured
                .map_err(|_| late(CONNECT_MS_MAX))?
                .map_err(|error| down(error.to_string()))?;
            timeout(answer_max, exchange(stream, request)).await
        } else {
            timeout(answer_max, exchange(stream, request)).await
        };
        sent.map_err(|_| late(SILENT_MS_MAX))?.map_err(|error| HubError::Broken {
            host: host.clone(),
            bytes: 0,
            reason: error.to_string(),
        })
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer's body; what went wrong is said there.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await
}

/// The next piece of a body; none at its end.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, String> {
    let silent_max = Duration::from_millis(SILENT_MS_MAX);
    loop {
        let frame = timeout(silent_max, body.frame()).await;
        let frame = frame.map_err(|_| format!("no byte within {SILENT_MS_MAX} ms"))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(error.to_string()),
            // Trailers are of no use.
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// Host and port, as the header `Host` has it.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether it is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
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
