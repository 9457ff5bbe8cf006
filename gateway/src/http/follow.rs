//! How it stands with the registries that are followed.

use std::sync::Arc;

use axum::extract::Extension;
use axum::response::Json as JsonBody;
use serde_json::{Value as Json, json};

use crate::follow::{Follower, Item, State};

/// `GET /v1/follow`
pub async fn list(Extension(follower): Extension<Arc<Follower>>) -> JsonBody<Json> {
    let data: Vec<Json> = follower.states().iter().map(describe).collect();
    JsonBody(json!({"object": "list", "data": data}))
}

fn describe(state: &State) -> Json {
    json!({
        "object": "follow",
        "reference": state.reference,
        "state": state.status().name(),
        "digest": state.digest.as_ref().map(ToString::to_string),
        "signed_by": state.signed_by,
        "plugins": state.items.iter().map(item).collect::<Vec<Json>>(),
        "failures": state.failures(),
        "error": state.error,
        "checked_ms": state.checked_ms,
        "changed_ms": state.changed_ms,
        "next_ms": state.next_ms(),
    })
}

fn item(item: &Item) -> Json {
    json!({
        "name": item.name,
        "version": item.version,
        "digest": item.component.as_ref().map(|digits| format!("sha256:{digits}")),
        "state": item.status.name(),
        "error": item.error,
    })
}
