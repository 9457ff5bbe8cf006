//! What the words of a query say about a function, a parameter or an option: the numbers given
//! beside the states that decide, and the words that they come from.

use std::ops::Range;

use hyfunc_functions::Function;
use hyfunc_functions::template::{Choice, ChoiceKind};
use hyfunc_functions::types::{RecordType, Type};

use crate::branch::without_indices;
use crate::conversation;
use crate::lexicon::{Kind, Shape, words};
use crate::likeness::Likeness;
use crate::model::heads::PRESENCE_FEATURES;
use crate::numbers;
use crate::prompt;
use crate::series;

/// Words of a function, read once at load.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    /// Stems of its name, description, parameters and options, sorted.
    stems: Vec<u32>,
    /// Stems of each of its documented examples, sorted.
    examples: Vec<Vec<u32>>,
}

impl Profile {
    /// Reads a function.
    pub fn new(function: &Function) -> Self {
        let mut text = prompt::function_text(function);
        for field in &function.parameters.fields {
            for part in std::iter::once(field.doc.clone()).chain(prompt::options(&field.ty)) {
                text.push(' ');
                text.push_str(&part);
            }
        }
        Self {
            name: function.name.clone(),
            stems: stems(&crate::lexicon::split_identifier(&text)),
            examples: function.examples.iter().map(|example| stems(&example.utterance)).collect(),
        }
    }

    /// How a query speaks of this function: share of the name's words that the query has, share of
    /// the query's words that the function has, likeness to the nearest documented example. All 0
    /// to 1.
    pub fn likeness(&self, query: &Likeness) -> [f32; 3] {
        let content = query.content();
        let known = content.iter().filter(|stem| self.knows(**stem)).count();
        let covered = known as f32 / content.len().max(1) as f32;
        let nearest = self.examples.iter().map(|of| overlap(content, of)).fold(0.0, f32::max);
        [query.share(&self.name), covered, nearest]
    }

    /// Whether the function has a word of this stem.
    pub fn knows(&self, stem: u32) -> bool {
        self.stems.binary_search(&stem).is_ok()
    }

    /// Byte of the query at which it begins to speak of this function by its name.
    pub fn mention(&self, query: &Likeness) -> Option<usize> {
        query.mention(&self.name).map(|bytes| bytes.start)
    }
}

/// What speaks for an optional parameter or a flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Share of the name's words that the query has; of the best of its options: words of the whole
    /// phrase, share of its words, likeness of its letters; whether it has options; numbers that
    /// the query has beyond those that a call needs, −1 to 1.
    pub features: [f32; PRESENCE_FEATURES],
    /// Bytes of the query that speak of it.
    pub mention: Option<Range<usize>>,
}

/// What speaks for the optional parameter or the flag that `choice` asks about.
pub fn presence(query: &Likeness, parameters: &RecordType, choice: &Choice) -> Evidence {
    let subject = without_indices(&choice.subject);
    let name = subject.rsplit('.').next().unwrap_or(&subject);
    if choice.kind == ChoiceKind::Flag {
        let [phrase, share, letters] = query.label(name);
        let features = [share, phrase, share, letters, 1.0, 0.0];
        return Evidence { features, mention: query.mention(name) };
    }
    let ty = type_at(parameters, &subject);
    let options = ty.map(prompt::options).unwrap_or_default();
    let likest = options
        .iter()
        .map(|option| (query.label(option), option))
        .max_by(|one, other| one.0.iter().sum::<f32>().total_cmp(&other.0.iter().sum()));
    let spare = match ty.map(prompt::inner) {
        Some(Type::Int(_) | Type::Float(_)) => {
            let needed = numbers_required(parameters) as f32;
            ((query.numbers() as f32 - needed) / 2.0).clamp(-1.0, 1.0)
        }
        _ => 0.0,
    };
    let share = query.share(name);
    match likest {
        Some(([phrase, of_option, letters], option)) => Evidence {
            features: [share, phrase, of_option, letters, 1.0, spare],
            mention: query.mention(option).or_else(|| query.mention(name)),
        },
        None => Evidence {
            features: [share, 0.0, 0.0, query.label(name)[2], 0.0, spare],
            mention: query.mention(name),
        },
    }
}

/// What a query still has to say after some calls, of which the latest copied the bytes `latest` and
/// all together `all`: whether something follows in a series with what the latest took, share of the
/// query's numbers that are to spare, share of its names. All 0 to 1.
pub fn further(query: &str, latest: &[Range<usize>], all: &[Range<usize>]) -> [f32; 3] {
    let is_taken = |bytes: &Range<usize>| {
        all.iter().any(|taken| taken.start < bytes.end && bytes.start < taken.end)
    };
    let follows = latest.iter().any(|taken| {
        series::next(query, taken.end)
            .or_else(|| series::next_number(query, taken.end))
            .is_some_and(|next| !is_taken(&(next..next + 1)))
    });
    let share = |spare: usize, of: usize| spare as f32 / of.max(1) as f32;
    // What was said before is not asked for again.
    let said = conversation::last(query);
    let moved = |bytes: Range<usize>| {
        let before = query.len() - said.len();
        before + bytes.start..before + bytes.end
    };
    let numbers: Vec<Range<usize>> =
        numbers::mentions(said).into_iter().map(|mention| moved(mention.bytes)).collect();
    let spare = numbers.iter().filter(|bytes| !is_taken(bytes)).count();
    let names: Vec<Range<usize>> = words(said)
        .into_iter()
        .skip(1)
        .filter(|word| word.shape != Shape::Lower)
        .map(|word| moved(word.bytes))
        .collect();
    let unnamed = names.iter().filter(|bytes| !is_taken(bytes)).count();
    let follows = if follows { 1.0 } else { 0.0 };
    [follows, share(spare, numbers.len()), share(unnamed, names.len())]
}

/// Numbers that a record cannot do without.
fn numbers_required(record: &RecordType) -> usize {
    record.fields.iter().filter(|field| field.required).map(|field| numbers_in(&field.ty)).sum()
}

fn numbers_in(ty: &Type) -> usize {
    match ty {
        Type::Int(_) | Type::Float(_) => 1,
        Type::Tuple(members) => members.iter().map(numbers_in).sum(),
        Type::Record(record) => numbers_required(record),
        _ => 0,
    }
}

/// The type at a dotted path without indices.
fn type_at<'a>(parameters: &'a RecordType, path: &str) -> Option<&'a Type> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let (_, field) = parameters.field(first)?;
    let Some(rest) = rest else { return Some(&field.ty) };
    let mut ty = prompt::inner(&field.ty);
    while let Type::List(list) = ty {
        ty = prompt::inner(&list.element);
    }
    match ty {
        Type::Record(record) => type_at(record, rest),
        _ => None,
    }
}

/// Stems of a text's words, numbers and stop words aside; sorted, each once.
pub fn stems(text: &str) -> Vec<u32> {
    let told = |kind| !matches!(kind, Kind::Number | Kind::NumberWord);
    let mut stems: Vec<u32> = words(text)
        .into_iter()
        .filter(|word| word.stem != 0 && told(word.kind))
        .map(|word| word.stem)
        .collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

/// Shared stems over all stems of both; 0 to 1.
fn overlap(one: &[u32], other: &[u32]) -> f32 {
    let shared = one.iter().filter(|stem| other.binary_search(stem).is_ok()).count();
    shared as f32 / (one.len() + other.len() - shared).max(1) as f32
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use hyfunc_functions::Type;
    use hyfunc_functions::types::{Case, Field, IntType, RecordType};

    use super::{further, numbers_required, stems, type_at};

    fn field(name: &str, required: bool, ty: Type) -> Field {
        Field { name: name.into(), doc: String::new(), required, default: None, ty }
    }

    fn record() -> RecordType {
        let case = |name: &str| Case { name: name.into(), doc: String::new() };
        let colour = Type::Option(Box::new(Type::Enum(vec![case("pink"), case("dark-blue")])));
        let int = || Type::Int(IntType { min: 0, max: 100 });
        let inner = RecordType {
            fields: vec![field("colour", false, colour), field("level", true, int())],
        };
        RecordType {
            fields: vec![
                field("settings", true, Type::Record(inner)),
                field("start", true, Type::Tuple(vec![int(), int()])),
                field("days", false, int()),
            ],
        }
    }

    #[test]
    fn numbers_that_a_call_needs_are_counted() {
        assert_eq!(numbers_required(&record()), 3);
        assert_eq!(numbers_required(&RecordType { fields: Vec::new() }), 0);
    }

    #[test]
    fn paths_lead_to_types() {
        assert!(matches!(type_at(&record(), "settings.level"), Some(Type::Int(_))));
        assert!(matches!(type_at(&record(), "settings.colour"), Some(Type::Option(_))));
        assert!(type_at(&record(), "settings.nothing").is_none());
        assert!(type_at(&record(), "days.nothing").is_none());
    }

    #[test]
    fn what_is_still_to_be_said_is_told_by_series_numbers_and_names() {
        /// Parts of a query.
        type Parts<'a> = &'a [&'a str];

        let cities = "weather in Oslo, Rome and Lima";
        let cases: [(&str, Parts<'_>, Parts<'_>, [f32; 3]); 12] = [
            // What the latest call took, what all took: a series, spare numbers, spare names.
            (cities, &["Oslo"], &["Oslo"], [1.0, 0.0, 2.0 / 3.0]),
            (cities, &["Rome"], &["Oslo", "Rome"], [1.0, 0.0, 1.0 / 3.0]),
            (cities, &["Oslo"], &["Oslo", "Rome"], [0.0, 0.0, 1.0 / 3.0]),
            (cities, &["Lima"], &["Oslo", "Rome", "Lima"], [0.0, 0.0, 0.0]),
            (cities, &["Oslo, Rome"], &["Oslo, Rome"], [1.0, 0.0, 1.0 / 3.0]),
            ("mean of 3, 5 and 8", &["3"], &["3"], [1.0, 2.0 / 3.0, 0.0]),
            ("run 5 km, 10 km", &["5"], &["5"], [1.0, 0.5, 0.0]),
            ("25% of 80", &["25"], &["25"], [0.0, 0.5, 0.0]),
            // The first word has a capital anyway.
            ("Oslo and Rome", &["Oslo"], &["Oslo"], [1.0, 0.0, 1.0]),
            ("in Århus, Malmö", &["Århus"], &["Århus"], [1.0, 0.0, 0.5]),
            ("weather in Oslo at 5", &[], &[], [0.0, 1.0, 1.0]),
            ("", &[], &[], [0.0, 0.0, 0.0]),
        ];
        for (query, latest, all, expected) in cases {
            let places = |parts: Parts<'_>| -> Vec<Range<usize>> {
                let place = |part: &&str| {
                    let at = query.find(*part).expect("it is said");
                    at..at + part.len()
                };
                parts.iter().map(place).collect()
            };
            assert_eq!(further(query, &places(latest), &places(all)), expected, "{query}");
        }
        // Beyond the end, and within a letter.
        for (query, bytes) in [("short", 90..99), ("", 90..99), ("é, ü", 0..1)] {
            let taken = std::slice::from_ref(&bytes);
            assert_eq!(further(query, taken, taken), [0.0; 3], "{query}");
        }
    }

    #[test]
    fn stems_leave_numbers_and_stop_words_out() {
        assert_eq!(stems("the lights, 20 lights"), stems("light"));
        assert!(stems("in the 20 two").is_empty());
    }
}
