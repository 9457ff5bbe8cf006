//! Functions of very many parameters: read in parts, within bounds, for the same calls.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Device;
use hyfunc_cascade::config::{BRANCH_TOKENS_MAX, EARLIER_TOKENS_MAX, ROUND_TOKENS_MAX, WRITES_MAX};
use hyfunc_cascade::decode::{Decoder, Decoding};
use hyfunc_cascade::generate::Masks;
use hyfunc_cascade::prompt::{self, BLOCK_TOKENS_MAX};
use hyfunc_cascade::shipped::EMBEDDED;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_cascade::{
    Ablation, Candidate, CascadeConfig, CascadeError, DecodeRequest, Decoded, Progress, ToolChoice,
};
use hyfunc_functions::Function;
use hyfunc_functions::json::{arguments_from_json, arguments_to_json};
use hyfunc_functions::schema::{function_from_schema, parameters_schema};
use serde_json::{Map, Value as Json, json};

const QUERY: &str = "set the lamps of the hall to 40 percent, pink and blue, for 3 hours";

/// Calls that are asked for, so that the models are asked for one more.
const CALLS_MAX: usize = 3;

const LONG: Duration = Duration::from_secs(600);

/// Every other property must be written.
fn function(properties: usize) -> Arc<Function> {
    let kinds = [
        json!({"type": "string"}),
        json!({"type": "integer", "minimum": 0, "maximum": 100}),
        json!({"type": "string", "enum": ["pink", "blue"]}),
        json!({"type": "boolean"}),
    ];
    let name = |at: usize| format!("lamp_{at}_setting");
    let schemas: Map<String, Json> =
        (0..properties).map(|at| (name(at), kinds[at % kinds.len()].clone())).collect();
    let required: Vec<String> = (0..properties).step_by(2).map(name).collect();
    let parameters = json!({"type": "object", "properties": schemas, "required": required});
    Arc::new(function_from_schema("set_lamps", "Set lamps of a house.", &parameters).unwrap())
}

struct Scene {
    tiny: Tiny,
    masks: Masks,
}

impl Scene {
    fn new() -> Self {
        let tiny = EMBEDDED.load(&Device::Cpu).unwrap();
        let masks = Masks::new(&tiny.tokenizer).unwrap();
        Self { tiny, masks }
    }

    fn decoder<'a>(&'a self, config: &'a CascadeConfig) -> Decoder<'a> {
        Decoder { tiny: &self.tiny, masks: &self.masks, config }
    }

    fn request(&self, function: &Arc<Function>, given: Duration) -> DecodeRequest {
        let prepared = self.tiny.prepare(std::slice::from_ref(function)).unwrap();
        let candidates =
            prepared.into_iter().map(|prepared| Candidate { prepared, score: 1.0 }).collect();
        DecodeRequest {
            query: QUERY.into(),
            earlier: Vec::new(),
            intent: self.tiny.distil(QUERY).unwrap(),
            candidates,
            choice: ToolChoice::Required,
            calls_max: CALLS_MAX,
            deadline: Instant::now() + given,
        }
    }
}

/// Every question for one more call is answered by yes.
fn limits() -> CascadeConfig {
    CascadeConfig { value_tokens_max: 4, call_threshold: Some(0.0), ..CascadeConfig::default() }
}

fn check_calls(function: &Function, decoded: &Decoded) {
    assert!(!decoded.calls.is_empty() && decoded.calls.len() <= CALLS_MAX);
    for call in &decoded.calls {
        let json = arguments_to_json(&function.parameters, &call.arguments);
        let again = arguments_from_json(&function.parameters, &json);
        assert_eq!(again.as_ref(), Ok(&call.arguments));
    }
}

/// What would be cut is not made first.
#[test]
fn a_block_is_made_of_what_it_has_room_for() {
    let scene = Scene::new();
    let tokenizer = &scene.tiny.tokenizer;
    let block = |function: &Function| prompt::block(tokenizer, function);
    let (wide, wider) = (block(&function(100)), block(&function(5_000)));
    assert_eq!(wide.len(), BLOCK_TOKENS_MAX);
    assert_eq!(wide, wider);
    let mut long = Function::clone(&function(3));
    long.description = "“open ".repeat(150_000);
    assert!(block(&long).len() < BLOCK_TOKENS_MAX);
    assert!(prompt::function(tokenizer, &long).len() < BLOCK_TOKENS_MAX);
}

#[test]
fn no_forward_grows_with_the_parameters() {
    let (scene, config, function) = (Scene::new(), limits(), function(240));
    let request = scene.request(&function, LONG);
    let query = scene.tiny.tokenizer.encode(QUERY).len();
    let branches_max = ROUND_TOKENS_MAX + WRITES_MAX * config.value_tokens_max;
    // The query, what stands around it, and what stands around each earlier call.
    let query_max = query + 3 + EARLIER_TOKENS_MAX + 2 * CALLS_MAX;
    let mut decoding = Decoding::new(scene.decoder(&config), request, Progress::silent()).unwrap();
    let (mut forwards, mut longest_query) = (0, 0);
    while !decoding.is_done() {
        let step = {
            let lists = decoding.lists();
            for list in &lists {
                let (tokens, is_query) = (list.tokens.len(), list.places.is_none());
                let tokens_max = if is_query { query_max } else { branches_max };
                assert!((1..=tokens_max).contains(&tokens), "{tokens} of {tokens_max}");
                forwards += usize::from(!is_query);
                longest_query = longest_query.max(if is_query { tokens } else { 0 });
            }
            Arc::new(scene.tiny.small.step(&lists).unwrap())
        };
        decoding.take(&step, 0).unwrap();
    }
    assert!(forwards > 2, "it is read in parts: {forwards}");
    assert!(longest_query > query + EARLIER_TOKENS_MAX / 2, "an earlier call is read");
    check_calls(&function, &decoding.finish().unwrap());
}

#[test]
fn parts_give_what_each_parameter_alone_gives() {
    let (scene, function) = (Scene::new(), function(80));
    let request = scene.request(&function, LONG);
    let in_parts = scene.decoder(&limits()).decode(&request).unwrap();
    let ablate = Ablation { parallel_slots: true, ..Ablation::default() };
    let config = CascadeConfig { ablate, ..limits() };
    let alone = scene.decoder(&config).decode(&request).unwrap();
    check_calls(&function, &in_parts);
    assert_eq!(in_parts.calls.len(), alone.calls.len());
    for (one, other) in in_parts.calls.iter().zip(&alone.calls) {
        assert_eq!((&one.arguments, &one.pieces), (&other.arguments, &other.pieces));
    }
}

#[test]
fn a_deadline_ends_it_in_between() {
    let (scene, config) = (Scene::new(), limits());
    let request = scene.request(&function(3_000), Duration::from_millis(200));
    let began = Instant::now();
    let error = scene.decoder(&config).decode(&request).unwrap_err();
    assert!(matches!(error, CascadeError::Deadline { step: "decode" }), "{error}");
    // Far longer than one step takes, on any machine.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

/// A parameter may be an object, whose parts are asked one after another.
#[test]
fn a_parameter_of_many_parts_forgets_its_first_ones() {
    let (scene, config) = (Scene::new(), limits());
    let inner = parameters_schema(&function(160).parameters);
    let parameters = json!({"type": "object", "properties": {"all": inner}, "required": ["all"]});
    let nested = function_from_schema("set_lamps", "Set lamps of a house.", &parameters).unwrap();
    let nested = Arc::new(nested);
    let mut request = scene.request(&nested, LONG);
    request.calls_max = 1;
    let mut decoding = Decoding::new(scene.decoder(&config), request, Progress::silent()).unwrap();
    let mut longest = 0;
    while !decoding.is_done() {
        let step = {
            let lists = decoding.lists();
            longest = lists.iter().map(|list| list.tokens.len()).fold(longest, usize::max);
            Arc::new(scene.tiny.small.step(&lists).unwrap())
        };
        decoding.take(&step, 0).unwrap();
    }
    // A value that is written adds its first token.
    let cut = BRANCH_TOKENS_MAX..=BRANCH_TOKENS_MAX + 1;
    assert!(cut.contains(&longest), "{longest} tokens");
    check_calls(&nested, &decoding.finish().unwrap());
}
