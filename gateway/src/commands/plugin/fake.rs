//! Models that decide what a test says.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{
    CascadeError, DecodeRequest, Decoded, DecodedCall, Intent, ModelInfo, Prepared,
};
use hyfunc_functions::{Function, json};
use serde_json::Value as Json;

use crate::models::Models;

/// Width of the vectors.
const DIMS: usize = 64;

/// Calls by the query that they answer.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) calls: Vec<(&'static str, &'static str, Json)>,
}

impl Fake {
    /// An utterance that these models refuse.
    pub(super) const UNREADABLE: &'static str = "too long to be read";
}

/// Words, hashed into a vector of length 1.
fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.01; DIMS];
    let text = text.to_lowercase();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = word.bytes().fold(7usize, |hash, byte| hash.wrapping_mul(31) + byte as usize);
        vector[hash % DIMS] += 1.0;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

impl Models for Fake {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        let prepared = functions.into_iter().map(|function| {
            let vector = embed(&format!("{} {}", function.name, function.description));
            Arc::new(Prepared::without_block(function, vector))
        });
        let prepared = prepared.collect();
        Box::pin(async move { Ok(prepared) })
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(async move {
            if query == Self::UNREADABLE {
                return Err(CascadeError::QueryTooLong { tokens: 999, tokens_max: 384 });
            }
            Ok(Intent { soft_token: Vec::new(), query_vector: embed(query), p_call: 0.9 })
        })
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(async move {
            let mut decoded =
                Decoded { scores: vec![0.5; request.candidates.len()], ..Decoded::default() };
            let asked = self.calls.iter().filter(|(query, ..)| *query == request.query);
            for (_, name, arguments) in asked {
                let functions = request.candidates.iter().map(|found| found.prepared.function());
                let found = functions.enumerate().find(|(_, function)| function.name == *name);
                let Some((candidate, function)) = found else { continue };
                let arguments = json::arguments_from_json(&function.parameters, arguments)
                    .expect("the script fits the function");
                decoded.calls.push(DecodedCall {
                    candidate,
                    arguments,
                    score: 0.9,
                    pieces: Vec::new(),
                });
            }
            Ok(decoded)
        })
    }

    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: "fake".into(),
            parameters_large: 1,
            parameters_small: 1,
            digest: String::new(),
            retrieval_threshold: -1.0,
        }
    }
}
