//! A device that is lost while the gateway serves, from one end to the other but for the GPU: the kernels
//! run as host C++ on a machine that the test breaks. Every request is answered, and `/readyz` tells.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyfunc::models::Models;
use hyfunc::{App, Config};
use hyfunc_cascade::ModelInfo;
use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_device::{Decoder as OnDevice, DeviceError, Room, load};
use hyfunc_kernels::{Call, Float, Host, HostMemory, KernelError, Machine, Recorded};
use hyfunc_stock::{Chat, Decoder, Stock, StockConfig, Vocabulary};
use serde_json::{Value as Json, json};

const MODEL: &str = "parity";

/// Far longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host whose context is lost once it is broken.
struct Breakable {
    host: Host,
    is_broken: Arc<AtomicBool>,
}

impl Breakable {
    fn check(&self) -> Result<(), KernelError> {
        match self.is_broken.load(Ordering::SeqCst) {
            true => Err(KernelError::Sticky { code: "ILLEGAL_ADDRESS".into() }),
            false => Ok(()),
        }
    }
}

impl Machine for Breakable {
    type Memory = HostMemory;
    type Recording = Vec<Call>;

    fn write(&self, bytes: &[u8]) -> Result<HostMemory, KernelError> {
        self.host.write(bytes)
    }

    fn overwrite(
        &self,
        memory: &mut HostMemory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError> {
        self.host.overwrite(memory, at, bytes)
    }

    fn read_first(&self, memory: &HostMemory, bytes: usize) -> Result<Vec<u8>, KernelError> {
        self.host.read_first(memory, bytes)
    }

    fn address(&self, memory: &HostMemory) -> u64 {
        self.host.address(memory)
    }

    fn address_mut(&self, memory: &mut HostMemory) -> u64 {
        self.host.address_mut(memory)
    }

    fn run(&self, call: &Call) -> Result<(), KernelError> {
        self.check()?;
        self.host.run(call)
    }

    fn record(&self) -> Result<(), KernelError> {
        self.host.record()
    }

    fn recorded(&self) -> Result<Vec<Call>, KernelError> {
        self.host.recorded()
    }

    fn replay(&self, recording: &Recorded<Vec<Call>>) -> Result<(), KernelError> {
        self.check()?;
        self.host.replay(recording)
    }

    fn wait(&self) -> Result<(), KernelError> {
        self.host.wait()
    }

    fn processors(&self) -> usize {
        self.host.processors()
    }
}

/// Names of functions and what is said: everything is read as host C++, and the context is short.
struct Brief;

impl Chat for Brief {
    fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, String> {
        let mut text = String::from("F:");
        for tool in tools.and_then(Json::as_array).into_iter().flatten() {
            text += tool["function"]["name"].as_str().ok_or("no name")?;
            text.push(' ');
        }
        for message in messages.as_array().ok_or("no messages")? {
            text += "\nU:";
            text += message["content"].as_str().ok_or("no content")?;
        }
        if add_generation_prompt {
            text += "\nA:";
        }
        Ok(text)
    }
}

/// The stock preset over a checkpoint on a machine that breaks when it is told to.
fn models() -> (Stock, Arc<AtomicBool>) {
    let is_broken = Arc::new(AtomicBool::new(false));
    let machine = Breakable { host: Host::new(1), is_broken: Arc::clone(&is_broken) };
    let room =
        Room { float: Float::F16, cache_bytes_max: 1 << 18, batch_tokens_max: 32, splits_max: 1 };
    let folder = Path::new("../gateway/checkpoint/tests/parity/qwen3");
    let opened: Result<Checkpoint<OnDevice<Breakable>>, DeviceError> =
        Checkpoint::open_as(folder, &Options::default(), |blueprint| {
            load(machine, room, blueprint)
        });
    let opened = opened.expect("a checkpoint that fits");
    let vocabulary = Vocabulary::new(opened.tokenizer).expect("tokens that spell text");
    let settings = StockConfig::default();
    let decoder = Decoder::new(opened.model, vocabulary, Box::new(Brief), settings);
    let info = ModelInfo {
        id: MODEL.into(),
        parameters_large: 0,
        parameters_small: 0,
        digest: String::new(),
        retrieval_threshold: 0.0,
    };
    let stock = Stock::start(decoder.expect("masks"), None, info, (2, 16)).expect("threads");
    (stock, is_broken)
}

struct Gateway {
    url: String,
    client: reqwest::Client,
}

impl Gateway {
    async fn start(models: Stock) -> Self {
        let mut config = Config::default();
        config.server.address = "127.0.0.1:0".into();
        config.plugins.bundled = false;
        // Random weights may want the same again and again, and the context is short.
        config.request.calls_max = 1;
        config.sandbox.aot_dir = String::new();
        config.sandbox.keyvalue_dir = String::new();
        let models: Arc<dyn Models> = Arc::new(models);
        let app = App::with_models(config, models).await.expect("the gateway builds");
        let serving = app.listen().await.expect("a port is free");
        let url = format!("http://{}", serving.address());
        tokio::spawn(serving.run(std::future::pending()));
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Self { url, client: client.expect("a client") }
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        answered(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Asks with a tool of the client's own that has no parameters: nothing is to be written.
    async fn ask(&self) -> (u16, Json) {
        let now = json!({"type": "function", "function": {
            "name": "now",
            "description": "Tells the time.",
            "parameters": {"type": "object", "properties": {}},
        }});
        let message = json!({"role": "user", "content": "what time is it"});
        let asked = json!({"model": MODEL, "messages": [message], "tools": [now]});
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        answered(request.json(&asked)).await
    }
}

/// Nobody hangs: an answer comes before patience ends.
async fn answered(request: reqwest::RequestBuilder) -> (u16, Json) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

fn code(answer: &Json) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_fails_requests_at_once_and_the_gateway_is_unready() {
    let (stock, is_broken) = models();
    let gateway = Gateway::start(stock).await;
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let (status, answer) = gateway.ask().await;
    assert_eq!(status, 200, "{answer}");
    is_broken.store(true, Ordering::SeqCst);
    let at_once = tokio::join!(gateway.ask(), gateway.ask(), gateway.ask(), gateway.ask());
    for (status, answer) in [at_once.0, at_once.1, at_once.2, at_once.3] {
        // Whoever comes after the first of them is told that nobody is left.
        let told = (status, code(&answer));
        assert!([(500, "models_failed"), (503, "models_stopped")].contains(&told), "{answer}");
    }
    let began = Instant::now();
    let (status, answer) = loop {
        let ready = gateway.get("/readyz").await;
        // The answer is there before the engine's thread says that the model is lost.
        if ready.0 != 200 || began.elapsed() > PATIENCE {
            break ready;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((status, code(&answer)), (503, "models_stopped"), "{answer}");
    // What the machine would answer now is not to be trusted: it stays so.
    is_broken.store(false, Ordering::SeqCst);
    let (status, answer) = gateway.ask().await;
    assert_eq!((status, code(&answer)), (503, "models_stopped"), "{answer}");
    assert_eq!(gateway.get("/readyz").await.0, 503);
    assert_eq!(gateway.get("/healthz").await.0, 200, "it lives, and says what is wrong");
}
