//! The document as it is served, and the methods that it names. Every other test checks its answers
//! against it: see `contract`.

use std::collections::BTreeSet;

use hyfunc::http::openapi::document;
use reqwest::Method;

use crate::contract::Listener;
use crate::support::{Script, start};

#[tokio::test]
async fn the_document_is_served_as_it_is() {
    let gateway = start(Script::default()).await;
    let answer = gateway.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.json(), document());
    assert_eq!(answer.json()["openapi"], "3.1.0");
    assert_eq!(answer.json()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn every_path_answers_the_methods_that_it_is_described_with_and_no_others() {
    let gateway = start(Script::default()).await;
    let paths = document()["paths"].as_object().unwrap().iter();
    let paths = paths.filter(|(path, operations)| Listener::Public.answers(path, operations));
    for (path, operations) in paths {
        let described: BTreeSet<String> =
            operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let asked = path.replace("{name}", "x").replace("{id}", "x");
        for method in ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
            let method: Method = method.parse().unwrap();
            let url = format!("{}{asked}", gateway.base);
            let answer = gateway.send(gateway.client.request(method.clone(), url)).await;
            let is_described = described.contains(method.as_str());
            assert_eq!(answer.status != 405, is_described, "{method} {path}: {}", answer.text);
            if is_described {
                continue;
            }
            assert_eq!(answer.error().1, "method_not_allowed", "{method} {path}");
            let allow = answer.headers["allow"].to_str().unwrap();
            let allowed: BTreeSet<String> =
                allow.split(',').map(|method| method.trim().to_owned()).collect();
            let mut wanted = described.clone();
            if wanted.contains("GET") {
                wanted.insert("HEAD".into());
            }
            assert_eq!(allowed, wanted, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_example_of_the_document_is_answered() {
    let gateway = start(Script::default()).await;
    for (path, operations) in document()["paths"].as_object().unwrap() {
        let body = &operations["post"]["requestBody"]["content"]["application/json"];
        let Some(example) = body.get("example") else { continue };
        let mut asked = example.clone();
        if asked.get("model").is_some() {
            asked["model"] = crate::support::MODEL.into();
        }
        let path = path.replace("{name}", "units_convert");
        let request = gateway.post(&path).header("accept", "application/json, text/event-stream");
        let answer = gateway.send(request.json(&asked)).await;
        // The protocol asks for headers besides.
        let wanted = if path == "/mcp" { 400 } else { 200 };
        assert_eq!(answer.status, wanted, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_the_protocol_refuses_has_the_form_of_the_protocol() {
    let gateway = start(Script::default()).await;
    let ping = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"ping\"}";
    let both = "application/json, text/event-stream";
    for (method, headers, status) in [
        (Method::POST, vec![("accept", "application/json")], 406),
        (Method::POST, vec![("accept", both), ("content-type", "text/plain")], 415),
        (
            Method::POST,
            vec![("accept", both), ("content-type", "application/json"), ("mcp-session-id", "x")],
            404,
        ),
        (Method::GET, vec![("accept", "application/json")], 406),
        (Method::GET, vec![("accept", both), ("mcp-session-id", "x")], 404),
        (Method::DELETE, vec![], 400),
    ] {
        let url = format!("{}/mcp", gateway.base);
        let mut request = gateway.client.request(method.clone(), url);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let request = if method == Method::POST { request.body(ping) } else { request };
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, status, "{method} {headers:?}: {}", answer.text);
        let json = answer.json();
        assert_eq!(json["jsonrpc"], "2.0", "{json}");
        assert!(json["error"]["code"].is_i64(), "{json}");
        assert!(!json["error"]["message"].as_str().unwrap().is_empty(), "{json}");
    }
}
