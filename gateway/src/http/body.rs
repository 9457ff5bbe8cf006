//! Bytes of a body, never more than allowed, and never more of all bodies than memory is meant for.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures::StreamExt as _;

use crate::error::RequestError;

/// Bytes of bodies that all requests together may hold before they have their turn: a body is read
/// before it waits for a place, and there may be as many as there are connections.
const HELD_BYTES_MAX: usize = 256 << 20;

/// When to come back once they do, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

/// Bytes that are held now. Memory is of the process, whoever listens in it.
static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Reads a whole body. A length that is announced and too large is refused unread.
pub async fn read(headers: HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, RequestError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(RequestError::BodyTooLarge { bytes_max });
    }
    let mut held = Held::new(&HELD_BYTES, HELD_BYTES_MAX);
    held.bytes.reserve_exact(usize::try_from(announced).unwrap_or(0));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|error| RequestError::BodyBroken { reason: error.to_string() })?;
        if held.bytes.len() + chunk.len() > bytes_max {
            return Err(RequestError::BodyTooLarge { bytes_max });
        }
        held.take(&chunk)?;
    }
    Ok(Bytes::from_owner(held))
}

/// Bytes that are counted for as long as they are there.
struct Held {
    bytes: Vec<u8>,
    total: &'static AtomicUsize,
    bytes_max: usize,
}

impl Held {
    fn new(total: &'static AtomicUsize, bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), total, bytes_max }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), RequestError> {
        let before = self.total.fetch_add(chunk.len(), Ordering::Relaxed);
        if before + chunk.len() > self.bytes_max {
            self.total.fetch_sub(chunk.len(), Ordering::Relaxed);
            let (bytes_max, retry_after_ms) = (self.bytes_max, RETRY_AFTER_MS);
            return Err(RequestError::BodiesTooLarge { bytes_max, retry_after_ms });
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{retry_after_ms, status_of};

    #[tokio::test]
    async fn the_limit_itself_passes_and_one_more_does_not() {
        for (sent, announced, fits) in [
            (8, None, true),
            (9, None, false),
            (0, Some("9"), false),
            (8, Some("8"), true),
            (0, None, true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(announced) = announced {
                headers.insert(CONTENT_LENGTH, announced.parse().unwrap());
            }
            let read = read(headers, Body::from(vec![b'x'; sent]), 8).await;
            assert_eq!(read.as_ref().is_ok_and(|bytes| bytes.len() == sent), fits, "{sent}");
            assert_eq!(read.is_ok(), fits, "{sent} {announced:?}");
        }
    }

    #[test]
    fn all_bodies_together_hold_so_much_until_they_are_let_go() {
        static TOTAL: AtomicUsize = AtomicUsize::new(0);
        let (mut first, mut second) = (Held::new(&TOTAL, 10), Held::new(&TOTAL, 10));
        assert!(first.take(b"123456").is_ok() && second.take(b"7890").is_ok(), "the limit itself");
        let error = second.take(b"x").unwrap_err();
        assert_eq!((status_of(&error), retry_after_ms(&error)), (429, Some(RETRY_AFTER_MS)));
        assert_eq!(TOTAL.load(Ordering::Relaxed), 10, "what was refused is not counted");
        let bytes = Bytes::from_owner(first);
        let part = bytes.slice(2..);
        drop(bytes);
        assert!(second.take(b"x").is_err(), "a part holds the whole");
        assert_eq!(&part[..], b"3456");
        drop(part);
        assert!(second.take(b"x").is_ok());
        drop(second);
        assert_eq!(TOTAL.load(Ordering::Relaxed), 0);
    }
}
