//! The docs at `/docs`: a page made from the document, in the browser. It is part of the binary,
//! asks nobody but this gateway, and has the playground's style.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use super::file::{Asset, CSS, HTML, Page, SCRIPT, asset};
use crate::error::RequestError;

/// Every file; the first is the page itself.
const ASSETS: &[Asset] = &[
    asset("index.html", HTML, include_bytes!("../docs/index.html")),
    asset("docs.css", CSS, include_bytes!("../docs/docs.css")),
    asset("docs.js", SCRIPT, include_bytes!("../docs/docs.js")),
    asset("operation.js", SCRIPT, include_bytes!("../docs/operation.js")),
    asset("shape.js", SCRIPT, include_bytes!("../docs/shape.js")),
];

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(ASSETS));

/// `GET /docs`
pub async fn page(headers: HeaderMap) -> Response {
    PAGE.serve(&headers)
}

/// `GET /docs/{name}`
pub async fn file(
    method: Method,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, RequestError> {
    PAGE.serve_file(&method, &uri, name, &headers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_part_of_the_binary() {
        let folder = "src/docs";
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
        for script in page.split("<script").skip(1) {
            assert!(script.contains(" src=\"docs/"), "an inline script: {script}");
        }
        for asset in ASSETS {
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
                assert!(!text(asset).contains(word), "{word} in {}", asset.name);
            }
        }
    }
}
