//! Rows of conversations: the calls are those of the last turn alone.
//!
//! Some are written as phrases; most are made: two requests for one function become a request and a
//! follow-up that changes one value (and all others stand in what was said before), a request
//! follows one that has nothing to do with it, or somebody only says thanks.

use hyfunc_cascade::conversation::{Earlier, SAID_BYTES_MAX, compose};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json};

use super::Mix;
use crate::data::Row;
use crate::phrases::{OUTCOME, TURN};
use crate::synthesis;

/// How often each kind of conversation is drawn, beside the others.
const KINDS: [(Kind, u32); 5] = [
    (Kind::Written, 20),
    (Kind::Changed, 18),
    (Kind::ChangedInCatalogue, 10),
    (Kind::Unrelated, 36),
    (Kind::Idle, 16),
];

/// Pairs of requests that are tried until one can follow the other.
const DRAWS: usize = 12;

/// Share of conversations with one more turn, about something else, before all others.
const OLDER_SHARE: f64 = 0.2;

/// Share of made follow-ups that ask for the same once more.
const AGAIN_SHARE: f64 = 0.06;

/// Share of turns after which something came of them.
const OUTCOME_SHARE: f64 = 0.55;

/// How a value is put in the place of another; `{}` stands for it.
const CHANGES: [&str; 24] = [
    "and {}?",
    "what about {}?",
    "how about {}?",
    "and {}",
    "same for {}",
    "the same for {}",
    "and for {}?",
    "now {}",
    "{}?",
    "the same with {}",
    "make it {}",
    "make that {}",
    "no, {}",
    "I meant {}",
    "sorry, {}",
    "{} instead",
    "try {} instead",
    "rather {}",
    "once more for {}",
    "then {}",
    "also {}",
    "do {} too",
    "what if it was {}",
    "let's try {}",
];

/// The same for places.
const PLACES: [&str; 8] = [
    "and in {}?",
    "what about in {}?",
    "in {}?",
    "how about in {}",
    "same thing in {}",
    "now in {}",
    "and the {}?",
    "also in {} please",
];

/// Asks for the same once more.
const AGAIN: [&str; 10] = [
    "again",
    "do that again",
    "once more",
    "same again",
    "repeat that",
    "do the same again please",
    "one more time",
    "can you do that again?",
    "try again",
    "run that again",
];

/// Asks for nothing.
const IDLE: [&str; 36] = [
    "thanks",
    "thank you",
    "thanks a lot!",
    "thx",
    "ty",
    "thank you so much",
    "great",
    "perfect",
    "nice",
    "awesome, thanks",
    "cool",
    "ok",
    "okay",
    "ok great",
    "alright",
    "I see",
    "good to know",
    "that helps",
    "that's all",
    "that's it for now",
    "never mind",
    "nevermind, forget it",
    "no thanks",
    "wow",
    "really?",
    "interesting",
    "hm",
    "haha",
    "you're the best",
    "well done",
    "bye",
    "see you later",
    "that was quick",
    "makes sense",
    "I thought so",
    "works for me",
];

/// Answers that say nothing of values.
const ANSWERS: [&str; 8] =
    ["Done.", "OK.", "Sure.", "It is done.", "Here you are.", "Yes.", "No.", "Anything else?"];

/// A kind of conversation.
#[derive(Clone, Copy)]
enum Kind {
    /// From the phrase files.
    Written,
    /// A follow-up with another value, for a function of the bundled library.
    Changed,
    /// The same for a function of a catalogue.
    ChangedInCatalogue,
    /// A request after another one.
    Unrelated,
    /// Something that is no request after one.
    Idle,
}

impl Mix {
    /// One conversation.
    pub(super) fn conversation(&self, rng: &mut ChaCha8Rng) -> Row {
        let kind = KINDS.choose_weighted(rng, |(_, weight)| *weight);
        let row = match kind.map_or(Kind::Unrelated, |(kind, _)| *kind) {
            Kind::Written => self.written(rng),
            Kind::Changed => self.changed(rng),
            Kind::ChangedInCatalogue => self.changed_in_catalogue(rng),
            Kind::Unrelated => None,
            Kind::Idle => Some(self.idle(rng)),
        };
        row.unwrap_or_else(|| self.unrelated(rng))
    }

    fn written(&self, rng: &mut ChaCha8Rng) -> Option<Row> {
        let said = self.phrases.conversation(rng)?;
        let (before, last) = said.text.rsplit_once(TURN)?;
        let mut earlier = self.older(rng);
        for turn in before.split(TURN) {
            let (said, outcome) = turn.split_once(OUTCOME).unwrap_or((turn, ""));
            earlier.push(Earlier::Person(said.to_owned()));
            match outcome {
                "" if rng.random_bool(OUTCOME_SHARE / 2.0) => {
                    let answer = ANSWERS.choose(rng).copied().unwrap_or_default();
                    earlier.push(Earlier::Reply(answer.to_owned()));
                }
                outcome => earlier.push(Earlier::Reply(outcome.to_owned())),
            }
        }
        Some(self.offered(compose(&earlier, last), said.calls, rng))
    }

    fn changed(&self, rng: &mut ChaCha8Rng) -> Option<Row> {
        for _ in 0..DRAWS {
            let first = self.phrases.sample(rng);
            let [(name, before)] = first.calls.as_slice() else { continue };
            let other = self.phrases.of(name, rng)?;
            let [(_, after)] = other.calls.as_slice() else { continue };
            let Some(next) = follow_up((before, after), &other.text, rng) else { continue };
            let Some(query) = self.talk(&first.text, (name.as_str(), before), &next.0, rng) else {
                continue;
            };
            return Some(self.offered(query, vec![(name.clone(), next.1)], rng));
        }
        None
    }

    fn changed_in_catalogue(&self, rng: &mut ChaCha8Rng) -> Option<Row> {
        for _ in 0..DRAWS {
            let mut row = self.catalogued(rng)?;
            let [(_, before)] = row.calls.as_slice() else { continue };
            let function = row.functions.first()?;
            let Some((text, calls)) = synthesis::utterance(function, rng) else { continue };
            let [after] = calls.as_slice() else { continue };
            let Some(next) = follow_up((before, after), &text, rng) else { continue };
            let called = (function.name.as_str(), before);
            let Some(query) = self.talk(&row.query, called, &next.0, rng) else { continue };
            row.query = query;
            row.calls = vec![(0, next.1)];
            return Some(row);
        }
        None
    }

    /// A request after one that it has nothing to do with. What that one called is on offer, too.
    fn unrelated(&self, rng: &mut ChaCha8Rng) -> Row {
        let before = self.one(rng);
        let mut row = self.one(rng);
        let mut earlier = self.older(rng);
        earlier.push(Earlier::Person(before.query.clone()));
        earlier.extend(outcome_of(&before, rng));
        for (called, _) in &before.calls {
            let function = &before.functions[*called];
            // What the request wants and is not offered must not come this way.
            if !row.is_unmet && !row.functions.iter().any(|known| known.name == function.name) {
                row.functions.push(function.clone());
            }
        }
        row.query = compose(&earlier, &row.query);
        row
    }

    /// Something that is no request, after one.
    fn idle(&self, rng: &mut ChaCha8Rng) -> Row {
        let mut row = self.one(rng);
        let mut earlier = self.older(rng);
        earlier.push(Earlier::Person(row.query.clone()));
        earlier.extend(outcome_of(&row, rng));
        let last = match rng.random_bool(0.6) {
            true => IDLE.choose(rng).copied().unwrap_or_default().to_owned(),
            false => self.phrases.none(rng),
        };
        row.query = compose(&earlier, &last);
        row.calls.clear();
        row.is_unmet = false;
        row
    }

    /// What was said first of all, about something else; often nothing.
    fn older(&self, rng: &mut ChaCha8Rng) -> Vec<Earlier> {
        if !rng.random_bool(OLDER_SHARE) {
            return Vec::new();
        }
        let row = self.one(rng);
        let mut earlier = vec![Earlier::Person(row.query.clone())];
        earlier.extend(outcome_of(&row, rng));
        earlier
    }

    /// A request, what came of it, and what is said next, as one text; `None` where the request is
    /// too long to be remembered whole.
    fn talk(
        &self,
        first: &str,
        called: (&str, &Map<String, Json>),
        next: &str,
        rng: &mut ChaCha8Rng,
    ) -> Option<String> {
        if first.len() > SAID_BYTES_MAX {
            return None;
        }
        let mut earlier = self.older(rng);
        earlier.push(Earlier::Person(first.to_owned()));
        earlier.extend(outcome(Some(called), rng));
        Some(compose(&earlier, next))
    }
}

/// What came of a row.
fn outcome_of(row: &Row, rng: &mut ChaCha8Rng) -> Option<Earlier> {
    let call = row.calls.first();
    let call = call.map(|(at, arguments)| (row.functions[*at].name.as_str(), arguments));
    outcome(call, rng)
}

/// What may have come of a call, or of none: words with some of its values and a number, the call
/// itself, or nothing that is known.
fn outcome(call: Option<(&str, &Map<String, Json>)>, rng: &mut ChaCha8Rng) -> Option<Earlier> {
    if !rng.random_bool(OUTCOME_SHARE) {
        return None;
    }
    let Some((name, arguments)) = call else {
        return Some(Earlier::Reply("No function fits that.".into()));
    };
    let values: Vec<String> = arguments.values().filter_map(spoken).collect();
    let number = rng.random_range(1..2000);
    let words = match (rng.random_range(0..6), values.choose(rng)) {
        (0, _) => {
            let arguments = Json::Object(arguments.clone()).to_string();
            return Some(Earlier::Call { name: name.to_owned(), arguments });
        }
        (1, Some(value)) => format!("{value}: {number}"),
        (2, Some(_)) => format!("{}: {number}.{}", values.join(", "), number % 10),
        (3, Some(value)) => format!("{value} is {number} now."),
        (4, _) => number.to_string(),
        _ => ANSWERS.choose(rng).copied().unwrap_or_default().to_owned(),
    };
    Some(Earlier::Reply(words))
}

/// A value as it is said, unless it holds others.
fn spoken(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What is said to have a call with one value of another, or the same once more, and the call that
/// is meant. `text` is a request for the other one: only what is said there can be said.
fn follow_up(
    (before, after): (&Map<String, Json>, &Map<String, Json>),
    text: &str,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Map<String, Json>)> {
    if rng.random_bool(AGAIN_SHARE) {
        return Some(((*AGAIN.choose(rng)?).to_owned(), before.clone()));
    }
    let mut changes = Vec::new();
    find(before, after, &mut Vec::new(), text, &mut changes);
    let (path, said, value) = changes.choose(rng)?;
    let mut meant = before.clone();
    *place(&mut meant, path)? = value.clone();
    let name = path.iter().rev().find(|name| name.parse::<usize>().is_err())?;
    let name = name.replace(['_', '-'], " ").to_lowercase();
    let is_place = ["city", "place", "room", "location", "country"]
        .iter()
        .any(|place| name.split(' ').any(|word| word == *place));
    let said = match rng.random_range(0..10) {
        0..5 if is_place => PLACES.choose(rng)?.replace("{}", said),
        0 if name.len() > 2 => format!("{name} {said}"),
        1 if name.len() > 2 => format!("and with {name} {said}?"),
        _ => CHANGES.choose(rng)?.replace("{}", said),
    };
    Some((said, meant))
}

/// A value that can be changed: where it stands, how it is said, what is meant.
type Change = (Vec<String>, String, Json);

/// Texts and numbers that both calls have in one place, that differ, and that `text` says.
fn find(
    before: &Map<String, Json>,
    after: &Map<String, Json>,
    path: &mut Vec<String>,
    text: &str,
    found: &mut Vec<Change>,
) {
    for (name, old) in before {
        let Some(new) = after.get(name) else { continue };
        path.push(name.clone());
        match (old, new) {
            (Json::Object(old), Json::Object(new)) => find(old, new, path, text, found),
            (Json::Array(one), Json::Array(other)) if one.len() == 1 && other.len() == 1 => {
                path.push("0".to_owned());
                leaf(&one[0], &other[0], path, text, found);
                path.pop();
            }
            (old, new) => leaf(old, new, path, text, found),
        }
        path.pop();
    }
}

fn leaf(old: &Json, new: &Json, path: &[String], text: &str, found: &mut Vec<Change>) {
    let alike = old.is_string() && new.is_string() || old.is_number() && new.is_number();
    let Some(said) = spoken(new).filter(|_| alike && old != new) else { return };
    let lower = text.to_lowercase();
    let is_said = |said: &str| {
        let said = said.to_lowercase();
        let letter = |sign: Option<char>| sign.is_some_and(char::is_alphanumeric);
        lower.match_indices(said.as_str()).any(|(at, _)| {
            !letter(lower[..at].chars().next_back())
                && !letter(lower[at + said.len()..].chars().next())
        })
    };
    let plain = said.replace(['-', '_'], " ");
    for said in [said, plain] {
        if !said.trim().is_empty() && is_said(&said) {
            found.push((path.to_vec(), said, new.clone()));
            return;
        }
    }
}

/// The value at a path that is there.
fn place<'a>(arguments: &'a mut Map<String, Json>, path: &[String]) -> Option<&'a mut Json> {
    let (first, rest) = path.split_first()?;
    let mut value = arguments.get_mut(first)?;
    for name in rest {
        value = match value {
            Json::Object(map) => map.get_mut(name)?,
            Json::Array(list) => list.get_mut(name.parse::<usize>().ok()?)?,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyfunc_cascade::conversation::{TURN_END, last};
    use hyfunc_functions::schema::function_from_schema;
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;
    use crate::phrases::Phrases;

    fn map(json: Json) -> Map<String, Json> {
        json.as_object().cloned().unwrap()
    }

    #[test]
    fn one_value_changes_and_all_others_stay() {
        let before = map(json!({"room": "den", "at": {"n": 3, "mode": "a"}, "on": true}));
        let after = map(json!({"room": "hall", "at": {"n": 3, "mode": "dark-blue"}, "on": false}));
        let mut found = Vec::new();
        find(&before, &after, &mut Vec::new(), "Dark blue in the hall", &mut found);
        let said: Vec<&str> = found.iter().map(|(_, said, _)| said.as_str()).collect();
        assert_eq!(said.len(), 2, "{found:?}");
        assert!(said.contains(&"hall") && said.contains(&"dark blue"), "{found:?}");
        let mut none = Vec::new();
        find(&before, &after, &mut Vec::new(), "the hallway", &mut none);
        assert!(none.is_empty(), "a part of a word says nothing: {none:?}");
        for seed in 0..60 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let text = "dark blue in the hall";
            let (said, meant) = follow_up((&before, &after), text, &mut rng).unwrap();
            let room = said.contains("hall") && meant["room"] == "hall";
            let mode = said.contains("dark blue") && meant["at"]["mode"] == "dark-blue";
            let again = meant == before && AGAIN.contains(&said.as_str());
            assert_eq!(u8::from(room) + u8::from(mode) + u8::from(again), 1, "{said}: {meant:?}");
            assert_eq!((&meant["at"]["n"], &meant["on"]), (&json!(3), &json!(true)));
        }
    }

    #[test]
    fn conversations_hold_what_they_mean() {
        let text = "function f\nweather in {city}\nhow warm is {city}\n\
                    function f + f\nweather in {city} and in {2.city}\n\
                    follow f\nweather in {_:city} // and {city}?\n\
                    none\nsing a song\npool city: Rome | Oslo | Lima\n";
        let phrases = Phrases::parse(&[("test.txt", text)]).unwrap();
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}},
                            "required": ["city"]});
        let f = Arc::new(function_from_schema("f", "Tell the weather.", &schema).unwrap());
        let mix = Mix::new(vec![f.clone()], phrases, Vec::new(), vec![f]);
        let (mut calls, mut idle) = (0, 0);
        for seed in 0..300 {
            let row = mix.conversation(&mut ChaCha8Rng::seed_from_u64(seed));
            let again = mix.conversation(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!((&row.query, &row.calls), (&again.query, &again.calls), "one seed, one row");
            assert!(row.query.contains(TURN_END) && !row.query.contains(TURN), "{}", row.query);
            assert!(!last(&row.query).is_empty(), "{}", row.query);
            idle += usize::from(row.calls.is_empty());
            for (at, arguments) in &row.calls {
                assert_eq!(row.functions[*at].name, "f");
                let city = arguments["city"].as_str().unwrap().to_lowercase();
                assert!(row.query.to_lowercase().contains(&city), "{}: {city}", row.query);
                calls += 1;
            }
        }
        assert!(calls > 100 && idle > 10, "{calls} calls, {idle} rows without");
    }
}
