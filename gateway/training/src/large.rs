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

/// Not-called functions of each row that join a batch as hard negatives, unless said otherwise.
pub const HARD_NEGATIVES: usize = 1;

/// Loss of a batch of rows, each with so many hard negatives.
pub fn loss(
    large: &Large,
    tokenizer: &Tokenizer,
    rows: &[Row],
    hard_negatives: usize,
    device: &Device,
) -> Result<Tensor, TrainingError> {
    let queries = rows.iter().map(|row| prompt::large_query(&tokenizer.encode(&row.query)));
    let distilled = large.distil(&Batch::new(queries.collect()), device)?;
    let call = call_loss(&distilled.call_logits, rows)?;

    let (functions, positives) = functions(rows, hard_negatives);
    if functions.is_empty() || positives.iter().all(Vec::is_empty) {
        return Ok((call * CALL_WEIGHT)?);
    }
    let texts = functions.iter().map(|f| prompt::function(tokenizer, f)).collect();
    let vectors = large.embed(&Batch::new(texts), device)?;
    let similarities = distilled.vectors.matmul(&vectors.t()?)?;
    let contrast = losses::contrast(&similarities, &positives, TEMPERATURE)?;
    Ok((contrast + (call * CALL_WEIGHT)?)?)
}

/// Loss of whether queries ask for a call at all.
///
/// The answer comes from the query alone, and what is on offer is not known to it. A row whose function
/// is not on offer would teach that its wish is none, where the same words mean a call in another row;
/// so such rows have no part in this loss. They have none in the contrast either, as nothing is called:
/// it is the small model that learns from them, which sees the functions.
fn call_loss(logits: &Tensor, rows: &[Row]) -> Result<Tensor, TrainingError> {
    let asked = rows.iter().zip(0_u32..).filter(|(row, _)| !row.is_unmet);
    let (called, at): (Vec<f32>, Vec<u32>) =
        asked.map(|(row, at)| (f32::from(!row.calls.is_empty()), at)).unzip();
    if at.is_empty() {
        return Ok((logits.sum_all()? * 0.0)?);
    }
    let at = Tensor::from_slice(&at, at.len(), logits.device())?;
    Ok(losses::binary(&logits.contiguous()?.index_select(&at, 0)?, &called)?)
}

/// The functions of a batch, each once, and which of them every row calls.
fn functions(rows: &[Row], hard_negatives: usize) -> (Vec<Arc<Function>>, Vec<Vec<usize>>) {
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
        for other in hard(row, hard_negatives) {
            place(&row.functions[other]);
        }
    }
    (functions, positives)
}

/// So many not-called functions of a row: the first, and then those whose parameters are most like
/// a called one's, since a request alone hardly tells them apart.
fn hard(row: &Row, count: usize) -> Vec<usize> {
    let is_called = |index: usize| row.calls.iter().any(|(called, _)| *called == index);
    let mut others: Vec<usize> = (0..row.functions.len()).filter(|at| !is_called(*at)).collect();
    if count > 1 && others.len() > count {
        let clash = |other: usize| {
            let shared =
                |(called, _): &(usize, _)| clashing(&row.functions[other], &row.functions[*called]);
            row.calls.iter().map(shared).max().unwrap_or(0)
        };
        others[1..].sort_by_cached_key(|&other| std::cmp::Reverse(clash(other)));
    }
    others.truncate(count);
    others
}

/// Parameters that two functions have in common, by name.
fn clashing(one: &Function, other: &Function) -> usize {
    let (one, other) = (&one.parameters.fields, &other.parameters.fields);
    one.iter().filter(|field| other.iter().any(|with| with.name == field.name)).count()
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::schema::function_from_schema;
    use serde_json::{Map, Value as Json, json};

    use super::*;

    #[test]
    fn hard_negatives_are_the_first_and_then_those_that_look_alike() {
        let function = |at: usize, names: &[&str]| {
            let properties: Map<String, Json> =
                names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
            let schema = json!({"type": "object", "properties": properties});
            Arc::new(function_from_schema(&format!("f{at}"), "", &schema).unwrap())
        };
        let parameters: [&[&str]; 5] = [&["x"], &["a", "b"], &[], &["a"], &["b", "a", "c"]];
        let functions = parameters.iter().enumerate().map(|(at, names)| function(at, names));
        let mut row = Row {
            id: String::new(),
            query: "q".into(),
            functions: functions.collect(),
            calls: vec![(1, Map::new())],
            is_unmet: false,
        };
        for (count, expected) in
            [(0, vec![]), (1, vec![0]), (2, vec![0, 4]), (3, vec![0, 4, 3]), (9, vec![0, 2, 3, 4])]
        {
            assert_eq!(hard(&row, count), expected, "{count}");
        }
        row.calls.clear();
        assert_eq!(hard(&row, 2), [0, 1], "nothing is called: as they come");
    }

    #[test]
    fn wishes_that_nothing_on_offer_fits_do_not_teach_that_they_are_none() {
        let row = |is_called: bool, is_unmet: bool| Row {
            id: String::new(),
            query: "q".into(),
            functions: Vec::new(),
            calls: vec![(0, Map::new()); usize::from(is_called)],
            is_unmet,
        };
        let loss = |logits: &[f32], rows: &[Row]| {
            let logits = Tensor::new(logits, &Device::Cpu).unwrap();
            call_loss(&logits, rows).unwrap().to_scalar::<f32>().unwrap()
        };
        let (wish, none, unmet) = (row(true, false), row(false, false), row(false, true));
        let plain = loss(&[2.0, -1.0], &[wish.clone(), none.clone()]);
        assert!(plain > 0.0);
        let beside = loss(&[2.0, 9.0, -1.0], &[wish, unmet.clone(), none]);
        assert!((plain - beside).abs() < 1e-6, "{plain} {beside}");
        assert_eq!(loss(&[9.0], &[unmet]), 0.0);
    }
}
