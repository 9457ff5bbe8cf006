//! Scoring one row of the ablation: all rows by the same rules.

use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;
use hyfunc_cascade::config::CascadeConfig;
use hyfunc_cascade::tiny::Tiny;
use hyfunc_cascade::{CascadeError, TokenCounts};
use hyfunc_functions::json::arguments_to_json;
use hyfunc_functions::{Function, Value};
use serde_json::Value as Json;

use super::free::{self, Form};
use super::report::{DECIDING, FIXED, FUNCTIONS, GIVEN, READABLE, RowScore, Wrong};
use super::variant::{Training, Variant};
use super::write::{Asked, Writer};
use crate::data::Row;
use crate::error::TrainingError;
use crate::eval::Judge;
use crate::report::{FailureKind, NamedCall, classify, same_functions, written};
use crate::run;
use crate::small::Teacher;
use crate::soft::Control;

/// What came of one row of data.
pub struct Came {
    /// Calls, by name; `None` where what came cannot be read as calls.
    pub calls: Option<Vec<(String, Json)>>,
    /// The same for people, where it is no list of calls.
    pub text: String,
    /// Names of the functions that were offered.
    pub offered: Vec<String>,
    /// Tokens by how they came about.
    pub counts: TokenCounts,
    /// Microseconds.
    pub took_us: u64,
}

/// Adds one row of data to a row of the table.
pub fn add(score: &mut RowScore, row: &Row, came: &Came) {
    let wanted = row.wanted();
    let wanted: Vec<NamedCall<'_>> = wanted.iter().map(|(name, json)| (*name, json)).collect();
    let found: Vec<NamedCall<'_>> =
        came.calls.iter().flatten().map(|(name, json)| (name.as_str(), json)).collect();
    let is_offered = |name: &str| came.offered.iter().any(|offered| offered == name);
    let wrong = match &came.calls {
        None => Some(FailureKind::Refused),
        Some(_) => classify(&wanted, &found, is_offered),
    };
    let is_right = came.calls.is_some() && same_functions(&wanted, &found);
    score.rights.push(wrong.is_none());
    let group = &mut score.group;
    group.add(wrong);
    group.share(FUNCTIONS, usize::from(is_right), 1);
    group.latency.add(came.took_us);
    group.tokens.add(&came.counts);
    if wrong.is_some() {
        let got = if came.calls.is_some() { written(&found) } else { came.text.clone() };
        score.keep(Wrong { query: row.query.clone(), wanted: written(&wanted), got });
    }
}

/// Scores a trained row.
pub(super) fn score(
    tiny: &Tiny,
    rows: &[Row],
    variant: Variant,
) -> Result<RowScore, TrainingError> {
    let mut score = RowScore {
        name: variant.name().into(),
        title: variant.title().into(),
        meaning: variant.meaning().into(),
        beside: variant.beside().map(Variant::name),
        ..RowScore::default()
    };
    match variant.training() {
        Training::Free(form) => replies(tiny, rows, (form, variant), &mut score)?,
        Training::Heads { is_chained } => decoded(tiny, rows, is_chained, &mut score)?,
    }
    Ok(score)
}

/// Rows of a small model that writes its replies.
fn replies(
    tiny: &Tiny,
    rows: &[Row],
    (form, variant): (Form, Variant),
    score: &mut RowScore,
) -> Result<(), TrainingError> {
    let query_tokens_max = CascadeConfig::default().query_tokens_max;
    let mut teacher = Teacher::new(&tiny.large, &tiny.tokenizer, &Device::Cpu);
    let mut writer = Writer::new(&tiny.small, &tiny.tokenizer)?;
    let bar = run::bar(variant.name(), rows.len(), 0);
    for row in rows {
        bar.inc(1);
        let tokens = tiny.tokenizer.encode(&row.query);
        if tokens.len() > query_tokens_max {
            add(score, row, &too_long(row, tokens.len(), query_tokens_max));
            continue;
        }
        let began = Instant::now();
        let mut intent = tiny.distil(&row.query)?;
        if !form.has_soft {
            intent.soft_token.fill(0.0);
        }
        let of = free::offered(&mut teacher, row, &intent.query_vector, form.is_retrieved)?;
        let functions: Vec<Arc<Function>> =
            of.iter().map(|&index| row.functions[index].clone()).collect();
        let (query, soft) = (row.query.as_str(), intent.soft_token.as_slice());
        let asked = Asked { query, functions: &functions, soft };
        let reply = writer.reply(&asked, variant.is_templated())?;
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let calls = reply.calls.map(|calls| {
            let call = |(at, value): (usize, Value)| {
                let function: &Arc<Function> = &functions[at];
                (function.name.clone(), arguments_to_json(&function.parameters, &value))
            };
            calls.into_iter().map(call).collect::<Vec<_>>()
        });
        let came = Came {
            calls,
            text: reply.text,
            offered: functions.iter().map(|function| function.name.clone()).collect(),
            counts: reply.counts,
            took_us,
        };
        add(score, row, &came);
        score.group.share(READABLE, usize::from(came.calls.is_some()), 1);
        let named = free::named(&tiny.small, &mut teacher, row, form)?;
        score.group.share(DECIDING, named.learnt.0, named.learnt.1);
        score.group.share(FIXED, named.fixed.0, named.fixed.1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// What comes of a query that no gateway would read.
fn too_long(row: &Row, tokens: usize, tokens_max: usize) -> Came {
    Came {
        calls: None,
        text: CascadeError::QueryTooLong { tokens, tokens_max }.to_string(),
        offered: row.functions.iter().map(|function| function.name.clone()).collect(),
        counts: TokenCounts::default(),
        took_us: 0,
    }
}

/// Rows of a small model with heads: once as they come, once with the functions given.
fn decoded(
    tiny: &Tiny,
    rows: &[Row],
    is_chained: bool,
    score: &mut RowScore,
) -> Result<(), TrainingError> {
    let config = CascadeConfig { chained_slots: is_chained, ..CascadeConfig::default() };
    let bar = run::bar(&score.name, rows.len(), 0);
    Judge::new(tiny, config.clone())?.tally(rows, &mut |judged| {
        let offered = judged.row.functions.iter().map(|function| function.name.clone()).collect();
        let came = Came {
            calls: judged.refused.is_none().then(|| judged.calls.clone()),
            text: judged.refused.clone().unwrap_or_default(),
            offered,
            counts: judged.counts,
            took_us: judged.took_us,
        };
        add(score, judged.row, &came);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let calling: Vec<Row> = rows.iter().filter(|row| !row.calls.is_empty()).cloned().collect();
    let mut given = Judge::new(tiny, config)?.controlled(Control::default(), true);
    let tally = given.tally(&calling, &mut |_| ())?;
    score.group.share(GIVEN, tally.whole, tally.rows);
    Ok(())
}
