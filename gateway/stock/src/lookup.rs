//! Drafts from the query: values mostly stand there, so what follows them there is tried in one
//! step. The model verifies every token, so no answer changes.

use hyfunc_functions::template::{Slot, spell};

use crate::error::StockError;
use crate::vocabulary::Vocabulary;

/// Bytes of a value that must stand in the query before more is taken from there.
const MATCH_BYTES_MIN: usize = 2;

/// Bytes that are tried at once.
const DRAFT_BYTES_MAX: usize = 64;

/// What a value would go on with, as tokens, if it were copied from the query. `written` is the
/// value so far as the spelling has it.
///
/// # Errors
/// What the tokenizer says.
pub fn draft(
    vocabulary: &Vocabulary,
    query: &str,
    slot: &Slot,
    written: &str,
    tokens_max: usize,
) -> Result<Vec<u32>, StockError> {
    let plain = if slot.quoted { spell::unescape_json(written) } else { Some(written.to_owned()) };
    let Some(plain) = plain.filter(|plain| plain.len() >= MATCH_BYTES_MIN) else {
        return Ok(Vec::new());
    };
    let Some(rest) = after(query, &plain) else { return Ok(Vec::new()) };
    let line = rest.split('\n').next().unwrap_or_default();
    let end = (0..=line.len().min(DRAFT_BYTES_MAX)).rev().find(|at| line.is_char_boundary(*at));
    let taken = &line[..end.unwrap_or(0)];
    let text = if slot.quoted {
        spell::escape_json(taken)
    } else {
        taken.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect()
    };
    let mut tokens = vocabulary.encode(&text)?;
    tokens.truncate(tokens_max);
    Ok(tokens)
}

/// What stands in the query behind a text that begins a word there.
fn after<'q>(query: &'q str, text: &str) -> Option<&'q str> {
    let begins = |at: &usize| !query[..*at].chars().next_back().is_some_and(char::is_alphanumeric);
    let at = query.match_indices(text).map(|(at, _)| at).find(begins)?;
    Some(&query[at + text.len()..])
}

/// Whether a query holds a value's text.
pub fn holds(query: &str, slot: &Slot, written: &str) -> bool {
    let plain = if slot.quoted { spell::unescape_json(written) } else { Some(written.to_owned()) };
    plain.is_some_and(|plain| !plain.is_empty() && query.contains(plain.as_str()))
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn what_follows_begins_at_a_word() {
        for (query, text, rest) in [
            ("fly to New York today", "New", Some(" York today")),
            ("renewal, New", "New", Some("")),
            ("anew", "new", None),
            ("", "a", None),
            ("the a", "a", Some("")),
        ] {
            assert_eq!(after(query, text), rest, "{query}");
        }
    }
}
