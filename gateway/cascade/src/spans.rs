//! Spans of a query that a slot could take: the mask of the pointer.

use std::ops::Range;

use hyfunc_functions::Value;
use hyfunc_functions::template::SlotType;

use crate::lexicon::words;
use crate::numbers;
use crate::text::Token;

/// Words of the longest span.
const SPAN_WORDS_MAX: usize = 14;

/// A span and the value that it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Bytes of the query.
    pub bytes: Range<usize>,
    /// First and last token, inclusive, counted within the query.
    pub tokens: (usize, usize),
    /// What the slot would hold.
    pub value: Value,
}

/// Every span of `query` that `slot` admits.
pub fn candidates(query: &str, tokens: &[Token], slot: &SlotType) -> Vec<Span> {
    let found = match slot {
        SlotType::Int(_) | SlotType::Float(_) => numeric(query, slot),
        SlotType::Char => chars(query),
        SlotType::String(_) | SlotType::Key => textual(query),
        SlotType::Bytes => textual(query)
            .into_iter()
            .filter_map(|(bytes, _)| Some((bytes.clone(), slot.parse(&query[bytes]).ok()?)))
            .collect(),
    };
    found
        .into_iter()
        .filter(|(_, value)| slot.admits(value))
        .filter_map(|(bytes, value)| {
            Some(Span { tokens: token_range(tokens, &bytes)?, bytes, value })
        })
        .collect()
}

/// The span that means `value`, if the query has one.
pub fn find(query: &str, tokens: &[Token], slot: &SlotType, value: &Value) -> Option<Span> {
    candidates(query, tokens, slot).into_iter().find(|span| same(&span.value, value))
}

/// Whether two values are the same as far as copying goes: strings up to case.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.to_lowercase() == other.to_lowercase(),
        (Value::Char(one), Value::Char(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

fn numeric(query: &str, slot: &SlotType) -> Vec<(Range<usize>, Value)> {
    numbers::mentions(query)
        .into_iter()
        .filter_map(|mention| {
            let value = match slot {
                SlotType::Int(_) if mention.value.fract() == 0.0 && mention.value.abs() < 1e18 => {
                    Value::Int(mention.value as i128)
                }
                SlotType::Float(float) if mention.value.is_finite() => {
                    let single = f64::from(mention.value as f32);
                    Value::Float(if float.single { single } else { mention.value })
                }
                _ => return None,
            };
            Some((mention.bytes, value))
        })
        .collect()
}

fn chars(query: &str) -> Vec<(Range<usize>, Value)> {
    words(query)
        .into_iter()
        .filter_map(|word| {
            let written = &query[word.bytes.clone()];
            let bare = written.strip_suffix("'s").or(written.strip_suffix("’s")).unwrap_or(written);
            let mut chars = bare.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => Some((word.bytes, Value::Char(only))),
                _ => None,
            }
        })
        .collect()
}

/// Runs of words, and of stretches between white space, so that `(3+4)*2` is one.
fn textual(query: &str) -> Vec<(Range<usize>, Value)> {
    let words = words(query);
    let mut borders: Vec<(usize, usize)> =
        words.iter().map(|word| (word.bytes.start, word.bytes.end)).collect();
    for (index, word) in words.iter().enumerate() {
        let written = &query[word.bytes.clone()];
        if let Some(stem) = written.strip_suffix("'s").or(written.strip_suffix("’s")) {
            borders.push((words[index].bytes.start, word.bytes.start + stem.len()));
        }
    }
    borders.extend(stretches(query));
    borders.sort_unstable();
    borders.dedup();
    let mut found = Vec::new();
    for (index, &(start, _)) in borders.iter().enumerate() {
        let mut seen = Vec::new();
        for &(_, end) in borders[index..].iter().take(2 * SPAN_WORDS_MAX) {
            if end > start && !seen.contains(&end) {
                seen.push(end);
                found.push((start..end, Value::String(query[start..end].to_owned())));
            }
        }
    }
    found.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
    found.dedup_by_key(|(bytes, _)| bytes.clone());
    found
}

/// Stretches between white space without quotes around and punctuation after them.
fn stretches(query: &str) -> Vec<(usize, usize)> {
    query
        .split_whitespace()
        .filter_map(|stretch| {
            let start = stretch.as_ptr() as usize - query.as_ptr() as usize;
            let cut = stretch.trim_end_matches(['?', '!', '.', ',', ';', ':', '"', '\'', '”', '’']);
            let bare = cut.trim_start_matches(['"', '\'', '“', '‘']);
            let start = start + cut.len() - bare.len();
            (!bare.is_empty()).then(|| (start, start + bare.len()))
        })
        .collect()
}

/// First and last token that overlap `bytes`.
fn token_range(tokens: &[Token], bytes: &Range<usize>) -> Option<(usize, usize)> {
    let overlaps = |token: &Token| token.bytes.start < bytes.end && token.bytes.end > bytes.start;
    let first = tokens.iter().position(overlaps)?;
    let last = tokens.iter().rposition(overlaps)?;
    Some((first, last))
}
