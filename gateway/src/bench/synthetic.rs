//! Functions that nobody wrote: names, docs and parameters like those of a catalogue, the same
//! every time.

use std::sync::Arc;

use hyfunc_functions::types::{Case, Field, FloatType, IntType, ListType, RecordType, StringType};
use hyfunc_functions::{Function, Type};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

const DOMAINS: &str = "
    calendar mail invoice customer warehouse weather train flight hotel recipe garden music
    photo video library school clinic pharmacy bank insurance payroll project ticket server
    network sensor camera vehicle map news market auction museum concert sport game chat
    document printer energy";

const VERBS: &str = "
    create delete update find list count compare convert estimate schedule cancel reserve
    confirm send forward archive restore share publish review approve reject assign merge split
    export import translate summarize rank filter sort validate monitor start stop resume rename
    tag rate";

const OBJECTS: &str = "
    event message entry account order forecast seat booking room ingredient plant playlist album
    clip book course appointment prescription transfer claim salary task issue instance route
    reading frame trip place article price bid exhibit performance match score thread paragraph
    page meter contract budget report alert template member team note label rule backup session
    device address receipt shipment coupon survey comment profile permission deadline reminder
    subscription";

const ADVERBS: [&str; 8] = [
    "by its name",
    "for one person",
    "within a period",
    "near a place",
    "with the given options",
    "and tell what came of it",
    "unless it exists already",
    "in the order of their dates",
];

const PARAMETERS: [(&str, &str, Kind); 16] = [
    ("name", "What it is called.", Kind::Text),
    ("city", "Name of the city.", Kind::Text),
    ("person", "Whom it is about.", Kind::Text),
    ("title", "A short title.", Kind::Text),
    ("email", "Address of the recipient.", Kind::Text),
    ("date", "On which day.", Kind::Date),
    ("until", "The last day.", Kind::Date),
    ("count", "How many.", Kind::Count),
    ("limit", "How many at most.", Kind::Count),
    ("priority", "How much it matters, from 1 to 5.", Kind::Count),
    ("amount", "How much money.", Kind::Number),
    ("radius_km", "How far around, in kilometers.", Kind::Number),
    ("urgent", "Whether it cannot wait.", Kind::Flag),
    ("dry_run", "Only say what would happen.", Kind::Flag),
    ("status", "In which state.", Kind::Status),
    ("tags", "Words that describe it.", Kind::Texts),
];

/// How many words each of the three lists has.
const DOMAINS_LEN: usize = 40;
const VERBS_LEN: usize = 40;
const OBJECTS_LEN: usize = 64;

/// Functions that there are names for.
pub(super) const FUNCTIONS_MAX: usize = DOMAINS_LEN * VERBS_LEN * OBJECTS_LEN;

/// Coprime with [`FUNCTIONS_MAX`]: a stride that meets every name once and neighbours apart.
const STRIDE: usize = 7_919;

/// Most parameters of one function.
const PARAMETERS_MAX: usize = 5;

/// Mixed into the seed of every function.
const SEED: u64 = 0x6879_6675_6e63;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Date,
    Count,
    Number,
    Flag,
    Status,
    Texts,
}

impl Kind {
    fn ty(self) -> Type {
        match self {
            Kind::Text => Type::String(StringType::default()),
            Kind::Date => {
                Type::String(StringType { format: Some("date".into()), ..StringType::default() })
            }
            Kind::Count => Type::Int(IntType { min: 0, max: 1_000 }),
            Kind::Number => Type::Float(FloatType::default()),
            Kind::Flag => Type::Bool,
            Kind::Status => Type::Enum(["open", "waiting", "done"].map(case).into()),
            Kind::Texts => Type::List(ListType {
                element: Box::new(Type::String(StringType::default())),
                len_min: 0,
                len_max: None,
            }),
        }
    }
}

fn case(name: &str) -> Case {
    Case { name: name.into(), doc: String::new() }
}

/// A list's word by its place, which lies within the list.
fn word(list: &'static str, at: usize) -> &'static str {
    list.split_whitespace().nth(at).unwrap_or_default()
}

/// So many different functions, at most [`FUNCTIONS_MAX`].
pub(super) fn functions(count: usize) -> Vec<Arc<Function>> {
    (0..count.min(FUNCTIONS_MAX)).map(|at| Arc::new(function(at))).collect()
}

/// The function of a number below [`FUNCTIONS_MAX`]: another for each, the same every time.
pub(super) fn function(at: usize) -> Function {
    let mut rng = StdRng::seed_from_u64(SEED ^ at as u64);
    let place = at * STRIDE % FUNCTIONS_MAX;
    let domain = word(DOMAINS, place % DOMAINS_LEN);
    let verb = word(VERBS, place / DOMAINS_LEN % VERBS_LEN);
    let object = word(OBJECTS, place / (DOMAINS_LEN * VERBS_LEN));
    let adverb = ADVERBS.choose(&mut rng).copied().unwrap_or_default();
    let mut fields: Vec<Field> = Vec::new();
    for _ in 0..rng.random_range(1..=PARAMETERS_MAX) {
        let Some((name, doc, kind)) = PARAMETERS.choose(&mut rng) else { continue };
        if fields.iter().all(|field| field.name != *name) {
            fields.push(Field {
                name: (*name).into(),
                doc: (*doc).into(),
                ty: kind.ty(),
                required: fields.is_empty() || rng.random_bool(0.5),
                default: None,
            });
        }
    }
    Function {
        name: format!("{domain}_{verb}_{object}"),
        description: format!("{verb} the {object} of a {domain} {adverb}."),
        parameters: RecordType { fields },
        returns: Some(Type::String(StringType::default())),
        examples: Vec::new(),
        reply: None,
        export: None,
    }
}

/// What somebody might say who wants this function: some of its words among others.
pub(super) fn request(function: &Function, rng: &mut StdRng) -> String {
    let description = function.description.trim_end_matches('.');
    let words: Vec<&str> = description.split(' ').collect();
    let mut said = vec!["please"];
    for _ in 0..4 {
        said.extend(words.choose(rng));
    }
    said.push("today");
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_lists_are_as_long_as_they_say() {
        for (list, len) in [(DOMAINS, DOMAINS_LEN), (VERBS, VERBS_LEN), (OBJECTS, OBJECTS_LEN)] {
            let words: HashSet<&str> = list.split_whitespace().collect();
            assert_eq!(words.len(), len);
        }
    }

    #[test]
    fn every_function_has_a_name_of_its_own_that_clients_accept() {
        let functions = functions(usize::MAX);
        assert_eq!(functions.len(), FUNCTIONS_MAX);
        let names: HashSet<&str> =
            functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names.len(), FUNCTIONS_MAX);
        let plain = |name: &&str| {
            name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(names.iter().all(plain));
    }

    #[test]
    fn the_same_seed_gives_the_same_functions_and_words() {
        assert_eq!(functions(50), functions(50));
        let function = function(7);
        let said = |seed| request(&function, &mut StdRng::seed_from_u64(seed));
        assert_eq!(said(1), said(1));
        assert_ne!(said(1), said(2));
    }

    #[test]
    fn functions_look_like_those_of_a_catalogue() {
        let functions = functions(1_000);
        for function in &functions {
            let fields = &function.parameters.fields;
            assert!((1..=PARAMETERS_MAX).contains(&fields.len()), "{}", function.name);
            assert!(fields[0].required && fields.iter().all(|field| !field.doc.is_empty()));
            let names: HashSet<&String> = fields.iter().map(|field| &field.name).collect();
            assert_eq!(names.len(), fields.len(), "{}", function.name);
        }
        let optional = functions
            .iter()
            .filter(|function| function.parameters.fields.iter().any(|field| !field.required));
        assert!(optional.count() > 300);
    }
}
