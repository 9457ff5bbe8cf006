//! Pages of other sites: what a browser is told of them, by default and where some are named.

use reqwest::Method;

use crate::support::{Gateway, Script, ask, start_with};

const NAMED: &str = "https://app.example";

async fn gateway(origins: &[&str]) -> Gateway {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    start_with(Script::default(), |config| config.server.cors_origins = origins).await
}

/// What a browser asks before a page may send JSON.
async fn preflight(gateway: &Gateway, origin: &str) -> reqwest::Response {
    let url = format!("{}/v1/chat/completions", gateway.base);
    let request = gateway.client.request(Method::OPTIONS, url).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    let request = request.header("access-control-request-headers", "authorization, content-type");
    request.send().await.unwrap()
}

fn header<'a>(headers: &'a reqwest::header::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn by_default_no_page_of_another_site_is_let_in() {
    let gateway = gateway(&[]).await;
    let answer = preflight(&gateway, NAMED).await;
    assert!(!answer.status().is_success(), "{}", answer.status());
    let told = |headers: &reqwest::header::HeaderMap| {
        headers.keys().any(|name| name.as_str().starts_with("access-control-"))
    };
    assert!(!told(answer.headers()));
    let request = gateway.post("/v1/chat/completions").header("origin", NAMED).json(&ask("hello"));
    let answer = gateway.send(request).await;
    assert_eq!((answer.status, answer.error().1.as_str()), (403, "foreign_origin"));
    assert!(!told(&answer.headers));
}

#[tokio::test]
async fn a_page_that_was_named_may_ask_and_no_other() {
    let gateway = gateway(&[NAMED, "http://localhost:3000"]).await;
    for (origin, may) in [
        (NAMED, true),
        ("http://localhost:3000", true),
        ("https://evil.example", false),
        ("https://app.example:8443", false),
        ("null", false),
    ] {
        let told = preflight(&gateway, origin).await;
        let allowed = header(told.headers(), "access-control-allow-origin");
        assert_eq!(allowed, may.then_some(origin), "{origin}");
        if may {
            let headers = header(told.headers(), "access-control-allow-headers").unwrap_or("");
            assert!(headers.contains("authorization") && headers.contains("content-type"));
            let methods = header(told.headers(), "access-control-allow-methods").unwrap_or("");
            assert!(methods.contains("POST"), "{methods}");
        }
        assert!(header(told.headers(), "access-control-allow-credentials").is_none());

        let request = gateway.post("/v1/chat/completions").header("origin", origin);
        let answer = gateway.send(request.json(&ask("hello"))).await;
        assert_eq!(answer.status, if may { 200 } else { 403 }, "{origin}: {}", answer.text);
        let allowed = header(&answer.headers, "access-control-allow-origin");
        assert_eq!(allowed, may.then_some(origin), "{origin}");
        let exposed = header(&answer.headers, "access-control-expose-headers").unwrap_or("");
        assert!(!may || exposed.contains("x-request-id"), "{exposed}");
    }
    // A page may read why it was refused, and whoever is no page asks as before.
    let request = gateway.post("/v1/chat/completions").header("origin", NAMED).body("nonsense");
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 400);
    assert_eq!(header(&answer.headers, "access-control-allow-origin"), Some(NAMED));
    assert_eq!(gateway.chat(&ask("hello")).await.status, 200);
}
