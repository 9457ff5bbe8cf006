//! Bytes that two readers could understand in two ways: what a proxy in front of the gateway might
//! take for a body is never answered as a request, and what is no HTTP/1.1 is let go.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Gateway, PATIENCE, Script, start, start_with};

/// A request of its own that must not be answered: its id would come back.
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-request-id: smuggled\r\n\r\n";

/// After what must come has come, this long nothing more is expected.
const SILENT: Duration = Duration::from_millis(500);

/// Sends bytes as they are. Gives what came back until the connection ended, and whether it did.
async fn exchange(gateway: &Gateway, bytes: &[u8]) -> (String, bool) {
    exchange_for(gateway, bytes, None).await
}

/// Gives what came back until the connection ended, or until this came and no more after it.
async fn heard(gateway: &Gateway, bytes: &[u8], awaited: &str) -> String {
    exchange_for(gateway, bytes, Some(awaited)).await.0
}

async fn exchange_for(gateway: &Gateway, bytes: &[u8], awaited: Option<&str>) -> (String, bool) {
    let address = gateway.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Whoever is refused while it still writes finds the connection closed.
    let _ = stream.write_all(bytes).await;
    let mut text = String::new();
    let mut part = vec![0; 4_096];
    loop {
        let read = stream.read(&mut part);
        let is_here = awaited.is_some_and(|awaited| text.contains(awaited));
        match tokio::time::timeout(if is_here { SILENT } else { PATIENCE }, read).await {
            Err(_) => return (text, false),
            Ok(Ok(0) | Err(_)) => return (text, true),
            Ok(Ok(bytes)) => text.push_str(&String::from_utf8_lossy(&part[..bytes])),
        }
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

fn chat(head: &str, body: &str) -> Vec<u8> {
    let line = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    format!("{line}{head}\r\n{body}{SMUGGLED}").into_bytes()
}

#[tokio::test]
async fn two_whole_requests_are_both_answered() {
    let gateway = start(Script::default()).await;
    let both = chat("content-length: 2\r\n", "{}");
    let answer = heard(&gateway, &both, "x-request-id: smuggled").await;
    assert_eq!(status(&answer), "400", "{answer}");
    assert!(answer.contains("x-request-id: smuggled"), "the second is one of its own: {answer}");
}

#[tokio::test]
async fn lengths_that_say_two_things_smuggle_nothing() {
    let gateway = start(Script::default()).await;
    let chunked = "transfer-encoding: chunked\r\n";
    for (name, head, body) in [
        ("a length, then chunks", format!("content-length: 4\r\n{chunked}"), "0\r\n\r\n"),
        ("chunks, then a length", format!("{chunked}content-length: 4\r\n"), "0\r\n\r\n"),
        ("two lengths", "content-length: 2\r\ncontent-length: 99\r\n".into(), "{}"),
        ("a list of lengths", "content-length: 2, 99\r\n".into(), "{}"),
        ("a length with a sign", "content-length: +2\r\n".into(), "{}"),
        ("a negative length", "content-length: -2\r\n".into(), "{}"),
        ("a hexadecimal length", "content-length: 0x2\r\n".into(), "{}"),
        ("a length in two words", "content-length: 2 2\r\n".into(), "{}"),
        ("an empty length", "content-length:\r\n".into(), "{}"),
        ("a length beyond 64 bits", "content-length: 18446744073709551618\r\n".into(), "{}"),
        ("an unknown coding", "transfer-encoding: xchunked\r\n".into(), "0\r\n\r\n"),
        ("no coding", "transfer-encoding: identity\r\n".into(), "0\r\n\r\n"),
        ("chunks before a coding", "transfer-encoding: chunked, gzip\r\n".into(), "0\r\n\r\n"),
        ("two codings", format!("{chunked}transfer-encoding: identity\r\n"), "0\r\n\r\n"),
        ("a control in a coding", "transfer-encoding: \x0bchunked\r\n".into(), "0\r\n\r\n"),
        ("a space before the colon", "transfer-encoding : chunked\r\n".into(), "0\r\n\r\n"),
        ("a folded header", "x-a: b\r\n transfer-encoding: chunked\r\n".into(), "0\r\n\r\n"),
        ("a header that begins with a space", " transfer-encoding: chunked\r\n".into(), ""),
        ("a zero byte in a name", "x\0a: b\r\ncontent-length: 2\r\n".into(), "{}"),
    ] {
        let (answer, has_ended) = exchange(&gateway, &chat(&head, body)).await;
        let is_refused = ["400", "431"].contains(&status(&answer));
        assert!(is_refused, "{name}: {answer}");
        assert!(has_ended && !answer.contains("smuggled"), "{name}: {answer}");
    }
    let old = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\n{chunked}\r\n0\r\n\r\n{SMUGGLED}"
    );
    let (answer, has_ended) = exchange(&gateway, old.as_bytes()).await;
    assert_eq!((status(&answer), has_ended), ("400", true), "HTTP/1.0 has no chunks: {answer}");
    assert!(!answer.contains("smuggled"), "{answer}");
    gateway.assert_alive().await;
}

#[tokio::test]
async fn chunks_that_say_two_things_smuggle_nothing() {
    let gateway = start(Script::default()).await;
    let huge = format!("1;{}\r\n{{\r\n0\r\n\r\n", "a".repeat(64 * 1024));
    for (name, body) in [
        ("a size that is none", "5x\r\nhello\r\n0\r\n\r\n"),
        ("a hexadecimal prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a negative size", "-1\r\n{}\r\n0\r\n\r\n"),
        ("an empty size", "\r\n{}\r\n0\r\n\r\n"),
        ("a size beyond 64 bits", "10000000000000000\r\n{}\r\n0\r\n\r\n"),
        ("a size that is too small", "1\r\n{}\r\n0\r\n\r\n"),
        ("a line that ends without a return", "2\n{}\n0\n\n"),
        ("an extension with a line in it", "2;a\nb\r\n{}\r\n0\r\n\r\n"),
        ("extensions without end", huge.as_str()),
    ] {
        let asked = chat("transfer-encoding: chunked\r\n", body);
        let answer = heard(&gateway, &asked, "HTTP/1.1 ").await;
        // Closed while there is more to read, the answer may be lost with the connection.
        let is_lost = answer.is_empty() && body.len() > 1 << 10;
        assert!(is_lost || status(&answer) == "400", "{name}: {answer}");
        assert!(!answer.contains("smuggled"), "{name}: {answer}");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn a_host_that_is_named_twice_is_refused() {
    let gateway = start_with(Script::default(), |config| config.server.allow_public = true).await;
    for second in ["evil.example", "localhost"] {
        let head = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: {second}\r\n\r\n");
        let answer = heard(&gateway, head.as_bytes(), "this header was sent twice").await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert!(answer.contains("this header was sent twice"), "{answer}");
    }
}

#[tokio::test]
async fn the_body_of_a_request_that_has_none_is_no_request() {
    let gateway = start(Script::default()).await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let length = SMUGGLED.len();
        let head = format!(
            "{method} /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
        );
        let asked = format!("{head}{SMUGGLED}");
        let answer = heard(&gateway, asked.as_bytes(), "HTTP/1.1 ").await;
        assert!(answer.starts_with("HTTP/1.1 "), "{method}: {answer}");
        assert!(!answer.contains("smuggled"), "{method}: {answer}");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_and_end() {
    let gateway = start(Script::default()).await;
    let line = |text: &str| format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{text}\r\n");
    for (name, head, statuses) in [
        ("a long path", format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)), ["414", "431"]),
        ("many headers", line(&"x-a: b\r\n".repeat(1_000)), ["431", "400"]),
        ("a long header", line(&format!("x-a: {}\r\n", "b".repeat(1 << 20))), ["431", "400"]),
    ] {
        let (answer, has_ended) = exchange(&gateway, head.as_bytes()).await;
        // Closed while the client still writes, the answer may be lost with the connection.
        let is_refused = answer.is_empty() || statuses.contains(&status(&answer));
        assert!(is_refused && has_ended, "{name}: {answer}");
    }
    gateway.assert_alive().await;
}

/// Frames of HTTP/2: an announcement of settings, then streams that are opened and reset at once.
fn rapid_resets(streams: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in 0..streams {
        let id = (2 * stream + 1).to_be_bytes();
        // HEADERS with one indexed field and its end, then RST_STREAM for no longer wanted.
        bytes.extend_from_slice(b"\0\0\x01\x01\x05");
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(b"\x82\0\0\x04\x03\0");
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(&8u32.to_be_bytes());
    }
    bytes
}

#[tokio::test]
async fn a_flood_of_http2_ends_where_it_begins() {
    let gateway = start(Script::default()).await;
    let flood = rapid_resets(20_000);
    let floods = futures::future::join_all((0..32).map(|_| exchange(&gateway, &flood)));
    let (ended, ()) = tokio::join!(floods, gateway.assert_alive());
    for (answer, has_ended) in ended {
        assert!(has_ended && !answer.contains(" 200 "), "{answer}");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn nobody_is_led_from_one_protocol_to_another() {
    let gateway = start(Script::default()).await;
    for upgrade in [
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n",
    ] {
        let head = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n");
        let answer = heard(&gateway, head.as_bytes(), "HTTP/1.1 ").await;
        assert_eq!(status(&answer), "200", "answered as if it had not asked: {answer}");
    }
    let connect = b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n";
    let answer = heard(&gateway, connect, "HTTP/1.1 ").await;
    assert!(["400", "403", "404", "405"].contains(&status(&answer)), "{answer}");
}

#[tokio::test]
async fn connections_that_say_nothing_make_room_in_time() {
    let gateway = start_with(Script::default(), |config| {
        config.server.connections_max = 4;
        config.server.head_read_ms_max = 300;
    })
    .await;
    let address = gateway.base.trim_start_matches("http://");
    let mut silent = Vec::new();
    for number in 0..16 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            // Half of a head is no more than nothing.
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: local").await.unwrap();
        }
        silent.push(stream);
    }
    // It stands behind sixteen of them, four of which leave at a time.
    let alive = tokio::time::timeout(PATIENCE, gateway.assert_alive());
    assert!(alive.await.is_ok(), "nobody else got a place");
}
