//! The playground at `/`: a page that asks, shows how the answer came about, and browses the
//! library. It is part of the binary, speaks to nobody but this gateway, and uses its public API.

use std::sync::LazyLock;

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

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Hexadecimal digits of an entity tag: enough to tell versions of one file apart.
const TAG_DIGITS: usize = 32;

/// A file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const fn asset(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, media_type, bytes }
}

/// Every file; the first is the page itself.
const ASSETS: &[Asset] = &[
    asset("index.html", HTML, include_bytes!("../playground/index.html")),
    asset("style.css", CSS, include_bytes!("../playground/style.css")),
    asset("icon.svg", SVG, include_bytes!("../playground/icon.svg")),
    asset("advice.js", SCRIPT, include_bytes!("../playground/advice.js")),
    asset("answer.js", SCRIPT, include_bytes!("../playground/answer.js")),
    asset("api.js", SCRIPT, include_bytes!("../playground/api.js")),
    asset("app.js", SCRIPT, include_bytes!("../playground/app.js")),
    asset("ask.js", SCRIPT, include_bytes!("../playground/ask.js")),
    asset("calls.js", SCRIPT, include_bytes!("../playground/calls.js")),
    asset("candidates.js", SCRIPT, include_bytes!("../playground/candidates.js")),
    asset("chart.js", SCRIPT, include_bytes!("../playground/chart.js")),
    asset("command.js", SCRIPT, include_bytes!("../playground/command.js")),
    asset("dom.js", SCRIPT, include_bytes!("../playground/dom.js")),
    asset("exchange.js", SCRIPT, include_bytes!("../playground/exchange.js")),
    asset("format.js", SCRIPT, include_bytes!("../playground/format.js")),
    asset("latency.js", SCRIPT, include_bytes!("../playground/latency.js")),
    asset("library.js", SCRIPT, include_bytes!("../playground/library.js")),
    asset("replay.js", SCRIPT, include_bytes!("../playground/replay.js")),
    asset("schema.js", SCRIPT, include_bytes!("../playground/schema.js")),
    asset("statistics.js", SCRIPT, include_bytes!("../playground/statistics.js")),
    asset("template.js", SCRIPT, include_bytes!("../playground/template.js")),
    asset("upstream.js", SCRIPT, include_bytes!("../playground/upstream.js")),
    asset("waterfall.js", SCRIPT, include_bytes!("../playground/waterfall.js")),
];

/// Entity tags, in the order of [`ASSETS`].
static TAGS: LazyLock<Vec<HeaderValue>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| tag(asset.bytes)).collect());

fn tag(bytes: &[u8]) -> HeaderValue {
    let digest = hex::encode(Sha256::digest(bytes));
    let tag = format!("\"{}\"", &digest[..TAG_DIGITS]);
    HeaderValue::try_from(tag).expect("quoted hexadecimal digits are a header's value")
}

/// `GET /`
pub async fn page(headers: HeaderMap) -> Response {
    serve(0, &headers)
}

/// `GET /playground/{name}`
pub async fn file(
    method: Method,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, RequestError> {
    let name = path_text(name)?;
    let at = ASSETS.iter().position(|asset| asset.name == name);
    let at = at.ok_or_else(|| RequestError::NoRoute {
        method: method.to_string(),
        path: uri.path().to_owned(),
    })?;
    Ok(serve(at, &headers))
}

/// The file, or the news that the client has it already. A new binary may bring other files under
/// the same names, so browsers ask every time.
fn serve(at: usize, headers: &HeaderMap) -> Response {
    let asset = &ASSETS[at];
    let tag = &TAGS[at];
    let mut response = if has_already(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let length = asset.bytes.len().to_string();
        let headers = [(CONTENT_TYPE, asset.media_type), (CONTENT_LENGTH, length.as_str())];
        (headers, asset.bytes).into_response()
    };
    let answered = response.headers_mut();
    answered.insert(ETAG, tag.clone());
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
    use std::collections::BTreeSet;

    use super::*;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).unwrap()
    }

    /// Names between two marks, as `from "./` and `"`.
    fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
    }

    #[test]
    fn every_file_is_asked_for_and_every_file_asked_for_is_there() {
        let mut asked: BTreeSet<&str> = BTreeSet::from(["index.html"]);
        asked.extend(between(text(&ASSETS[0]), "\"playground/", '"'));
        for asset in ASSETS.iter().filter(|asset| asset.media_type == SCRIPT) {
            asked.extend(between(text(asset), "from \"./", '"'));
        }
        let there: BTreeSet<&str> = ASSETS.iter().map(|asset| asset.name).collect();
        assert_eq!(asked, there);
    }

    #[test]
    fn every_file_of_the_folder_is_part_of_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/playground");
        let entries = std::fs::read_dir(folder).unwrap();
        let found: BTreeSet<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let there: BTreeSet<String> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(found, there);
    }

    /// What the policy would forbid, and what would make markup of data.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let page = text(&ASSETS[0]);
        for word in [" style=", " onclick=", " onload=", "<style", "javascript:"] {
            assert!(!page.contains(word), "{word} in the page");
        }
        for script in between(page, "<script", '>') {
            assert!(script.contains(" src=\"playground/"), "an inline script: {script}");
        }
        for asset in ASSETS {
            let text = text(asset).replace("http://www.w3.org/2000/svg", "");
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "DOMParser",
                "eval(",
                "new Function",
                "http://",
                "https://",
                "@import",
            ] {
                assert!(!text.contains(word), "{word} in {}", asset.name);
            }
        }
    }

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
