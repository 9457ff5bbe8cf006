//! The plugins of the library: listing, publishing, approving and removing them.
//!
//! A publisher says in headers what belongs to a component: `x-hyfunc-digest` (its SHA-256),
//! `x-hyfunc-grants` (the text of its grants.toml in base64), `x-hyfunc-allow-downgrade`; and, as
//! HTTP has it, `if-match` and `if-none-match` with the digest that it is published over.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Json as JsonBody, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyfunc_sandbox::Grants;
use serde_json::{Value as Json, json};

use super::body;
use super::error::code_of;
use super::fields::path_text;
use super::functions::grants_json;
use crate::error::RequestError;
use crate::pipeline::{Arrival, Pipeline, Step};
use crate::publish::{Expected, Outcome, Publication, PublishError, Publisher, Revision, View};

const DIGEST: HeaderName = HeaderName::from_static("x-hyfunc-digest");
const GRANTS: HeaderName = HeaderName::from_static("x-hyfunc-grants");
const ALLOW_DOWNGRADE: HeaderName = HeaderName::from_static("x-hyfunc-allow-downgrade");

type Name = Result<Path<String>, PathRejection>;

/// `GET /v1/plugins`
pub async fn list(
    Extension(publisher): Extension<Arc<Publisher>>,
) -> Result<JsonBody<Json>, RequestError> {
    let views = publisher.list().await?;
    let data: Vec<Json> = views.iter().map(describe).collect();
    Ok(JsonBody(json!({"object": "list", "data": data})))
}

/// `GET /v1/plugins/{name}`
pub async fn show(
    Extension(publisher): Extension<Arc<Publisher>>,
    name: Name,
) -> Result<Response, RequestError> {
    let view = publisher.view(&path_text(name)?).await?;
    Ok(answer(StatusCode::OK, &view))
}

/// `PUT /v1/plugins/{name}`: 201 where the name served nothing before, 202 where the revision waits
/// for approval.
pub async fn publish(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(publisher): Extension<Arc<Publisher>>,
    Extension(arrival): Extension<Arrival>,
    name: Name,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RequestError> {
    let name = path_text(name)?;
    let mut line = pipeline.audit.change(&arrival, "publish", &name);
    let published = take(&publisher, &arrival, &name, headers, body).await;
    if let Ok((outcome, View { record, .. })) = &published {
        let taken = match outcome {
            Outcome::Waits => &record.waiting,
            Outcome::Created | Outcome::Replaced | Outcome::Unchanged => &record.serving,
        };
        line.tell("digest", taken.as_ref().map(|revision| revision.digest.clone()));
    }
    line.end(match &published {
        Ok((Outcome::Created, _)) => "created",
        Ok((Outcome::Replaced, _)) => "replaced",
        Ok((Outcome::Unchanged, _)) => "unchanged",
        Ok((Outcome::Waits, _)) => "waits",
        Err(error) => code_of(error),
    });
    let (outcome, view) = published?;
    let status = match outcome {
        Outcome::Created => StatusCode::CREATED,
        Outcome::Replaced | Outcome::Unchanged => StatusCode::OK,
        Outcome::Waits => StatusCode::ACCEPTED,
    };
    Ok(answer(status, &view))
}

/// Reads what is published, and publishes it.
async fn take(
    publisher: &Arc<Publisher>,
    arrival: &Arrival,
    name: &str,
    headers: HeaderMap,
    body: Body,
) -> Result<(Outcome, View), RequestError> {
    let digest = text(&headers, &DIGEST)?.map(|digest| digest_of(&DIGEST, digest)).transpose()?;
    let expected = expected(&headers)?;
    let allow_downgrade = switch(&headers, &ALLOW_DOWNGRADE)?;
    let grants = grants(&headers)?;
    let component = component(publisher, arrival, headers, body).await?;
    let followed = None;
    let publication =
        Publication { component, digest, grants, expected, allow_downgrade, followed };
    let outcome = publisher.publish(name, publication).await?;
    Ok((outcome, publisher.view(name).await?))
}

/// `POST /v1/plugins/{name}/approve`: the digest that is approved stands in `if-match`, so that
/// nobody approves what they have not seen.
pub async fn approve(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(publisher): Extension<Arc<Publisher>>,
    Extension(arrival): Extension<Arrival>,
    name: Name,
    headers: HeaderMap,
) -> Result<Response, RequestError> {
    let name = path_text(name)?;
    let Expected::Digest(digest) = expected(&headers)? else {
        return Err(RequestError::Field {
            param: IF_MATCH.to_string(),
            reason: "send the digest of the revision that waits, as GET shows it".into(),
        });
    };
    let mut line = pipeline.audit.change(&arrival, "approve", &name);
    line.tell("digest", digest.as_str());
    let approved = publisher.approve(&name, &digest).await.map_err(RequestError::from);
    line.end(approved.as_ref().err().map_or("ok", code_of));
    approved?;
    Ok(answer(StatusCode::OK, &publisher.view(&name).await?))
}

/// `DELETE /v1/plugins/{name}`
pub async fn remove(
    State(pipeline): State<Arc<Pipeline>>,
    Extension(publisher): Extension<Arc<Publisher>>,
    Extension(arrival): Extension<Arrival>,
    name: Name,
    headers: HeaderMap,
) -> Result<StatusCode, RequestError> {
    let (name, expected) = (path_text(name)?, expected(&headers)?);
    let line = pipeline.audit.change(&arrival, "remove", &name);
    let removed = publisher.remove(&name, expected).await.map_err(RequestError::from);
    line.end(removed.as_ref().err().map_or("ok", code_of));
    removed?;
    Ok(StatusCode::NO_CONTENT)
}

/// The whole body, within the request's deadline and the library's limit.
async fn component(
    publisher: &Publisher,
    arrival: &Arrival,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::body::Bytes, RequestError> {
    let bytes_max = publisher.config().component_bytes_max;
    let announced = headers.get("content-length").and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|value| value.parse().ok()).unwrap_or(bytes_max + 1);
    let read = body::read(headers, body, bytes_max);
    match tokio::time::timeout_at(arrival.deadline.into(), read).await {
        Err(_) => Err(arrival.late(Step::Accept)),
        Ok(Err(RequestError::BodyTooLarge { .. })) => {
            Err(PublishError::TooLarge { bytes: announced, bytes_max }.into())
        }
        Ok(read) => read,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RequestError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong(name, "send plain ASCII"))?;
    Ok(Some(text.trim()))
}

fn wrong(name: &HeaderName, reason: &str) -> RequestError {
    RequestError::Field { param: name.to_string(), reason: reason.into() }
}

/// `sha256:…` or the hexadecimal digits alone.
fn digest_of(name: &HeaderName, text: &str) -> Result<String, RequestError> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(wrong(name, "send a SHA-256 as sha256: and 64 hexadecimal digits"))
}

fn grants(headers: &HeaderMap) -> Result<String, RequestError> {
    let Some(coded) = text(headers, &GRANTS)? else { return Ok(String::new()) };
    let bytes = STANDARD.decode(coded).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| wrong(&GRANTS, "send the text of grants.toml in base64"))
}

fn switch(headers: &HeaderMap, name: &HeaderName) -> Result<bool, RequestError> {
    match text(headers, name)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong(name, "send true or false")),
    }
}

fn expected(headers: &HeaderMap) -> Result<Expected, RequestError> {
    match (text(headers, &IF_MATCH)?, text(headers, &IF_NONE_MATCH)?) {
        (None, None) => Ok(Expected::Anything),
        (None, Some("*")) => Ok(Expected::Nothing),
        (None, Some(_)) => Err(wrong(&IF_NONE_MATCH, "send *, for a name that is not taken yet")),
        (Some("*"), None) => Ok(Expected::Something),
        (Some(tag), None) => {
            let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
            digest_of(&IF_MATCH, tag).map(Expected::Digest)
        }
        (Some(_), Some(_)) => Err(wrong(&IF_MATCH, "send it or if-none-match, not both")),
    }
}

fn answer(status: StatusCode, view: &View) -> Response {
    let mut response = (status, JsonBody(describe(view))).into_response();
    let tag = view
        .record
        .digest()
        .and_then(|digest| HeaderValue::try_from(format!("\"sha256:{digest}\"")).ok());
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn describe(view: &View) -> Json {
    let serving = view.plugin.as_ref().map(|plugin| {
        let refused = plugin.refused().iter();
        let refused =
            refused.map(|refusal| json!({"name": refusal.name, "reason": refusal.reason}));
        json!({
            "digest": format!("sha256:{}", plugin.digest()),
            "functions": view.functions,
            "refused": refused.collect::<Vec<Json>>(),
            "grants": grants_json(plugin.grants()),
            "revision": view.record.serving.as_ref().map(revision),
        })
    });
    let waiting = view.record.waiting.as_ref().map(|waiting| {
        json!({
            "digest": format!("sha256:{}", waiting.digest),
            "wishes": view.wishes,
            // What was published was read before; and what may be secret is not told.
            "grants": Grants::parse(&waiting.grants).ok().as_ref().map(grants_json),
            "revision": revision(waiting),
        })
    });
    json!({
        "object": "plugin",
        "name": view.name,
        "origin": view.origin,
        "serving": serving,
        "waiting": waiting,
    })
}

fn revision(revision: &Revision) -> Json {
    json!({
        "number": revision.number,
        "published_ms": revision.published_ms,
        "approved_ms": revision.approved_ms,
        "followed": revision.followed.as_ref().map(|followed| json!({
            "reference": followed.reference,
            "version": followed.version,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| ((*name).clone(), value.parse().unwrap()));
        HeaderMap::from_iter(pairs)
    }

    #[test]
    fn what_is_expected_is_said_as_http_has_it() {
        let digits = "ab".repeat(32);
        let quoted = format!("\"sha256:{digits}\"");
        let digest = Some(Expected::Digest(digits.clone()));
        for (sent, wanted) in [
            (&[][..], Some(Expected::Anything)),
            (&[(&IF_NONE_MATCH, "*")], Some(Expected::Nothing)),
            (&[(&IF_MATCH, "*")], Some(Expected::Something)),
            (&[(&IF_MATCH, quoted.as_str())], digest.clone()),
            (&[(&IF_MATCH, digits.as_str())], digest),
            (&[(&IF_MATCH, "\"abc\"")], None),
            (&[(&IF_NONE_MATCH, quoted.as_str())], None),
            (&[(&IF_MATCH, "*"), (&IF_NONE_MATCH, "*")], None),
        ] {
            assert_eq!(expected(&headers(sent)).ok(), wanted, "{sent:?}");
        }
    }

    #[test]
    fn grants_are_text_in_base64() {
        for (sent, read) in [
            (None, Some("")),
            (Some("W2tleXZhbHVlXQ=="), Some("[keyvalue]")),
            (Some("not base64"), None),
            (Some("/w=="), None),
        ] {
            let name = GRANTS;
            let sent: Vec<_> = sent.iter().map(|value| (&name, *value)).collect();
            assert_eq!(grants(&headers(&sent)).ok().as_deref(), read, "{sent:?}");
        }
    }
}
