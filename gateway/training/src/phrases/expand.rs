//! Says phrases.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value as Json};

use super::{Fixed, Item, Many, Meant, Node, Slot, Source, Target};

/// Draws before a value may be said a second time.
const DRAWS: usize = 12;

/// A phrase on its way to being said.
struct Saying<'a> {
    pools: &'a BTreeMap<String, Vec<Item>>,
    text: String,
    calls: Vec<Map<String, Json>>,
    copies: Vec<(Target, Vec<String>)>,
    /// Values that were said.
    said: Vec<String>,
    /// Length of the latest list.
    count: usize,
    /// Everything in small letters.
    small: bool,
    /// Whether the latest part was a value.
    value_last: bool,
    /// Whether the first part was a value.
    value_first: Option<bool>,
    spread: Spread,
}

/// Slots that are said with a value for each of several calls.
#[derive(Default)]
struct Spread {
    /// Calls; one when nothing is spread.
    count: usize,
    /// Which of the slots that can be, in order.
    slots: Vec<usize>,
    /// How many of those have been said.
    passed: usize,
    /// What each call has there.
    values: Vec<(Target, Vec<Json>)>,
}

/// Words of the longest value that is said beside others of its kind.
const SPREAD_WORDS_MAX: usize = 5;

/// Words before a value that may be said again before the next one.
const PREPOSITIONS: [&str; 10] =
    ["in", "for", "of", "to", "from", "with", "on", "at", "about", "by"];

/// What is said, and the arguments of each call. One call at least.
pub(super) fn spoken(
    pools: &BTreeMap<String, Vec<Item>>,
    nodes: &[Node],
    rng: &mut impl Rng,
) -> (String, Vec<Map<String, Json>>) {
    let mut saying = begun(pools, rng);
    saying.nodes(nodes, rng);
    saying.copy();
    let text = saying.dressed(rng);
    (text, saying.calls)
}

/// The same for several calls of one function, which differ in one value or two; `None` where the
/// phrase has none that can be said side by side.
pub(super) fn spread(
    pools: &BTreeMap<String, Vec<Item>>,
    nodes: &[Node],
    rng: &mut impl Rng,
) -> Option<(String, Vec<Map<String, Json>>)> {
    let mut saying = begun(pools, rng);
    let first = *[0, 0, 0, 1, 1, 2].choose(rng).unwrap_or(&0);
    let slots = if rng.random_bool(0.25) { vec![first, first + 1] } else { vec![first] };
    let count = *[2, 2, 2, 2, 3, 3, 4].choose(rng).unwrap_or(&2);
    saying.spread = Spread { count, slots, ..Spread::default() };
    saying.nodes(nodes, rng);
    saying.copy();
    if saying.spread.values.is_empty() || saying.calls.len() != 1 {
        return None;
    }
    if saying.spread.values.len() > 1 && rng.random_bool(0.5) {
        let end = saying.text.trim_end_matches(['.', '?', '!', ' ']).len();
        saying.text.insert_str(end, " respectively");
        saying.value_last = false;
    }
    let mut calls = vec![saying.calls[0].clone(); count];
    for (target, values) in std::mem::take(&mut saying.spread.values) {
        for (call, value) in calls.iter_mut().zip(values) {
            put(call, &target.path, value);
        }
    }
    let text = saying.dressed(rng);
    let differ = calls.iter().enumerate().all(|(at, call)| !calls[..at].contains(call));
    differ.then_some((text, calls))
}

/// Nothing said yet.
fn begun<'a>(pools: &'a BTreeMap<String, Vec<Item>>, rng: &mut impl Rng) -> Saying<'a> {
    Saying {
        pools,
        text: String::new(),
        calls: vec![Map::new()],
        copies: Vec::new(),
        said: Vec::new(),
        count: 2,
        small: rng.random_bool(0.15),
        value_last: false,
        value_first: None,
        spread: Spread::default(),
    }
}

impl Saying<'_> {
    fn nodes(&mut self, nodes: &[Node], rng: &mut impl Rng) {
        for node in nodes {
            match node {
                Node::Text(text) => self.literal(text, rng),
                Node::Any(several) => {
                    if let Some(nodes) = several.choose(rng) {
                        self.nodes(nodes, rng);
                    }
                }
                Node::Slot(slot) => self.slot(slot, rng),
                Node::Fixed(target, Fixed::Json(value)) => self.write(target, value.clone()),
                Node::Fixed(target, Fixed::Copy(from)) => {
                    self.copies.push((target.clone(), from.clone()));
                }
            }
        }
    }

    /// Says text that is no value; now and then with a slip of the finger.
    fn literal(&mut self, text: &str, rng: &mut impl Rng) {
        let text = if self.small { text.to_lowercase() } else { text.to_owned() };
        let text = if rng.random_bool(0.01) { slipped(&text, rng) } else { text };
        let blank = self.text.is_empty() || self.text.ends_with(' ');
        let text = if blank { text.trim_start() } else { text.as_str() };
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        self.value_last = false;
        self.value_first.get_or_insert(false);
    }

    /// Says the value or values of a slot and writes them down.
    fn slot(&mut self, slot: &Slot, rng: &mut impl Rng) {
        if slot.many == Many::One {
            let (said, meant) = self.fresh(&slot.source, rng);
            if self.is_spread(slot, &said) && self.said_by_each(slot, (&said, &meant), rng) {
                return;
            }
            self.value(&said);
            if let Some(target) = &slot.target {
                self.write(target, meant);
            }
            return;
        }
        if slot.many == Many::Some {
            self.count = match &slot.source {
                Source::Made(_) => rng.random_range(2..=7),
                Source::Pool(_) => *[2, 2, 3, 3, 3, 4, 4, 5].choose(rng).unwrap_or(&2),
            };
        }
        let mut values: Vec<(String, Json)> = Vec::new();
        for _ in 0..self.count {
            values.push(self.fresh(&slot.source, rng));
        }
        let said: Vec<&str> = values.iter().map(|(said, _)| said.as_str()).collect();
        let joined = match self.text.ends_with('[') {
            true => said.join(if rng.random_bool(0.8) { ", " } else { "," }),
            false => joined(&said, rng),
        };
        self.value(&joined);
        if let Some(target) = &slot.target {
            self.write(target, Json::Array(values.into_iter().map(|(_, meant)| meant).collect()));
        }
    }

    /// Whether a slot is one of those that are said with a value for each call.
    fn is_spread(&mut self, slot: &Slot, said: &str) -> bool {
        if self.spread.count < 2 || slot.target.as_ref().is_none_or(|target| target.call > 0) {
            return false;
        }
        if !is_plain(said) || said.split(' ').count() > SPREAD_WORDS_MAX {
            return false;
        }
        self.spread.passed += 1;
        self.spread.slots.contains(&(self.spread.passed - 1))
    }

    /// Says a value for each call, the first of which is given; says whether there were so many.
    fn said_by_each(&mut self, slot: &Slot, first: (&str, &Json), rng: &mut impl Rng) -> bool {
        let mut values = vec![(first.0.to_owned(), first.1.clone())];
        for _ in 0..DRAWS * self.spread.count {
            let next = self.fresh(&slot.source, rng);
            let is_new = values.iter().all(|(said, meant)| *said != next.0 && *meant != next.1);
            if is_new && is_plain(&next.0) {
                values.push(next);
            }
            if values.len() == self.spread.count {
                break;
            }
        }
        if values.len() < self.spread.count {
            return false;
        }
        let said: Vec<&str> = values.iter().map(|(said, _)| said.as_str()).collect();
        let before = self.text.trim_end().rsplit(' ').next().unwrap_or_default();
        let again = PREPOSITIONS.contains(&before) && rng.random_bool(0.35);
        let text = side_by_side(&said, again.then_some(before), rng);
        self.value(&text);
        if let Some(target) = &slot.target {
            let meant = values.into_iter().map(|(_, meant)| meant).collect();
            self.spread.values.push((target.clone(), meant));
        }
        true
    }

    fn value(&mut self, said: &str) {
        self.text.push_str(said);
        self.value_last = true;
        self.value_first.get_or_insert(true);
    }

    /// A value that was not said yet, as long as there are others.
    fn fresh(&mut self, source: &Source, rng: &mut impl Rng) -> (String, Json) {
        let mut drawn = draw(self.pools, source, self.small, rng);
        for _ in 0..DRAWS {
            if !self.said.contains(&drawn.0) {
                break;
            }
            drawn = draw(self.pools, source, self.small, rng);
        }
        self.said.push(drawn.0.clone());
        drawn
    }

    /// Writes an argument, and whatever must be around it.
    fn write(&mut self, target: &Target, value: Json) {
        while self.calls.len() <= target.call {
            self.calls.push(Map::new());
        }
        put(&mut self.calls[target.call], &target.path, value);
    }

    /// Carries out the copies, once the first call is complete.
    fn copy(&mut self) {
        for (target, from) in std::mem::take(&mut self.copies) {
            let (first, rest) = match from.split_first() {
                Some(parts) => parts,
                None => continue,
            };
            let found = self.calls[0].get(first);
            let found = rest.iter().fold(found, |at, name| at.and_then(|it| it.get(name)));
            if let Some(value) = found.cloned() {
                self.write(&target, value);
            }
        }
    }

    /// The text with what people put around a request: capitals, a greeting, a full stop.
    fn dressed(&self, rng: &mut impl Rng) -> String {
        let mut text = self.text.trim().to_owned();
        // A value that ends the request keeps its question mark.
        if !self.value_last && text.ends_with('?') && rng.random_bool(0.3) {
            text.pop();
            text.truncate(text.trim_end().len());
        }
        let closed = text.ends_with(['?', '!', '.']);
        if !self.value_last && !closed {
            if rng.random_bool(0.08) {
                let extra = self.extra("suffix", rng);
                if !extra.starts_with(',') && !extra.is_empty() {
                    text.push(' ');
                }
                text.push_str(&extra);
            }
            if rng.random_bool(0.25) {
                text.push('.');
            }
        }
        let mut value_first = self.value_first == Some(true);
        if rng.random_bool(0.1) {
            let extra = self.extra("prefix", rng);
            if !extra.is_empty() {
                text = format!("{extra} {text}");
                value_first = false;
            }
        }
        match !self.small && !value_first && rng.random_bool(0.5) {
            true => capital(&text),
            false => text,
        }
    }

    /// Something from a pool that may be missing.
    fn extra(&self, pool: &str, rng: &mut impl Rng) -> String {
        match self.pools.contains_key(pool) {
            true => draw(self.pools, &Source::Pool(pool.to_owned()), self.small, rng).0,
            false => String::new(),
        }
    }
}

/// Draws a value: what is said and what is meant.
fn draw(
    pools: &BTreeMap<String, Vec<Item>>,
    source: &Source,
    small: bool,
    rng: &mut impl Rng,
) -> (String, Json) {
    let name = match source {
        Source::Made(made) => return made.draw(rng),
        Source::Pool(name) => name,
    };
    let item = pools.get(name).and_then(|items| items.choose(rng));
    let item = item.expect("pools are checked when they are read");
    let mut said = String::new();
    let mut only = None;
    compose(pools, &item.said, small, rng, &mut said, &mut only);
    let said = said.trim().to_owned();
    let meant = match (&item.meant, only, item.said.as_slice()) {
        (Some(Meant::Json(meant)), _, _) => meant.clone(),
        (Some(Meant::Slot), Some(meant), _) => meant,
        (None, Some(meant), [Node::Slot(_)]) => meant,
        (None | Some(Meant::Slot), _, _) => Json::String(said.clone()),
    };
    (said, meant)
}

/// Says the nodes of a pool's item; `only` is what the latest slot means.
fn compose(
    pools: &BTreeMap<String, Vec<Item>>,
    nodes: &[Node],
    small: bool,
    rng: &mut impl Rng,
    out: &mut String,
    only: &mut Option<Json>,
) {
    for node in nodes {
        match node {
            Node::Text(text) if small => out.push_str(&text.to_lowercase()),
            Node::Text(text) => out.push_str(text),
            Node::Any(several) => {
                if let Some(nodes) = several.choose(rng) {
                    compose(pools, nodes, small, rng, out, only);
                }
            }
            Node::Slot(slot) => {
                let (said, meant) = draw(pools, &slot.source, small, rng);
                out.push_str(&said);
                *only = Some(meant);
            }
            Node::Fixed(..) => {}
        }
    }
}

/// The member of a list, which grows as needed.
fn member(place: &mut Json, index: usize) -> &mut Json {
    if !place.is_array() {
        *place = Json::Array(Vec::new());
    }
    let Json::Array(list) = place else { unreachable!("it was made a list") };
    if list.len() <= index {
        list.resize(index + 1, Json::Null);
    }
    &mut list[index]
}

/// The field of an object.
fn field<'a>(place: &'a mut Json, name: &str) -> &'a mut Json {
    if !place.is_object() {
        *place = Json::Object(Map::new());
    }
    let Json::Object(map) = place else { unreachable!("it was made an object") };
    map.entry(name.to_owned()).or_insert(Json::Null)
}

/// Writes an argument, and whatever must be around it.
fn put(call: &mut Map<String, Json>, path: &[String], value: Json) {
    let Some((first, rest)) = path.split_first() else { return };
    let mut place = call.entry(first.clone()).or_insert(Json::Null);
    for segment in rest {
        place = match segment.parse::<usize>() {
            Ok(index) => member(place, index),
            Err(_) => field(place, segment),
        };
    }
    *place = value;
}

/// Whether what is said reads as one value beside others.
fn is_plain(said: &str) -> bool {
    !said.contains(',') && !said.contains(" and ")
}

/// Values that several calls take one each, as people say them: *in Oslo and in Rome*.
pub(crate) fn side_by_side(said: &[&str], again: Option<&str>, rng: &mut impl Rng) -> String {
    let Some((last, rest)) = said.split_last() else { return String::new() };
    let word = again.map(|word| format!("{word} ")).unwrap_or_default();
    let link = match rng.random_range(0..10) {
        0..=5 => " and ",
        6 => " and also ",
        7 => " as well as ",
        8 if again.is_some() => ", and then ",
        8 => ", and ",
        _ => " & ",
    };
    let comma = format!(", {word}");
    let both =
        if rest.len() == 1 && again.is_none() && rng.random_bool(0.1) { "both " } else { "" };
    format!("{both}{}{link}{word}{last}", rest.join(&comma))
}

/// Joins values as people do.
fn joined(said: &[&str], rng: &mut impl Rng) -> String {
    let Some((last, rest)) = said.split_last() else { return String::new() };
    if rest.is_empty() {
        return (*last).to_owned();
    }
    let number =
        |text: &&str| text.chars().all(|sign| sign.is_ascii_digit() || "-.".contains(sign));
    let way = if said.iter().all(number) { rng.random_range(0..8) } else { rng.random_range(0..6) };
    match way {
        0..=2 => format!("{} and {last}", rest.join(", ")),
        3 => said.join(", "),
        4 if said.len() > 2 => format!("{}, and {last}", rest.join(", ")),
        4 | 5 => said.join(" and "),
        6 => said.join(" "),
        _ => said.join(","),
    }
}

/// The text with its first letter as a capital.
fn capital(text: &str) -> String {
    let mut signs = text.chars();
    match signs.next() {
        Some(first) => first.to_uppercase().chain(signs).collect(),
        None => String::new(),
    }
}

/// The text with two letters of a long word swapped.
fn slipped(text: &str, rng: &mut impl Rng) -> String {
    let mut signs: Vec<char> = text.chars().collect();
    let inner = |at: &usize| signs[*at - 1..*at + 3].iter().all(char::is_ascii_lowercase);
    let places: Vec<usize> = (1..signs.len().saturating_sub(2)).filter(inner).collect();
    if let Some(at) = places.choose(rng) {
        signs.swap(*at, *at + 1);
    }
    signs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::phrases::Phrases;

    const CITIES: &str = "pool city: Oslo | Rome | Lima | Bonn | Kyiv | Bern\n";

    /// What the first phrase of the first function says to several calls.
    fn said(file: &str, seed: u64) -> Option<(String, Vec<Map<String, Json>>)> {
        let phrases = Phrases::parse(&[("test.txt", file)]).expect("well formed");
        let nodes = &phrases.functions[0].1[0].nodes;
        spread(&phrases.pools, nodes, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// Where a text says each of some values first.
    fn places<'a>(text: &str, values: impl Iterator<Item = &'a Json>) -> Vec<usize> {
        let place = |value: &Json| {
            let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.find(&said).unwrap_or_else(|| panic!("{text}: {said}"))
        };
        values.map(place).collect()
    }

    #[test]
    fn every_call_takes_values_that_are_said_in_its_turn() {
        let file = format!(
            "{CITIES}function f\nweather in {{city}} for {{days:dig(1,9)}} days{{on=true}}\n"
        );
        let (mut found, mut paired) = (0, 0);
        for seed in 0..300 {
            let Some((text, calls)) = said(&file, seed) else { continue };
            found += 1;
            assert!((2..=4).contains(&calls.len()), "{text}: {calls:?}");
            for (at, call) in calls.iter().enumerate() {
                assert!(!calls[..at].contains(call), "{text}: {calls:?}");
                assert_eq!(call["on"], Json::Bool(true), "{text}");
            }
            let respectively = text.contains(" respectively");
            paired += usize::from(respectively);
            for name in ["city", "days"] {
                let places = places(&text, calls.iter().map(|call| &call[name]));
                assert!(places.is_sorted(), "{text}: {calls:?}");
                // Values that belong together are as many of each kind.
                let differ = places.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(differ || !respectively, "{text}: {calls:?}");
            }
        }
        assert!(found > 150 && paired > 0, "{found} {paired}");
    }

    #[test]
    fn values_within_records_and_in_other_letters_are_said_as_well() {
        let file = "pool city: São Paulo | Ürümqi | 東京 | Kraków\n\
                    function f\n{at.city} as of {at.n=3}now?\n";
        let mut found = 0;
        for seed in 0..100 {
            let Some((text, calls)) = said(file, seed) else { continue };
            found += 1;
            assert!(calls.iter().all(|call| call["at"]["n"] == 3), "{text}: {calls:?}");
            let places = places(&text, calls.iter().map(|call| &call["at"]["city"]));
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{text}: {calls:?}");
        }
        assert!(found > 20, "{found}");
    }

    #[test]
    fn phrases_without_values_that_can_stand_side_by_side_are_not_spread() {
        for phrase in [
            "hello there",
            "the mean of {a*:num(1,9)}",
            "weather in {_:city}",
            "from {city} to {2.city}",
            "{only}\npool only: Oslo",
            "{pair}\npool pair: Oslo, Norway | Rome, Italy",
            "{dish}\npool dish: salt and pepper | ham and eggs",
            "{long}\npool long: one two three four five six | a b c d e f",
            "{same}\npool same: Oslo => 1 | Rome => 1",
        ] {
            let file = format!("{CITIES}function f\n{phrase}\n");
            for seed in 0..60 {
                assert_eq!(said(&file, seed), None, "{phrase}");
            }
        }
    }

    #[test]
    fn values_side_by_side_are_all_said_in_order() {
        let cases: [&[&str]; 3] =
            [&["Oslo", "Rome"], &["São Paulo", "Ürümqi", "東京"], &["1", "2.5", "3", "4"]];
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            assert_eq!(side_by_side(&[], None, &mut rng), "");
            for values in cases {
                let (first, last) = (values[0], values[values.len() - 1]);
                let text = side_by_side(values, None, &mut rng);
                let bare = text.strip_prefix("both ").filter(|_| values.len() == 2);
                let bare = bare.unwrap_or(&text);
                assert!(bare.starts_with(first) && bare.ends_with(last), "{text}");
                let places: Vec<Option<usize>> = values.iter().map(|one| bare.find(*one)).collect();
                assert!(!places.contains(&None) && places.is_sorted(), "{text}");
                // What stands before the first is said again before the others.
                let text = side_by_side(values, Some("in"), &mut rng);
                assert!(text.starts_with(first), "{text}");
                assert!(text.ends_with(&format!(" in {last}")), "{text}");
                for value in &values[1..] {
                    assert!(text.contains(&format!(" in {value}")), "{text}");
                }
            }
        }
    }
}
