//! The whole gateway in this process, with its embedded models and bundled plugins, on a free port.

// Each test file uses its own part of this one.
#![allow(dead_code)]

use std::sync::mpsc;

use hyfunc::{App, Config};
use serde_json::Value as Json;

/// The defaults, but on a free port and without a trace on the disk.
pub fn config() -> Config {
    let mut config = Config::default();
    config.server.address = "127.0.0.1:0".into();
    config.sandbox.aot_dir = String::new();
    config.sandbox.keyvalue_dir = String::new();
    config
}

/// A gateway that serves until the test binary ends.
pub struct Gateway {
    url: String,
}

impl Gateway {
    /// Starts one on a thread and a runtime of its own, so that it outlives the test that needs it
    /// first.
    pub fn start(config: Config) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let app = App::build(config).await.expect("the gateway builds");
                let serving = app.listen().await.expect("a port is free");
                sender.send(format!("http://{}", serving.address())).expect("somebody waits");
                serving.run(std::future::pending()).await;
            });
        });
        let url = receiver.recv().expect("the gateway starts");
        Self { url }
    }

    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Status and JSON of a GET.
    pub async fn get(&self, path: &str) -> (u16, Json) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url));
        read(request).await
    }

    /// Status and JSON of a POST.
    pub async fn post(&self, path: &str, body: &Json) -> (u16, Json) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).json(body);
        read(request).await
    }

    /// Calls a function of the library directly.
    pub async fn call(&self, function: &str, arguments: &Json) -> (u16, Json) {
        self.post(&format!("/v1/functions/{function}"), arguments).await
    }

    /// Entries of `GET /v1/functions`.
    pub async fn functions(&self) -> Vec<Json> {
        let (status, listing) = self.get("/v1/functions").await;
        assert_eq!(status, 200, "{listing}");
        listing["data"].as_array().expect("a list of functions").clone()
    }
}

async fn read(request: reqwest::RequestBuilder) -> (u16, Json) {
    let response = request.send().await.expect("the gateway answers");
    let status = response.status().as_u16();
    (status, response.json().await.expect("the answer is JSON"))
}

/// A text member.
pub fn text<'a>(json: &'a Json, member: &str) -> &'a str {
    json[member].as_str().unwrap_or_else(|| panic!("`{member}` is a text in {json}"))
}

/// Why a value does not fit a schema; `None` if it does.
pub fn misfit(schema: &Json, value: &Json) -> Option<String> {
    let validator = jsonschema::draft202012::new(schema).expect("a valid schema");
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    (!errors.is_empty()).then(|| format!("{value}: {}", errors.join("; ")))
}
