//! A tokenizer of a few hundred tokens, a chat template, and a model that has one answer in mind.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyfunc_cascade::ToolChoice;
use hyfunc_functions::oracle::{GoldCall, drive_plan};
use hyfunc_functions::schema::function_from_schema;
use hyfunc_functions::template::PlanOptions;
use hyfunc_functions::{Function, PlanCursor, Spelling, Template, notation};
use hyfunc_stock::{Causal, Chat, Decoder, StockConfig, StockRequest, Vocabulary};
use serde_json::{Value as Json, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

pub const END: &str = "<|im_end|>";
pub const SPECIALS: [&str; 2] = ["<|im_start|>", END];
pub const MARKS: [&str; 2] = ["<tool_call>", "</tool_call>"];

/// How often is looked whether something has come about.
pub const LOOK: Duration = Duration::from_millis(1);

const OPENING: &[u8] = b"<|im_start|>assistant\n";

/// Text from which tokens are made that reach over the seams of calls: `": "`, `"}}`, `",`.
const CORPUS: &str = r#"{"name": "weather_current", "arguments": {"city": "Paris", "days": 3}}
{"name": "weather_current", "arguments": {"city": "New York", "unit": "celsius"}}
{"name": "todo_add", "arguments": {"items": ["milk", "bread"], "done": true}}
{"name": "todo_add", "parameters": {"items": [["a", "b"], []], "done": false, "at": null}}
[weather_current(city="Paris", days=3), todo_add(items=["milk", "bread"], done=True, at=None)]
[weather_current(city="New York", unit="celsius"), todo_add(items=[1, 2, 3.5], done=False)]
What is the weather in Paris and in New York for the next 3 days? Add milk and bread to the list.
"#;

/// Byte-level BPE with marks, some of which are special.
pub fn tokenizer() -> Tokenizer {
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(600)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    let mut tokenizer = Tokenizer::new(BPE::default());
    let bytes = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, true));
    tokenizer.with_pre_tokenizer(Some(bytes));
    let lines: Vec<String> = CORPUS.lines().cycle().take(70).map(str::to_owned).collect();
    tokenizer.train(&mut trainer, lines.into_iter()).expect("a corpus that trains");
    let token = |special| move |text: &str| AddedToken::from(text, special);
    tokenizer.add_special_tokens(SPECIALS.map(token(true))).expect("specials");
    tokenizer.add_tokens(MARKS.map(token(false))).expect("marks");
    tokenizer
}

/// ChatML, as Qwen has it.
pub struct ChatMl;

impl Chat for ChatMl {
    fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, String> {
        let mut text = String::new();
        if let Some(tools) = tools {
            text += &format!("<|im_start|>system\n<tools>\n{tools}\n</tools>{END}\n");
        }
        for message in messages.as_array().ok_or("no messages")? {
            let part = |name: &str| message[name].as_str().ok_or("no text");
            text += &format!("<|im_start|>{}\n{}{END}\n", part("role")?, part("content")?);
        }
        if add_generation_prompt {
            text += "<|im_start|>assistant\n";
        }
        Ok(text)
    }
}

/// What a model would say.
#[derive(Clone, Debug)]
pub enum Mind {
    /// This text, token by token the longest that spells it, and then the end.
    Says(String),
    /// Whatever comes: the same for the same seed and tokens.
    Noise(u64),
}

/// A model of which every logit follows from the tokens before.
#[derive(Clone)]
pub struct Fake {
    bytes: Arc<Vec<Vec<u8>>>,
    end: usize,
    pub mind: Arc<Mutex<Mind>>,
    pub context_tokens_max: Arc<AtomicUsize>,
    pub delay: Arc<Mutex<Duration>>,
    /// Times that reading began.
    pub reads: Arc<AtomicUsize>,
    is_held: Arc<AtomicBool>,
    /// Of the last prompt and answer.
    pub seen: Arc<Mutex<Vec<u32>>>,
    /// As a model whose device is gone.
    pub is_lost: Arc<AtomicBool>,
    /// As a model whose device has so much memory for caches.
    pub room_bytes_max: Option<usize>,
}

impl Fake {
    pub fn new(tokenizer: &Tokenizer) -> Self {
        let vocabulary = Vocabulary::new(tokenizer.clone()).expect("tokens that spell text");
        let mut bytes = vocabulary.all_bytes().to_vec();
        for text in SPECIALS.iter().chain(&MARKS) {
            let id = vocabulary.added(text).expect("an added token");
            bytes[id as usize] = text.as_bytes().to_vec();
        }
        Self {
            bytes: Arc::new(bytes),
            end: vocabulary.added(END).expect("an added token") as usize,
            mind: Arc::new(Mutex::new(Mind::Noise(0))),
            context_tokens_max: Arc::new(AtomicUsize::new(1 << 20)),
            delay: Arc::default(),
            reads: Arc::default(),
            is_held: Arc::default(),
            seen: Arc::default(),
            is_lost: Arc::default(),
            room_bytes_max: None,
        }
    }

    /// Lets nobody's reading end for as long as that lives.
    pub fn hold(&self) -> Held {
        self.is_held.store(true, Ordering::SeqCst);
        Held(Arc::clone(&self.is_held))
    }

    fn said(&self, before: &[u32], mind: &Mind) -> Vec<f32> {
        let seed = match mind {
            Mind::Noise(seed) => *seed,
            Mind::Says(_) => 0,
        };
        let mut state = before
            .iter()
            .rev()
            .take(4)
            .fold(seed ^ before.len() as u64, |state, id| mixed(state ^ u64::from(*id)));
        let mut logits: Vec<f32> = (0..self.bytes.len())
            .map(|_| {
                state = mixed(state);
                (state >> 40) as f32 / (1 << 24) as f32 * 4.0
            })
            .collect();
        let Mind::Says(said) = mind else { return logits };
        let text: Vec<u8> =
            before.iter().flat_map(|id| self.bytes[*id as usize].iter().copied()).collect();
        let opened = text.windows(OPENING.len()).rposition(|window| window == OPENING);
        let Some(reply) = opened.map(|at| &text[at + OPENING.len()..]) else { return logits };
        match said.as_bytes().strip_prefix(reply) {
            Some([]) => logits[self.end] = 60.0,
            Some(rest) => {
                for (logit, bytes) in logits.iter_mut().zip(self.bytes.iter()) {
                    if !bytes.is_empty() && rest.starts_with(bytes) {
                        *logit = 30.0 + bytes.len() as f32 * 2.0;
                    }
                }
            }
            None => {}
        }
        logits
    }
}

/// A model that is held, until this is dropped.
pub struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A step of splitmix64.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Causal for Fake {
    type Cache = Vec<u32>;

    fn context_tokens_max(&self) -> usize {
        self.context_tokens_max.load(Ordering::Relaxed)
    }

    fn new_cache(&self) -> Vec<u32> {
        Vec::new()
    }

    fn truncate(&self, cache: &mut Vec<u32>, tokens: usize) {
        cache.truncate(tokens);
    }

    fn cache_bytes(&self, cache: &Vec<u32>) -> usize {
        cache.len() * 4
    }

    fn room_bytes_max(&self) -> Option<usize> {
        self.room_bytes_max
    }

    fn room_bytes(&self, tokens: usize) -> usize {
        tokens * 4
    }

    /// So few that either way is gone.
    fn head_rows_max(&self) -> usize {
        64
    }

    /// States are logits already.
    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Vec<u32>,
        last: usize,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        while self.is_held.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
        std::thread::sleep(*self.delay.lock().expect("a delay"));
        if self.is_lost() {
            return Err("the device is lost".into());
        }
        if tokens.is_empty() || last > tokens.len() {
            return Err("positions that are not there".into());
        }
        cache.extend_from_slice(tokens);
        *self.seen.lock().expect("tokens") = cache.clone();
        let mind = self.mind.lock().expect("a mind").clone();
        let first = cache.len() - last;
        Ok((first..cache.len()).map(|at| self.said(&cache[..=at], &mind)).collect())
    }

    fn logits(&self, states: &[Vec<f32>], ids: Option<&[u32]>) -> Result<Vec<Vec<f32>>, String> {
        let Some(ids) = ids else { return Ok(states.to_vec()) };
        let pick =
            |state: &Vec<f32>| -> Vec<f32> { ids.iter().map(|id| state[*id as usize]).collect() };
        Ok(states.iter().map(pick).collect())
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }
}

/// A decoder around a model whose mind can be changed.
pub fn decoder(config: StockConfig) -> (Decoder<Fake>, Fake) {
    within(config, None)
}

/// The same with so many bytes for the caches of all requests.
pub fn within(config: StockConfig, room_bytes_max: Option<usize>) -> (Decoder<Fake>, Fake) {
    let tokenizer = tokenizer();
    let fake = Fake { room_bytes_max, ..Fake::new(&tokenizer) };
    let vocabulary = Vocabulary::new(tokenizer).expect("tokens that spell text");
    let decoder = Decoder::new(fake.clone(), vocabulary, Box::new(ChatMl), config);
    (decoder.expect("masks"), fake)
}

pub fn config(spelling: Spelling) -> StockConfig {
    StockConfig { spelling, value_tokens_max: 4096, ..StockConfig::default() }
}

pub fn function(name: &str, parameters: Json) -> Arc<Function> {
    Arc::new(function_from_schema(name, "", &parameters).expect("a schema that is read"))
}

/// A function with one parameter that it must have and two that it may.
pub fn weather() -> Arc<Function> {
    function(
        "weather_current",
        json!({"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 16},
        }}),
    )
}

/// The text of calls in a spelling.
pub fn text_of(functions: &[Arc<Function>], spelling: Spelling, calls: &[GoldCall]) -> String {
    let templates = functions.iter().map(|function| Arc::new(Template::new(function, spelling)));
    let plan = PlanCursor::new(templates.collect(), PlanOptions::default());
    let mut text = String::new();
    drive_plan(plan, calls, |step, answer| text += &notation::text(step, answer))
        .expect("calls that the templates express");
    text
}

pub fn request(query: &str, functions: &[Arc<Function>]) -> StockRequest {
    StockRequest {
        query: query.to_owned(),
        earlier: Vec::new(),
        functions: functions.to_vec(),
        choice: ToolChoice::Auto,
        calls_max: 8,
        deadline: Instant::now() + Duration::from_secs(600),
    }
}

pub fn nobody_left() -> bool {
    false
}
