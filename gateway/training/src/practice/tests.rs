use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hyfunc_functions::json::arguments_from_json;
use rand::SeedableRng;
use serde_json::Value as Json;

use super::*;
use crate::mix::QUERY_BYTES_MAX;

/// How often each phrase is said.
const DRAWS: u64 = 32;

/// Everything that is wrong with one plugin, a line each.
struct Faults<'a> {
    name: &'a str,
    phrases: &'a str,
    functions: Vec<Arc<Function>>,
    found: Vec<String>,
}

impl<'a> Faults<'a> {
    fn of(name: &'a str, wit: &str, phrases: &'a str) -> Vec<String> {
        let mut faults = Self { name, phrases, functions: Vec::new(), found: Vec::new() };
        match functions(name, wit) {
            Ok(functions) => faults.functions = functions,
            Err(reason) => faults.found.push(format!("practice/{name}.wit: {reason}")),
        }
        let is_read = faults.grammar();
        // What cannot be read cannot be said, and calls of unknown functions cannot be judged.
        if is_read && !faults.functions.is_empty() {
            faults.sections();
            faults.phrases();
        }
        faults.found
    }

    /// Adds what is wrong with a line of the phrases.
    fn add(&mut self, line: usize, reason: &str) {
        let text = self.phrases.lines().nth(line - 1).unwrap_or_default().trim();
        self.found.push(format!("{}, line {line}: {reason}\n    {text}", file(self.name)));
    }

    /// Whether the phrase file can be read.
    fn grammar(&mut self) -> bool {
        let mut seen = BTreeSet::new();
        for fault in Phrases::faults(&file(self.name), self.phrases) {
            match fault {
                TrainingError::Phrase { file: of, line, reason } if of == file(self.name) => {
                    if seen.insert((line, reason.clone())) {
                        self.add(line, &reason);
                    }
                }
                other => self.found.push(other.to_string()),
            }
        }
        seen.is_empty()
    }

    /// Every function has phrases of its own, and every section is of a function that is there.
    fn sections(&mut self) {
        let text = self.phrases;
        let mut said = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let Some(names) = line.trim().strip_prefix("function ") else { continue };
            let names: Vec<&str> = names.split('+').map(str::trim).collect();
            for name in &names {
                if !self.functions.iter().any(|function| function.name == *name) {
                    let known: Vec<&str> = self.functions.iter().map(|f| f.name.as_str()).collect();
                    let reason = format!("`{name}` is none of {}", known.join(", "));
                    self.add(index + 1, &reason);
                }
            }
            if let [name] = names.as_slice() {
                said.insert(*name);
            }
        }
        for function in &self.functions {
            if !said.contains(function.name.as_str()) {
                let name = &function.name;
                self.found.push(format!("{}: no phrases of `{name}`", file(self.name)));
            }
        }
    }

    /// Every phrase, said many times, means calls with arguments that the functions take.
    fn phrases(&mut self) {
        let phrases = Phrases::alone(&file(self.name), self.phrases).unwrap();
        let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
        let mut lines = BTreeSet::new();
        for seed in 0..DRAWS {
            for (line, said) in phrases.each(&mut ChaCha8Rng::seed_from_u64(seed)) {
                lines.insert(line);
                if let Some(reason) = self.fault(&said) {
                    wrong.entry(line).or_insert(reason);
                }
            }
        }
        for (line, reason) in wrong {
            self.add(line, &reason);
        }
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines {
            let text = self.phrases.lines().nth(line - 1).unwrap_or_default();
            let before = *first.entry(text.trim().to_lowercase()).or_insert(line);
            if before != line {
                self.add(line, &format!("it is the phrase of line {before} once more"));
            }
        }
    }

    /// What is wrong with something said.
    fn fault(&self, said: &Utterance) -> Option<String> {
        let text = &said.text;
        if text.is_empty() || text.contains("  ") || text.contains(['{', '}', '|']) {
            return Some(format!("it says \"{text}\""));
        }
        if text.len() > QUERY_BYTES_MAX {
            let bytes = text.len();
            return Some(format!(
                "it says {bytes} bytes, and {QUERY_BYTES_MAX} is most: \"{text}\""
            ));
        }
        for (name, arguments) in &said.calls {
            // Sections of unknown functions are told by themselves.
            let Some(function) = self.functions.iter().find(|f| f.name == *name) else { continue };
            let arguments = Json::Object(arguments.clone());
            if let Err(error) = arguments_from_json(&function.parameters, &arguments) {
                return Some(format!("{error}: \"{text}\" means {name} {arguments}"));
            }
        }
        None
    }
}

/// `cargo test -p hyfunc-training --lib every_practice_plugin_is_sound`, which names all that is
/// wrong: file, line and phrase.
#[test]
fn every_practice_plugin_is_sound() {
    assert!(!FILES.is_empty(), "there is none");
    let each = FILES.par_iter();
    let mut found: Vec<String> =
        each.flat_map_iter(|&(name, wit, phrases)| Faults::of(name, wit, phrases)).collect();
    found.extend(clashes());
    assert!(found.is_empty(), "{} things are wrong:\n{}", found.len(), found.join("\n"));
}

/// Functions that share a name with another practice plugin's or with one of the bundled library.
fn clashes() -> Vec<String> {
    let bundled = Phrases::bundled().unwrap();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for name in bundled.functions() {
        owners.insert(name.to_owned(), "the bundled library".to_owned());
    }
    let mut found = Vec::new();
    for (name, wit, _) in FILES {
        // What cannot be read is told by itself.
        for function in functions(name, wit).unwrap_or_default() {
            let owner = format!("practice/{name}.wit");
            if let Some(before) = owners.insert(function.name.clone(), owner.clone()) {
                found.push(format!("{owner}: {before} has a function `{}`, too", function.name));
            }
        }
    }
    found
}

/// What is measured on plugins that no training has seen must not have been practised with.
#[test]
fn no_practice_plugin_is_one_that_is_measured() {
    let folder = Path::new("../../tests/heldout/unseen/plugins");
    let mut measured = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        measured.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    assert!(!measured.is_empty());
    let both: Vec<&str> =
        FILES.iter().map(|(name, ..)| *name).filter(|name| measured.contains(*name)).collect();
    assert!(both.is_empty(), "give these other names and other topics: {both:?}");
}

#[test]
fn faults_are_all_told_with_their_lines() {
    let wit = "package practice:x@0.1.0; interface i { /// Do it.\n\
               go: func(to: string, at: option<u32>) -> result<string, string>;\n\
               /// Stop it.\nhalt: func(); } world plugin { export i; }";
    let told = |phrases: &str| Faults::of("x", wit, phrases).join("\n");
    let halt = "function i_halt\nhalt\n";
    assert_eq!(
        told(&format!("{halt}function i_go\ngo to {{to:city}}( at {{at:int(1,9)}}|)\n")),
        ""
    );
    for (phrases, parts) in [
        ("go (now\ngo {to:nowhere}\n", ["line 4: a `(`", "line 5: there is no pool `nowhere`"]),
        ("go away\ngo to {to:city} {at:name}\n", ["line 4:", "line 5:"]),
        (
            "go to {to:city}\nfunction i_gone\nrun\n",
            ["line 5: `i_gone` is none of", "i_go, i_halt"],
        ),
        ("to {to:city}\nTo {to:city}\n", ["line 5: it is the phrase of line 4", "To {to:city}"]),
    ] {
        let found = told(&format!("{halt}function i_go\n{phrases}"));
        for part in parts {
            assert!(found.contains(part), "{part}: {found}");
        }
    }
    assert!(told(halt).contains("no phrases of `i_go`"));
    let broken = Faults::of("x", "package a:b; world w {", halt).join("\n");
    assert!(broken.starts_with("practice/x.wit: "), "{broken}");
}

#[test]
fn plugins_do_not_know_each_others_pools() {
    let own = "pool x_kind: red\nfunction f\n{k:x_kind} in {c:city}\n";
    assert!(Phrases::alone("x.txt", own).is_ok());
    let other = "function f\n{k:x_kind}\n";
    let error = Phrases::alone("y.txt", other).unwrap_err().to_string();
    assert!(error.contains("y.txt, line 2") && error.contains("x_kind"), "{error}");
}

#[test]
fn wishes_call_and_the_others_do_not() {
    for plugin in plugins().unwrap() {
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let said = plugin.wish(&mut rng);
            assert!(!said.text.is_empty() && !said.calls.is_empty(), "{}: {said:?}", plugin.name);
            assert!(plugin.none(&mut rng).is_some(), "{} has no `none`", plugin.name);
        }
    }
}
