//! The same call without a part of what makes it fast. What is called is the same in every row.

use super::{Calls, Scene, WHOLE, query};
use crate::bench::BenchError;
use crate::bench::effort::Effort;
use crate::bench::row::Row;

/// What a query says beside its words where drafts are measured: numbers that a value may be.
const VALUES: &str = "; it is 12345 guests, 23456 nights, a budget of 34567 and 45678 rooms";

const NAMED: &str = "whole call, values in the query";
const NO_DRAFTS: &str = "the same without drafts";
const NO_PREFIXES: &str = "whole call without kept prompts";

/// A row for each part that is left out, beside the call with it.
pub(super) fn rows(scene: &mut Scene, whole: &Row, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let with = row(NAMED, &scene.calls(effort, named)?);
    let kept = scene.decoder.set_draft_tokens_max(0);
    let without = scene.calls(effort, named);
    scene.decoder.set_draft_tokens_max(kept);
    let mut without = row(NO_DRAFTS, &without?);
    without.beside(&with, NAMED);
    let kept = scene.decoder.set_prefix_bytes_max(0);
    let unread = scene.calls(effort, query);
    scene.decoder.set_prefix_bytes_max(kept);
    let mut unread = row(NO_PREFIXES, &unread?);
    unread.beside(whole, WHOLE);
    Ok(vec![with, without, unread])
}

fn row(name: &'static str, calls: &Calls) -> Row {
    let mut row = Row::timed(name, calls.whole.times_in_turn());
    for (name, count) in [
        ("prompt_tokens", calls.tokens.prompt),
        ("sampled_tokens", calls.tokens.sampled),
        ("forwards", calls.forwards),
    ] {
        row.figure(name, calls.per_call(count));
    }
    row
}

fn named(turn: usize) -> String {
    query(turn) + VALUES
}

#[cfg(test)]
mod tests {
    use super::super::{DIGITS, SLOTS};
    use super::*;

    #[test]
    fn the_query_names_a_value_for_each_parameter() {
        let text = named(7);
        let numbers = text.split(|letter: char| !letter.is_ascii_digit());
        let numbers: Vec<&str> = numbers.filter(|number| !number.is_empty()).collect();
        assert_eq!(numbers.len(), SLOTS.len(), "{text}");
        assert!(numbers.iter().all(|number| number.len() == DIGITS), "{text}");
        assert!(SLOTS.iter().all(|slot| text.contains(slot)), "{text}");
    }
}
