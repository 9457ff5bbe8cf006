//! What stands beside a hostile plugin: the calls of one that means well, and a server.
#![allow(dead_code, reason = "the test and the bench each use a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyfunc_functions::{Function, Value, json};
use hyfunc_sandbox::{Grants, OutcomeResult, Plugin, Sandbox};
use serde_json::json as j;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::corpus::{context, told};

/// Far longer than the call takes, on any machine, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// A bundled plugin and one call of it whose result is known.
pub struct Healthy {
    plugin: Plugin,
    function: Arc<Function>,
    arguments: Value,
}

impl Healthy {
    /// Loads it into the sandbox of the hostile ones.
    pub fn load(sandbox: &Sandbox) -> Self {
        let units = bundled("units");
        let plugin = sandbox.load("units", units, &Grants::default()).expect("units loads");
        let is_it = |function: &&Arc<Function>| function.name == "units_convert";
        let function = Arc::clone(plugin.functions().iter().find(is_it).expect("units converts"));
        let arguments = j!({ "value": 90, "from_unit": "minutes", "to_unit": "hours" });
        let arguments =
            json::arguments_from_json(&function.parameters, &arguments).expect("they fit");
        Self { plugin, function, arguments }
    }

    /// One call.
    ///
    /// # Errors
    /// An error, or another result than the right one, in words.
    pub async fn call(&self) -> Result<(), String> {
        let export = self.function.export.as_ref().expect("functions of plugins are exported");
        let called = self.plugin.call(export, &self.arguments, context("ben", PATIENCE_MS)).await;
        let outcome = called.map_err(|error| error.to_string())?;
        let (OutcomeResult::Value(Some(value)), Some(ty)) = (&outcome.result, told(&self.function))
        else {
            return Err(format!("{:?}", outcome.result));
        };
        let result = json::to_json(ty, value);
        if result["value"] == j!(1.5) { Ok(()) } else { Err(result.to_string()) }
    }

    /// Its plugin.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }
}

/// The component of a bundled plugin.
pub fn bundled(name: &str) -> &'static [u8] {
    let found = hyfunc_plugins::bundled().iter().find(|plugin| plugin.name == name);
    found.unwrap_or_else(|| panic!("{name} is bundled")).component
}

/// A server on loopback that counts its connections. `/inward` redirects to where clouds keep
/// credentials, `/slow` never answers, and everything else is 200.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    open: AtomicUsize,
    peak: AtomicUsize,
}

impl Server {
    /// Listens, for as long as the runtime lives.
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let server = Arc::new(Self { port, open: AtomicUsize::new(0), peak: AtomicUsize::new(0) });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&serving);
                tokio::spawn(async move {
                    let open = server.open.fetch_add(1, Ordering::SeqCst) + 1;
                    server.peak.fetch_max(open, Ordering::SeqCst);
                    // A client that goes away in between is what it is.
                    let _ = answer(stream).await;
                    server.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// Most connections at once since the last time that this was asked.
    pub fn take_peak(&self) -> usize {
        self.peak.swap(0, Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let bytes = stream.read(&mut chunk).await?;
        if bytes == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..bytes]);
    }
    let head = if request.starts_with(b"GET /slow ") {
        // Until the client goes away.
        while stream.read(&mut chunk).await? > 0 {}
        return Ok(());
    } else if request.starts_with(b"GET /inward ") {
        "302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/"
    } else {
        "200 OK"
    };
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
