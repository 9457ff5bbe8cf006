//! Spans of a query that a slot could take: the mask of the pointer.

use std::ops::Range;

use hyfunc_functions::Value;
use hyfunc_functions::template::SlotType;

use crate::conversation;
use crate::lexicon::words;
use crate::numbers::{self, Mention};
use crate::share;
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
    /// Whether a percentage is read as a share of one; `None` of what is none.
    pub share: Option<bool>,
}

/// A stretch of a text, what it means, and whether that is a percentage read as a share.
type Said = (Range<usize>, Value, Option<bool>);

/// Every span of `query` that `slot` admits.
///
/// Of a conversation, none goes beyond what was said at once, and those of the last turn come first.
pub fn candidates(query: &str, tokens: &[Token], slot: &SlotType) -> Vec<Span> {
    let parts = conversation::parts(query).into_iter();
    let found = parts.flat_map(|part| {
        let at = part.start;
        let found = said(&query[part], slot).into_iter();
        found.map(move |(bytes, value, share)| (at + bytes.start..at + bytes.end, value, share))
    });
    // Of a long query there are thousands.
    let admits = slot.admission();
    found
        .filter(|(_, value, _)| admits(value))
        .filter_map(|(bytes, value, share)| {
            Some(Span { tokens: token_range(tokens, &bytes)?, bytes, value, share })
        })
        .collect()
}

/// Stretches of a text that a slot could take, and what they mean.
fn said(text: &str, slot: &SlotType) -> Vec<Said> {
    let plain = match slot {
        SlotType::Int(_) | SlotType::Float(_) => return numeric(text, slot),
        SlotType::Char => chars(text),
        SlotType::String(_) | SlotType::Key => textual(text),
        SlotType::Bytes => textual(text)
            .into_iter()
            .filter_map(|(bytes, _)| Some((bytes.clone(), slot.parse(&text[bytes]).ok()?)))
            .collect(),
    };
    plain.into_iter().map(|(bytes, value)| (bytes, value, None)).collect()
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

fn numeric(query: &str, slot: &SlotType) -> Vec<Said> {
    let float = |number: f64, single: bool| {
        Value::Float(if single { f64::from(number as f32) } else { number })
    };
    let read = |mention: Mention| -> Vec<Said> {
        let Mention { bytes, value } = mention;
        match slot {
            SlotType::Int(_) if value.fract() == 0.0 && value.abs() < 1e18 => {
                vec![(bytes, Value::Int(value as i128), None)]
            }
            SlotType::Float(of) if value.is_finite() => {
                let is_percentage = value != 0.0 && share::is_percentage(query, bytes.end);
                let mut said =
                    vec![(bytes.clone(), float(value, of.single), is_percentage.then_some(false))];
                if is_percentage {
                    said.push((bytes, float(share::of(value), of.single), Some(true)));
                }
                said
            }
            _ => Vec::new(),
        }
    };
    numbers::mentions(query).into_iter().flat_map(read).collect()
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
    use hyfunc_functions::types::{FloatType, IntType, StringType};

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

    #[test]
    fn percentages_are_numbers_and_shares_of_one() {
        let float = FloatType::default();
        let single = |number: f64| f64::from(number as f32);
        for (query, float, expected) in [
            ("cut 4.1% now", float, vec![4.1, 0.041]),
            ("cut 5 % now", float, vec![5.0, 0.05]),
            ("5 percent", float, vec![5.0, 0.05]),
            ("5-percent cut", float, vec![5.0, 0.05]),
            ("5 PERCENT", float, vec![5.0, 0.05]),
            ("5 per cent", float, vec![5.0, 0.05]),
            ("5 pct.", float, vec![5.0, 0.05]),
            ("0.5%", float, vec![0.5, 0.005]),
            ("1,250%", float, vec![1250.0, 12.5]),
            ("five percent off", float, vec![5.0, 0.05]),
            ("minus 5%", float, vec![-5.0, -0.05]),
            ("-5 %", float, vec![-5.0, -0.05]),
            ("50% or 20%", float, vec![50.0, 0.5, 20.0, 0.2]),
            // The slot admits one of both.
            ("5%", FloatType { max: Some(1.0), ..float }, vec![0.05]),
            ("5%", FloatType { min: Some(1.0), ..float }, vec![5.0]),
            ("4.1%", FloatType { single: true, ..float }, vec![single(4.1), single(0.041)]),
            // No percentages.
            ("5 percentage points", float, vec![5.0]),
            ("half a percent", float, vec![0.5]),
            ("5", float, vec![5.0]),
            ("5 €", float, vec![5.0]),
            ("5%é", float, vec![5.0]),
            ("5 abcdefé", float, vec![5.0]),
            ("%", float, vec![]),
            ("", float, vec![]),
        ] {
            let found = candidates(query, &tokens(query), &SlotType::Float(float)).into_iter();
            let found: Vec<Value> = found.map(|span| span.value).collect();
            let expected: Vec<Value> = expected.into_iter().map(Value::Float).collect();
            assert_eq!(found, expected, "{query}");
        }
        let whole = SlotType::Int(IntType { min: -100, max: 100 });
        let found = candidates("cut 5% now", &tokens("cut 5% now"), &whole).into_iter();
        assert_eq!(found.map(|span| span.value).collect::<Vec<_>>(), [Value::Int(5)]);
    }
}
