//! Keys on the admin listener: every endpoint with every kind of key, and what stays as it was.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyfunc::keys::{Moment, Role};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::ring::{Ring, with_role, wrong};
use crate::support::{Answer, Gateway, component, digest, start_with};

const STORE: &str = "[keyvalue]\nstore = true";

/// A request, the role that it takes, and what whoever has that role is answered.
struct Endpoint {
    method: Method,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    needed: Role,
    status: u16,
}

impl Endpoint {
    fn get(path: &'static str, status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { method: Method::GET, path, headers, body, needed: Role::Publish, status }
    }

    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut headers = self.headers;
        headers.push((name, value.into()));
        Self { headers, ..self }
    }

    async fn ask(&self, gateway: &Gateway, key: Option<&str>) -> Answer {
        let mut request = gateway.admin(self.method.clone(), self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        gateway.send(request.body(self.body.clone())).await
    }
}

/// Every endpoint of the listener, over `tides`, of which a revision waits; what changes nothing
/// stands before what does.
fn endpoints() -> Vec<Endpoint> {
    let second = format!("\"sha256:{}\"", digest(&component("tides", 2)));
    let put =
        |path, body, status| Endpoint { method: Method::PUT, body, ..Endpoint::get(path, status) };
    let delete = |path, status| Endpoint { method: Method::DELETE, ..Endpoint::get(path, status) };
    let approve = |path, status| {
        let needed = Role::Admin;
        let post = Endpoint { method: Method::POST, needed, ..Endpoint::get(path, status) };
        post.with("if-match", second.clone())
    };
    vec![
        Endpoint::get("/v1/follow", 200),
        Endpoint::get("/v1/plugins", 200),
        Endpoint::get("/v1/plugins/tides", 200),
        Endpoint::get("/v1/plugins/nothing", 404),
        delete("/v1/plugins/nothing", 404),
        approve("/v1/plugins/nothing/approve", 409),
        approve("/v1/plugins/tides/approve", 200),
        put("/v1/plugins/tides", component("tides", 3), 200),
        put("/v1/plugins/moon", component("moon", 1), 201),
        put("/v1/plugins/stars", component("stars", 1), 202)
            .with("x-hyfunc-grants", STANDARD.encode(STORE)),
        delete("/v1/plugins/stars", 204),
        delete("/v1/plugins/moon", 204),
        delete("/v1/plugins/tides", 204),
    ]
}

/// A key of each role.
struct Keys {
    ring: Ring,
    roles: [(Role, String); 4],
    late: String,
}

impl Keys {
    fn new() -> Self {
        let ring = Ring::new();
        let roles = [Role::Call, Role::Read, Role::Publish, Role::Admin]
            .map(|role| (role, ring.key(role.name(), with_role(role))));
        let late = ring.key("late", |args| {
            args.role = vec![Role::Admin];
            args.expires = Some(Moment::now().after(-1));
        });
        Self { ring, roles, late }
    }

    fn of(&self, role: Role) -> &str {
        let found = self.roles.iter().find(|(other, _)| *other == role);
        &found.unwrap().1
    }

    /// A gateway where `tides` serves, and waits in another revision.
    async fn gateway(&self, folder: &Path) -> Gateway {
        let gateway =
            start_with(folder, Vec::new(), |config| config.keys = self.ring.config()).await;
        let key = self.of(Role::Publish);
        let first = gateway.put("tides", &component("tides", 1)).bearer_auth(key);
        assert_eq!(gateway.send(first).await.status, 201);
        let second = gateway.put_wishing("tides", &component("tides", 2), STORE).bearer_auth(key);
        assert_eq!(gateway.send(second).await.status, 202);
        gateway
    }
}

/// The whole library, as its admin sees it.
async fn library(gateway: &Gateway, keys: &Keys) -> Json {
    Endpoint::get("/v1/plugins", 200).ask(gateway, Some(keys.of(Role::Admin))).await.json
}

/// That a refusal says nothing of keys or of the library, and the same whatever is there.
#[track_caller]
fn tells_nothing(answer: &Answer, keys: &Keys, case: &str) {
    let said = answer.json.to_string();
    let secrets = keys.roles.iter().map(|(_, key)| key.as_str()).chain([keys.late.as_str()]);
    let library = ["tides", "key-value", "sha256"].into_iter();
    for word in library.chain(secrets) {
        assert!(!said.contains(word), "{case} tells {word}: {said}");
    }
    assert_eq!(answer.tag, None, "{case}");
}

#[tokio::test]
async fn whoever_has_no_key_is_told_so_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let keys = Keys::new();
    let gateway = keys.gateway(root.path()).await;
    let before = library(&gateway, &keys).await;
    let wrong = wrong(keys.of(Role::Admin));
    for endpoint in endpoints() {
        for (key, code) in [
            (None, "missing_api_key"),
            (Some("sk-of-another"), "invalid_api_key"),
            (Some(wrong.as_str()), "invalid_api_key"),
            (Some(keys.late.as_str()), "expired_api_key"),
        ] {
            let answer = endpoint.ask(&gateway, key).await;
            let case = format!("{} {} {code}", endpoint.method, endpoint.path);
            assert_eq!(answer.error(), (401, code), "{case}: {answer:?}");
            tells_nothing(&answer, &keys, &case);
        }
    }
    assert_eq!(library(&gateway, &keys).await, before);
}

#[tokio::test]
async fn whoever_lacks_the_role_is_told_which_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let keys = Keys::new();
    let gateway = keys.gateway(root.path()).await;
    let before = library(&gateway, &keys).await;
    let mut refused = 0;
    for endpoint in endpoints() {
        for (role, key) in keys.roles.iter().filter(|(role, _)| !role.includes(endpoint.needed)) {
            let answer = endpoint.ask(&gateway, Some(key)).await;
            let case = format!("{} {} with {role}", endpoint.method, endpoint.path);
            assert_eq!(answer.error(), (403, "role_missing"), "{case}: {answer:?}");
            let named = format!("the role `{}`", endpoint.needed);
            assert!(answer.message().contains(&named), "{case}: {answer:?}");
            tells_nothing(&answer, &keys, &case);
            refused += 1;
        }
    }
    assert_eq!(refused, 11 * 2 + 2 * 3, "call and read; where one approves, publish too");
    assert_eq!(library(&gateway, &keys).await, before);

    // What served serves.
    let url = format!("{}/v1/functions/tides_first", gateway.base);
    let call = gateway.client.post(url).bearer_auth(keys.of(Role::Call)).json(&json!({}));
    assert_eq!(gateway.send(call).await.json["result"], 1);
}

/// The same requests do all that they ask for where the role is there: so it was the key alone that
/// was wrong with them.
#[tokio::test]
async fn whoever_has_the_role_is_let_in() {
    for role in [Role::Publish, Role::Admin] {
        let root = tempfile::tempdir().unwrap();
        let keys = Keys::new();
        let gateway = keys.gateway(root.path()).await;
        for endpoint in endpoints() {
            let is_enough = role.includes(endpoint.needed);
            let has = if is_enough { role } else { endpoint.needed };
            let answer = endpoint.ask(&gateway, Some(keys.of(has))).await;
            let case = format!("{} {} with {has}", endpoint.method, endpoint.path);
            assert_eq!(answer.status, endpoint.status, "{case}: {answer:?}");
        }
        assert_eq!(library(&gateway, &keys).await["data"], json!([]));
    }
}

#[tokio::test]
async fn what_is_no_secret_needs_no_key() {
    let root = tempfile::tempdir().unwrap();
    let keys = Keys::new();
    let gateway = keys.gateway(root.path()).await;
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, "/v1/nothing", 404),
        (Method::POST, "/v1/plugins", 405),
        (Method::GET, "/v1/plugins/tides/approve", 405),
    ] {
        let answer = gateway.send(gateway.admin(method.clone(), path)).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
}
