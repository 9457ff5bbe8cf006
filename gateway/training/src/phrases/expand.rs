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
}

/// What is said, and the arguments of each call. One call at least.
pub(super) fn spoken(
    pools: &BTreeMap<String, Vec<Item>>,
    nodes: &[Node],
    rng: &mut impl Rng,
) -> (String, Vec<Map<String, Json>>) {
    let mut saying = Saying {
        pools,
        text: String::new(),
        calls: vec![Map::new()],
        copies: Vec::new(),
        said: Vec::new(),
        count: 2,
        small: rng.random_bool(0.15),
        value_last: false,
        value_first: None,
    };
    saying.nodes(nodes, rng);
    saying.copy();
    let text = saying.dressed(rng);
    (text, saying.calls)
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
            self.value(&said);
            if let Some(target) = &slot.target {
                self.write(target, meant);
            }
            return;
        }
        if slot.many == Many::Some {
            self.count = *[2, 2, 3, 3, 3, 4, 4, 5].choose(rng).unwrap_or(&2);
        }
        let mut values: Vec<(String, Json)> = Vec::new();
        for _ in 0..self.count {
            values.push(self.fresh(&slot.source, rng));
        }
        let said: Vec<&str> = values.iter().map(|(said, _)| said.as_str()).collect();
        let joined = joined(&said, rng);
        self.value(&joined);
        if let Some(target) = &slot.target {
            self.write(target, Json::Array(values.into_iter().map(|(_, meant)| meant).collect()));
        }
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
        let Some((first, rest)) = target.path.split_first() else { return };
        let mut place = self.calls[target.call].entry(first.clone()).or_insert(Json::Null);
        for segment in rest {
            place = match segment.parse::<usize>() {
                Ok(index) => member(place, index),
                Err(_) => field(place, segment),
            };
        }
        *place = value;
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
