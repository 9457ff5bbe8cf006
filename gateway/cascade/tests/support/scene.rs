//! The shipped models with requests for them, and when two answers are the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Device;
use hyfunc_cascade::decode::Decoder;
use hyfunc_cascade::generate::Masks;
use hyfunc_cascade::shipped::EMBEDDED;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_cascade::{
    Candidate, CascadeConfig, CascadeError, DecodeRequest, Decoded, Prepared, ToolChoice,
};
use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use serde_json::json;

use super::{plain_function, wide_function};

/// Largest difference between a score in a batch and the same alone: sums of products are added in
/// another order.
pub const SCORE_TOLERANCE: f32 = 1e-4;

/// A dozen requests: one wish and several, of one function and of several, none at all, values that
/// are copied, chosen, left out and written.
pub const QUERIES: [&str; 12] = [
    "what's the weather in Paris for 3 days",
    "set the kitchen light to 40 percent",
    "dim the hall to 20 and make it pink",
    "weather in Rome and in Oslo",
    "convert 12.5 miles to kilometers",
    "convert 3 kilometers to miles and tell me the weather in Bergen",
    "x",
    "hello there, how are you today?",
    "turn the bedroom lamp to 5 and the bathroom lamp to 90",
    "AAAA bbbb 12 0.5 true fahrenheit ABC-12 high 1e9 -4",
    "東京の天気は？",
    "take everything of Lisbon: tags red and blue, code ABC-12, 3 times",
];

/// One of each kind: few parameters and many, texts, numbers and choices.
pub fn functions() -> Vec<Arc<Function>> {
    let light = json!({
        "type": "object",
        "properties": {
            "room": {"type": "string", "description": "Name of the room."},
            "brightness": {"type": "integer", "minimum": 0, "maximum": 100},
            "colour": {"type": "string", "enum": ["white", "pink", "blue"]},
        },
        "required": ["room", "brightness"],
    });
    let convert = json!({
        "type": "object",
        "properties": {
            "amount": {"type": "number"},
            "from": {"type": "string", "enum": ["miles", "kilometers"]},
            "to": {"type": "string", "enum": ["miles", "kilometers"]},
        },
        "required": ["amount", "from", "to"],
    });
    let function = |name, what, schema| Arc::new(function_from_schema(name, what, schema).unwrap());
    vec![
        plain_function("weather"),
        function("set-light", "Set the brightness of a light.", &light),
        function("convert-distance", "Convert a distance between units.", &convert),
        plain_function("forecast"),
        wide_function(),
    ]
}

/// The shipped models with requests for them.
pub struct Scene {
    pub tiny: Tiny,
    pub masks: Masks,
    pub requests: Vec<DecodeRequest>,
}

impl Scene {
    /// One request a query, each over all functions.
    pub fn new() -> Self {
        let tiny = EMBEDDED.load(&Device::Cpu).unwrap();
        let masks = Masks::new(&tiny.tokenizer).unwrap();
        let prepared = tiny.prepare(&functions()).unwrap();
        let requests = QUERIES
            .iter()
            .enumerate()
            .map(|(index, query)| DecodeRequest {
                query: (*query).to_owned(),
                earlier: Vec::new(),
                intent: tiny.distil(query).unwrap(),
                candidates: candidates(&prepared),
                choice: if index % 3 == 0 { ToolChoice::Required } else { ToolChoice::Auto },
                calls_max: if index == 0 { 1 } else { 4 },
                deadline: Instant::now() + Duration::from_secs(600),
            })
            .collect();
        Self { tiny, masks, requests }
    }

    /// What decodes them.
    pub fn decoder<'a>(&'a self, config: &'a CascadeConfig) -> Decoder<'a> {
        Decoder { tiny: &self.tiny, masks: &self.masks, config }
    }

    /// Every request by itself.
    pub fn alone(&self, config: &CascadeConfig) -> Vec<Result<Decoded, CascadeError>> {
        self.requests.iter().map(|request| self.decoder(config).decode(request)).collect()
    }
}

/// All of them, equally likely.
pub fn candidates(prepared: &[Arc<Prepared>]) -> Vec<Candidate> {
    prepared.iter().map(|one| Candidate { prepared: one.clone(), score: 1.0 }).collect()
}

/// A low threshold, so that requests with several calls are among those compared, whatever the
/// shipped weights make of functions that they have never seen.
pub fn limits() -> CascadeConfig {
    CascadeConfig { value_tokens_max: 4, call_threshold: Some(0.2), ..CascadeConfig::default() }
}

/// Compares what was decided, request by request.
pub fn same(
    expected: &[Result<Decoded, CascadeError>],
    found: &[Result<Decoded, CascadeError>],
    how: &str,
) {
    assert_eq!(expected.len(), found.len(), "{how}");
    for ((expected, found), query) in expected.iter().zip(found).zip(QUERIES) {
        alike(expected, found, &format!("{how}: {query}"));
    }
}

/// Compares what was decided of one request.
pub fn alike(
    expected: &Result<Decoded, CascadeError>,
    found: &Result<Decoded, CascadeError>,
    what: &str,
) {
    let (expected, found) = match (expected, found) {
        (Ok(expected), Ok(found)) => (expected, found),
        (Err(expected), Err(found)) => {
            assert_eq!(expected.to_string(), found.to_string(), "{what}");
            return;
        }
        (expected, found) => panic!("{what}: {expected:?} is not {found:?}"),
    };
    let calls = |of: &Decoded| -> Vec<_> {
        of.calls.iter().map(|call| (call.candidate, call.arguments.clone())).collect()
    };
    assert_eq!(calls(expected), calls(found), "{what}");
    for (one, other) in expected.scores.iter().zip(&found.scores) {
        assert!((one - other).abs() < SCORE_TOLERANCE, "{what}: {one} {other}");
    }
    for (one, other) in expected.calls.iter().zip(&found.calls) {
        assert!((one.score - other.score).abs() < SCORE_TOLERANCE, "{what}");
        assert_eq!(one.pieces, other.pieces, "{what}");
    }
}
