//! Who may use which endpoint: one table, and the layer that looks it up.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::code_of;
use crate::error::RequestError;
use crate::keys::{Denied, Principal, Role};
use crate::pipeline::{Arrival, Pipeline};

/// What an endpoint needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing: it says nothing about anybody.
    Nothing,
    /// A key with this role.
    Role(Role),
}

/// A method, a path as routes write it, and what they need.
struct Row(&'static str, &'static str, Need);

/// Every endpoint. `HEAD` needs what `GET` needs; a path that is not here needs `admin`.
const TABLE: &[Row] = &[
    Row("POST", "/v1/chat/completions", Need::Role(Role::Call)),
    Row("POST", "/v1/responses", Need::Role(Role::Call)),
    Row("POST", "/v1/route", Need::Role(Role::Call)),
    Row("POST", "/v1/functions/{name}", Need::Role(Role::Call)),
    Row("POST", "/mcp", Need::Role(Role::Call)),
    Row("GET", "/mcp", Need::Role(Role::Call)),
    Row("DELETE", "/mcp", Need::Role(Role::Call)),
    Row("GET", "/v1/models", Need::Role(Role::Read)),
    Row("GET", "/v1/models/{id}", Need::Role(Role::Read)),
    Row("GET", "/v1/functions", Need::Role(Role::Read)),
    Row("GET", "/v1/recent", Need::Role(Role::Read)),
    Row("GET", "/v1/recent/{id}", Need::Role(Role::Read)),
    Row("GET", "/v1/plugins", Need::Role(Role::Publish)),
    Row("GET", "/v1/plugins/{name}", Need::Role(Role::Publish)),
    Row("PUT", "/v1/plugins/{name}", Need::Role(Role::Publish)),
    Row("DELETE", "/v1/plugins/{name}", Need::Role(Role::Publish)),
    Row("POST", "/v1/plugins/{name}/approve", Need::Role(Role::Admin)),
    Row("GET", "/v1/follow", Need::Role(Role::Publish)),
    Row("GET", "/", Need::Nothing),
    Row("GET", "/playground/{name}", Need::Nothing),
    Row("GET", "/openapi.json", Need::Nothing),
    Row("GET", "/docs", Need::Nothing),
    Row("GET", "/docs/{name}", Need::Nothing),
    Row("GET", "/healthz", Need::Nothing),
    Row("GET", "/readyz", Need::Nothing),
];

/// What a request needs. A path without the method answers 405 to everybody.
fn need(method: &Method, path: &str) -> Need {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut of_path = TABLE.iter().filter(|Row(_, known, _)| *known == path).peekable();
    if of_path.peek().is_none() {
        return Need::Role(Role::Admin);
    }
    of_path.find(|Row(known, _, _)| *known == method).map_or(Need::Nothing, |Row(_, _, need)| *need)
}

/// Lets a request in or answers it. Whoever is let in goes on as the principal of its arrival.
pub async fn authorize(
    State(pipeline): State<Arc<Pipeline>>,
    mut request: Request,
    next: Next,
) -> Response {
    match check(&pipeline, &request) {
        Ok(principal) => {
            if let Some(arrival) = request.extensions_mut().get_mut::<Arrival>() {
                arrival.tenant = principal.tenant();
                arrival.principal = principal;
            }
            next.run(request).await
        }
        Err(Denied { error, principal }) => {
            let error = RequestError::from(error);
            note(&pipeline, &request, &principal, &error);
            error.into_response()
        }
    }
}

fn check(pipeline: &Pipeline, request: &Request) -> Result<Principal, Denied> {
    // Nothing is at this path, which is no secret.
    let Some(path) = path_of(request) else { return Ok(pipeline.keys.outside()) };
    match need(request.method(), path) {
        Need::Nothing => Ok(pipeline.keys.outside()),
        Need::Role(role) => {
            let sent = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
            pipeline.keys.enter(sent, role)
        }
    }
}

fn path_of(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

fn note(pipeline: &Pipeline, request: &Request, principal: &Principal, error: &RequestError) {
    let id = request.extensions().get::<Arrival>().map_or("", |arrival| arrival.id.as_str());
    let path = path_of(request).unwrap_or_default();
    let method = request.method().as_str();
    pipeline.audit.refused(id, principal, method, path, code_of(error));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openapi::document;
    use crate::http::routes;

    #[test]
    fn every_route_is_in_the_table() {
        let paths = routes::tests::all();
        assert!(paths.len() >= 18, "{paths:?}");
        for path in paths {
            assert!(TABLE.iter().any(|Row(_, known, _)| *known == path), "{path} has no row");
        }
    }

    #[test]
    fn every_row_is_of_a_route() {
        let paths = routes::tests::all();
        for Row(method, path, _) in TABLE {
            assert!(paths.contains(path), "{method} {path} is answered nowhere");
        }
    }

    #[test]
    fn the_document_says_what_every_endpoint_needs() {
        for (path, operations) in document()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let method = method.to_uppercase();
                let is_it = |row: &&Row| row.0 == method.as_str() && row.1 == path.as_str();
                let row = TABLE.iter().find(is_it);
                let wanted = match row.map(|Row(_, _, need)| *need) {
                    None => panic!("{method} {path} has no row"),
                    Some(Need::Nothing) => json!([]),
                    // None is needed where there are no keys.
                    Some(Need::Role(role)) => json!([{"key": [role.name()]}, {}]),
                };
                assert_eq!(operation["security"], wanted, "{method} {path}");
            }
        }
    }

    #[test]
    fn no_row_is_there_twice() {
        for (at, Row(method, path, _)) in TABLE.iter().enumerate() {
            let same = |row: &&Row| row.0 == *method && row.1 == *path;
            assert_eq!(TABLE.iter().position(|row| same(&row)), Some(at), "{method} {path}");
        }
    }

    #[test]
    fn what_nobody_thought_of_is_for_those_who_may_do_everything() {
        for (method, path, needed) in [
            (Method::POST, "/v1/route", Need::Role(Role::Call)),
            (Method::GET, "/v1/functions", Need::Role(Role::Read)),
            (Method::HEAD, "/v1/functions", Need::Role(Role::Read)),
            (Method::PUT, "/v1/plugins/{name}", Need::Role(Role::Publish)),
            (Method::GET, "/healthz", Need::Nothing),
            (Method::GET, "/v1/route", Need::Nothing),
            (Method::GET, "/v1/forgotten", Need::Role(Role::Admin)),
            (Method::POST, "/v1/forgotten", Need::Role(Role::Admin)),
        ] {
            assert_eq!(need(&method, path), needed, "{method} {path}");
        }
    }
}
