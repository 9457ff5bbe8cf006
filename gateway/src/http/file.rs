//! Files of pages: what they come with, and whether a browser has them already.

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::fields::path_text;
use crate::error::RequestError;

/// Nothing inline, nothing from elsewhere, no frames, and no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A page.
pub const HTML: &str = "text/html; charset=utf-8";
/// Its style.
pub const CSS: &str = "text/css; charset=utf-8";
/// What it does.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Hexadecimal digits of an entity tag: enough to tell versions of one file apart.
const TAG_DIGITS: usize = 32;

/// A file that is part of the binary.
pub struct Asset {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its type.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// A file that is part of the binary, in one line.
pub const fn asset(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, media_type, bytes }
}

/// The files of a page, by their names; the first is the page itself.
pub struct Page(Vec<(&'static str, File)>);

impl Page {
    /// All of them with their entity tags.
    pub fn new(assets: &[Asset]) -> Self {
        let file = |asset: &Asset| {
            (asset.name, File::new(asset.media_type, Bytes::from_static(asset.bytes)))
        };
        Self(assets.iter().map(file).collect())
    }

    /// The page itself.
    pub fn serve(&self, headers: &HeaderMap) -> Response {
        self.0[0].1.serve(headers)
    }

    /// The file of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn serve_file(
        &self,
        method: &Method,
        uri: &Uri,
        name: Result<Path<String>, PathRejection>,
        headers: &HeaderMap,
    ) -> Result<Response, RequestError> {
        let wanted = path_text(name)?;
        let file = self.0.iter().find(|(name, _)| *name == wanted);
        let (_, file) = file.ok_or_else(|| RequestError::NoRoute {
            method: method.to_string(),
            path: uri.path().to_owned(),
        })?;
        Ok(file.serve(headers))
    }
}

/// A file with its entity tag.
pub struct File {
    media_type: &'static str,
    bytes: Bytes,
    tag: HeaderValue,
}

impl File {
    /// A file of a type.
    pub fn new(media_type: &'static str, bytes: Bytes) -> Self {
        let digest = hex::encode(Sha256::digest(&bytes));
        let tag = format!("\"{}\"", &digest[..TAG_DIGITS]);
        let tag =
            HeaderValue::try_from(tag).expect("quoted hexadecimal digits are a header's value");
        Self { media_type, bytes, tag }
    }

    /// The file, or the news that the client has it already. A new binary may bring other files
    /// under the same names, so browsers ask every time.
    pub fn serve(&self, headers: &HeaderMap) -> Response {
        let mut response = if has_already(headers, &self.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let length = self.bytes.len().to_string();
            let headers = [(CONTENT_TYPE, self.media_type), (CONTENT_LENGTH, length.as_str())];
            (headers, self.bytes.clone()).into_response()
        };
        let answered = response.headers_mut();
        answered.insert(ETAG, self.tag.clone());
        for (name, value) in [
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (X_FRAME_OPTIONS, "DENY"),
            (OPENER_POLICY, "same-origin"),
            (RESOURCE_POLICY, "same-origin"),
        ] {
            answered.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Whether `If-None-Match` names the tag, however weakly.
fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let sent = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(',')).any(|sent| {
        let sent = sent.trim();
        sent == "*" || sent.strip_prefix("W/").unwrap_or(sent).as_bytes() == tag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let tag = HeaderValue::from_static("\"a1\"");
        for (sent, has) in [
            (None, false),
            (Some("\"a1\""), true),
            (Some("W/\"a1\""), true),
            (Some("\"b2\", \"a1\""), true),
            (Some("*"), true),
            (Some("\"b2\""), false),
            (Some("a1"), false),
            (Some(""), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(sent) = sent {
                headers.insert(IF_NONE_MATCH, sent.parse().unwrap());
            }
            assert_eq!(has_already(&headers, &tag), has, "{sent:?}");
        }
    }
}
