//! What a query alone says of where a value begins and ends, before any model: natural-log costs of
//! the pointer's first and last tokens. Training reads them as serving does, so that models learn
//! what they do not tell. What needs a whole span, or other slots, is weighed in serving alone
//! (`decide::fillings`).

use std::ops::Range;

use hyfunc_functions::template::{Slot, SlotType};

use crate::border::Borders;
use crate::nearness::{self, Spoken};
use crate::series;
use crate::text::Token;

/// Natural-log gain of a text that stands beside a word of its parameter's name.
const NEAR_TEXT_GAIN: f32 = 2.5;

/// The same of a number.
const NEAR_NUMBER_GAIN: f32 = 3.5;

/// Natural-log cost of words that went into the same parameter of an earlier call.
const REPEATED_COST: f32 = 1.0;

/// Natural-log gain of the item that follows the latest element in a series.
const NEXT_GAIN: f32 = 2.0;

/// Natural-log cost of an element that stands before the latest one.
const BACK_COST: f32 = 1.0;

/// Natural-log cost of a list of numbers that begins in the middle of a series.
const MIDDLE_COST: f32 = 2.0;

/// Logits for one more element where a series goes on, and against one where it does not.
const NUMBER_FOLLOWS: f32 = 3.0;
const TEXT_FOLLOWS: f32 = 1.0;
const NO_NUMBER_FOLLOWS: f32 = 1.5;
const NO_TEXT_FOLLOWS: f32 = 1.0;

/// What went into a slot's parameter before.
#[derive(Clone, Copy, Default)]
pub struct Past<'a> {
    /// In this call: bytes of the query.
    pub own: &'a [Range<usize>],
    /// In earlier calls of the function, each with the index of its parameter.
    pub calls: &'a [(usize, Range<usize>)],
}

/// Natural-log costs of a query's tokens, below 0 where something speaks for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prior {
    /// As the first of a value, `[tokens]`.
    pub first: Vec<f32>,
    /// As the last of a value, `[tokens]`.
    pub last: Vec<f32>,
}

/// What belongs together in a query.
pub struct Scene {
    borders: Borders,
    /// Of every token, the word that it is of.
    places: Vec<usize>,
}

/// The latest value of a list.
pub struct Latest {
    /// Its path, such as `tags[1]`.
    pub path: String,
    /// Bytes of the query that it was copied from.
    pub bytes: Range<usize>,
    /// Whether it is a text.
    pub is_text: bool,
}

impl Scene {
    /// Reads a query.
    pub fn new(query: &str, tokens: &[Token]) -> Self {
        let borders = Borders::new(query);
        let words = borders.words();
        let place =
            |token: &Token| words.partition_point(|word| word.bytes.end <= token.bytes.start);
        let places = tokens.iter().map(place).collect();
        Self { borders, places }
    }

    /// What belongs together among the words.
    pub fn borders(&self) -> &Borders {
        &self.borders
    }

    /// Costs for a slot of parameter `parameter`, of which the words `spoken` speak. The query and its
    /// tokens are those that this is of.
    pub fn prior(
        &self,
        (query, tokens): (&str, &[Token]),
        slot: &Slot,
        (parameter, spoken): (usize, &Spoken),
        past: &Past<'_>,
    ) -> Prior {
        let is_text = is_text(&slot.ty);
        let mut prior = Prior { first: vec![0.0; tokens.len()], last: vec![0.0; tokens.len()] };
        // A list's name stands beside its first element.
        if past.own.is_empty() {
            let gain = if is_text { NEAR_TEXT_GAIN } else { NEAR_NUMBER_GAIN };
            let said = spoken.of(parameter, self.borders.words());
            for (at, &word) in self.places.iter().enumerate() {
                prior.first[at] -= gain * nearness::before(&said, word);
                prior.last[at] -= gain * nearness::after(&said, word);
            }
        }
        if is_text {
            for (at, &word) in self.places.iter().enumerate() {
                prior.first[at] += self.borders.first(word);
                prior.last[at] += self.borders.last(word);
            }
        }
        for (_, bytes) in past.calls.iter().filter(|(index, _)| *index == parameter) {
            for (at, token) in tokens.iter().enumerate() {
                if token.bytes.start < bytes.end && bytes.start < token.bytes.end {
                    prior.first[at] += REPEATED_COST;
                    prior.last[at] += REPEATED_COST;
                }
            }
        }
        if slot.subject.ends_with(']') {
            match past.own.last() {
                Some(latest) => follow((query, tokens), latest, is_text, &mut prior),
                None if is_text => {}
                None => lead((query, tokens), &mut prior),
            }
        }
        prior
    }
}

/// Whether a slot's values are stretches of text.
pub fn is_text(ty: &SlotType) -> bool {
    matches!(ty, SlotType::String(_) | SlotType::Key | SlotType::Bytes)
}

/// Costs of a further element, by the series that it may stand in.
fn follow(
    (query, tokens): (&str, &[Token]),
    latest: &Range<usize>,
    is_text: bool,
    prior: &mut Prior,
) {
    let next = match is_text {
        true => series::next(query, latest.end),
        false => series::next_number(query, latest.end),
    };
    for (at, token) in tokens.iter().enumerate() {
        if next.is_some_and(|next| token.bytes.contains(&next)) {
            prior.first[at] -= NEXT_GAIN;
        } else if token.bytes.start < latest.start {
            prior.first[at] += BACK_COST;
        }
    }
}

/// Costs of a first number: those that follow others in a series are seldom it.
fn lead((query, tokens): (&str, &[Token]), prior: &mut Prior) {
    let is_digit =
        |token: &&Token| query[token.bytes.clone()].ends_with(|sign: char| sign.is_ascii_digit());
    let following = |before: &Token| {
        let next = series::next_number(query, before.bytes.end)?;
        let at = tokens.partition_point(|token| token.bytes.end <= next);
        tokens.get(at).filter(|token| token.bytes.contains(&next)).map(|_| at)
    };
    let mut places: Vec<usize> = tokens.iter().filter(is_digit).filter_map(following).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().for_each(|at| prior.first[at] += MIDDLE_COST);
}

/// What a query says for (above 0) or against one more element, which `subject` would be, after the
/// latest value: a logit. Training does not see it; it is for series longer than those learnt.
pub fn another(query: &str, latest: &Latest, subject: &str) -> f32 {
    let list = |path: &str| path.rfind('[').map(|at| path[..at].to_owned());
    // Elements alone, not fields of records.
    let (Some(list_of_latest), Some(own)) = (list(&latest.path), list(subject)) else { return 0.0 };
    if !latest.path.ends_with(']') {
        return 0.0;
    }
    let end = latest.bytes.end;
    let next = match list_of_latest.strip_prefix(&own) {
        Some("") if latest.is_text => series::next(query, end),
        Some("") => series::next_number(query, end),
        Some(inner) if inner.starts_with('[') => series::next_row(query, end),
        _ => return 0.0,
    };
    match (next.is_some(), latest.is_text) {
        (true, false) => NUMBER_FOLLOWS,
        (true, true) => TEXT_FOLLOWS,
        (false, false) => -NO_NUMBER_FOLLOWS,
        (false, true) => -NO_TEXT_FOLLOWS,
    }
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::types::{Field, IntType, RecordType, StringType};
    use hyfunc_functions::{Spelling, Type};

    use super::*;
    use crate::lexicon::words;

    fn text() -> SlotType {
        SlotType::String(StringType::default())
    }

    fn number() -> SlotType {
        SlotType::Int(IntType::S64)
    }

    fn slot(subject: &str, ty: SlotType) -> Slot {
        Slot {
            ty,
            subject: subject.into(),
            doc: String::new(),
            terminator: String::new(),
            quoted: false,
            spelling: Spelling::Param,
        }
    }

    fn token(bytes: Range<usize>) -> Token {
        Token { bytes, ..crate::decide::written(0) }
    }

    /// A token a word.
    fn tokens(query: &str) -> Vec<Token> {
        words(query).into_iter().map(|word| token(word.bytes)).collect()
    }

    /// Parameters of these names.
    fn spoken(names: &[&str]) -> Spoken {
        let field = |name: &&str| Field {
            name: (*name).into(),
            doc: String::new(),
            required: true,
            default: None,
            ty: Type::String(StringType::default()),
        };
        Spoken::new(&RecordType { fields: names.iter().map(field).collect() })
    }

    /// Costs for the first parameter, which is called `height`.
    fn prior(query: &str, slot: &Slot, past: &Past<'_>) -> Prior {
        let tokens = tokens(query);
        let spoken = spoken(&["height"]);
        Scene::new(query, &tokens).prior((query, &tokens), slot, (0, &spoken), past)
    }

    /// Bytes of what a query says once.
    fn place(query: &str, said: &str) -> Range<usize> {
        let at = query.find(said).expect("it is said");
        at..at + said.len()
    }

    #[test]
    fn values_stand_beside_words_of_their_parameter() {
        let query = "a height of 12 ft";
        let (first, last) = ([0.0, 0.0, 1.0, 0.8, 0.5], [1.0, 0.0, 0.0, 0.0, 0.0]);
        let gains = |gain: f32, said: [f32; 5]| said.map(|said| -gain * said).to_vec();
        let found = prior(query, &slot("height", number()), &Past::default());
        assert_eq!(found.first, gains(NEAR_NUMBER_GAIN, first));
        assert_eq!(found.last, gains(NEAR_NUMBER_GAIN, last));
        // A text seldom begins or ends with *of*, besides.
        let found = prior(query, &slot("height", text()), &Past::default());
        let borders = Borders::new(query);
        for (at, (first, last)) in first.into_iter().zip(last).enumerate() {
            assert_eq!(found.first[at], -NEAR_TEXT_GAIN * first + borders.first(at), "{at}");
            assert_eq!(found.last[at], -NEAR_TEXT_GAIN * last + borders.last(at), "{at}");
        }
        assert!(borders.first(2) > 0.0 && borders.last(0) > 0.0);
        // What comes after the first of a list stands beside that, not beside the word.
        let own = [place(query, "ft")];
        let past = Past { own: &own, calls: &[] };
        let found = prior(query, &slot("height", number()), &past);
        assert_eq!(found, Prior { first: vec![0.0; 5], last: vec![0.0; 5] });
        // Another parameter is not spoken of.
        let tokens = tokens(query);
        let scene = Scene::new(query, &tokens);
        let spoken = spoken(&["height"]);
        let slot = slot("width", number());
        let found = scene.prior((query, &tokens), &slot, (1, &spoken), &Past::default());
        assert_eq!(found, Prior { first: vec![0.0; 5], last: vec![0.0; 5] });
    }

    #[test]
    fn marks_stand_where_the_next_word_would() {
        let tokens = [token(0..6), token(7..8)];
        let scene = Scene::new("height ?", &tokens);
        let (slot, spoken) = (slot("height", number()), spoken(&["height"]));
        let found = scene.prior(("height ?", &tokens), &slot, (0, &spoken), &Past::default());
        assert_eq!(found, Prior { first: vec![0.0, -NEAR_NUMBER_GAIN], last: vec![0.0, 0.0] });
    }

    #[test]
    fn words_of_earlier_calls_cost_where_the_parameter_is_the_same() {
        let query = "Oslo Rome Bonn";
        for (bytes, parameter, expected) in [
            (0..4, 0, [1.0, 0.0, 0.0]),
            (0..4, 1, [0.0, 0.0, 0.0]),
            (2..6, 0, [1.0, 1.0, 0.0]),
            (4..5, 0, [0.0, 0.0, 0.0]),
            (90..99, 0, [0.0, 0.0, 0.0]),
        ] {
            let calls = [(parameter, bytes.clone())];
            let past = Past { own: &[], calls: &calls };
            let found = prior(query, &slot("n", number()), &past);
            let costs = expected.map(|cost: f32| cost * REPEATED_COST).to_vec();
            assert_eq!(found, Prior { first: costs.clone(), last: costs }, "{bytes:?}");
        }
    }

    #[test]
    fn elements_follow_one_another() {
        let (next, back, middle) = (-NEXT_GAIN, BACK_COST, MIDDLE_COST);
        let numbers = "mean of 3, 5 and 8";
        let cities = "Rome Oslo, Lima and Bonn";
        let cases: [(&str, &str, SlotType, &str, &[f32]); 7] = [
            // A list of numbers begins where its series does.
            (numbers, "n[0]", number(), "", &[0.0, 0.0, 0.0, middle, 0.0, middle]),
            (numbers, "n", number(), "", &[0.0; 6]),
            (numbers, "n[1]", number(), "3", &[back, back, 0.0, next, 0.0, 0.0]),
            (numbers, "n[2]", number(), "5", &[back, back, back, 0.0, 0.0, next]),
            (numbers, "n[3]", number(), "8", &[back, back, back, back, back, 0.0]),
            (cities, "n[0]", text(), "", &[0.0; 5]),
            (cities, "n[1]", text(), "Oslo", &[back, 0.0, next, 0.0, 0.0]),
        ];
        for (query, subject, ty, latest, expected) in cases {
            let is_text = ty == text();
            let own = match latest {
                "" => Vec::new(),
                said => vec![place(query, said)],
            };
            let found = prior(query, &slot(subject, ty), &Past { own: &own, calls: &[] });
            let borders = Borders::new(query);
            for (at, cost) in expected.iter().enumerate() {
                let (first, last) =
                    if is_text { (borders.first(at), borders.last(at)) } else { (0.0, 0.0) };
                assert_eq!(found.first[at], first + cost, "{query}, {subject}: {at}");
                assert_eq!(found.last[at], last, "{query}, {subject}: {at}");
            }
            assert_eq!(found.first.len(), expected.len());
        }
    }

    #[test]
    fn one_more_element_is_likely_where_a_series_goes_on() {
        let cases: [(&str, &str, bool, &str, &str, f32); 9] = [
            ("mean of 3, 5 and 8", "3", false, "n[0]", "n[1]", NUMBER_FOLLOWS),
            ("mean of 3, 5 and 8", "8", false, "n[2]", "n[3]", -NO_NUMBER_FOLLOWS),
            ("buy rice and milk", "rice", true, "items[0]", "items[1]", TEXT_FOLLOWS),
            ("buy rice and milk", "milk", true, "items[1]", "items[2]", -NO_TEXT_FOLLOWS),
            // A row of a table ends, and another follows or none.
            ("[[1, 2], [3, 4]]", "2", false, "t[0][1]", "t[0][2]", -NO_NUMBER_FOLLOWS),
            ("[[1, 2], [3, 4]]", "2", false, "t[0][1]", "t[1]", NUMBER_FOLLOWS),
            ("[[1, 2], [3, 4]]", "4", false, "t[1][1]", "t[2]", -NO_NUMBER_FOLLOWS),
            // Records, and other lists, are told nothing of.
            ("rice, milk", "rice", true, "items[0].name", "items[1]", 0.0),
            ("rice, milk", "rice", true, "item[0]", "items[1]", 0.0),
        ];
        for (query, said, is_text, path, subject, expected) in cases {
            let latest = Latest { path: path.into(), bytes: place(query, said), is_text };
            assert_eq!(another(query, &latest, subject), expected, "{query}: {path}, {subject}");
        }
    }

    #[test]
    fn queries_without_words_and_spans_beyond_the_end_do_no_harm() {
        let (none, beyond, within): (&[Range<usize>], _, _) = (&[], 90..99, 0..1);
        for subject in ["n", "n[0]", "n[1]"] {
            for ty in [text(), number()] {
                for own in [none, std::slice::from_ref(&beyond)] {
                    let calls = [(0, 90..99)];
                    let past = Past { own, calls: &calls };
                    assert_eq!(prior("", &slot(subject, ty.clone()), &past), Prior::default());
                }
                let past = Past { own: std::slice::from_ref(&within), calls: &[] };
                let found = prior("é 5", &slot(subject, ty.clone()), &past);
                assert_eq!(found, Prior { first: vec![0.0; 2], last: vec![0.0; 2] }, "{subject}");
            }
        }
    }
}
