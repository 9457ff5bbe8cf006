//! The docs at `/docs`: a page made from the document, in the browser. It is part of the binary,
//! asks nobody but this gateway, and has the playground's style.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use super::fields::path_text;
use super::file::{CSS, File, HTML, SCRIPT};
use crate::error::RequestError;

/// Name, type and bytes of every file; the first is the page itself.
const ASSETS: &[(&str, &str, &[u8])] = &[
    ("index.html", HTML, include_bytes!("../docs/index.html")),
    ("docs.css", CSS, include_bytes!("../docs/docs.css")),
    ("docs.js", SCRIPT, include_bytes!("../docs/docs.js")),
    ("operation.js", SCRIPT, include_bytes!("../docs/operation.js")),
    ("shape.js", SCRIPT, include_bytes!("../docs/shape.js")),
];

/// The same with their entity tags, in the order of [`ASSETS`].
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let file = |&(_, media_type, bytes): &(&str, &'static str, &'static [u8])| {
        File::new(media_type, Bytes::from_static(bytes))
    };
    ASSETS.iter().map(file).collect()
});

/// `GET /docs`
pub async fn page(headers: HeaderMap) -> Response {
    FILES[0].serve(&headers)
}

/// `GET /docs/{name}`
pub async fn file(
    method: Method,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, RequestError> {
    let name = path_text(name)?;
    let at = ASSETS.iter().position(|(asset, _, _)| *asset == name);
    let at = at.ok_or_else(|| RequestError::NoRoute {
        method: method.to_string(),
        path: uri.path().to_owned(),
    })?;
    Ok(FILES[at].serve(&headers))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(bytes: &'static [u8]) -> &'static str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_part_of_the_binary() {
        let folder = "src/docs";
        let entries = std::fs::read_dir(folder).unwrap();
        let found: BTreeSet<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let there: BTreeSet<String> =
            ASSETS.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        assert_eq!(found, there);
    }

    /// What the policy would forbid, and what would make markup of data.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let page = text(ASSETS[0].2);
        for script in page.split("<script").skip(1) {
            assert!(script.contains(" src=\"docs/"), "an inline script: {script}");
        }
        for (name, _, bytes) in ASSETS {
            for word in [
                " style=",
                " onclick=",
                "<style",
                "javascript:",
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
                assert!(!text(bytes).contains(word), "{word} in {name}");
            }
        }
    }
}
