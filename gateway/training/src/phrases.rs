//! Utterances for the bundled plugins' functions, grown from a small grammar.
//!
//! A phrase file holds, line by line:
//!
//! - `# …`: a comment;
//! - `function NAME`: phrases that follow belong to that function of the library;
//! - `function NAME + NAME`: phrases that follow mean a call of each;
//! - `none`: phrases that follow ask for nothing that the library offers;
//! - `follow NAME` or `follow none`: phrases that follow are conversations. ` // ` ends a turn,
//!   ` >> ` opens what came of it; the last turn alone means a call of the function, or nothing,
//!   and what it takes over from before is a slot where it was said;
//! - `emphasis N`: phrases that follow in this file are drawn N times as often;
//! - `pool NAME: item | item => json`: things that can be said in one place, and after `=>` the
//!   JSON value that is meant when it differs from what is said, or `$` for what the last slot in it
//!   means (`{_:int(1,9)} percent => $` is a number); a line that begins with `|` goes on with the
//!   pool above it;
//! - anything else: a phrase.
//!
//! A phrase, and each item of a pool, is text with
//!
//! - `(a|b|)`: one of several, which may hold all of this again;
//! - `{path:pool}`: something from a pool, written into the argument at the dotted path;
//!   `{path}` takes the pool of the path's last name, `{_:pool}` writes no argument;
//! - `{path*:pool}`: two to five of them (of numbers up to seven), as a list; `{path**:pool}`: as
//!   many as the list before;
//! - `{path:int(1,100)}`: something made up, see [`made`];
//! - `{path=json}`: says nothing and fixes an argument; a bare word is a string, `$other` copies
//!   what the first call has at that path;
//! - a path that begins with a number above one (`{2.city}`) belongs to that call of several;
//! - `\` before any of these signs takes its meaning away.

pub(crate) mod expand;
mod made;
mod parse;

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json};

use crate::error::TrainingError;
use made::Made;

/// Share of requests for several calls that mean one function with different values.
const SAME_SHARE: f64 = 0.35;

/// Ends a turn of a conversation.
pub(crate) const TURN: &str = " // ";

/// Opens what came of a turn.
pub(crate) const OUTCOME: &str = " >> ";

/// The files that are part of the program, with their names.
const BUNDLED: [(&str, &str); 31] = [
    ("pools.txt", include_str!("../phrases/pools.txt")),
    ("calc.txt", include_str!("../phrases/calc.txt")),
    ("arithmetic.txt", include_str!("../phrases/arithmetic.txt")),
    ("statistics.txt", include_str!("../phrases/statistics.txt")),
    ("finance.txt", include_str!("../phrases/finance.txt")),
    ("dates.txt", include_str!("../phrases/dates.txt")),
    ("calendar.txt", include_str!("../phrases/calendar.txt")),
    ("clock.txt", include_str!("../phrases/clock.txt")),
    ("geo.txt", include_str!("../phrases/geo.txt")),
    ("cities.txt", include_str!("../phrases/cities.txt")),
    ("home.txt", include_str!("../phrases/home.txt")),
    ("rooms.txt", include_str!("../phrases/rooms.txt")),
    ("house.txt", include_str!("../phrases/house.txt")),
    ("text.txt", include_str!("../phrases/text.txt")),
    ("words.txt", include_str!("../phrases/words.txt")),
    ("todo.txt", include_str!("../phrases/todo.txt")),
    ("tasks.txt", include_str!("../phrases/tasks.txt")),
    ("units.txt", include_str!("../phrases/units.txt")),
    ("measures.txt", include_str!("../phrases/measures.txt")),
    ("weather.txt", include_str!("../phrases/weather.txt")),
    ("forecast.txt", include_str!("../phrases/forecast.txt")),
    ("several.txt", include_str!("../phrases/several.txt")),
    ("pairs.txt", include_str!("../phrases/pairs.txt")),
    ("none.txt", include_str!("../phrases/none.txt")),
    ("nothing.txt", include_str!("../phrases/nothing.txt")),
    ("indirect.txt", include_str!("../phrases/indirect.txt")),
    ("near.txt", include_str!("../phrases/near.txt")),
    ("border.txt", include_str!("../phrases/border.txt")),
    ("daily.txt", include_str!("../phrases/daily.txt")),
    ("figures.txt", include_str!("../phrases/figures.txt")),
    ("talk.txt", include_str!("../phrases/talk.txt")),
];

/// Something a person says, and the calls that are meant by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// What is said.
    pub text: String,
    /// Name of the function and its arguments, of each call.
    pub calls: Vec<(String, Map<String, Json>)>,
}

/// A part of a phrase.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Said as it is.
    Text(String),
    /// One of several.
    Any(Vec<Vec<Node>>),
    /// Something from a pool, or made up.
    Slot(Slot),
    /// An argument that is meant without being said.
    Fixed(Target, Fixed),
}

/// Which argument of which call.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    /// Index of the call.
    call: usize,
    /// Names of fields, numbers of tuple members.
    path: Vec<String>,
}

/// What an unsaid argument is.
#[derive(Clone, Debug, PartialEq)]
enum Fixed {
    /// This value.
    Json(Json),
    /// What the first call has there; nothing when it has nothing.
    Copy(Vec<String>),
}

/// How many values a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Many {
    /// One.
    One,
    /// Two to five, as a list.
    Some,
    /// As many as the list before.
    Same,
}

/// A place to be filled.
#[derive(Clone, Debug, PartialEq)]
struct Slot {
    /// Argument that it is written into, if into any.
    target: Option<Target>,
    /// How many values.
    many: Many,
    /// Where they come from.
    source: Source,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    /// A pool, by its name.
    Pool(String),
    /// Made up.
    Made(Made),
}

/// What an item means.
#[derive(Clone, Debug, PartialEq)]
enum Meant {
    /// This value.
    Json(Json),
    /// What its last slot means.
    Slot,
}

/// An item of a pool.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    /// What is said.
    said: Vec<Node>,
    /// What is meant, where it is not what is said.
    meant: Option<Meant>,
}

/// A phrase, and where it was read.
#[derive(Clone, Debug)]
struct Phrase {
    nodes: Vec<Node>,
    file: String,
    line: usize,
}

/// Phrases of every function, phrases that mean none, and pools.
#[derive(Clone, Debug, Default)]
pub struct Phrases {
    functions: Vec<(String, Vec<Phrase>)>,
    /// Phrases that mean calls of several functions, and which.
    several: Vec<(Vec<String>, Phrase)>,
    none: Vec<Phrase>,
    /// Conversations, and the function that their last turn means.
    follow: Vec<(Option<String>, Phrase)>,
    pools: BTreeMap<String, Vec<Item>>,
}

impl Phrases {
    /// The phrases that are part of the program.
    pub fn bundled() -> Result<Self, TrainingError> {
        Self::parse(&BUNDLED)
    }

    /// Reads one file that knows the pools of `pools.txt` and its own, and no others.
    pub(crate) fn alone(file: &str, text: &str) -> Result<Self, TrainingError> {
        Self::parse(&[BUNDLED[0], (file, text)])
    }

    /// Everything that is wrong with such a file, not the first thing alone.
    #[cfg(test)]
    pub(crate) fn faults(file: &str, text: &str) -> Vec<TrainingError> {
        parse::every(&[BUNDLED[0], (file, text)]).1
    }

    /// Reads phrase files, given as pairs of name and text.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, TrainingError> {
        parse::files(files)
    }

    /// Names of the functions that have phrases.
    pub fn functions(&self) -> Vec<&str> {
        self.functions.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Says something that one of the functions answers: every function as often, then every
    /// phrase of it. Empty when there is no function.
    pub fn sample(&self, rng: &mut ChaCha8Rng) -> Utterance {
        let picked = self.functions.choose(rng).and_then(|(name, phrases)| {
            let phrase = phrases.choose(rng)?;
            Some(self.utterance(name, phrase, rng))
        });
        picked.unwrap_or_else(|| Utterance { text: String::new(), calls: Vec::new() })
    }

    /// Says something that several functions answer together. Empty when there are no such phrases.
    pub fn several(&self, rng: &mut ChaCha8Rng) -> Utterance {
        let one = |names: &Vec<String>| names.iter().all(|name| *name == names[0]);
        let same = rng.random_bool(SAME_SHARE);
        let of_kind: Vec<_> = self.several.iter().filter(|(names, _)| one(names) == same).collect();
        let picked = of_kind.choose(rng).copied().or_else(|| self.several.choose(rng));
        let Some((names, phrase)) = picked else {
            return Utterance { text: String::new(), calls: Vec::new() };
        };
        self.joint(names, phrase, rng)
    }

    /// Says something that one of the functions answers several times, with different values; `None`
    /// where the phrase that is drawn has none that can be said side by side.
    pub(crate) fn again(&self, rng: &mut ChaCha8Rng) -> Option<Utterance> {
        let (name, phrases) = self.functions.choose(rng)?;
        let (text, calls) = expand::spread(&self.pools, &phrases.choose(rng)?.nodes, rng)?;
        let calls = calls.into_iter().map(|arguments| (name.clone(), arguments)).collect();
        Some(Utterance { text, calls })
    }

    /// Says at most so many things that one of the functions answers, one after another: no two of
    /// them mean the same. Empty when there are no functions.
    pub(crate) fn repeated(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Utterance> {
        let mut said: Vec<Utterance> = Vec::new();
        let Some((name, phrases)) = self.functions.choose(rng) else { return said };
        for _ in 0..count {
            let Some(phrase) = phrases.choose(rng) else { break };
            let one = self.utterance(name, phrase, rng);
            if said.iter().all(|other| other.calls != one.calls) {
                said.push(one);
            }
        }
        said
    }

    /// Says something that no function answers. Empty when there are no such phrases.
    pub fn none(&self, rng: &mut ChaCha8Rng) -> String {
        match self.none.choose(rng) {
            Some(phrase) => expand::spoken(&self.pools, &phrase.nodes, rng).0,
            None => String::new(),
        }
    }

    /// Says something that this function answers; `None` when it has no phrases.
    pub(crate) fn of(&self, name: &str, rng: &mut ChaCha8Rng) -> Option<Utterance> {
        let (name, phrases) = self.functions.iter().find(|(known, _)| known == name)?;
        Some(self.utterance(name, phrases.choose(rng)?, rng))
    }

    /// Says a conversation: its turns between ` // `, and what its last turn means. `None` when
    /// there are no such phrases.
    pub(crate) fn conversation(&self, rng: &mut ChaCha8Rng) -> Option<Utterance> {
        let (name, phrase) = self.follow.choose(rng)?;
        Some(match name {
            Some(name) => self.utterance(name, phrase, rng),
            None => {
                let (text, _) = expand::spoken(&self.pools, &phrase.nodes, rng);
                Utterance { text, calls: Vec::new() }
            }
        })
    }

    /// Every phrase, said once, with the line that it stands in.
    #[cfg(test)]
    pub(crate) fn each(&self, rng: &mut ChaCha8Rng) -> Vec<(usize, Utterance)> {
        let mut said = Vec::new();
        for (name, phrases) in &self.functions {
            for phrase in phrases {
                said.push((phrase.line, self.utterance(name, phrase, rng)));
            }
        }
        for (names, phrase) in &self.several {
            said.push((phrase.line, self.joint(names, phrase, rng)));
        }
        for phrase in &self.none {
            let (text, _) = expand::spoken(&self.pools, &phrase.nodes, rng);
            said.push((phrase.line, Utterance { text, calls: Vec::new() }));
        }
        said
    }

    /// One phrase of several functions, said once.
    fn joint(&self, names: &[String], phrase: &Phrase, rng: &mut impl Rng) -> Utterance {
        let (text, mut arguments) = expand::spoken(&self.pools, &phrase.nodes, rng);
        // Calls that take nothing are not written to.
        arguments.resize(names.len(), Map::new());
        let calls = names.iter().cloned().zip(arguments).collect();
        Utterance { text, calls }
    }

    /// One phrase of one function, said once.
    fn utterance(&self, name: &str, phrase: &Phrase, rng: &mut impl Rng) -> Utterance {
        let (text, arguments) = expand::spoken(&self.pools, &phrase.nodes, rng);
        let calls = arguments.into_iter().map(|arguments| (name.to_owned(), arguments)).collect();
        Utterance { text, calls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn parsed(text: &str) -> Phrases {
        Phrases::parse(&[("test.txt", text)]).expect("well formed")
    }

    fn refused(text: &str) -> (usize, String) {
        match Phrases::parse(&[("test.txt", text)]) {
            Err(TrainingError::Phrase { file, line, reason }) => {
                assert_eq!(file, "test.txt");
                (line, reason)
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn every_bundled_phrase_expands() {
        let phrases = Phrases::bundled().expect("well formed");
        assert!(phrases.functions().len() >= 45, "{}", phrases.functions().len());
        for (name, list) in &phrases.functions {
            assert!(list.len() >= 25, "{name} has {} phrases", list.len());
            for phrase in list {
                for seed in 0..8 {
                    let mut rng = ChaCha8Rng::seed_from_u64(seed);
                    let said = phrases.utterance(name, phrase, &mut rng);
                    let place = format!("{}, line {}: {said:?}", phrase.file, phrase.line);
                    assert!(!said.text.is_empty() && !said.text.contains("  "), "{place}");
                    assert!(!said.text.contains(['{', '}', '|']), "{place}");
                    assert!(!said.calls.is_empty(), "{place}");
                }
            }
        }
    }

    #[test]
    fn requests_for_nothing_expand() {
        let phrases = Phrases::bundled().expect("well formed");
        assert!(phrases.none.len() >= 350, "{}", phrases.none.len());
        for seed in 0..500 {
            let text = phrases.none(&mut ChaCha8Rng::seed_from_u64(seed));
            assert!(!text.is_empty() && !text.contains(['{', '}', '|']), "{text}");
        }
    }

    #[test]
    fn conversations_expand_and_mean_calls_of_functions_with_phrases() {
        let phrases = Phrases::bundled().expect("well formed");
        assert!(phrases.follow.len() >= 150, "{}", phrases.follow.len());
        let known = phrases.functions();
        for (name, phrase) in &phrases.follow {
            let place = format!("{}, line {}", phrase.file, phrase.line);
            assert!(name.as_ref().is_none_or(|name| known.contains(&name.as_str())), "{place}");
            for seed in 0..8 {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let (text, calls) = expand::spoken(&phrases.pools, &phrase.nodes, &mut rng);
                assert!(text.contains(TURN) && !text.contains("  "), "{place}: {text}");
                assert!(!text.contains(['{', '}', '|']), "{place}: {text}");
                assert_eq!(calls.len(), 1, "{place}: {text}");
            }
        }
        for seed in 0..100 {
            let said = phrases.conversation(&mut ChaCha8Rng::seed_from_u64(seed));
            let said = said.expect("there are some");
            assert!(said.calls.len() <= 1, "{said:?}");
        }
        assert!(parsed("none\nx\n").conversation(&mut ChaCha8Rng::seed_from_u64(1)).is_none());
        assert!(refused("follow f\njust one turn\n").1.contains("//"));
    }

    #[test]
    fn one_seed_says_one_thing() {
        let phrases = Phrases::bundled().expect("well formed");
        for seed in 0..50 {
            let first = phrases.sample(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(first, phrases.sample(&mut ChaCha8Rng::seed_from_u64(seed)));
        }
    }

    #[test]
    fn said_is_meant() {
        let phrases = parsed(
            "pool city: Paris | New York | (Old|New) Town\npool how: half => 50\n\
             function f\nfrom {city} to {2.city} at {x.how} and {r.1:int(5,5)}{on=true}{2.on=$on}\n",
        );
        for seed in 0..40 {
            let said = phrases.sample(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(said.calls.len(), 2);
            let (first, second) = (&said.calls[0].1, &said.calls[1].1);
            assert!(said.text.contains(first["city"].as_str().expect("text")), "{said:?}");
            assert!(said.text.contains(second["city"].as_str().expect("text")), "{said:?}");
            assert_ne!(first["city"], second["city"]);
            assert_eq!(first["x"]["how"], 50);
            assert_eq!(first["r"], serde_json::json!([null, 5]));
            assert_eq!((&first["on"], &second["on"]), (&Json::Bool(true), &Json::Bool(true)));
        }
    }

    #[test]
    fn one_function_is_asked_for_again_with_other_values() {
        let phrases = parsed(
            "pool city: Oslo | Rome | Lima | Bonn | Bern\n\
             function f\nweather in {city}\nfunction g\nhello\n",
        );
        let is_said = |text: &str, arguments: &Map<String, Json>| {
            arguments["city"].as_str().is_some_and(|city| text.contains(city))
        };
        let (mut again, mut repeated) = (0, 0);
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            if let Some(said) = phrases.again(&mut rng) {
                again += 1;
                assert!((2..=4).contains(&said.calls.len()), "{said:?}");
                for (at, call) in said.calls.iter().enumerate() {
                    assert!(call.0 == "f" && is_said(&said.text, &call.1), "{said:?}");
                    assert!(!said.calls[..at].contains(call), "{said:?}");
                }
            }
            let several = phrases.repeated(4, &mut rng);
            assert!((1..=4).contains(&several.len()), "{several:?}");
            repeated += usize::from(several.len() > 1);
            for (at, said) in several.iter().enumerate() {
                let [(name, arguments)] = said.calls.as_slice() else { panic!("{said:?}") };
                assert!(several[..at].iter().all(|other| other.calls != said.calls), "{several:?}");
                // Nothing else can be said of the other function.
                let is_f = name == "f" && is_said(&said.text, arguments);
                assert!(is_f || several.len() == 1, "{several:?}");
            }
        }
        assert!(again > 20 && repeated > 20, "{again} {repeated}");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for text in ["none\nx\n", "function f\nhello\n"] {
            let phrases = parsed(text);
            assert_eq!(phrases.again(&mut rng), None, "{text}");
            assert!(phrases.repeated(2, &mut rng).len() < 2, "{text}");
        }
    }

    #[test]
    fn bundled_phrases_ask_again_with_calls_that_differ() {
        let phrases = Phrases::bundled().expect("well formed");
        let mut found = 0;
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let Some(said) = phrases.again(&mut rng) else { continue };
            found += 1;
            assert!(!said.text.is_empty() && !said.text.contains(['{', '}', '|']), "{said:?}");
            assert!((2..=4).contains(&said.calls.len()), "{said:?}");
            for (at, call) in said.calls.iter().enumerate() {
                assert!(!said.calls[..at].contains(call), "{said:?}");
                assert_eq!(call.0, said.calls[0].0, "{said:?}");
            }
        }
        assert!(found > 10, "{found}");
    }

    #[test]
    fn lists_have_several() {
        let phrases = parsed("function f\n{a*:num(1,9)} against {b**:num(1,9)}\n");
        for seed in 0..40 {
            let said = phrases.sample(&mut ChaCha8Rng::seed_from_u64(seed));
            let (a, b) = (&said.calls[0].1["a"], &said.calls[0].1["b"]);
            let count = a.as_array().expect("a list").len();
            assert!((2..=7).contains(&count));
            assert_eq!(b.as_array().expect("a list").len(), count);
        }
    }

    #[test]
    fn alternations_nest_and_may_be_empty() {
        let phrases = parsed("function f\ngo( (left|(far |)right)|) now\\(\\|\\){x=1}\n");
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let said = phrases.sample(&mut ChaCha8Rng::seed_from_u64(seed));
            assert!(said.text.to_lowercase().contains("now(|)"), "{said:?}");
            seen.insert(said.text.contains("left"));
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn errors_name_their_line() {
        assert_eq!(refused("function f\n\ngo (left|right\n").0, 3);
        assert_eq!(refused("function f\ngo {city}\n").0, 2);
        assert_eq!(refused("# nothing\nstray\n").0, 2);
        assert_eq!(refused("pool a: {_:b}\npool b: {_:a}\n").0, 1);
        assert_eq!(refused("function f\n{x:int(1)}\n").0, 2);
        assert_eq!(refused("function f\nemphasis 0\n").0, 2);
        assert!(refused("function f\n{x:bogus(1,2)}\n").1.contains("bogus"));
        assert_eq!(refused("pool a: x\npool a: y\n").0, 2);
        assert_eq!(refused("function f\ngo )\n").0, 2);
    }
}
