//! Every endpoint, once. The router is built from this table, and a test holds the document to it.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::{
    Shared, chat, docs, functions, health, mcp, models, openapi, playground, recent, responses,
    route,
};

/// The handlers of a path, one a method.
type Methods = fn(&Shared) -> MethodRouter<Shared>;

/// A path and who answers there.
struct Endpoint {
    path: &'static str,
    methods: Methods,
}

const fn at(path: &'static str, methods: Methods) -> Endpoint {
    Endpoint { path, methods }
}

const ENDPOINTS: &[Endpoint] = &[
    at("/v1/chat/completions", |_| post(chat::complete)),
    at("/v1/responses", |_| post(responses::create)),
    at("/v1/functions", |_| get(functions::list)),
    at("/v1/functions/{name}", |_| post(functions::call)),
    at("/v1/route", |_| post(route::route)),
    at("/v1/models", |_| get(models::list)),
    at("/v1/models/{id}", |_| get(models::show)),
    at("/mcp", mcp::methods),
    at("/v1/recent", |_| get(recent::list)),
    at("/v1/recent/{id}", |_| get(recent::show)),
    at("/healthz", |_| get(health::alive)),
    at("/readyz", |_| get(health::ready)),
    at("/", |_| get(playground::page)),
    at("/playground/{name}", |_| get(playground::file)),
    at("/docs", |_| get(docs::page)),
    at("/docs/{name}", |_| get(docs::file)),
    at("/openapi.json", |_| get(openapi::show)),
];

/// All of them.
pub fn all(shared: &Shared) -> Router<Shared> {
    ENDPOINTS.iter().fold(Router::new(), |router, endpoint| {
        router.route(endpoint.path, (endpoint.methods)(shared))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_these_paths_and_no_others() {
        let paths = openapi::document()["paths"].as_object().unwrap();
        let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
        let answered: BTreeSet<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
        assert_eq!(described, answered);
        assert_eq!(answered.len(), ENDPOINTS.len(), "a path is there twice");
    }
}
