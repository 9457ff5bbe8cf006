//! Imported rows that ask for one thing, made to ask for several: *weather in Oslo* and *weather in
//! Rome* become *weather in Oslo and Rome*.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;

use crate::data::Row;
use crate::phrases::expand::side_by_side;

/// Rows that are looked at for another value.
const DRAWS: usize = 400;

/// Words of the longest value that is said beside others.
const WORDS_MAX: usize = 4;

/// A row of one call, which asks for the values of others of its set besides; `None` where it has no
/// value that stands in it once, or nobody else has one for it.
pub(super) fn spread(row: &Row, set: &[Row], rng: &mut ChaCha8Rng) -> Option<Row> {
    let [(called, arguments)] = row.calls.as_slice() else { return None };
    let function = &row.functions[*called];
    let said: Vec<(&String, String)> = arguments
        .iter()
        .filter_map(|(name, value)| Some((name, spoken(value, &row.query)?)))
        .collect();
    let (name, own) = said.choose(rng)?;
    // *York* where *New York* is another's.
    let is_within = |other: &(&String, String)| other.0 != *name && other.1.contains(own.as_str());
    if said.iter().any(is_within) {
        return None;
    }
    let count = if rng.random_bool(0.7) { 2 } else { 3 };
    let mut values = vec![(own.clone(), arguments[*name].clone())];
    for _ in 0..DRAWS {
        let other = set.choose(rng)?;
        let [(place, given)] = other.calls.as_slice() else { continue };
        let of = &other.functions[*place];
        if of.name != function.name || of.parameters != function.parameters {
            continue;
        }
        let Some(value) = given.get(*name) else { continue };
        let Some(text) = spoken(value, &other.query) else { continue };
        if values.iter().all(|(known, _)| !known.eq_ignore_ascii_case(&text)) {
            values.push((text, value.clone()));
        }
        if values.len() == count {
            break;
        }
    }
    if values.len() < 2 {
        return None;
    }
    let at = row.query.find(own.as_str())?;
    let texts: Vec<&str> = values.iter().map(|(text, _)| text.as_str()).collect();
    let together = side_by_side(&texts, None, rng);
    let query = format!("{}{together}{}", &row.query[..at], &row.query[at + own.len()..]);
    let calls = values.into_iter().map(|(_, value)| {
        let mut arguments = arguments.clone();
        arguments.insert((*name).clone(), value);
        (*called, arguments)
    });
    Some(Row { query, calls: calls.collect(), ..row.clone() })
}

/// A value as the query says it, where it does so once and in a few words.
fn spoken(value: &Json, query: &str) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    let plain = !text.contains([',', '"', '\'']) && !text.contains(" and ");
    if text.is_empty() || !plain || text.split(' ').count() > WORDS_MAX {
        return None;
    }
    let mut places = query.match_indices(&text);
    let (at, _) = places.next()?;
    let is_letter = |sign: char| sign.is_alphanumeric() || "-.%$€£".contains(sign);
    let whole = !query[..at].ends_with(is_letter) && ends_well(&query[at + text.len()..]);
    (whole && places.next().is_none()).then_some(text)
}

/// Whether a value may end before `rest`: not within a word or a number.
fn ends_well(rest: &str) -> bool {
    let mut signs = rest.chars();
    match (signs.next(), signs.next()) {
        (Some('.' | ','), next) => next.is_none_or(|sign| sign.is_whitespace()),
        (Some(sign), _) => !sign.is_alphanumeric() && !"-%".contains(sign),
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyfunc_functions::schema::function_from_schema;
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    fn row(query: &str, arguments: &Json) -> Row {
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"},
                            "days": {"type": "integer"}}});
        let function = Arc::new(function_from_schema("weather", "", &schema).unwrap());
        let calls = vec![(0, arguments.as_object().unwrap().clone())];
        let query = query.to_owned();
        Row { id: String::new(), query, functions: vec![function], calls, is_unmet: false }
    }

    #[test]
    fn values_of_others_are_asked_for_besides() {
        let oslo = row("weather in Oslo please", &json!({"city": "Oslo"}));
        let rome = row("how is Rome?", &json!({"city": "Rome"}));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let set = [oslo.clone(), rome];
        let both = spread(&oslo, &set, &mut rng).expect("there are two");
        assert!(both.query.starts_with("weather in ") && both.query.ends_with(" please"));
        assert!(both.query.contains("Oslo") && both.query.contains("Rome"), "{}", both.query);
        let cities: Vec<&Json> = both.calls.iter().map(|(_, given)| &given["city"]).collect();
        assert_eq!(cities, [&json!("Oslo"), &json!("Rome")]);
        // Alone, unsaid, said twice, within a word, of several words.
        assert!(spread(&oslo, &set[..1], &mut rng).is_none());
        for (query, city) in
            [("weather", "Oslo"), ("Oslo, Oslo", "Oslo"), ("Oslonian", "Oslo"), ("a, b", "a, b")]
        {
            let row = row(query, &json!({"city": city}));
            assert!(spread(&row, &set, &mut rng).is_none(), "{query}");
        }
    }
}
