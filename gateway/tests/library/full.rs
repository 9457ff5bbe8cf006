//! A disk without room: what is published then is refused by name, and what served before serves.
//!
//! The disk is full by a limit on how large a file may become, which the system keeps for a process
//! of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::{Value as Json, json};

use crate::support::{component, component_with};

/// Blocks of 512 bytes: more than the registry of a small plugin takes, and less than the machine
/// code of a large one.
const BLOCKS: u32 = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway that may write no larger file, and ends with the test.
struct Gateway {
    process: Child,
    public: String,
    admin: String,
    client: Client,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands between two texts, once both have been said.
fn between<'a>(said: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = said.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

impl Gateway {
    async fn start(folder: &Path) -> Self {
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
        // Who writes too much is told so, and not ended.
        let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
        let process = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_hyfunc"), "--config"])
            .arg(&config)
            .arg("serve")
            .env_remove("HYFUNC_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
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

    async fn publish(&self, name: &str, component: Vec<u8>) -> Response {
        let url = format!("http://{}/v1/plugins/{name}", self.admin);
        self.client.put(url).body(component).send().await.unwrap()
    }

    /// That it is refused for want of room; gives the message.
    async fn refused(&self, name: &str, component: Vec<u8>) -> String {
        let answer = self.publish(name, component).await;
        let status = answer.status().as_u16();
        let json: Json = answer.json().await.unwrap();
        assert_eq!((status, &json["error"]["code"]), (507, &json!("disk_full")), "{json}");
        json["error"]["message"].as_str().unwrap().to_owned()
    }

    async fn revision(&self) -> Json {
        let url = format!("http://{}/v1/functions/tides_first", self.public);
        let answer = self.client.post(url).json(&json!({})).send().await.unwrap();
        answer.json::<Json>().await.unwrap()["result"].clone()
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(root.path()).await;
    assert_eq!(gateway.publish("tides", component("tides", 1)).await.status().as_u16(), 201);

    // No room for the machine code.
    let mut bundled = hyfunc_plugins::bundled().iter();
    let geo = bundled.find(|bundled| bundled.name == "geo").unwrap();
    let message = gateway.refused("geo", geo.component.to_vec()).await;
    assert!(message.contains("aot") && message.contains("free some room"), "{message}");

    // None for the component.
    let large = component_with("tides", 2, BLOCKS as usize * 512 + 100_000);
    let message = gateway.refused("tides", large).await;
    assert!(message.contains("registry.redb") && message.contains("free some"), "{message}");

    assert_eq!(gateway.revision().await, 1);
    assert_eq!(gateway.publish("tides", component("tides", 3)).await.status().as_u16(), 200);
    assert_eq!(gateway.revision().await, 3);
}
