//! Bytes of a body, never more than allowed.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures::StreamExt as _;

use crate::error::RequestError;

/// Reads a whole body. A length that is announced and too large is refused unread.
pub async fn read(headers: HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, RequestError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(RequestError::BodyTooLarge { bytes_max });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|error| RequestError::BodyBroken { reason: error.to_string() })?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(RequestError::BodyTooLarge { bytes_max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(read.is_ok(), fits, "{sent} {announced:?}");
        }
    }
}
