//! Every endpoint of each listener. The routers are built from these tables, and tests hold the
//! document and the table of access to them.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::once::heeding;
use super::{
    Shared, chat, docs, follow, functions, health, mcp, models, openapi, playground, plugins,
    recent, responses, route,
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

/// For whoever asks.
const PUBLIC: &[Endpoint] = &[
    at("/v1/chat/completions", |shared| heeding(shared, post(chat::complete))),
    at("/v1/responses", |shared| heeding(shared, post(responses::create))),
    at("/v1/functions", |_| get(functions::list)),
    at("/v1/functions/{name}", |shared| heeding(shared, post(functions::call))),
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

/// For whoever changes the library.
const ADMIN: &[Endpoint] = &[
    at("/v1/plugins", |_| get(plugins::list)),
    at("/v1/plugins/{name}", |_| get(plugins::show).put(plugins::publish).delete(plugins::remove)),
    at("/v1/plugins/{name}/approve", |_| post(plugins::approve)),
    at("/v1/follow", |_| get(follow::list)),
    at("/healthz", |_| get(health::alive)),
];

/// What `server.address` answers.
pub fn public(shared: &Shared) -> Router<Shared> {
    build(PUBLIC, shared)
}

/// What `admin.address` answers.
pub fn admin(shared: &Shared) -> Router<Shared> {
    build(ADMIN, shared)
}

fn build(endpoints: &[Endpoint], shared: &Shared) -> Router<Shared> {
    endpoints.iter().fold(Router::new(), |router, endpoint| {
        router.route(endpoint.path, (endpoint.methods)(shared))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paths(endpoints: &[Endpoint]) -> BTreeSet<&'static str> {
        let paths: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.path).collect();
        assert_eq!(paths.len(), endpoints.len(), "a path is there twice");
        paths
    }

    /// Every path of both listeners.
    pub fn all() -> BTreeSet<&'static str> {
        &paths(PUBLIC) | &paths(ADMIN)
    }

    #[test]
    fn the_document_has_these_paths_and_no_others() {
        let described = openapi::document()["paths"].as_object().unwrap();
        assert_eq!(described.keys().map(String::as_str).collect::<BTreeSet<_>>(), all());
    }

    /// What is not at the address that serves the document names its server.
    #[test]
    fn the_document_says_what_only_the_admin_listener_answers() {
        let alone = &paths(ADMIN) - &paths(PUBLIC);
        for (path, operations) in openapi::document()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let is_elsewhere = operation.get("servers").is_some();
                assert_eq!(is_elsewhere, alone.contains(path.as_str()), "{method} {path}");
            }
        }
    }
}
