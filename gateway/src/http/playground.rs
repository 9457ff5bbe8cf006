//! The playground at `/`: a page that asks, shows how the answer came about, and browses the
//! library. It is part of the binary, speaks to nobody but this gateway, and uses its public API.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use super::file::{Asset, CSS, HTML, Page, SCRIPT, asset};
use crate::error::RequestError;

const SVG: &str = "image/svg+xml";

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
    asset("drafts.js", SCRIPT, include_bytes!("../playground/drafts.js")),
    asset("exchange.js", SCRIPT, include_bytes!("../playground/exchange.js")),
    asset("format.js", SCRIPT, include_bytes!("../playground/format.js")),
    asset("latency.js", SCRIPT, include_bytes!("../playground/latency.js")),
    asset("library.js", SCRIPT, include_bytes!("../playground/library.js")),
    asset("replay.js", SCRIPT, include_bytes!("../playground/replay.js")),
    asset("schema.js", SCRIPT, include_bytes!("../playground/schema.js")),
    asset("statistics.js", SCRIPT, include_bytes!("../playground/statistics.js")),
    asset("table.js", SCRIPT, include_bytes!("../playground/table.js")),
    asset("template.js", SCRIPT, include_bytes!("../playground/template.js")),
    asset("upstream.js", SCRIPT, include_bytes!("../playground/upstream.js")),
    asset("waterfall.js", SCRIPT, include_bytes!("../playground/waterfall.js")),
];

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(ASSETS));

/// `GET /`
pub async fn page(headers: HeaderMap) -> Response {
    PAGE.serve(&headers)
}

/// `GET /playground/{name}`
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
        let folder = "src/playground";
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
}
