//! The playground and the docs: what their files come with. `tests/browser` looks at the page itself.

use reqwest::Method;

use crate::support::{Answer, Gateway, Script, start, start_with};

const FILES: &[(&str, &str)] = &[
    ("/", "text/html; charset=utf-8"),
    ("/playground/index.html", "text/html; charset=utf-8"),
    ("/playground/style.css", "text/css; charset=utf-8"),
    ("/playground/app.js", "text/javascript; charset=utf-8"),
    ("/playground/icon.svg", "image/svg+xml"),
    ("/docs", "text/html; charset=utf-8"),
    ("/docs/docs.css", "text/css; charset=utf-8"),
    ("/docs/docs.js", "text/javascript; charset=utf-8"),
    ("/openapi.json", "application/json"),
];

async fn ask(gateway: &Gateway, method: Method, path: &str, tag: Option<&str>) -> Answer {
    let request = gateway.client.request(method, format!("{}{path}", gateway.base));
    gateway
        .send(tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag)))
        .await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn every_file_has_its_type_and_the_strict_headers() {
    let gateway = start(Script::default()).await;
    for (path, media_type) in FILES {
        let answer = ask(&gateway, Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.is_empty(), "{path}");
        for (name, value) in [
            ("content-type", *media_type),
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{name} of {path}");
        }
        let policy = header(&answer, "content-security-policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|own| own == directive), "{directive}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    }
}

#[tokio::test]
async fn a_head_request_gets_the_same_without_the_body() {
    let gateway = start(Script::default()).await;
    for (path, _) in FILES {
        let whole = ask(&gateway, Method::GET, path, None).await;
        let head = ask(&gateway, Method::HEAD, path, None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        for name in ["content-type", "content-length", "etag", "content-security-policy"] {
            assert_eq!(header(&head, name), header(&whole, name), "{name} of {path}");
        }
        assert_eq!(header(&whole, "content-length"), whole.text.len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn what_a_browser_has_already_is_not_sent_again() {
    let gateway = start(Script::default()).await;
    for (path, _) in FILES {
        let tag = header(&ask(&gateway, Method::GET, path, None).await, "etag").to_owned();
        for (sent, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"other\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
        ] {
            let answer = ask(&gateway, Method::GET, path, Some(&sent)).await;
            assert_eq!(answer.status, status, "{path} {sent}");
            assert_eq!(answer.text.is_empty(), status == 304, "{path} {sent}");
            assert_eq!(header(&answer, "etag"), tag, "{path}");
            assert!(answer.headers.contains_key("content-security-policy"), "{path} {sent}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_error_like_any_other() {
    let gateway = start(Script::default()).await;
    for (method, path, status, code) in [
        (Method::GET, "/playground/", 404, "not_found"),
        (Method::GET, "/playground/nothing.js", 404, "not_found"),
        (Method::GET, "/playground/APP.JS", 404, "not_found"),
        (Method::GET, "/playground/..%2f..%2fCargo.toml", 404, "not_found"),
        (Method::GET, "/playground/js/app.js", 404, "not_found"),
        (Method::GET, "/index.html", 404, "not_found"),
        (Method::GET, "/docs/", 404, "not_found"),
        (Method::GET, "/docs/app.js", 404, "not_found"),
        (Method::GET, "/docs/%ff", 400, "invalid_value"),
        (Method::POST, "/docs", 405, "method_not_allowed"),
        (Method::POST, "/openapi.json", 405, "method_not_allowed"),
        (Method::GET, "/playground/%ff", 400, "invalid_value"),
        (Method::POST, "/", 405, "method_not_allowed"),
        (Method::DELETE, "/playground/app.js", 405, "method_not_allowed"),
    ] {
        let answer = ask(&gateway, method.clone(), path, None).await;
        let (found, found_code, message) = answer.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{method} {path}: {message}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_it_only_where_the_gateway_is_public() {
    for (allow_public, status) in [(false, 403), (true, 200)] {
        let gateway =
            start_with(Script::default(), |config| config.server.allow_public = allow_public).await;
        let request = gateway.client.get(&gateway.base).header("host", "evil.example");
        assert_eq!(gateway.send(request).await.status, status, "{allow_public}");
    }
}
