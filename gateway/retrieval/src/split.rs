//! A request into its wishes.

use std::collections::HashSet;

use crate::words::words;

/// Where one wish ends and the next begins, besides sentences. Longer ones first, so that no half
/// of one is left over.
const SEPARATORS: &[&str] =
    &[", and then ", " and then ", ", and ", ", then ", " then ", " and ", ";", "\n"];

/// A part with fewer words that count is an operand (`Paris and London`), not a wish.
const WISH_WORDS_MIN: usize = 2;

/// The whole request, then its parts if it holds more than one wish: at most `parts_max` of them.
///
/// Parts are sentences, and what stands between `;`, `and`, `then` or `, and`. Nothing is split
/// within double quotes.
pub fn wishes(query: &str, parts_max: usize) -> Vec<&str> {
    let mut found = vec![query];
    let parts = parts(query);
    if parts.len() < 2 {
        return found;
    }
    found.extend(parts.into_iter().filter(|part| is_wish(part)).take(parts_max));
    found
}

fn is_wish(part: &str) -> bool {
    words(part).into_iter().collect::<HashSet<_>>().len() >= WISH_WORDS_MIN
}

/// Trimmed, non-empty pieces in the order they stand.
fn parts<'q>(query: &'q str) -> Vec<&'q str> {
    let mut parts = Vec::new();
    let mut push = |part: &'q str| {
        let part = part.trim();
        if !part.is_empty() {
            parts.push(part);
        }
    };
    let mut start = 0;
    let mut at = 0;
    let mut is_quoted = false;
    while let Some(c) = query[at..].chars().next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\u{201C}' => is_quoted = true,
            '\u{201D}' => is_quoted = false,
            _ => {}
        }
        let cut = if is_quoted { 0 } else { separator_bytes(&query[at..]) };
        if cut == 0 {
            at += c.len_utf8();
            continue;
        }
        push(&query[start..at]);
        at += cut;
        start = at;
    }
    push(&query[start..]);
    parts
}

/// Length of the separator with which `rest` opens; 0 if it opens with none.
fn separator_bytes(rest: &str) -> usize {
    for separator in SEPARATORS {
        if rest.get(..separator.len()).is_some_and(|head| head.eq_ignore_ascii_case(separator)) {
            // The closing space stays, since it may open the next separator.
            return separator.trim_end_matches(' ').len();
        }
    }
    let mut chars = rest.chars();
    match chars.next() {
        Some('.' | '!' | '?') if chars.next().is_some_and(char::is_whitespace) => 1,
        Some(c @ ('\u{3002}' | '\u{FF01}' | '\u{FF1F}')) => c.len_utf8(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line a case: the request, then its parts after `=>`, between `|`.
    const CASES: &[&str] = &[
        "Turn on the kitchen light => ",
        "Turn on the kitchen light. => ",
        "Turn on the light and lock the door => Turn on the light|lock the door",
        "Add milk to the list, then tell me the weather in Oslo => Add milk to the list|tell me the weather in Oslo",
        "What day is it today? Convert 3.5 km to miles! => What day is it today|Convert 3.5 km to miles!",
        "weather in Paris and London => weather in Paris",
        "count words; sort the lines; reverse the text => count words|sort the lines|reverse the text",
        "book a flight, and then a hotel room => book a flight|a hotel room",
        "add \"bread and butter; eggs\" to my list => ",
        "Handle the sandy band then AND expand the command => Handle the sandy band|expand the command",
        "and and and => ",
        " => ",
        "東京の天気。部屋の明かり => 東京の天気|部屋の明かり",
    ];

    #[test]
    fn splits_into_wishes() {
        for case in CASES {
            let (query, expected) = case.split_once("=>").expect("a case has =>");
            let query = query.strip_suffix(' ').unwrap_or(query);
            let found = wishes(query, 8);
            assert_eq!(found[0], query);
            assert_eq!(found[1..].join("|"), expected.trim(), "{case}");
        }
    }

    #[test]
    fn parts_are_bounded() {
        let query = "lock the door; ".repeat(1000);
        assert_eq!(wishes(&query, 8).len(), 9);
        assert_eq!(wishes(&query, 0).len(), 1);
    }
}
