//! Which rows a step sees: sources in fixed shares, several wishes in one request, requests
//! that follow others, and noise.

mod conversation;
mod spread;
mod stranger;

use std::collections::BTreeMap;
use std::sync::Arc;

use hyfunc_functions::Function;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json};

use crate::data::Row;
use crate::phrases::Phrases;
use crate::practice::Plugin;
use crate::synthesis;

/// Share of requests to practice plugins.
const PRACTICE_SHARE: f64 = 0.45;

/// Share of requests over the bundled library, of the rest.
const BUNDLED_SHARE: f64 = 0.54;

/// Share of requests synthesized from catalogues' signatures, of the rest.
const CATALOGUE_SHARE: f64 = 0.45;

/// Share of requests that join two wishes.
const JOINED_SHARE: f64 = 0.13;

/// Share of joined ones that are joined with one more, up to so many in all.
const JOINED_MORE_SHARE: f64 = 0.4;
const JOINED_MAX: usize = 5;

/// Share of requests that are the last turn of a conversation.
const CONVERSATION_SHARE: f64 = 0.17;

/// Share of bundled requests that nothing fits.
const NONE_SHARE: f64 = 0.13;

/// Share of bundled requests that mean calls of several functions.
const SEVERAL_SHARE: f64 = 0.18;

/// Share of bundled requests that mean one function with several values side by side.
const AGAIN_SHARE: f64 = 0.06;

/// Share of imported requests that are made to ask for several values side by side.
const SPREAD_SHARE: f64 = 0.15;

/// Share of bundled requests taken word for word from the docs' examples.
const EXAMPLE_SHARE: f64 = 0.04;

/// Share of requests in small letters.
const LOWERED_SHARE: f64 = 0.3;

/// Bytes of the longest query.
pub const QUERY_BYTES_MAX: usize = 512;

/// Functions offered with a row of imported data, called ones included.
const OFFERED_MAX: usize = 14;

/// Functions of the bundled library that are offered with a row, called ones included.
const BUNDLED_MAX: usize = 48;

/// Functions of the catalogue offered with a synthesized row.
const CATALOGUE_MAX: usize = 3;

/// Share of bundled requests that are offered a few functions of practice plugins besides.
const DISTRACTED_SHARE: f64 = 0.3;

/// Most such functions.
const DISTRACTORS_MAX: usize = 4;

/// Share of synthesized rows that are offered some of the bundled library besides, as where a plugin
/// is published that no training has seen.
const NEWCOMER_SHARE: f64 = 0.6;

/// Functions of the bundled library offered with such a row.
const OLD_HANDS_MAX: usize = 20;

/// Where training rows come from.
pub struct Mix {
    bundled: Vec<Arc<Function>>,
    phrases: Phrases,
    /// Imported rows by the data set that they come from.
    imported: Vec<Vec<Row>>,
    catalogue: Vec<Arc<Function>>,
    /// Plugins to practise with, and all their functions.
    practice: Vec<Plugin>,
    strange: Vec<Arc<Function>>,
}

impl Mix {
    /// Rows of the bundled library's phrases and docs, of imported data, and of catalogues.
    pub fn new(
        bundled: Vec<Arc<Function>>,
        phrases: Phrases,
        imported: Vec<Row>,
        catalogue: Vec<Arc<Function>>,
    ) -> Self {
        let mut sets: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in imported.into_iter().filter(|row| row.query.len() <= QUERY_BYTES_MAX) {
            let set = row.id.split('-').next().unwrap_or_default().to_owned();
            sets.entry(set).or_default().push(row);
        }
        Self {
            bundled,
            phrases,
            imported: sets.into_values().collect(),
            catalogue,
            practice: Vec::new(),
            strange: Vec::new(),
        }
    }

    /// The same with plugins to practise with.
    pub(crate) fn practising(self, practice: Vec<Plugin>) -> Self {
        let strange = practice.iter().flat_map(|plugin| plugin.functions.iter().cloned()).collect();
        Self { practice, strange, ..self }
    }

    /// All functions of practice plugins: those of the mix, and those that rows beside it are about.
    pub(crate) fn practice_functions(&self, rows: &[Row]) -> Vec<Arc<Function>> {
        let mut functions: BTreeMap<String, Arc<Function>> = BTreeMap::new();
        let offered = rows.iter().flat_map(|row| &row.functions);
        for function in self.strange.iter().chain(offered) {
            functions.entry(function.name.clone()).or_insert_with(|| function.clone());
        }
        functions.into_values().collect()
    }

    /// Texts for the tokenizer.
    pub fn texts(&self, rng: &mut ChaCha8Rng, samples: usize) -> Vec<String> {
        let mut texts: Vec<String> = (0..samples).map(|_| self.sample(rng).query).collect();
        let functions = self.bundled.iter().chain(&self.catalogue).chain(&self.strange);
        texts.extend(functions.map(|f| hyfunc_cascade::prompt::function_text(f)));
        texts.extend(self.imported.iter().flatten().map(|row| row.query.clone()));
        texts
    }

    /// One row.
    pub fn sample(&self, rng: &mut ChaCha8Rng) -> Row {
        let row = match rng.random_bool(CONVERSATION_SHARE) {
            true => self.conversation(rng),
            false => self.request(rng),
        };
        typed(row, rng)
    }

    /// One request, or several in one.
    fn request(&self, rng: &mut ChaCha8Rng) -> Row {
        let mut row = self.one(rng);
        let mut share = JOINED_SHARE;
        for _ in 1..JOINED_MAX {
            if !rng.random_bool(share) {
                break;
            }
            let other = self.one(rng);
            if joins(&row, &other) {
                row = join(row, other, rng);
            }
            share = JOINED_MORE_SHARE;
        }
        row
    }

    fn one(&self, rng: &mut ChaCha8Rng) -> Row {
        if !self.practice.is_empty() && rng.random_bool(PRACTICE_SHARE) {
            let plugin = self.practice.choose(rng).expect("there is at least one plugin");
            return self.stranger(plugin, rng);
        }
        if rng.random_bool(BUNDLED_SHARE) || self.imported.is_empty() {
            return self.bundled_row(rng);
        }
        let synthesized = !self.catalogue.is_empty() && rng.random_bool(CATALOGUE_SHARE);
        if let Some(row) = synthesized.then(|| self.catalogued(rng)).flatten() {
            return row;
        }
        // Data sets are drawn by the square root of their size: the two largest are 71 intents.
        let weight = |set: &Vec<Row>| (set.len() as f64).sqrt();
        let set = self.imported.choose_weighted(rng, weight).unwrap_or(&self.imported[0]);
        let mut row = set.choose(rng).cloned().expect("a set has at least one row");
        if rng.random_bool(SPREAD_SHARE) {
            row = spread::spread(&row, set, rng).unwrap_or(row);
        }
        shrink(&mut row, rng);
        row
    }

    fn bundled_row(&self, rng: &mut ChaCha8Rng) -> Row {
        if rng.random_bool(NONE_SHARE) {
            return self.offered(self.phrases.none(rng), Vec::new(), rng);
        }
        if let Some(said) = rng.random_bool(AGAIN_SHARE).then(|| self.phrases.again(rng)).flatten()
        {
            return self.offered(said.text, said.calls, rng);
        }
        if rng.random_bool(SEVERAL_SHARE) {
            let said = self.phrases.several(rng);
            return self.offered(said.text, said.calls, rng);
        }
        if rng.random_bool(EXAMPLE_SHARE) {
            let function = self.bundled.choose(rng).expect("the bundled library is not empty");
            if let Some(example) = function.examples.choose(rng) {
                let call = (function.name.clone(), example.arguments.clone());
                return self.offered(example.utterance.clone(), vec![call], rng);
            }
        }
        let said = self.phrases.sample(rng);
        self.offered(said.text, said.calls, rng)
    }

    /// A row over the bundled library: the called functions and some others.
    fn offered(
        &self,
        query: String,
        calls: Vec<(String, Map<String, Json>)>,
        rng: &mut ChaCha8Rng,
    ) -> Row {
        let named = |name: &str| self.bundled.iter().find(|f| f.name == name).cloned();
        let mut functions: Vec<Arc<Function>> = Vec::new();
        let mut found = Vec::new();
        for (name, arguments) in calls {
            let Some(function) = named(&name) else { continue };
            let at = functions.iter().position(|f| Arc::ptr_eq(f, &function));
            let at = at.unwrap_or_else(|| {
                functions.push(function);
                functions.len() - 1
            });
            found.push((at, arguments));
        }
        let called = functions.len();
        for other in &self.bundled {
            if !functions[..called].iter().any(|f| Arc::ptr_eq(f, other)) {
                functions.push(other.clone());
            }
        }
        functions[called..].shuffle(rng);
        functions.truncate(BUNDLED_MAX.max(called));
        if !self.strange.is_empty() && rng.random_bool(DISTRACTED_SHARE) {
            let count = rng.random_range(1..=DISTRACTORS_MAX);
            functions.extend(self.strange.choose_multiple(rng, count).cloned());
            functions[called..].shuffle(rng);
        }
        Row { id: String::new(), query, functions, calls: found, is_unmet: false }
    }

    fn catalogued(&self, rng: &mut ChaCha8Rng) -> Option<Row> {
        let function = self.catalogue.choose(rng)?;
        let (query, meant) = synthesis::utterance(function, rng)?;
        let mut functions = vec![function.clone()];
        for _ in 1..CATALOGUE_MAX {
            let other = self.catalogue.choose(rng)?;
            if other.name != function.name {
                functions.push(other.clone());
            }
        }
        if rng.random_bool(NEWCOMER_SHARE) {
            functions.extend(self.bundled.choose_multiple(rng, OLD_HANDS_MAX).cloned());
        }
        let calls = meant.into_iter().map(|arguments| (0, arguments)).collect();
        Some(Row { id: String::new(), query, functions, calls, is_unmet: false })
    }
}

/// A row as it is typed: in small letters at times, and in a hurry.
fn typed(mut row: Row, rng: &mut ChaCha8Rng) -> Row {
    if rng.random_bool(LOWERED_SHARE) {
        lower(&mut row);
    }
    row.query = noisy(&row, rng);
    row
}

/// Keeps the called functions and a few of the others.
fn shrink(row: &mut Row, rng: &mut ChaCha8Rng) {
    let mut order: Vec<usize> = (0..row.functions.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|index| !row.calls.iter().any(|(called, _)| called == index));
    order.truncate(OFFERED_MAX);
    row.functions = order.iter().map(|&index| row.functions[index].clone()).collect();
    row.calls.retain_mut(|(called, _)| match order.iter().position(|index| index == called) {
        Some(at) => {
            *called = at;
            true
        }
        None => false,
    });
}

/// Whether two rows can be one request: both call something, and together they are short.
fn joins(first: &Row, second: &Row) -> bool {
    !first.calls.is_empty()
        && !second.calls.is_empty()
        && first.query.len() + second.query.len() < QUERY_BYTES_MAX
        && !second
            .functions
            .iter()
            .any(|f| first.functions.iter().any(|g| g.name == f.name && !Arc::ptr_eq(f, g)))
}

/// Two requests as one text, in one sentence or two.
fn linked(first: &str, second: &str, rng: &mut ChaCha8Rng) -> String {
    const LINKS: [&str; 10] = [
        " and ",
        ", and ",
        " and also ",
        ". Also, ",
        ". ",
        ", then ",
        "; ",
        " plus ",
        "? and ",
        ". oh and ",
    ];
    let link = LINKS.choose(rng).unwrap_or(&" and ");
    let head = first.trim_end_matches(['.', '?', '!']);
    let mut tail = second.to_owned();
    if link.ends_with("nd ") || link.starts_with(',') {
        // Mid-sentence: a capital that only opens the sentence goes.
        let mut chars = tail.chars();
        if let Some(initial) = chars.next().filter(|c| *c != 'I') {
            tail = initial.to_lowercase().chain(chars).collect();
        }
    }
    format!("{head}{link}{tail}")
}

/// Two requests in one.
fn join(first: Row, second: Row, rng: &mut ChaCha8Rng) -> Row {
    let query = linked(&first.query, &second.query, rng);
    let mut functions = first.functions;
    let mut calls = first.calls;
    let keep = (BUNDLED_MAX + DISTRACTORS_MAX).max(calls.len() + second.calls.len());
    for (called, arguments) in second.calls {
        let function = &second.functions[called];
        let at = functions.iter().position(|f| Arc::ptr_eq(f, function));
        let at = at.unwrap_or_else(|| {
            functions.push(function.clone());
            functions.len() - 1
        });
        calls.push((at, arguments));
    }
    let mut row = Row { id: first.id, query, functions, calls, is_unmet: false };
    if row.functions.len() > keep {
        shrink(&mut row, rng);
    }
    row
}

/// The query in small letters, and with it the values that stand in it word for word. Left alone when
/// one of them, like base64, is something else in small letters.
fn lower(row: &mut Row) {
    let mut said = Vec::new();
    for (_, arguments) in &mut row.calls {
        arguments.values_mut().for_each(|value| strings(value, &mut said));
    }
    said.retain(|text| row.query.contains(text.as_str()));
    let inside = |word: &str| word.chars().skip(1).any(char::is_uppercase);
    if said.iter().any(|text| text.split(' ').any(|word| word.len() > 3 && inside(word))) {
        return;
    }
    row.query = row.query.to_lowercase();
    for text in said {
        *text = text.to_lowercase();
    }
}

/// All strings in a value.
fn strings<'a>(value: &'a mut Json, out: &mut Vec<&'a mut String>) {
    match value {
        Json::String(text) => out.push(text),
        Json::Array(list) => list.iter_mut().for_each(|value| strings(value, out)),
        Json::Object(map) => map.values_mut().for_each(|value| strings(value, out)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The query as a hurried person would type it. Words that values are made of stay as they are.
fn noisy(row: &Row, rng: &mut ChaCha8Rng) -> String {
    let mut query = row.query.clone();
    if rng.random_bool(0.4) {
        query = query.trim_end_matches(['.', '?', '!']).to_owned();
    }
    if rng.random_bool(0.12) {
        query = mistyped(&query, row, rng);
    }
    if rng.random_bool(0.06) {
        const FILLERS: [&str; 8] =
            ["hey, ", "hi! ", "ok so ", "please ", "hello, ", "quick question: ", "um ", "yo "];
        query = format!("{}{query}", FILLERS.choose(rng).unwrap_or(&""));
    }
    query
}

/// One word with two letters swapped, one dropped or one doubled.
fn mistyped(query: &str, row: &Row, rng: &mut ChaCha8Rng) -> String {
    let values: String = row
        .calls
        .iter()
        .flat_map(|(_, arguments)| arguments.values())
        .map(|value| value.to_string().to_lowercase())
        .collect();
    let free: Vec<(usize, &str)> = query
        .split(' ')
        .enumerate()
        .filter(|(_, word)| {
            word.len() > 3
                && word.bytes().all(|byte| byte.is_ascii_lowercase())
                && !values.contains(*word)
        })
        .collect();
    let Some(&(target, word)) = free.choose(rng) else { return query.to_owned() };
    let mut letters: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..letters.len() - 1);
    match rng.random_range(0..3) {
        0 => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        _ => letters.insert(at, letters[at]),
    }
    let typed: String = letters.into_iter().collect();
    let words: Vec<&str> = query.split(' ').collect();
    words
        .iter()
        .enumerate()
        .map(|(index, word)| if index == target { typed.as_str() } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn two_requests_are_linked_in_one_sentence_or_two() {
        // Mid-sentence the capital that opened the second goes.
        let within = [" and p", ", and p", ", then p", "? and p", ". oh and p"];
        let apart = [" and also P", ". Also, P", ". P", "; P", " plus P"];
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let text = linked("Weather in Oslo?!", "Play jazz!", &mut rng);
            let rest = text.strip_prefix("Weather in Oslo").expect("it comes first");
            let link = rest.strip_suffix("lay jazz!").expect("it comes last");
            assert!(within.contains(&link) || apart.contains(&link), "{text}");
            seen.insert(link.to_owned());
        }
        assert_eq!(seen.len(), within.len() + apart.len(), "{seen:?}");
    }

    #[test]
    fn only_the_first_letter_of_the_second_request_changes() {
        for (first, second, large, small) in [
            ("a.", "Äpfel", "Äpfel", "äpfel"),
            ("a", "東京", "東京", "東京"),
            ("a", "I am here", "I am here", "I am here"),
            ("a", "5 km", "5 km", "5 km"),
            ("", "", "", ""),
            ("?!.", "B", "B", "b"),
            ("é", "x", "x", "x"),
        ] {
            for seed in 0..60 {
                let text = linked(first, second, &mut ChaCha8Rng::seed_from_u64(seed));
                let head = first.trim_end_matches(['.', '?', '!']);
                assert!(text.starts_with(head), "{text}");
                assert!(text.ends_with(large) || text.ends_with(small), "{text}");
            }
        }
    }
}
