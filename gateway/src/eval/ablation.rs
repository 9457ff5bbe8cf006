//! `hyfunc eval ablation` of the stock preset: the rows that need no training.
//!
//! The others are named with what they would need. Those of the tiny preset are trained:
//! [`hyfunc_training::ablation`].

mod parse;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::{CascadeError, DecodedCall, TokenCounts, ToolChoice, prompt};
use hyfunc_functions::Function;
use hyfunc_functions::json::arguments_to_json;
use hyfunc_retrieval::{Entry, Index, IndexConfig};
use hyfunc_stock::{Embed, StockError, StockRequest};
use hyfunc_training::ablation::{
    AblationReport, Came, READABLE, RETRIEVED_MAX, RowScore, Variant, add,
};
use hyfunc_training::data::{self, Row};
use hyfunc_training::{run, sample};
use serde_json::Value as Json;

use super::EvalError;
use crate::clock;
use crate::config::ModelsConfig;
use crate::stock::{self, Parts};

/// Tokens of a reply without templates.
const REPLY_TOKENS_MAX: usize = 512;

/// Calls of one row.
const CALLS_MAX: usize = 8;

/// Time for one row; rows are never judged by speed, so it is generous.
const DEADLINE: Duration = Duration::from_secs(600);

/// Vectors where words alone find functions: whatever the query, no function is nearer than another.
const FUNCTION_VECTOR: [f32; 2] = [1.0, 0.0];
const QUERY_VECTOR: [f32; 2] = [0.0, 1.0];

/// What is scored.
#[derive(Clone, Debug)]
pub struct StockAblation {
    /// Rows with functions and right calls.
    pub on: PathBuf,
    /// So many of them at most, taken at equal distances.
    pub limit: usize,
    /// Rows of the table.
    pub variants: Vec<Variant>,
}

/// One row as it is decoded.
#[derive(Clone, Copy)]
struct Form {
    is_retrieved: bool,
    is_templated: bool,
}

/// Scores what a checkpoint does untrained.
///
/// # Errors
/// A checkpoint or rows that cannot be used, or a model that fails. A row that is too long is wrong.
pub fn stock(models: &ModelsConfig, options: &StockAblation) -> Result<AblationReport, EvalError> {
    let import = data::import(&options.on)?;
    let parts = stock::parts(models)?;
    let rows: Vec<&Row> =
        sample::spread(import.rows.len(), options.limit).map(|index| &import.rows[index]).collect();
    let mut report = AblationReport {
        model: format!("stock preset, {}", parts.id),
        data: format!("{} rows of {}", rows.len(), options.on.display()),
        refused: import.refused.clone().into(),
        ..AblationReport::default()
    };
    for variant in Variant::ALL.into_iter().filter(|of| options.variants.contains(of)) {
        match form(variant) {
            Err(reason) => report.absent.push((variant.title().to_owned(), reason.to_owned())),
            Ok((form, title, meaning)) => {
                let mut score = RowScore {
                    name: variant.name().to_owned(),
                    title: title.to_owned(),
                    meaning: meaning.to_owned(),
                    beside: beside(variant).map(Variant::name),
                    ..RowScore::default()
                };
                let bar = run::bar(variant.name(), rows.len(), 0);
                for row in &rows {
                    let came = reply(&parts, row, form)?;
                    score.group.share(READABLE, usize::from(came.calls.is_some()), 1);
                    add(&mut score, row, &came);
                    bar.inc(1);
                }
                bar.finish_and_clear();
                report.rows.push(score);
            }
        }
    }
    Ok(report)
}

/// The row that lacks one part of a row, of those that need no training.
fn beside(variant: Variant) -> Option<Variant> {
    match variant {
        Variant::Templates => Some(Variant::Retriever),
        other => other.beside(),
    }
}

/// How a row is decoded, its title and what it is; or what it would need.
fn form(variant: Variant) -> Result<(Form, &'static str, &'static str), &'static str> {
    let row = |is_retrieved, is_templated, title, meaning| {
        Ok((Form { is_retrieved, is_templated }, title, meaning))
    };
    match variant {
        Variant::Base => row(
            false,
            false,
            "base",
            "the reply is generated freely after the checkpoint's own chat template, with all \
             functions of the row, and read as its spelling has calls",
        ),
        Variant::Retriever => row(
            true,
            false,
            "+ retriever",
            "the same with the three functions that the index finds first",
        ),
        Variant::Templates => row(
            true,
            true,
            "retriever and templates",
            "the three functions that the index finds first, decoded along the templates; without \
             soft token and selective loss, which the paper's row has",
        ),
        Variant::TemplatesAlone => row(
            false,
            true,
            "templates alone",
            "control: all functions of the row, decoded along the templates",
        ),
        Variant::Soft => {
            Err("it needs training: a checkpoint reads no soft token before a projector is learnt \
             between a large model and it")
        }
        Variant::Selective => Err("it needs training: it is a loss"),
        Variant::NoSoft => Err("it needs training: it is a fine-tuned model"),
        Variant::Parallel => Err(
            "it needs training: a checkpoint that never saw parameters as branches beside each \
             other cannot read them so",
        ),
        Variant::Sequential => Err(
            "the rows along templates are this: one parameter after another over a single prefix",
        ),
    }
}

/// What a checkpoint makes of one row.
fn reply(parts: &Parts, row: &Row, form: Form) -> Result<Came, EvalError> {
    let began = Instant::now();
    let offered = match form.is_retrieved {
        true => retrieved(parts.encoder.as_deref(), row)?,
        false => (0..row.functions.len()).collect(),
    };
    let functions: Vec<Arc<Function>> =
        offered.into_iter().map(|index| row.functions[index].clone()).collect();
    let request = StockRequest {
        query: row.query.clone(),
        earlier: Vec::new(),
        functions: functions.clone(),
        choice: ToolChoice::Auto,
        calls_max: CALLS_MAX,
        deadline: began + DEADLINE,
    };
    let made = match form.is_templated {
        true => parts.decoder.decode(&request, &|| false).map(|reply| {
            let call = |call: &DecodedCall| {
                let function = &functions[call.candidate];
                (function.name.clone(), arguments_to_json(&function.parameters, &call.arguments))
            };
            let calls: Vec<(String, Json)> = reply.decoded.calls.iter().map(call).collect();
            (Some(calls), String::new(), reply.decoded.counts)
        }),
        false => parts.decoder.reply_freely(&request, &parts.ends, REPLY_TOKENS_MAX).map(|said| {
            let calls = parse::calls(&said.text, parts.spelling);
            (calls, said.text, said.counts)
        }),
    };
    let (calls, text, counts): (Option<Vec<(String, Json)>>, String, TokenCounts) = match made {
        Ok(made) => made,
        Err(
            error @ (StockError::QueryTooLong { .. }
            | StockError::ContextOverflow { .. }
            | StockError::Unfilled { .. }
            | StockError::Deadline { .. }),
        ) => (None, error.to_string(), TokenCounts::default()),
        Err(error) => return Err(failed(error)),
    };
    let offered = functions.iter().map(|function| function.name.clone()).collect();
    let took_us = clock::micros(began.elapsed());
    Ok(Came { calls, text, offered, counts, took_us })
}

/// Functions of a row that an index over them finds first, in their order.
fn retrieved(encoder: Option<&dyn Embed>, row: &Row) -> Result<Vec<usize>, EvalError> {
    if row.functions.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<String> =
        row.functions.iter().map(|function| prompt::function_text(function)).collect();
    let embed = |texts: &[&str]| match encoder {
        Some(encoder) => {
            encoder.embed(texts).map_err(|reason| failed(StockError::Encoder { reason }))
        }
        None => Ok(vec![FUNCTION_VECTOR.to_vec(); texts.len()]),
    };
    let vectors = embed(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let query = match encoder {
        Some(_) => embed(&[row.query.as_str()])?.pop().unwrap_or_default(),
        None => QUERY_VECTOR.to_vec(),
    };
    let entries = vectors.into_iter().zip(texts).zip(0..);
    let entries = entries.map(|((vector, text), id)| Entry { id, vector, text }).collect();
    let index = Index::build(entries, IndexConfig::default())?;
    let mut found: Vec<usize> = index
        .search(&query, &row.query, RETRIEVED_MAX)?
        .into_iter()
        .map(|hit| hit.id as usize)
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn failed(error: StockError) -> EvalError {
    EvalError::Models(Box::new(CascadeError::from(error)))
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::schema::function_from_schema;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_row_is_decoded_or_says_what_it_would_need() {
        for variant in Variant::ALL {
            match form(variant) {
                Ok((form, title, _)) => {
                    assert_eq!(form.is_templated, title.contains("templates"), "{variant}");
                    assert_eq!(form.is_retrieved, title.contains("retriever"), "{variant}");
                }
                Err(reason) if variant == Variant::Sequential => {
                    assert!(reason.contains("templates"), "{reason}");
                }
                Err(reason) => assert!(reason.contains("needs training"), "{reason}"),
            }
        }
    }

    #[test]
    fn words_find_the_functions_where_there_is_no_encoder() {
        let schema = json!({"type": "object", "properties": {}});
        let names = ["todo_add", "current_weather", "is_prime", "play_music", "send_mail"];
        let functions =
            names.map(|name| Arc::new(function_from_schema(name, "", &schema).unwrap())).to_vec();
        let query = "what is the current weather".to_owned();
        let mut row =
            Row { id: String::new(), query, functions, calls: Vec::new(), is_unmet: false };
        let found = retrieved(None, &row).unwrap();
        assert!(found.len() <= RETRIEVED_MAX && found.contains(&1), "{found:?}");
        assert!(found.is_sorted());
        row.functions.clear();
        assert!(retrieved(None, &row).unwrap().is_empty());
    }
}
