//! Which part of a query is about which of several functions that are called: *weather in Oslo and
//! the stock of Apple* has two parts, and values of each function stand in its own.

use std::ops::Range;

use crate::evidence::{Profile, stems};

/// Natural-log gain of a value in a part that is about its function alone, and cost of one in a part
/// that is about another alone.
const PART_GAIN: f32 = 2.0;

/// What a part without words of any function has of the part before it.
const INHERITED_SHARE: f32 = 0.7;

/// Signs that end a part.
const ENDS: [char; 6] = ['.', '?', '!', ';', ',', '\n'];

/// Words between parts.
const LINKS: [&str; 4] = [" and ", " then ", " also ", " plus "];

/// A part of a query, and what it costs a function to take values from it, below 0 where it is about
/// that function.
pub type Part = (Range<usize>, f32);

/// Of each of some functions, the parts of a query. None where there is one function: whatever the
/// query says is about it.
pub fn parts(query: &str, functions: &[&Profile]) -> Vec<Vec<Part>> {
    let mut found = vec![Vec::new(); functions.len()];
    if functions.len() < 2 {
        return found;
    }
    let mut before = vec![0.0; functions.len()];
    for part in cut(query) {
        let scores = scores(&query[part.clone()], functions);
        let is_told = scores.iter().any(|score| *score > 0.0);
        for (index, own) in scores.iter().enumerate() {
            let others = scores.iter().enumerate().filter(|(other, _)| *other != index);
            let best = others.map(|(_, score)| *score).fold(0.0, f32::max);
            before[index] = match is_told {
                true => -PART_GAIN * (own - best).clamp(-1.0, 1.0),
                false => before[index] * INHERITED_SHARE,
            };
            found[index].push((part.clone(), before[index]));
        }
    }
    found
}

/// How much of a part's words each function has: a word of several functions counts less, one of all
/// nothing.
fn scores(part: &str, functions: &[&Profile]) -> Vec<f32> {
    let mut scores = vec![0.0; functions.len()];
    for stem in stems(part) {
        let knowing: Vec<usize> =
            (0..functions.len()).filter(|index| functions[*index].knows(stem)).collect();
        if knowing.len() < functions.len() {
            knowing.iter().for_each(|index| scores[*index] += 1.0 / knowing.len() as f32);
        }
    }
    scores
}

/// Where a query falls apart, in order, without gaps.
fn cut(query: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, sign) in query.char_indices() {
        let after = at + sign.len_utf8();
        // Not within a number or an address.
        let ends = ENDS.contains(&sign) && query[after..].starts_with([' ', '\n']);
        let links = sign == ' ' && LINKS.iter().any(|link| query[at..].starts_with(link));
        if (ends || links) && after > start {
            parts.push(start..after);
            start = after;
        }
    }
    if start < query.len() {
        parts.push(start..query.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::schema::function_from_schema;
    use serde_json::json;

    use super::*;

    fn profile(name: &str, description: &str) -> Profile {
        let schema = json!({"type": "object", "properties": {}});
        Profile::new(&function_from_schema(name, description, &schema).expect("a function"))
    }

    #[test]
    fn queries_fall_apart_at_marks_and_links() {
        for (query, expected) in [
            ("", vec![]),
            ("one", vec!["one"]),
            ("one, two", vec!["one,", " two"]),
            ("a and b", vec!["a ", "and b"]),
            ("pay 1,200.50 now", vec!["pay 1,200.50 now"]),
            ("é. ü", vec!["é.", " ü"]),
            ("Oslo?", vec!["Oslo?"]),
        ] {
            let found: Vec<&str> = cut(query).into_iter().map(|part| &query[part]).collect();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn each_function_has_the_part_that_speaks_of_it() {
        let weather = profile("get_weather", "Tell the weather of a city.");
        let stock = profile("stock_price", "Tell the price of a stock.");
        let query = "weather in Oslo, Rome and the stock of Apple";
        let found = parts(query, &[&weather, &stock]);
        let cost = |function: usize, word: &str| {
            let at = query.find(word).expect("it is said");
            found[function].iter().find(|(part, _)| part.contains(&at)).expect("a part").1
        };
        assert_eq!((cost(0, "Oslo"), cost(1, "Oslo")), (-PART_GAIN, PART_GAIN));
        assert_eq!((cost(0, "Apple"), cost(1, "Apple")), (PART_GAIN, -PART_GAIN));
        assert_eq!(cost(0, "Rome"), -PART_GAIN * INHERITED_SHARE, "as the part before it");
        assert_eq!(parts(query, &[&weather]), [Vec::new()], "alone, all is its own");
        assert!(parts("", &[&weather, &stock]).iter().all(Vec::is_empty));
        assert!(parts(query, &[]).is_empty());
    }
}
