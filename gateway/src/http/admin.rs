//! The listener for those who change the library: its routes, and who may use them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;

use super::{Shared, layers, origin, routes};
use crate::error::RequestError;
use crate::follow::Follower;
use crate::publish::Publisher;

/// Every endpoint of the admin listener, under the same layers as the others.
pub fn admin_router(shared: Shared, publisher: Arc<Publisher>, follower: Arc<Follower>) -> Router {
    let routes = routes::admin(&shared)
        .fallback(layers::no_route)
        .method_not_allowed_fallback(layers::no_method)
        .layer(from_fn(guard))
        .layer(Extension(publisher))
        .layer(Extension(follower));
    layers::around(routes, shared.clone()).with_state(shared)
}

/// From where the library may be changed: without keys from this machine alone, and by no web page
/// of another site. Whose key may do what is decided before, by the layer around all routes.
async fn guard(
    Extension(publisher): Extension<Arc<Publisher>>,
    request: Request,
    next: Next,
) -> Result<Response, RequestError> {
    origin::check(request.headers(), !publisher.allow_public(), &[])?;
    Ok(next.run(request).await)
}
