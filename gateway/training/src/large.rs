//! Training of the large model: InfoNCE between queries and functions, and whether a query asks for
//! a call at all.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use hyfunc_cascade::model::Large;
use hyfunc_cascade::prompt;
use hyfunc_cascade::sequence::Batch;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_functions::Function;

use crate::data::Row;
use crate::error::TrainingError;
use crate::losses;

/// The paper's temperature.
const TEMPERATURE: f64 = 0.07;

/// Weight of the question whether a query asks for a call at all.
const CALL_WEIGHT: f64 = 0.3;

/// Not-called functions of each row that join a batch, as hard negatives.
const HARD_NEGATIVES: usize = 1;

/// Loss of a batch of rows.
pub fn loss(
    large: &Large,
    tokenizer: &Tokenizer,
    rows: &[Row],
    device: &Device,
) -> Result<Tensor, TrainingError> {
    let queries = rows.iter().map(|row| prompt::large_query(&tokenizer.encode(&row.query)));
    let distilled = large.distil(&Batch::new(queries.collect()), device)?;
    let called: Vec<f32> = rows.iter().map(|row| f32::from(!row.calls.is_empty())).collect();
    let call = losses::binary(&distilled.call_logits, &called)?;

    let (functions, positives) = functions(rows);
    if functions.is_empty() || positives.iter().all(Vec::is_empty) {
        return Ok((call * CALL_WEIGHT)?);
    }
    let texts = functions.iter().map(|f| prompt::function(tokenizer, f)).collect();
    let vectors = large.embed(&Batch::new(texts), device)?;
    let similarities = distilled.vectors.matmul(&vectors.t()?)?;
    let contrast = losses::contrast(&similarities, &positives, TEMPERATURE)?;
    Ok((contrast + (call * CALL_WEIGHT)?)?)
}

/// The functions of a batch, each once, and which of them every row calls.
fn functions(rows: &[Row]) -> (Vec<Arc<Function>>, Vec<Vec<usize>>) {
    let mut functions: Vec<Arc<Function>> = Vec::new();
    let mut place = |function: &Arc<Function>| -> usize {
        functions.iter().position(|f| f.name == function.name).unwrap_or_else(|| {
            functions.push(function.clone());
            functions.len() - 1
        })
    };
    let mut positives = Vec::with_capacity(rows.len());
    for row in rows {
        let mut called: Vec<usize> =
            row.calls.iter().map(|(index, _)| place(&row.functions[*index])).collect();
        called.sort_unstable();
        called.dedup();
        positives.push(called);
        let others = row.functions.iter().enumerate();
        let others =
            others.filter(|(index, _)| !row.calls.iter().any(|(called, _)| called == index));
        for (_, other) in others.take(HARD_NEGATIVES) {
            place(other);
        }
    }
    (functions, positives)
}
