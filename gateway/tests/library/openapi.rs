//! The admin listener answers what the document says, and nothing else. Every other test checks its
//! answers against the document as well: see `contract`.

use hyfunc::http::openapi::document;
use reqwest::Method;

use crate::contract::Listener;
use crate::support::start;

#[tokio::test]
async fn the_admin_listener_answers_what_is_described_for_it_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let gateway = start(root.path()).await;
    for (path, operations) in document()["paths"].as_object().unwrap() {
        let asked = path.replace("{name}", "x").replace("{id}", "x");
        let is_here = Listener::Admin.answers(path, operations);
        let refused = if is_here { "method_not_allowed" } else { "not_found" };
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let is_described = is_here && operations.get(method.to_lowercase()).is_some();
            let method: Method = method.parse().unwrap();
            let answer = gateway.send(gateway.admin(method.clone(), &asked)).await;
            let code = answer.json["error"]["code"].as_str().unwrap_or_default();
            assert_eq!(code != refused, is_described, "{method} {path}: {answer:?}");
        }
    }
}
