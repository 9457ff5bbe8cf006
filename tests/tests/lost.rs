//! A device that is lost while the gateway serves, from one end to the other but for the GPU: the kernels
//! run as host C++ on a machine that the test breaks. Every request is answered, and `/readyz` tells.

#[path = "../../gateway/stock/tests/support/brief.rs"]
mod brief;
#[path = "../../gateway/device/tests/support/failing.rs"]
mod failing;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc::models::Models;
use hyfunc::{App, Config};
use hyfunc_cascade::ModelInfo;
use hyfunc_kernels::KernelError;
use hyfunc_stock::{Decoder, Stock, StockConfig, Vocabulary};
use serde_json::{Value as Json, json};

use brief::Brief;
use failing::{Faults, says};

const MODEL: &str = "parity";

/// Far longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The stock preset over a checkpoint on a machine that breaks when it is told to.
fn models() -> (Stock, Faults) {
    let folder = Path::new("../gateway/checkpoint/tests/parity/qwen3");
    let (opened, faults) = failing::loaded(folder, usize::MAX);
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
    (stock, faults)
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
    let (stock, faults) = models();
    let gateway = Gateway::start(stock).await;
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let (status, answer) = gateway.ask().await;
    assert_eq!(status, 200, "{answer}");
    says(&faults, KernelError::Sticky { code: "ILLEGAL_ADDRESS".into() }, usize::MAX);
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
    *faults.lock().expect("nobody panicked") = None;
    let (status, answer) = gateway.ask().await;
    assert_eq!((status, code(&answer)), (503, "models_stopped"), "{answer}");
    assert_eq!(gateway.get("/readyz").await.0, 503);
    assert_eq!(gateway.get("/healthz").await.0, 200, "it lives, and says what is wrong");
}
