//! The small model without templates: it reads the query beside all functions on offer, and learns to
//! write the whole reply, token after token, over its vocabulary.
//!
//! Trunk, blocks and soft token are those of serving; what is missing are the heads. A reply stands
//! where the branches of a call do.

use std::sync::Arc;

use candle_core::{D, Tensor};
use hyfunc_cascade::decide::written;
use hyfunc_cascade::model::Small;
use hyfunc_cascade::model::ops;
use hyfunc_cascade::model::small::{BranchRow, Placed};
use hyfunc_cascade::prompt;
use hyfunc_cascade::sequence::Batch;
use hyfunc_cascade::text::{Special, Token};
use hyfunc_cascade::tiny::cosine;
use hyfunc_functions::{Function, Template};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::text::{self, Class, Written};
use crate::data::Row;
use crate::error::TrainingError;
use crate::losses;
use crate::small::{QUERY_TOKENS_MAX, Teacher};

/// Functions of a row that training offers where none is retrieved, called ones included. Scoring
/// offers all: blocks do not know of each other, so that their number is no matter of training.
const OFFERED_MAX: usize = 8;

/// Functions that the retriever offers.
pub const RETRIEVED_MAX: usize = 3;

/// Tokens of the longest reply.
pub(crate) const REPLY_TOKENS_MAX: usize = 112;

/// What a small model without heads is given and learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Only the functions that the retriever likes best.
    pub(crate) is_retrieved: bool,
    /// The soft token; else zeros.
    pub(crate) has_soft: bool,
    /// Loss on values, what ends them, and decisions alone.
    pub(crate) is_selective: bool,
}

/// States of replies, and the tokens that they should name.
pub(crate) struct Laid {
    /// `[tokens, d]`.
    pub(super) states: Tensor,
    /// Rows of `states`.
    at: Vec<u32>,
    pub(super) gold: Vec<u32>,
    classes: Vec<Class>,
}

/// One row as it is read.
struct Reading {
    row: usize,
    functions: Vec<Arc<Function>>,
    query: Vec<Token>,
    reply: Written,
}

/// Loss of a batch of rows; `None` when none of them could be read.
pub(crate) fn loss(
    small: &Small,
    teacher: &mut Teacher<'_>,
    rows: &[Row],
    form: Form,
    rng: &mut ChaCha8Rng,
) -> Result<Option<Tensor>, TrainingError> {
    let Some(laid) = lay(small, teacher, rows, form, Some(rng))? else { return Ok(None) };
    let is_learnt = |class: &Class| !form.is_selective || class.is_learnt();
    let learnt = (0..laid.at.len()).filter(|index| is_learnt(&laid.classes[*index]));
    let (at, gold): (Vec<u32>, Vec<u32>) =
        learnt.map(|index| (laid.at[index], laid.gold[index])).unzip();
    if at.is_empty() {
        return Ok(None);
    }
    let logits = small.vocabulary(&ops::rows(&laid.states, &at)?)?;
    Ok(Some(losses::classes(&logits, &gold)?))
}

/// Tokens of right replies that the model names, given all before them: of those that the selective
/// loss learns, and of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Named, and how many there are.
    pub(crate) learnt: (usize, usize),
    /// The same of fixed text.
    pub(crate) fixed: (usize, usize),
}

/// Counts the tokens of a row that are named; nothing of a row that cannot be read or whose calls
/// are not among what is offered.
pub(crate) fn named(
    small: &Small,
    teacher: &mut Teacher<'_>,
    row: &Row,
    form: Form,
) -> Result<Named, TrainingError> {
    let mut named = Named::default();
    let Some(laid) = lay(small, teacher, std::slice::from_ref(row), form, None)? else {
        return Ok(named);
    };
    let logits = small.vocabulary(&ops::rows(&laid.states, &laid.at)?)?;
    let best = logits.argmax(D::Minus1)?.to_vec1::<u32>()?;
    for ((best, gold), class) in best.iter().zip(&laid.gold).zip(&laid.classes) {
        let count = if class.is_learnt() { &mut named.learnt } else { &mut named.fixed };
        count.0 += usize::from(best == gold);
        count.1 += 1;
    }
    Ok(named)
}

/// Functions of a row that are offered, by index: what the retriever likes best of all that the row
/// has, or all.
pub(crate) fn offered(
    teacher: &mut Teacher<'_>,
    row: &Row,
    vector: &[f32],
    is_retrieved: bool,
) -> Result<Vec<usize>, TrainingError> {
    let mut offered: Vec<usize> = (0..row.functions.len()).collect();
    if is_retrieved {
        let mut cosines = Vec::with_capacity(offered.len());
        for function in &row.functions {
            cosines.push(cosine(&teacher.vector(function)?, vector));
        }
        offered.sort_by(|&one, &other| cosines[other].total_cmp(&cosines[one]));
        offered.truncate(RETRIEVED_MAX);
        offered.sort_unstable();
    }
    Ok(offered)
}

/// What training offers: the called functions always, so that their calls can be learnt.
pub(super) fn trained_on(
    row: &Row,
    offered: Vec<usize>,
    is_retrieved: bool,
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut called: Vec<usize> = row.calls.iter().map(|(called, _)| *called).collect();
    called.sort_unstable();
    called.dedup();
    let mut others: Vec<usize> =
        offered.into_iter().filter(|index| !called.contains(index)).collect();
    others.shuffle(rng);
    let room = if is_retrieved { RETRIEVED_MAX } else { OFFERED_MAX };
    others.truncate(room.saturating_sub(called.len()));
    called.extend(others);
    called.sort_unstable();
    called
}

/// Reads rows as the form has it; `rng` is there in training alone.
pub(super) fn lay(
    small: &Small,
    teacher: &mut Teacher<'_>,
    rows: &[Row],
    form: Form,
    mut rng: Option<&mut ChaCha8Rng>,
) -> Result<Option<Laid>, TrainingError> {
    let seen = teacher.distil(rows)?;
    let mut readings = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let query = teacher.tokenizer.encode(&row.query);
        if query.is_empty() || query.len() > QUERY_TOKENS_MAX || row.functions.is_empty() {
            continue;
        }
        let mut of = offered(teacher, row, &seen.vectors[index], form.is_retrieved)?;
        if let Some(rng) = rng.as_deref_mut() {
            of = trained_on(row, of, form.is_retrieved, rng);
        }
        let functions: Vec<Arc<Function>> =
            of.iter().map(|&index| row.functions[index].clone()).collect();
        let templates: Vec<Arc<Template>> =
            functions.iter().map(|function| teacher.template(function).0.clone()).collect();
        let calls: Vec<_> = row
            .calls
            .iter()
            .map(|(called, arguments)| (row.functions[*called].name.clone(), arguments.clone()))
            .collect();
        let Some(mut reply) = text::write(teacher.tokenizer, &templates, &calls) else { continue };
        reply.ids.truncate(REPLY_TOKENS_MAX);
        reply.classes.truncate(REPLY_TOKENS_MAX);
        readings.push(Reading { row: index, functions, query, reply });
    }
    if readings.is_empty() {
        return Ok(None);
    }
    let soft_rows: Vec<u32> = readings.iter().map(|reading| reading.row as u32).collect();
    let soft = ops::rows(&seen.soft, &soft_rows)?;
    let soft = if form.has_soft { soft } else { soft.zeros_like()? };
    Ok(Some(read(small, teacher, &readings, &soft)?))
}

/// One forward of blocks, one of queries, one of replies.
fn read(
    small: &Small,
    teacher: &Teacher<'_>,
    readings: &[Reading],
    soft: &Tensor,
) -> Result<Laid, TrainingError> {
    let mut functions: Vec<&Arc<Function>> = Vec::new();
    let mut of: Vec<Vec<usize>> = Vec::with_capacity(readings.len());
    for reading in readings {
        let mut places = Vec::with_capacity(reading.functions.len());
        for function in &reading.functions {
            let known = functions.iter().position(|f| Arc::ptr_eq(f, function));
            places.push(known.unwrap_or_else(|| {
                functions.push(function);
                functions.len() - 1
            }));
        }
        of.push(places);
    }
    let blocks: Vec<Vec<Token>> =
        functions.iter().map(|function| prompt::block(teacher.tokenizer, function)).collect();
    let pool = Batch::new(blocks.clone());
    let kv = small.blocks(&pool)?;
    let placed = |&index: &usize| Placed { tokens: &blocks[index], from: pool.range(index).start };
    let among: Vec<Vec<Placed<'_>>> =
        of.iter().map(|indices| indices.iter().map(placed).collect()).collect();
    let beside: Vec<&[Placed<'_>]> = among.iter().map(Vec::as_slice).collect();

    let queries: Vec<Vec<Token>> =
        readings.iter().map(|reading| prompt::small_query(&reading.query, &[])).collect();
    let batch = Batch::new(queries.clone());
    let read = small.read_among(&batch, soft, &kv, &beside)?;
    let after: Vec<Placed<'_>> = queries
        .iter()
        .enumerate()
        .map(|(list, tokens)| Placed { tokens, from: read.blocks_len + batch.range(list).start })
        .collect();

    let (mut rows, mut at, mut gold, mut classes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut from = 0;
    for Reading { reply, .. } in readings {
        // A state names the token after its own: the last token is named and never read.
        let mut tokens = vec![Token::special(Special::Open)];
        let before_last = reply.ids.len().saturating_sub(1);
        tokens.extend(reply.ids[..before_last].iter().copied().map(written));
        at.extend((0..reply.ids.len()).map(|index| (from + index) as u32));
        gold.extend_from_slice(&reply.ids);
        classes.extend_from_slice(&reply.classes);
        from += tokens.len();
        let mut row = BranchRow::default();
        row.push(&tokens);
        rows.push(row);
    }
    let states = small.branches_among(&rows, &read.kv, &beside, &after)?;
    Ok(Laid { states, at, gold, classes })
}
