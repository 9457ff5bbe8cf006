//! The OpenAPI document: what clients may send, and what comes back.
//!
//! Its parts are written by hand, one a group of endpoints, and lie in the folder beside this file.
//! Tests hold them to the code in both directions: paths to the routers, roles to the table of
//! access, fields and the values they admit to the readers, statuses and codes to the error table,
//! and every answer of the HTTP tests to its schema.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value as Json;

use super::file::File;

/// What is not of one group: the title, the errors, the headers.
const SHELL: &str = include_str!("openapi/document.json");

/// `paths` and `schemas` of each group, in the order in which people read them.
const PARTS: &[&str] = &[
    include_str!("openapi/chat.json"),
    include_str!("openapi/responses.json"),
    include_str!("openapi/functions.json"),
    include_str!("openapi/models.json"),
    include_str!("openapi/mcp.json"),
    include_str!("openapi/plugins.json"),
    include_str!("openapi/recent.json"),
    include_str!("openapi/pages.json"),
    include_str!("openapi/common.json"),
];

static DOCUMENT: LazyLock<Json> = LazyLock::new(assemble);

static FILE: LazyLock<File> =
    LazyLock::new(|| File::new("application/json", Bytes::from(document().to_string())));

/// The whole document.
pub fn document() -> &'static Json {
    &DOCUMENT
}

/// `GET /openapi.json`
pub async fn show(headers: HeaderMap) -> Response {
    FILE.serve(&headers)
}

fn assemble() -> Json {
    let mut document = read(SHELL);
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for part in PARTS {
        let mut part = read(part);
        extend(&mut document["paths"], part["paths"].take());
        extend(&mut document["components"]["schemas"], part["schemas"].take());
    }
    document
}

fn read(text: &str) -> Json {
    serde_json::from_str(text).expect("every part is JSON: a test reads them all")
}

fn extend(all: &mut Json, more: Json) {
    if let (Some(all), Json::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
}

#[cfg(test)]
pub(super) mod tests;
