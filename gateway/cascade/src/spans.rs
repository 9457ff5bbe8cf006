//! Spans of a query that a slot could take: the mask of the pointer.

use std::ops::Range;

use hyfunc_functions::Value;
use hyfunc_functions::template::SlotType;

use crate::conversation;
use crate::lexicon::words;
use crate::numbers;
use crate::text::Token;

/// Words of the longest span.
const SPAN_WORDS_MAX: usize = 40;

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
///
/// Of a conversation, none goes beyond what was said at once, and those of the last turn come first.
pub fn candidates(query: &str, tokens: &[Token], slot: &SlotType) -> Vec<Span> {
    let parts = conversation::parts(query).into_iter();
    let found = parts.flat_map(|part| {
        let at = part.start;
        let found = said(&query[part], slot).into_iter();
        found.map(move |(bytes, value)| (at + bytes.start..at + bytes.end, value))
    });
    // Of a long query there are thousands.
    let admits = slot.admission();
    found
        .filter(|(_, value)| admits(value))
        .filter_map(|(bytes, value)| {
            Some(Span { tokens: token_range(tokens, &bytes)?, bytes, value })
        })
        .collect()
}

/// Stretches of a text that a slot could take, and what they mean.
fn said(text: &str, slot: &SlotType) -> Vec<(Range<usize>, Value)> {
    match slot {
        SlotType::Int(_) | SlotType::Float(_) => numeric(text, slot),
        SlotType::Char => chars(text),
        SlotType::String(_) | SlotType::Key => textual(text),
        SlotType::Bytes => textual(text)
            .into_iter()
            .filter_map(|(bytes, _)| Some((bytes.clone(), slot.parse(&text[bytes]).ok()?)))
            .collect(),
    }
}

/// The span that means `value`, if the query has one, and whether it means it negated (*down 12*);
/// `None` where the span leaves no such choice. One that covers none of `used` is preferred.
pub fn find(
    query: &str,
    tokens: &[Token],
    slot: &SlotType,
    value: &Value,
    used: &[Range<usize>],
) -> Option<(Span, Option<bool>)> {
    let found = candidates(query, tokens, slot);
    let pick = |means: &dyn Fn(&Span) -> bool| {
        let mut likely = found.iter().filter(|span| means(span));
        let fresh = likely.clone().find(|span| !used.iter().any(|used| covers(&span.bytes, used)));
        fresh.or_else(|| likely.next()).cloned()
    };
    if let Some(span) = pick(&|span| same(&span.value, value)) {
        let choice = negated(slot, &span.value).map(|_| false);
        return Some((span, choice));
    }
    pick(&|span| negated(slot, &span.value).as_ref() == Some(value)).map(|span| (span, Some(true)))
}

/// The positive number `value` with its sign turned, where the slot admits that.
pub fn negated(slot: &SlotType, value: &Value) -> Option<Value> {
    let turned = match value {
        Value::Int(number) if *number > 0 => Value::Int(-number),
        Value::Float(number) if *number > 0.0 => Value::Float(-number),
        _ => return None,
    };
    slot.admits(&turned).then_some(turned)
}

/// Whether `one` takes in all of `other`.
pub fn covers(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start <= other.start && other.end <= one.end
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
pub fn token_range(tokens: &[Token], bytes: &Range<usize>) -> Option<(usize, usize)> {
    let overlaps = |token: &Token| token.bytes.start < bytes.end && token.bytes.end > bytes.start;
    let first = tokens.iter().position(overlaps)?;
    let last = tokens.iter().rposition(overlaps)?;
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::Value;
    use hyfunc_functions::template::SlotType;
    use hyfunc_functions::types::{IntType, StringType};

    use super::{candidates, covers, find, negated};
    use crate::lexicon::words;
    use crate::text::Token;

    /// A token a word: what a span's place is counted in.
    fn tokens(query: &str) -> Vec<Token> {
        let token = |bytes| Token { bytes, ..crate::decide::written(0) };
        words(query).into_iter().map(|word| token(word.bytes)).collect()
    }

    #[test]
    fn values_are_found_where_they_are_said() {
        let any = SlotType::Int(IntType { min: -100, max: 100 });
        let positive = SlotType::Int(IntType { min: 0, max: 100 });
        let text = SlotType::String(StringType::default());
        let said = |text: &str| Value::String(text.into());
        for (query, slot, value, expected) in [
            ("bathroom music down 12", &any, Value::Int(-12), Some(("12", Some(true)))),
            ("bathroom music up 12", &any, Value::Int(12), Some(("12", Some(false)))),
            ("bathroom music up 12", &positive, Value::Int(12), Some(("12", None))),
            ("bathroom music up 12", &positive, Value::Int(-12), None),
            ("minus 12 outside", &any, Value::Int(-12), Some(("minus 12", None))),
            ("at 6:15 pm", &positive, Value::Int(18), Some(("6:15 pm", None))),
            ("weather in Oslo", &text, said("oslo"), Some(("Oslo", None))),
            ("", &text, said("oslo"), None),
        ] {
            let found = find(query, &tokens(query), slot, &value, &[]);
            let found = found.map(|(span, negative)| (&query[span.bytes], negative));
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn the_second_of_two_is_found_after_the_first() {
        let slot = SlotType::Int(IntType { min: 0, max: 100 });
        let query = "the mean of 2, 2 and 3";
        let find = |used: &[_]| find(query, &tokens(query), &slot, &Value::Int(2), used);
        let (first, _) = find(&[]).expect("it is said");
        let (second, _) = find(std::slice::from_ref(&first.bytes)).expect("it is said twice");
        assert_ne!(first.bytes, second.bytes);
        let both = [first.bytes.clone(), second.bytes];
        assert_eq!(find(&both).expect("again, the first").0.bytes, first.bytes);
    }

    #[test]
    fn of_a_conversation_the_last_turn_is_meant_first_and_no_span_leaves_its_turn() {
        use crate::conversation::{Earlier, TURN_END, compose};

        let earlier = [Earlier::Person("weather in Oslo, 5 days".into())];
        let text = SlotType::String(StringType::default());
        let number = SlotType::Int(IntType { min: 0, max: 100 });
        for (said, slot, value, expected) in [
            ("and in Rome?", &text, Value::String("oslo".into()), Some(("Oslo", false))),
            ("and in Rome?", &text, Value::String("rome".into()), Some(("Rome", true))),
            ("Oslo again", &text, Value::String("oslo".into()), Some(("Oslo", true))),
            ("and in Rome?", &number, Value::Int(5), Some(("5", false))),
            ("5 again", &number, Value::Int(5), Some(("5", true))),
        ] {
            let query = compose(&earlier, said);
            let border = query.find(TURN_END).expect("two turns");
            let found = find(&query, &tokens(&query), slot, &value, &[]);
            let found =
                found.map(|(span, _)| (&query[span.bytes.clone()], span.bytes.start > border));
            assert_eq!(found, expected, "{said}");
            let all = candidates(&query, &tokens(&query), slot);
            assert!(all.iter().all(|span| !query[span.bytes.clone()].contains(TURN_END)));
        }
    }

    #[test]
    fn signs_turn_where_they_may() {
        let slot = SlotType::Int(IntType { min: -5, max: 100 });
        assert_eq!(negated(&slot, &Value::Int(5)), Some(Value::Int(-5)));
        assert_eq!(negated(&slot, &Value::Int(6)), None);
        assert_eq!(negated(&slot, &Value::Int(-5)), None);
        assert!(covers(&(0..5), &(1..5)) && !covers(&(1..5), &(0..5)));
    }
}
