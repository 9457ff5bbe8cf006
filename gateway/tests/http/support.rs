//! A gateway on a free port, around models that a test scripts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use hyfunc::models::Models;
use hyfunc::{App, Config, app};
use hyfunc_cascade::{
    CascadeError, DecodeRequest, Decoded, DecodedCall, Earlier, Intent, ModelInfo, Piece,
    PieceKind, Prepared, Progress, SettledCall, TokenCounts, ToolChoice,
};
use hyfunc_functions::{Function, Value, json};
use hyfunc_sandbox::Plugin;
use serde_json::{Value as Json, json as body};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinHandle;

pub use crate::answer::Answer;
use crate::contract::{self, Listener};

/// Name of the fake models.
pub const MODEL: &str = "fake";
/// Width of the fake embeddings.
const DIMS: usize = 16;
/// Milliseconds of work that no test waits for: whatever has a limit is ended before.
pub const NEVER_MS: u64 = 600_000;
/// How long a test waits for what must come. Short of the deadline of a request, so that no place is
/// given back just because that has passed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Milliseconds of a request, unless the test says otherwise: a machine may stand still for seconds.
const DEADLINE_MS: u64 = 120_000;
/// Milliseconds that are given to requests whose deadline is to pass: see `given`.
const GIVEN_MS: [u64; 4] = [250, 1_000, 5_000, 25_000];

/// Where decoding waits until `Fake::go_on`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// Nowhere.
    #[default]
    Never,
    /// Before anything is decided.
    Decode,
    /// Before the last call is told.
    LastCall,
}

/// What the fake does.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Calls that it decides on, where those functions are candidates.
    pub calls: Vec<(&'static str, Json)>,
    /// Whether it decides on them only in the light of what was said before.
    pub needs_earlier: bool,
    /// Milliseconds that preparing the client's functions takes.
    pub prepare_ms: u64,
    /// Milliseconds that distilling takes.
    pub distil_ms: u64,
    /// Milliseconds that decoding takes.
    pub decode_ms: u64,
    /// Where decoding waits for the test.
    pub hold: Hold,
    /// Milliseconds after each parameter that is told before the calls are; `None` tells nothing.
    pub tells_ms: Option<u64>,
    /// Whether decoding fails after all was told.
    pub breaks: bool,
    /// What distilling fails with.
    pub failure: Option<Failure>,
    /// Whether nobody is left to decide.
    pub is_dead: bool,
}

/// What distilling fails with, when the query says `fail`.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Overloaded,
    Stopped,
    TooLong,
    Panic,
}

/// The fake at the models' seam.
pub struct Fake {
    script: Script,
    /// Closed when decoding may go on.
    gate: Semaphore,
    /// Decodes at work, and decodes that came to their end.
    pub decoding: AtomicUsize,
    pub decoded: AtomicUsize,
    /// Decodes that told everything.
    pub told: AtomicUsize,
    /// The choice of the last decode.
    pub choice: Mutex<Option<(ToolChoice, Vec<String>)>>,
    /// The query of the last decode, and what was said before it.
    pub query: Mutex<String>,
    pub heard: Mutex<Vec<Earlier>>,
}

struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.05; DIMS];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = word.bytes().fold(7usize, |hash, byte| hash.wrapping_mul(31) + byte as usize);
        vector[hash % DIMS] += 1.0;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

impl Models for Fake {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(async move {
            if functions.iter().any(|function| function.export.is_none()) {
                tokio::time::sleep(Duration::from_millis(self.script.prepare_ms)).await;
            }
            let prepared = functions.into_iter().map(|function| {
                let vector = embed(&format!("{} {}", function.name, function.description));
                Arc::new(Prepared::without_block(function, vector))
            });
            Ok(prepared.collect())
        })
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(self.script.distil_ms)).await;
            let query_vector = embed(query);
            match self.script.failure.filter(|_| query == "fail") {
                None => Ok(Intent { soft_token: Vec::new(), query_vector, p_call: 0.75 }),
                Some(Failure::Overloaded) => {
                    Err(CascadeError::Overloaded { retry_after_ms: 2_500 })
                }
                Some(Failure::Stopped) => Err(CascadeError::Stopped),
                Some(Failure::TooLong) => {
                    Err(CascadeError::QueryTooLong { tokens: 999, tokens_max: 384 })
                }
                Some(Failure::Panic) => panic!("the script says so"),
            }
        })
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(async move {
            self.decoding.fetch_add(1, Ordering::SeqCst);
            let _at_work = AtWork(&self.decoding);
            tokio::time::sleep(Duration::from_millis(self.script.decode_ms)).await;
            self.hold(Hold::Decode).await;
            self.decoded.fetch_add(1, Ordering::SeqCst);
            let names: Vec<String> = request
                .candidates
                .iter()
                .map(|candidate| candidate.prepared.function().name.clone())
                .collect();
            *self.choice.lock().unwrap() = Some((request.choice, names.clone()));
            *self.query.lock().unwrap() = request.query.clone();
            *self.heard.lock().unwrap() = request.earlier.clone();
            Ok(self.decide(&request, &names))
        })
    }

    fn decode_told(
        &self,
        request: DecodeRequest,
        progress: Progress,
    ) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(async move {
            let decoded = self.decode(request).await?;
            let Some(tells_ms) = self.script.tells_ms else { return Ok(decoded) };
            for (at, call) in decoded.calls.iter().enumerate() {
                let Value::Record(fields) = &call.arguments else { panic!("{call:?}") };
                if at + 1 == decoded.calls.len() {
                    self.hold(Hold::LastCall).await;
                }
                for known in 0..=fields.len() {
                    let is_whole = known == fields.len();
                    // Its opening is known at once.
                    let pieces = if is_whole { &call.pieces[..] } else { &call.pieces[..1] };
                    progress.tell(at, || SettledCall {
                        candidate: call.candidate,
                        arguments: fields[..known].to_vec(),
                        pieces: pieces.to_vec(),
                        is_whole,
                    });
                    tokio::time::sleep(Duration::from_millis(tells_ms)).await;
                }
            }
            self.told.fetch_add(1, Ordering::SeqCst);
            if self.script.breaks { Err(CascadeError::Stopped) } else { Ok(decoded) }
        })
    }

    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: MODEL.into(),
            parameters_large: 2,
            parameters_small: 1,
            digest: "00".into(),
            retrieval_threshold: -1.0,
        }
    }

    fn is_alive(&self) -> bool {
        !self.script.is_dead
    }
}

impl Fake {
    /// Models that do what a script says.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            gate: Semaphore::new(0),
            decoding: AtomicUsize::default(),
            decoded: AtomicUsize::default(),
            told: AtomicUsize::default(),
            choice: Mutex::default(),
            query: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    /// Lets go whoever is held, and whoever would be.
    pub fn go_on(&self) {
        self.gate.close();
    }

    async fn hold(&self, at: Hold) {
        if self.script.hold == at {
            // Nobody ever gets a permit: the wait ends when the gate is closed.
            let _closed = self.gate.acquire().await;
        }
    }

    fn decide(&self, request: &DecodeRequest, names: &[String]) -> Decoded {
        let mut decoded = Decoded {
            calls: Vec::new(),
            scores: vec![0.5; names.len()],
            counts: TokenCounts { prompt: 7, injected: 5, chosen: 2, sampled: 1, copied: 3 },
        };
        let is_silent = self.script.needs_earlier && request.earlier.is_empty();
        if request.choice == ToolChoice::None || is_silent {
            return decoded;
        }
        for (name, arguments) in &self.script.calls {
            let Some(candidate) = names.iter().position(|other| other == name) else { continue };
            let function = request.candidates[candidate].prepared.function();
            let arguments = json::arguments_from_json(&function.parameters, arguments).unwrap();
            let pieces = vec![
                Piece { kind: PieceKind::Injected, text: "<call>".into(), subject: String::new() },
                Piece { kind: PieceKind::Copied, text: "x".into(), subject: "y".into() },
            ];
            decoded.calls.push(DecodedCall { candidate, arguments, score: 0.9, pieces });
        }
        decoded.calls.truncate(request.calls_max);
        decoded
    }
}

/// The bundled plugins and the hostile fixture, compiled once for all tests.
async fn plugins() -> &'static [Plugin] {
    static PLUGINS: OnceCell<Vec<Plugin>> = OnceCell::const_new();
    PLUGINS.get_or_init(|| load("hostile", true, NEVER_MS)).await
}

/// The same, of which the hostile one has little time.
async fn hasty_plugins() -> &'static [Plugin] {
    static PLUGINS: OnceCell<Vec<Plugin>> = OnceCell::const_new();
    let loaded = PLUGINS.get_or_init(|| async {
        let hasty = load("hasty/hostile", false, TOOL_DEADLINE_MS).await;
        let others = plugins().await.iter().filter(|plugin| plugin.name() != hasty[0].name());
        others.cloned().chain(hasty.iter().cloned()).collect()
    });
    loaded.await
}

async fn load(file: &str, bundled: bool, deadline_ms_max: u64) -> Vec<Plugin> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let hostile = folder.join(file).with_extension("wasm");
    std::fs::create_dir_all(hostile.parent().unwrap()).unwrap();
    std::fs::write(&hostile, hyfunc_plugins::fixture("hostile").unwrap()).unwrap();
    let mut config = Config::default();
    config.plugins.bundled = bundled;
    config.plugins.files = vec![hostile.to_string_lossy().into_owned()];
    config.sandbox.aot_dir = String::new();
    config.sandbox.deadline_ms_max = deadline_ms_max;
    app::load_plugins(&config).await.unwrap()
}

/// Milliseconds of one call of the hostile plugin where it is hasty.
const TOOL_DEADLINE_MS: u64 = 500;

/// A gateway that serves until it is dropped.
pub struct Gateway {
    pub base: String,
    pub fake: Arc<Fake>,
    pub client: reqwest::Client,
    pub stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<bool>,
}

/// The app of a script, without a socket.
pub async fn build(script: Script, change: impl FnOnce(&mut Config)) -> (App, Arc<Fake>) {
    assemble(script, plugins().await, change).await
}

async fn assemble(
    script: Script,
    plugins: &[Plugin],
    change: impl FnOnce(&mut Config),
) -> (App, Arc<Fake>) {
    let mut config = Config::default();
    config.server.address = "127.0.0.1:0".into();
    config.request.deadline_ms = DEADLINE_MS;
    config.retrieval.candidates_max = 100;
    change(&mut config);
    let fake = Arc::new(Fake::new(script));
    let models: Arc<dyn Models> = Arc::clone(&fake) as Arc<dyn Models>;
    (App::assemble(config, models, plugins).await.unwrap(), fake)
}

/// A gateway with the default limits.
pub async fn start(script: Script) -> Gateway {
    start_with(script, |_| {}).await
}

/// A gateway with other limits.
pub async fn start_with(script: Script, change: impl FnOnce(&mut Config)) -> Gateway {
    serve(build(script, change).await).await
}

/// A gateway with the default limits in which calls of the hostile plugin have little time.
pub async fn start_hasty(script: Script) -> Gateway {
    serve(assemble(script, hasty_plugins().await, |_| {}).await).await
}

async fn serve((app, fake): (App, Arc<Fake>)) -> Gateway {
    let serving = app.listen().await.unwrap();
    let base = format!("http://{}", serving.address());
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serving.run(async {
        let _ = stopped.await;
    }));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Gateway { base, fake, client, stop: Some(stop), served }
}

impl Gateway {
    /// Sends a request; the answer is one that the OpenAPI document admits.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let answer = Answer { status, headers, text: response.text().await.unwrap() };
        contract::check(Listener::Public, &method, &path, &answer);
        answer
    }

    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn chat(&self, body: &Json) -> Answer {
        self.send(self.post("/v1/chat/completions").json(body)).await
    }

    /// That other requests go on as if nothing had been.
    pub async fn assert_alive(&self) {
        let answer = self.chat(&ask("hello")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Tries with ever more time until the deadline passes where it should: on a machine that stands
/// still it can pass before. Gives what came of it, or of the last.
pub async fn given<T>(mut attempt: impl AsyncFnMut(u64) -> T, should: impl Fn(&T) -> bool) -> T {
    let (last_ms, first_ms) = GIVEN_MS.split_last().unwrap();
    for given_ms in first_ms {
        let ended = attempt(*given_ms).await;
        if should(&ended) {
            return ended;
        }
    }
    attempt(*last_ms).await
}

/// A conversation of one message.
pub fn ask(query: &str) -> Json {
    body!({"model": MODEL, "messages": [{"role": "user", "content": query}]})
}

/// The same with further fields.
pub fn ask_with(query: &str, extra: Json) -> Json {
    let mut asked = ask(query);
    asked.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    asked
}

/// A tool as clients send it.
pub fn tool(name: &str) -> Json {
    body!({"type": "function", "function": {
        "name": name,
        "description": "Opens a page.",
        "parameters": {
            "type": "object",
            "properties": {"url": {"type": "string"}},
            "required": ["url"],
        },
    }})
}
