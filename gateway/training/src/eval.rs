//! Judging the cascade on rows whose functions are given.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::CascadeError;
use hyfunc_cascade::api::{Candidate, DecodeRequest, Decoded, Prepared, TokenCounts, ToolChoice};
use hyfunc_cascade::config::CascadeConfig;
use hyfunc_cascade::decode::Decoder;
use hyfunc_cascade::generate::Masks;
use hyfunc_cascade::tiny::{Tiny, cosine};
use hyfunc_functions::Type;
use hyfunc_functions::json::to_json;
use serde_json::Value as Json;

use crate::data::Row;
use crate::error::TrainingError;
use crate::soft::Control;

/// Time for one row; rows are never judged by speed, so it is generous.
const DEADLINE: Duration = Duration::from_secs(60);

/// Calls of one row.
const CALLS_MAX: usize = 8;

/// Counts over rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows judged.
    pub rows: usize,
    /// Rows whose calls name the right functions, each as often as it should be.
    pub functions: usize,
    /// Rows whose every call is right, arguments included.
    pub whole: usize,
    /// Gold calls of the right functions, in rows where functions were right.
    pub calls: usize,
    /// Of these, calls with the right arguments.
    pub calls_right: usize,
    /// Rows that ask for no call.
    pub none: usize,
    /// Of these, rows that got none.
    pub none_right: usize,
}

/// Scores of one row's candidates.
pub struct Scores {
    /// Probability of a call, one a function.
    pub calls: Vec<f32>,
    /// Retriever's cosine, one a function.
    pub cosines: Vec<f32>,
}

/// What came out of one row.
pub struct Judged<'a> {
    /// The row.
    pub row: &'a Row,
    /// Calls: name and arguments.
    pub calls: Vec<(String, Json)>,
    /// Whether every call is right.
    pub whole: bool,
    /// Why nothing was decided, where the cascade refused.
    pub refused: Option<String>,
    /// Tokens by how they came about.
    pub counts: TokenCounts,
    /// Distilling and decoding, in microseconds.
    pub took_us: u64,
    /// How sure the models were: of their surest call, or that none is wanted. 0 to 1.
    pub confidence: f32,
}

/// Runs rows through a cascade.
pub struct Judge<'a> {
    tiny: &'a Tiny,
    masks: Masks,
    config: CascadeConfig,
    prepared: HashMap<usize, Arc<Prepared>>,
    control: Control,
    is_given: bool,
}

impl<'a> Judge<'a> {
    /// A judge with nothing prepared.
    pub fn new(tiny: &'a Tiny, config: CascadeConfig) -> Result<Self, TrainingError> {
        let masks = Masks::new(&tiny.tokenizer)
            .map_err(|reason| CascadeError::Mask { subject: "(any)".into(), reason })?;
        let (prepared, control) = (HashMap::new(), Control::default());
        Ok(Self { tiny, masks, config, prepared, control, is_given: false })
    }

    /// The same with another soft token beside each row, and told which functions are called if
    /// `is_given`.
    pub fn controlled(self, control: Control, is_given: bool) -> Self {
        Self { control, is_given, ..self }
    }

    /// Makes a row's functions ready, unless another row has them too.
    fn ready(&mut self, row: &Row) -> Result<(), TrainingError> {
        let missing: Vec<_> = row
            .functions
            .iter()
            .filter(|f| !self.prepared.contains_key(&(Arc::as_ptr(f) as usize)))
            .cloned()
            .collect();
        for prepared in self.tiny.prepare(&missing)? {
            // The prepared function holds its Arc, so its address stays its own.
            self.prepared.insert(Arc::as_ptr(prepared.function()) as usize, prepared);
        }
        Ok(())
    }

    fn request(&mut self, row: &Row) -> Result<DecodeRequest, TrainingError> {
        self.ready(row)?;
        let candidate = |function| Candidate {
            prepared: self.prepared[&(Arc::as_ptr(function) as usize)].clone(),
            score: 0.0,
        };
        let mut intent = self.tiny.distil(&row.query)?;
        self.control.put(&mut intent);
        Ok(DecodeRequest {
            query: row.query.clone(),
            earlier: Vec::new(),
            intent,
            candidates: row.functions.iter().map(candidate).collect(),
            choice: ToolChoice::Auto,
            calls_max: CALLS_MAX,
            deadline: Instant::now() + DEADLINE,
        })
    }

    fn decode(&self, row: &Row, mut request: DecodeRequest) -> Result<Decoded, CascadeError> {
        let decoder = Decoder { tiny: self.tiny, masks: &self.masks, config: &self.config };
        if !self.is_given {
            return decoder.decode(&request);
        }
        let mut called: Vec<usize> = row.calls.iter().map(|(called, _)| *called).collect();
        called.sort_unstable();
        called.dedup();
        let mut whole = Decoded::default();
        for function in called {
            request.choice = ToolChoice::Named(function);
            let decoded = decoder.decode(&request)?;
            whole.calls.extend(decoded.calls);
            whole.scores = decoded.scores;
            whole.counts += decoded.counts;
        }
        Ok(whole)
    }

    /// Scores alone, nothing filled.
    pub fn scores(&mut self, row: &Row) -> Result<Scores, TrainingError> {
        let request = self.request(row)?;
        let cosines = request
            .candidates
            .iter()
            .map(|candidate| cosine(candidate.prepared.vector(), &request.intent.query_vector))
            .collect();
        let nothing = CascadeConfig { call_threshold: Some(2.0), ..self.config.clone() };
        let decoder = Decoder { tiny: self.tiny, masks: &self.masks, config: &nothing };
        let calls = match decoder.decode(&request) {
            Ok(decoded) => decoded.scores,
            Err(CascadeError::QueryTooLong { .. }) => vec![0.0; request.candidates.len()],
            Err(error) => return Err(error.into()),
        };
        Ok(Scores { calls, cosines })
    }

    /// Judges rows; `each` sees what came out of every one. A query that is too long is wrong.
    pub fn tally(
        &mut self,
        rows: &[Row],
        each: &mut dyn FnMut(&Judged<'_>),
    ) -> Result<Tally, TrainingError> {
        let mut tally = Tally::default();
        for row in rows {
            self.ready(row)?;
            let began = Instant::now();
            let request = self.request(row)?;
            let (decoded, refused) = match self.decode(row, request) {
                Ok(decoded) => (decoded, None),
                Err(
                    error @ (CascadeError::QueryTooLong { .. } | CascadeError::Unfilled { .. }),
                ) => (Decoded::default(), Some(error.to_string())),
                Err(error) => return Err(error.into()),
            };
            let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let calls: Vec<(usize, Json)> = decoded
                .calls
                .iter()
                .map(|call| {
                    let parameters = row.functions[call.candidate].parameters.clone();
                    (call.candidate, to_json(&Type::Record(parameters), &call.arguments))
                })
                .collect();
            let whole = count(&mut tally, row, &calls);
            let named = calls.into_iter().map(|(i, json)| (row.functions[i].name.clone(), json));
            each(&Judged {
                row,
                calls: named.collect(),
                whole,
                refused,
                counts: decoded.counts,
                took_us,
                confidence: confidence(&decoded),
            });
        }
        Ok(tally)
    }
}

/// Probability of the surest call, or that there is none.
pub fn confidence(decoded: &Decoded) -> f32 {
    if decoded.calls.is_empty() {
        return 1.0 - decoded.scores.iter().copied().fold(0.0, f32::max);
    }
    decoded.calls.iter().map(|call| call.score).fold(0.0, f32::max)
}

/// Adds one row to a tally; says whether it is right as a whole.
fn count(tally: &mut Tally, row: &Row, calls: &[(usize, Json)]) -> bool {
    tally.rows += 1;
    let mut gold: Vec<usize> = row.calls.iter().map(|(index, _)| *index).collect();
    let mut found: Vec<usize> = calls.iter().map(|(index, _)| *index).collect();
    gold.sort_unstable();
    found.sort_unstable();
    let none = gold.is_empty();
    tally.none += usize::from(none);
    tally.none_right += usize::from(none && found.is_empty());
    if gold != found {
        return false;
    }
    tally.functions += 1;
    let mut open: Vec<&(usize, Json)> = calls.iter().collect();
    let mut right = 0;
    for (index, arguments) in &row.calls {
        let at = open.iter().position(|(function, found)| {
            function == index && same_arguments(&Json::Object(arguments.clone()), found)
        });
        if let Some(at) = at {
            open.swap_remove(at);
            right += 1;
        }
    }
    tally.calls += row.calls.len();
    tally.calls_right += right;
    tally.whole += usize::from(right == row.calls.len());
    right == row.calls.len()
}

/// Whether two argument objects mean the same: numbers by value, strings up to case and the space
/// and marks around words, absent and null alike.
pub fn same_arguments(gold: &Json, found: &Json) -> bool {
    match (gold, found) {
        (Json::Object(gold), Json::Object(found)) => {
            let present = |object: &serde_json::Map<String, Json>, key: &String| {
                object.get(key).filter(|value| !value.is_null()).cloned()
            };
            gold.keys().chain(found.keys()).all(|key| {
                match (present(gold, key), present(found, key)) {
                    (Some(one), Some(other)) => same_arguments(&one, &other),
                    (one, other) => one == other,
                }
            })
        }
        (Json::Array(gold), Json::Array(found)) => {
            gold.len() == found.len() && gold.iter().zip(found).all(|(a, b)| same_arguments(a, b))
        }
        (Json::Number(gold), Json::Number(found)) => gold.as_f64() == found.as_f64(),
        (Json::String(gold), Json::String(found)) => plain(gold) == plain(found),
        (Json::Number(number), Json::String(text)) | (Json::String(text), Json::Number(number)) => {
            text.parse::<f64>().ok() == number.as_f64()
        }
        (gold, found) => gold == found,
    }
}

fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() { lower } else { words.join(" ") }
}
