//! Reads phrase files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::made::Made;
use super::{Fixed, Item, Many, Meant, Node, Phrase, Phrases, Slot, Source, TURN, Target};
use crate::error::TrainingError;

/// Largest weight of a phrase.
const WEIGHT_MAX: usize = 16;

/// Where lines go.
#[derive(Clone)]
enum Section {
    Nowhere,
    Function(usize),
    Several(Vec<String>),
    None,
    Follow(Option<String>),
    Pool(String),
}

/// Reads all files, then checks that every pool that is named is there.
pub(super) fn files(files: &[(&str, &str)]) -> Result<Phrases, TrainingError> {
    let (phrases, wrong) = every(files);
    match wrong.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(phrases),
    }
}

/// What can be read of all files, and everything that is wrong with them. Where anything is, phrases
/// may name pools that are not there.
pub(super) fn every(files: &[(&str, &str)]) -> (Phrases, Vec<TrainingError>) {
    let mut reader = Reader::default();
    let mut wrong = Vec::new();
    for (file, text) in files {
        let mut section = Section::Nowhere;
        reader.weight = 1;
        for (index, line) in text.lines().enumerate() {
            match reader.line(section.clone(), file, index + 1, line.trim()) {
                Ok(next) => section = next,
                Err(reason) => {
                    let file = (*file).to_owned();
                    wrong.push(TrainingError::Phrase { file, line: index + 1, reason });
                    // What goes on with a pool that is wrong belongs to it all the same.
                    let pool = line.trim().strip_prefix("pool ");
                    if let Some((name, _)) = pool.and_then(|pool| pool.split_once(':')) {
                        section = Section::Pool(name.trim().to_owned());
                    }
                }
            }
        }
    }
    reader.check(&mut wrong);
    (reader.phrases, wrong)
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    phrases: Phrases,
    /// How often each phrase that follows is there.
    weight: usize,
    /// Where pools begin.
    pools: BTreeMap<String, (String, usize)>,
}

impl Reader {
    /// Reads one line; gives the section that the next one belongs to.
    fn line(
        &mut self,
        section: Section,
        file: &str,
        line: usize,
        text: &str,
    ) -> Result<Section, String> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(section);
        }
        if let Some(names) = text.strip_prefix("function ") {
            let names: Vec<&str> = names.split('+').map(str::trim).collect();
            return Ok(match names.as_slice() {
                [name] => Section::Function(self.function(name)),
                names => Section::Several(names.iter().map(|&name| name.to_owned()).collect()),
            });
        }
        if text == "none" {
            return Ok(Section::None);
        }
        if let Some(name) = text.strip_prefix("follow ") {
            return Ok(Section::Follow(Some(name.trim().to_owned()).filter(|name| name != "none")));
        }
        if let Some(weight) = text.strip_prefix("emphasis ") {
            let weight =
                weight.trim().parse().ok().filter(|weight| (1..=WEIGHT_MAX).contains(weight));
            self.weight = weight.ok_or_else(|| format!("an emphasis is 1 to {WEIGHT_MAX}"))?;
            return Ok(section);
        }
        if let Some((name, items)) = text.strip_prefix("pool ").and_then(|it| it.split_once(':')) {
            let place = (file.to_owned(), line);
            if self.pools.insert(name.trim().to_owned(), place).is_some() {
                return Err(format!("the pool `{name}` is there twice"));
            }
            self.items(name.trim(), items)?;
            return Ok(Section::Pool(name.trim().to_owned()));
        }
        if let Some(items) = text.strip_prefix('|') {
            let Section::Pool(name) = section else {
                return Err("`|` goes on with a pool, and there is none above".to_owned());
            };
            self.items(&name, items)?;
            return Ok(Section::Pool(name));
        }
        let nodes = nodes(text)?;
        let phrase = Phrase { nodes, file: file.to_owned(), line };
        match &section {
            Section::Function(index) => {
                let phrases = std::iter::repeat_n(phrase, self.weight);
                self.phrases.functions[*index].1.extend(phrases);
            }
            Section::Several(names) => {
                let calls = calls(&phrase.nodes);
                if calls > names.len() {
                    return Err(format!("{calls} calls for {} functions", names.len()));
                }
                let phrases = std::iter::repeat_n((names.clone(), phrase), self.weight);
                self.phrases.several.extend(phrases);
            }
            Section::None => {
                self.phrases.none.extend(std::iter::repeat_n(phrase, self.weight));
            }
            Section::Follow(name) => {
                if !text.contains(TURN) {
                    return Err(format!("a conversation needs `{}` in it", TURN.trim()));
                }
                let phrases = std::iter::repeat_n((name.clone(), phrase), self.weight);
                self.phrases.follow.extend(phrases);
            }
            Section::Nowhere | Section::Pool(_) => {
                return Err("a phrase needs `function NAME` or `none` above it".to_owned());
            }
        }
        Ok(section)
    }

    /// Index of a function's section, which is made when it is new.
    fn function(&mut self, name: &str) -> usize {
        let functions = &mut self.phrases.functions;
        functions.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            functions.push((name.to_owned(), Vec::new()));
            functions.len() - 1
        })
    }

    /// Adds the items of a line to a pool.
    fn items(&mut self, name: &str, text: &str) -> Result<(), String> {
        let pool = self.phrases.pools.entry(name.to_owned()).or_default();
        for item in split(text) {
            let (said, meant) = match item.split_once("=>") {
                Some((said, meant)) => (said.trim(), Some(meaning(meant.trim())?)),
                None => (item.trim(), None),
            };
            if said.is_empty() {
                continue;
            }
            let said = nodes(said)?;
            if meant == Some(Meant::Slot) && !said.iter().any(|n| matches!(n, Node::Slot(_))) {
                return Err("`$` means what a slot means, and there is none".to_owned());
            }
            pool.push(Item { said, meant });
        }
        Ok(())
    }

    /// Every pool that is named is there, is not empty, and does not lead back to itself.
    fn check(&self, wrong: &mut Vec<TrainingError>) {
        let pools = &self.phrases.pools;
        let every = self.phrases.functions.iter().flat_map(|(_, list)| list);
        let several = self.phrases.several.iter().map(|(_, phrase)| phrase);
        let follow = self.phrases.follow.iter().map(|(_, phrase)| phrase);
        for phrase in every.chain(several).chain(&self.phrases.none).chain(follow) {
            if let Err(reason) = known(pools, &phrase.nodes) {
                let (file, line) = (phrase.file.clone(), phrase.line);
                wrong.push(TrainingError::Phrase { file, line, reason });
            }
        }
        for (name, (file, line)) in &self.pools {
            if let Err(reason) = acyclic(pools, name, &mut BTreeSet::new()) {
                let (file, line) = (file.clone(), *line);
                wrong.push(TrainingError::Phrase { file, line, reason });
            }
        }
    }
}

/// Number of the last call that nodes write to; those that write nothing mean one call.
fn calls(nodes: &[Node]) -> usize {
    let of = |node: &Node| match node {
        Node::Any(several) => several.iter().map(|nodes| calls(nodes)).max().unwrap_or(1),
        Node::Slot(Slot { target: Some(target), .. }) | Node::Fixed(target, _) => target.call + 1,
        Node::Slot(_) | Node::Text(_) => 1,
    };
    nodes.iter().map(of).max().unwrap_or(1)
}

/// Names of the pools that nodes take from.
fn named<'a>(nodes: &'a [Node], out: &mut Vec<&'a str>) {
    for node in nodes {
        match node {
            Node::Any(several) => several.iter().for_each(|nodes| named(nodes, out)),
            Node::Slot(Slot { source: Source::Pool(name), .. }) => out.push(name),
            Node::Slot(_) | Node::Text(_) | Node::Fixed(..) => {}
        }
    }
}

/// Whether all pools that nodes take from are there.
fn known(pools: &BTreeMap<String, Vec<Item>>, nodes: &[Node]) -> Result<(), String> {
    let mut names = Vec::new();
    named(nodes, &mut names);
    match names.iter().find(|name| pools.get(**name).is_none_or(Vec::is_empty)) {
        Some(name) => Err(format!("there is no pool `{name}`, or nothing in it")),
        None => Ok(()),
    }
}

/// Whether a pool's items can be said in the end.
fn acyclic<'a>(
    pools: &'a BTreeMap<String, Vec<Item>>,
    name: &'a str,
    above: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    if !above.insert(name) {
        return Err(format!("the pool `{name}` leads back to itself"));
    }
    for item in pools.get(name).into_iter().flatten() {
        known(pools, &item.said)?;
        let mut names = Vec::new();
        named(&item.said, &mut names);
        for next in names {
            acyclic(pools, next, above)?;
        }
    }
    above.remove(name);
    Ok(())
}

/// Splits at every `|` that is outside of brackets and braces.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut escaped) = (Vec::new(), 0_i32, 0, false);
    for (at, sign) in text.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            '|' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// What stands behind `=>`.
fn meaning(text: &str) -> Result<Meant, String> {
    match text {
        "$" => Ok(Meant::Slot),
        text => Ok(Meant::Json(value(text)?)),
    }
}

/// JSON, or a bare word as a string.
fn value(text: &str) -> Result<Json, String> {
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(json);
    }
    let plain = |sign: char| sign.is_alphanumeric() || "-_ ".contains(sign);
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(Json::String(text.to_owned())),
        false => Err(format!("`{text}` is neither JSON nor a word")),
    }
}

/// Reads a phrase.
fn nodes(text: &str) -> Result<Vec<Node>, String> {
    let signs: Vec<char> = text.chars().collect();
    let mut at = 0;
    let found = sequence(&signs, &mut at, 0)?;
    match at == signs.len() {
        true => Ok(found),
        false => Err("a `)` too many".to_owned()),
    }
}

/// Nodes up to the end, or to a `|` or `)` that belongs to the bracket around them.
fn sequence(signs: &[char], at: &mut usize, depth: usize) -> Result<Vec<Node>, String> {
    let (mut found, mut text) = (Vec::new(), String::new());
    let flush = |text: &mut String, found: &mut Vec<Node>| {
        if !text.is_empty() {
            found.push(Node::Text(std::mem::take(text)));
        }
    };
    while let Some(sign) = signs.get(*at) {
        match sign {
            '\\' => {
                *at += 1;
                text.push(*signs.get(*at).ok_or("`\\` with nothing behind it")?);
                *at += 1;
            }
            '(' => {
                flush(&mut text, &mut found);
                *at += 1;
                found.push(alternation(signs, at, depth + 1)?);
            }
            '{' => {
                flush(&mut text, &mut found);
                let end = signs[*at..].iter().position(|sign| *sign == '}');
                let end = *at + end.ok_or("a `{` that is not closed")?;
                found.push(braces(&signs[*at + 1..end].iter().collect::<String>())?);
                *at = end + 1;
            }
            ')' => break,
            '|' if depth > 0 => break,
            '|' | '}' => return Err(format!("a stray `{sign}`")),
            _ => {
                text.push(*sign);
                *at += 1;
            }
        }
    }
    flush(&mut text, &mut found);
    Ok(found)
}

/// What stands in brackets.
fn alternation(signs: &[char], at: &mut usize, depth: usize) -> Result<Node, String> {
    let mut several = Vec::new();
    loop {
        several.push(sequence(signs, at, depth)?);
        match signs.get(*at) {
            Some('|') => *at += 1,
            Some(_) => {
                *at += 1;
                return Ok(Node::Any(several));
            }
            None => return Err("a `(` that is not closed".to_owned()),
        }
    }
}

/// What stands in braces.
fn braces(text: &str) -> Result<Node, String> {
    if let Some((path, fixed)) = text.split_once('=') {
        let fixed = match fixed.strip_prefix('$') {
            Some(other) => Fixed::Copy(other.split('.').map(str::to_owned).collect()),
            None => Fixed::Json(value(fixed)?),
        };
        return Ok(Node::Fixed(target(path)?, fixed));
    }
    let (path, source) = text.split_once(':').unwrap_or((text, ""));
    let (path, many) = match (path.strip_suffix("**"), path.strip_suffix('*')) {
        (Some(path), _) => (path, Many::Same),
        (None, Some(path)) => (path, Many::Some),
        (None, None) => (path, Many::One),
    };
    let target = if path == "_" { None } else { Some(target(path)?) };
    let name = match (source, &target) {
        ("", Some(target)) => target.path.last().map_or("", String::as_str),
        (source, _) => source,
    };
    let source = match name.contains('(') {
        true => Source::Made(Made::parse(name)?),
        false => Source::Pool(name.to_owned()),
    };
    Ok(Node::Slot(Slot { target, many, source }))
}

/// A dotted path, with the number of its call in front.
fn target(path: &str) -> Result<Target, String> {
    let mut path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
    let call = match path.first().and_then(|first| first.parse::<usize>().ok()) {
        Some(number) if (1..=9).contains(&number) => {
            path.remove(0);
            number - 1
        }
        Some(number) => return Err(format!("{number} is no number of a call")),
        None => 0,
    };
    match path.is_empty() || path.iter().any(String::is_empty) {
        true => Err("a path with nothing in it".to_owned()),
        false => Ok(Target { call, path }),
    }
}
