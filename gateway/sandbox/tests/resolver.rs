//! Names that lead elsewhere when they are asked for again: DNS rebinding.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use hyfunc_functions::Value;
use hyfunc_sandbox::{OutcomeResult, Plugin, Resolved, Resolver, SandboxConfig};
use serde_json::json;
use support::{call_json, context, fixture, small};

const HOST: &str = "rebinding.example";

/// Answers in turn, and counts who asks.
#[derive(Debug)]
struct Rebinding {
    answers: Mutex<VecDeque<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Rebinding {
    fn new(answers: &[&[SocketAddr]]) -> Arc<Self> {
        let answers = answers.iter().map(|addresses| addresses.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Rebinding {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> Resolved<'a> {
        assert_eq!(host, HOST);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop_front().expect("asked too often");
        Box::pin(async move { Ok(answer) })
    }
}

/// A server, and how many requests came to it.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let app = Router::new().route(
        "/",
        get(move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, hits)
}

fn plugin(resolver: &Arc<Rebinding>, more: &str) -> Plugin {
    let resolver: Arc<dyn Resolver> = Arc::<Rebinding>::clone(resolver);
    let grants =
        format!("[http]\nhosts = [{{ host = \"{HOST}\", port = 80, allow_plain = true, {more} }}]");
    fixture(SandboxConfig { resolver, ..small() }, "hostile", &grants)
}

async fn fetch(plugin: &Plugin) -> OutcomeResult {
    let arguments = json!({ "url": format!("http://{HOST}/") });
    call_json(plugin, "fetch", &arguments, context()).await.unwrap().result
}

#[tokio::test]
async fn a_request_asks_once_and_goes_where_that_answer_led() {
    let ((first, first_hits), (second, second_hits)) = (server().await, server().await);
    let resolver = Rebinding::new(&[&[first], &[second]]);
    let plugin = plugin(&resolver, "allow_private = true");
    let hits = || [first_hits.load(Ordering::SeqCst), second_hits.load(Ordering::SeqCst)];
    let reached = OutcomeResult::Value(Some(Value::Int(200)));
    assert_eq!(fetch(&plugin).await, reached);
    assert_eq!((resolver.asked(), hits()), (1, [1, 0]), "no second answer was wanted");
    // A request of its own is looked up, and so checked, of its own.
    assert_eq!(fetch(&plugin).await, reached);
    assert_eq!((resolver.asked(), hits()), (2, [1, 1]));
}

#[tokio::test]
async fn an_answer_that_leads_inside_is_refused_whatever_the_next_one_would_be() {
    let (inside, hits) = server().await;
    let outside: SocketAddr = "1.1.1.1:80".parse().unwrap();
    let resolver = Rebinding::new(&[&[inside], &[outside], &[inside]]);
    let plugin = plugin(&resolver, "allow_private = false");
    let refused = fetch(&plugin).await;
    assert!(matches!(refused, OutcomeResult::ToolError(Some(_))), "{refused:?}");
    assert_eq!((resolver.asked(), hits.load(Ordering::SeqCst)), (1, 0));
}
