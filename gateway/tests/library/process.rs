//! A gateway as a process of its own, as people start it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value as Json, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway without bundled plugins, which ends with the test.
pub struct Gateway {
    process: Mutex<Child>,
    public: String,
    admin: String,
    client: Client,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What stands between two texts, once both have been said.
fn between<'a>(said: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = said.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

impl Gateway {
    /// Starts it over a folder, after what a shell does before.
    pub async fn start(folder: &Path, before: &str) -> Self {
        let config = folder.join("hyfunc.toml");
        let at = |name: &str| folder.join(name).display().to_string();
        let text = format!(
            "server.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n\
             plugins.bundled = false\nlibrary.dir = {:?}\nsandbox.aot_dir = {:?}\n\
             models.prepared_dir = \"\"\n",
            at("library"),
            at("aot")
        );
        fs::write(&config, text).unwrap();
        let log = folder.join("said.log");
        let process = Command::new("sh")
            .args(["-c", &format!("{before}exec \"$0\" \"$@\"")])
            .args([env!("CARGO_BIN_EXE_hyfunc"), "--config"])
            .arg(&config)
            .arg("serve")
            .env_remove("HYFUNC_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let process = Mutex::new(process);
        let client = Client::builder().no_proxy().build().unwrap();
        let (public, admin) = (String::new(), String::new());
        let mut gateway = Self { process, public, admin, client };
        let began = Instant::now();
        loop {
            // It takes free ports, and says which.
            let said = fs::read_to_string(&log).unwrap();
            let public = between(&said, "hyfunc listens on http://", ": open");
            let admin = between(&said, "plugins are published to http://", " (");
            if let (Some(public), Some(admin)) = (public, admin) {
                gateway.public = public.to_owned();
                gateway.admin = admin.to_owned();
                return gateway;
            }
            assert!(began.elapsed() < PATIENCE, "it is not ready: {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn put(&self, name: &str, component: Vec<u8>) -> RequestBuilder {
        self.client.put(format!("http://{}/v1/plugins/{name}", self.admin)).body(component)
    }

    /// What is said of a plugin.
    pub async fn show(&self, name: &str) -> Json {
        let url = format!("http://{}/v1/plugins/{name}", self.admin);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What a function gives.
    pub async fn call(&self, function: &str) -> Json {
        let url = format!("http://{}/v1/functions/{function}", self.public);
        let answer = self.client.post(url).json(&json!({})).send().await.unwrap();
        answer.json::<Json>().await.unwrap()["result"].clone()
    }

    /// As `kill -9` does; gone already is gone.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}
