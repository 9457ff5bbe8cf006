//! TLS: requests over it, and what is refused.

use std::path::PathBuf;
use std::sync::Arc;

use hyfunc::{Config, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{Gateway, PATIENCE, Script, build, start_with};

/// Whether a new connection shows a certificate of an authority.
async fn is_of(address: std::net::SocketAddr, authority: &str) -> bool {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    connector(authority).connect(name, stream).await.is_ok()
}

fn file(name: &str) -> String {
    let path = PathBuf::from(".").join("tests/http/tls").join(name);
    path.to_string_lossy().into_owned()
}

fn encrypt(config: &mut Config) {
    config.server.tls_certificate = file("certificate.pem");
    config.server.tls_key = file("key.pem");
}

fn address(gateway: &Gateway) -> &str {
    gateway.base.trim_start_matches("http://")
}

/// Trusts one of the authorities.
fn connector(authority: &str) -> TlsConnector {
    offering(authority, &[])
}

/// The same, with protocols to speak inside.
fn offering(authority: &str, protocols: &[&str]) -> TlsConnector {
    let authority = std::fs::read(file(authority)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// One request over TLS, and all that came back.
async fn get(gateway: &Gateway, path: &str) -> String {
    let stream = TcpStream::connect(address(gateway)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector("authority.pem").connect(name, stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // However the connection ends: what counts is what came.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_not_without() {
    let gateway = start_with(Script::default(), encrypt).await;
    for (path, status) in [("/healthz", "200 OK"), ("/nothing", "404 Not Found")] {
        let answer = get(&gateway, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    let plain = gateway.client.get(format!("{}/healthz", gateway.base)).send().await;
    assert!(plain.is_err(), "plain HTTP was answered: {plain:?}");
    // Whoever connects and says nothing, or nonsense, holds up nobody.
    let _silent = TcpStream::connect(address(&gateway)).await.unwrap();
    let mut noisy = TcpStream::connect(address(&gateway)).await.unwrap();
    noisy.write_all(b"\0\0\0nonsense").await.unwrap();
    assert!(get(&gateway, "/readyz").await.contains("\"ready\""));
}

#[tokio::test]
async fn http_1_1_is_all_that_is_agreed_on() {
    let gateway = start_with(Script::default(), encrypt).await;
    for (offered, agreed) in [
        (vec!["h2", "http/1.1"], Some("http/1.1")),
        (vec!["http/1.1"], Some("http/1.1")),
        (vec![], None),
    ] {
        let stream = TcpStream::connect(address(&gateway)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = offering("authority.pem", &offered);
        let stream = connector.connect(name, stream).await.unwrap();
        let spoken = stream.get_ref().1.alpn_protocol();
        assert_eq!(spoken, agreed.map(str::as_bytes), "{offered:?}");
    }
    let stream = TcpStream::connect(address(&gateway)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let refused = offering("authority.pem", &["h2"]).connect(name, stream).await;
    assert!(refused.is_err(), "HTTP/2 is not spoken");
}

#[tokio::test]
async fn a_client_that_agrees_on_nothing_is_let_go_in_time() {
    let gateway = start_with(Script::default(), |config| {
        encrypt(config);
        config.server.head_read_ms_max = 200;
    })
    .await;
    let mut silent = TcpStream::connect(address(&gateway)).await.unwrap();
    let closed = silent.read_u8();
    let closed = tokio::time::timeout(PATIENCE, closed).await;
    assert!(closed.expect("it is still open").is_err(), "nothing is said to it");
}

#[tokio::test]
async fn certificates_that_cannot_serve_are_refused_at_start() {
    for (certificate, key, words) in [
        ("certificate.pem", "other-key.pem", "server.tls_key cannot be used"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("certificate.pem", "certificate.pem", "holds no private key"),
        ("missing.pem", "key.pem", "check server.tls_certificate"),
        ("certificate.pem", "missing.pem", "check server.tls_key"),
    ] {
        let (app, _) = build(Script::default(), |config| {
            config.server.tls_certificate = file(certificate);
            config.server.tls_key = file(key);
        })
        .await;
        match app.listen().await {
            Err(StartError::Tls(error)) => {
                assert!(error.to_string().contains(words), "{error} should hold: {words}");
            }
            Err(other) => panic!("{certificate} {key}: {other}"),
            Ok(_) => panic!("{certificate} {key}: it listens"),
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_serves_from_the_next_connection_on_and_a_bad_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let put = |certificate: &str, key: &str| {
        for (from, to) in [(certificate, "certificate.pem"), (key, "key.pem")] {
            std::fs::copy(file(from), path(to)).unwrap();
        }
    };
    put("certificate.pem", "key.pem");
    let (app, _) = build(Script::default(), |config| {
        config.server.tls_certificate = path("certificate.pem");
        config.server.tls_key = path("key.pem");
    })
    .await;
    let serving = app.listen().await.unwrap();
    let (address, reloader) = (serving.address(), serving.reloader());
    let served = tokio::spawn(serving.run(std::future::pending()));
    assert!(is_of(address, "authority.pem").await);

    // Only half of it is renewed yet, or one file is damaged.
    for (certificate, key, words) in [
        ("renewed-certificate.pem", "key.pem", "server.tls_key cannot be used"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("certificate.pem", "README.md", "holds no private key"),
    ] {
        put(certificate, key);
        let error = reloader.renew().unwrap_err().to_string();
        assert!(error.contains(words), "{error} should hold: {words}");
        assert!(is_of(address, "authority.pem").await, "{certificate} {key}");
    }

    put("renewed-certificate.pem", "renewed-key.pem");
    assert!(reloader.renew().unwrap());
    assert!(is_of(address, "renewed-authority.pem").await);
    assert!(!is_of(address, "authority.pem").await, "the old one is gone");
    served.abort();
}

#[tokio::test]
async fn without_tls_nothing_is_read_again() {
    let (app, _) = build(Script::default(), |_| {}).await;
    let serving = app.listen().await.unwrap();
    assert!(!serving.reloader().renew().unwrap());
}
