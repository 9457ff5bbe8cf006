//! A gateway with a library of its own, and components whose revision can be asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyfunc::app::Reloader;
use hyfunc::models::Models;
use hyfunc::publish::Registry;
use hyfunc::{App, Config};
use hyfunc_functions::section::append_custom;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::answer;
use crate::contract::{self, Listener};
use crate::models::{Fake, NEVER_MS, PATIENCE, Script};

/// A gateway with both of its listeners.
pub struct Gateway {
    pub base: String,
    pub admin: String,
    pub client: Client,
    /// Gives it other settings.
    pub reloader: Reloader,
    config: Config,
    stop: oneshot::Sender<()>,
    served: JoinHandle<bool>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub tag: Option<String>,
    pub json: Json,
}

impl Answer {
    /// That it is an error; gives its status and code.
    #[track_caller]
    pub fn error(&self) -> (u16, &str) {
        let code = self.json["error"]["code"].as_str();
        (self.status, code.unwrap_or_else(|| panic!("no error: {self:?}")))
    }

    /// The message of an error.
    #[track_caller]
    pub fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}

/// A gateway without bundled plugins whose library is in a folder.
pub async fn start(folder: &Path) -> Gateway {
    start_with(folder, Vec::new(), |_| {}).await
}

/// The same with calls that its models decide on, and other limits.
pub async fn start_with(
    folder: &Path,
    calls: Vec<(&'static str, Json)>,
    change: impl FnOnce(&mut Config),
) -> Gateway {
    let text = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut config = Config::default();
    config.server.address = "127.0.0.1:0".into();
    config.admin.address = "127.0.0.1:0".into();
    // A machine may stand still for seconds.
    config.request.deadline_ms = NEVER_MS;
    config.sandbox.deadline_ms_max = NEVER_MS;
    config.server.shutdown_ms_max = NEVER_MS;
    config.plugins.bundled = false;
    config.library.dir = text("library");
    config.library.compiler = env!("CARGO_BIN_EXE_hyfunc").into();
    config.sandbox.aot_dir = text("aot");
    config.sandbox.instances_max = 8;
    config.retrieval.candidates_max = 100;
    change(&mut config);
    let own = config.clone();
    let models: Arc<dyn Models> = Arc::new(Fake::new(Script { calls, ..Script::default() }));
    let serving = App::with_models(config, models).await.unwrap().listen().await.unwrap();
    let base = format!("http://{}", serving.address());
    let admin = format!("http://{}", serving.admin_address().unwrap());
    let reloader = serving.reloader();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serving.run(async {
        let _ = stopped.await;
    }));
    let client = Client::builder().no_proxy().build().unwrap();
    Gateway { base, admin, client, reloader, config: own, stop, served }
}

impl Gateway {
    /// What it was started with.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// Sends a request to either listener; the answer is one that the OpenAPI document admits.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let whole = answer::Answer { status, headers, text: response.text().await.unwrap() };
        let is_admins = url.as_str().starts_with(&format!("{}/", self.admin));
        let listener = if is_admins { Listener::Admin } else { Listener::Public };
        contract::check(listener, &method, url.path(), &whole);
        let tag = whole.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let json = if whole.text.is_empty() { Json::Null } else { whole.json() };
        Answer { status, tag, json }
    }

    pub fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.admin))
    }

    /// A publication that can be added to.
    pub fn put(&self, name: &str, component: &[u8]) -> RequestBuilder {
        self.admin(Method::PUT, &format!("/v1/plugins/{name}")).body(component.to_vec())
    }

    /// A publication that asks for something.
    pub fn put_wishing(&self, name: &str, component: &[u8], grants: &str) -> RequestBuilder {
        self.put(name, component).header("x-hyfunc-grants", STANDARD.encode(grants))
    }

    pub async fn publish(&self, name: &str, component: &[u8]) -> Answer {
        self.send(self.put(name, component)).await
    }

    pub async fn remove(&self, name: &str) -> Answer {
        self.send(self.admin(Method::DELETE, &format!("/v1/plugins/{name}"))).await
    }

    pub async fn show(&self, name: &str) -> Answer {
        self.send(self.admin(Method::GET, &format!("/v1/plugins/{name}"))).await
    }

    /// Calls a function without models.
    pub async fn call(&self, function: &str) -> Answer {
        let url = format!("{}/v1/functions/{function}", self.base);
        self.send(self.client.post(url).json(&json!({}))).await
    }

    /// The number that a function gives.
    pub async fn revision(&self, function: &str) -> u64 {
        let answer = self.call(function).await;
        answer.json["result"].as_u64().unwrap_or_else(|| panic!("{function}: {answer:?}"))
    }

    /// A conversation of one message.
    pub async fn chat(&self) -> Answer {
        let asked = json!({"model": "fake", "messages": [{"role": "user", "content": "go"}]});
        self.send(self.client.post(format!("{}/v1/chat/completions", self.base)).json(&asked)).await
    }

    /// Stops it, and waits until its files are closed.
    pub async fn stop(self) {
        drop(self.client);
        drop(self.reloader);
        drop(self.stop);
        assert!(tokio::time::timeout(PATIENCE, self.served).await.unwrap().unwrap());
        // Connections that are done let go of the library a moment later.
        let began = Instant::now();
        while let Err(error) = Registry::open(Path::new(&self.config.library.dir)) {
            assert!(began.elapsed() < PATIENCE, "it is still open: {error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A component whose functions, named after the plugin, say its revision: at once, or after a while.
pub fn component(plugin: &str, revision: u32) -> Vec<u8> {
    component_with(plugin, revision, 0)
}

/// The same, with so many bytes that mean nothing.
pub fn component_with(plugin: &str, revision: u32, bytes: usize) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $m
            (func (export "say") (result i32) (i32.const {revision}))
            (func (export "wait") (result i32)
              (local $left i32)
              (local.set $left (i32.const 500000000))
              (loop $again
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $again (local.get $left)))
              (i32.const {revision})))
          (core instance $i (instantiate $m))
          (func (export "{plugin}-first") (result u32) (canon lift (core func $i "say")))
          (func (export "{plugin}-second") (result u32) (canon lift (core func $i "say")))
          (func (export "{plugin}-slow") (result u32) (canon lift (core func $i "wait"))))"#
    );
    let mut component = wat::parse_str(text).unwrap();
    if bytes > 0 {
        append_custom(&mut component, "pads", &vec![0; bytes]);
    }
    component
}

/// Its digest in hexadecimal.
pub fn digest(component: &[u8]) -> String {
    hex::encode(Sha256::digest(component))
}
