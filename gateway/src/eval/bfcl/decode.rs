//! One row after the other through the models.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{
    Candidate, CascadeError, DecodeRequest, Decoded, DecodedCall, Prepared, TokenCounts, ToolChoice,
};
use hyfunc_functions::Function;
use hyfunc_functions::json::arguments_to_json;
use hyfunc_training::bfcl::predictions::Prediction;
use hyfunc_training::bfcl::{Call, Row};
use hyfunc_training::eval::confidence;

use crate::clock;
use crate::eval::EvalError;
use crate::models::Models;

/// Time for one row; rows are never judged by speed, so it is generous.
const DEADLINE: Duration = Duration::from_secs(60);

/// Functions that are kept ready: rows beside each other share theirs, and each holds most of a
/// megabyte.
pub const PREPARED_MAX: usize = 256;

/// What came of one row.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its calls, or why there are none.
    pub prediction: Prediction,
    /// Why nothing was decided, where the models refused.
    pub refused: Option<String>,
    /// How sure the models were, 0 to 1.
    pub confidence: f32,
    /// Distilling and decoding, in microseconds; `None` where a file brings the calls.
    pub took_us: Option<u64>,
    /// Tokens by how they came about.
    pub counts: Option<TokenCounts>,
}

impl Answered {
    /// A prediction that somebody else made.
    pub(super) fn of_file(prediction: Prediction) -> Self {
        Self { prediction, refused: None, confidence: 0.0, took_us: None, counts: None }
    }
}

/// Answers rows; functions that the last rows had are ready already.
pub(super) struct Decoder<'a> {
    models: &'a dyn Models,
    calls_max: usize,
    /// By the address of the function, which its row keeps.
    prepared: HashMap<usize, Arc<Prepared>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(models: &'a dyn Models, calls_max: usize) -> Self {
        Self { models, calls_max, prepared: HashMap::new() }
    }

    /// Answers one row. What the models refuse has no call.
    pub(super) async fn answer(&mut self, row: &Row) -> Result<Answered, EvalError> {
        let prepared = self.prepare(&row.functions).await?;
        let began = Instant::now();
        let (decoded, refused) = match self.decode(row, prepared).await {
            Ok(decoded) => (decoded, None),
            Err(error @ (CascadeError::Stopped | CascadeError::Weights(_))) => {
                return Err(EvalError::Models(Box::new(error)));
            }
            Err(error) => (Decoded::default(), Some(error.to_string())),
        };
        let took_us = clock::micros(began.elapsed());
        let call = |call: &DecodedCall| {
            let function = row.functions.get(call.candidate)?;
            let arguments = arguments_to_json(&function.parameters, &call.arguments);
            Some(Call { name: function.name.clone(), arguments })
        };
        Ok(Answered {
            prediction: Ok(decoded.calls.iter().filter_map(call).collect()),
            confidence: confidence(&decoded),
            took_us: Some(took_us),
            counts: Some(decoded.counts),
            refused,
        })
    }

    async fn decode(
        &self,
        row: &Row,
        prepared: Vec<Arc<Prepared>>,
    ) -> Result<Decoded, CascadeError> {
        let deadline = Instant::now() + DEADLINE;
        let intent = self.models.distil(&row.query, deadline).await?;
        if prepared.is_empty() {
            return Ok(Decoded::default());
        }
        let candidate = |prepared| Candidate { prepared, score: 0.0 };
        self.models
            .decode(DecodeRequest {
                query: row.query.clone(),
                earlier: Vec::new(),
                intent,
                candidates: prepared.into_iter().map(candidate).collect(),
                choice: ToolChoice::Auto,
                calls_max: self.calls_max,
                deadline,
            })
            .await
    }

    async fn prepare(
        &mut self,
        functions: &[Arc<Function>],
    ) -> Result<Vec<Arc<Prepared>>, EvalError> {
        let key = |function: &Arc<Function>| Arc::as_ptr(function) as usize;
        if self.prepared.len() + functions.len() > PREPARED_MAX {
            self.prepared.clear();
        }
        let missing: Vec<Arc<Function>> = functions
            .iter()
            .filter(|function| !self.prepared.contains_key(&key(function)))
            .cloned()
            .collect();
        if !missing.is_empty() {
            let keys: Vec<usize> = missing.iter().map(key).collect();
            let prepared = self.models.prepare(missing).await;
            let prepared = prepared.map_err(|error| EvalError::Models(Box::new(error)))?;
            self.prepared.extend(keys.into_iter().zip(prepared));
        }
        let ready = functions.iter().filter_map(|function| self.prepared.get(&key(function)));
        Ok(ready.cloned().collect())
    }
}
