//! How whole a stretch of a text is: one that begins in the middle of a name or of a quotation, or
//! ends with *of*, is seldom what is meant.

use std::ops::Range;

use crate::conversation::{OUTCOME, TURN_END};
use crate::lexicon::{Kind, Shape, Word, words};

/// Words that may stand within a name.
const WITHIN: [&str; 11] = ["of", "the", "de", "la", "le", "del", "van", "von", "der", "di", "du"];

/// Natural-log cost of an end that cuts a name.
const CUT_COST: f32 = 1.5;

/// The same between a name and what belongs to it by *of* or a number.
const LOOSE_COST: f32 = 0.6;

/// Natural-log cost of a first or last word such as *of*.
const STOP_COST: f32 = 1.0;

/// Natural-log cost of a part of a quotation.
const QUOTE_COST: f32 = 2.0;

/// Words of a text, and what belongs together among them.
pub struct Borders {
    words: Vec<Word>,
    /// Natural-log cost of beginning with each word, and of ending with it.
    costs: Vec<(f32, f32)>,
    /// Quotations, without their marks.
    quotes: Vec<Range<usize>>,
}

impl Borders {
    /// Reads a text.
    pub fn new(text: &str) -> Self {
        let words = words(text);
        let joints: Vec<f32> = (1..words.len()).map(|at| joint(text, &words, at)).collect();
        let cost = |word: &Word| match word.stem {
            0 if word.shape == Shape::Lower => STOP_COST,
            _ => 0.0,
        };
        let costs = words.iter().enumerate().map(|(at, word)| {
            let before = if at == 0 { 0.0 } else { joints[at - 1] };
            let after = joints.get(at).copied().unwrap_or(0.0);
            (before + cost(word), after + cost(word))
        });
        Self { costs: costs.collect(), quotes: quotes(text, &words), words }
    }

    /// All words, in order.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Natural-log cost of beginning with a word, at least 0.
    pub fn first(&self, word: usize) -> f32 {
        self.costs.get(word).map_or(0.0, |costs| costs.0)
    }

    /// Natural-log cost of ending with a word, at least 0.
    pub fn last(&self, word: usize) -> f32 {
        self.costs.get(word).map_or(0.0, |costs| costs.1)
    }

    /// Natural-log cost of a stretch for what it cuts out of a quotation, at least 0.
    pub fn quoted(&self, bytes: &Range<usize>) -> f32 {
        // In order, and none overlaps another.
        let at = self.quotes.partition_point(|quote| quote.end <= bytes.start);
        let overlapped = self.quotes.get(at).filter(|quote| quote.start < bytes.end);
        if overlapped.is_some_and(|quote| quote != bytes) { QUOTE_COST } else { 0.0 }
    }
}

/// What it costs to end before a word and what begins after the one before it.
fn joint(text: &str, words: &[Word], at: usize) -> f32 {
    let (before, after) = (&words[at - 1], &words[at]);
    let between = &text[before.bytes.end..after.bytes.start];
    if !matches!(between, " " | " & " | ". " | "-" | ": ") {
        return 0.0;
    }
    let is_name = |at: usize| is_name(text, words, at);
    let within = |at: usize| stands_within(text, &words[at]);
    let number = |at: usize| words[at].kind == Kind::Number;
    // An initial ends in a full stop as a sentence does.
    if between == ". " && text[before.bytes.clone()].chars().count() > 2 {
        return 0.0;
    }
    match (is_name(at - 1), is_name(at)) {
        (true, true) => CUT_COST,
        (true, false) if within(at) && names_follow(text, words, at) => LOOSE_COST,
        (true, false) if number(at) && between == " " => LOOSE_COST,
        (false, true) if at > 1 && within(at - 1) && names_lead(text, words, at - 1) => LOOSE_COST,
        _ => 0.0,
    }
}

/// Whether a word may stand within a name.
fn stands_within(text: &str, word: &Word) -> bool {
    WITHIN.contains(&&text[word.bytes.clone()])
}

/// Whether a name goes on after the words from `at` on that may stand within one.
fn names_follow(text: &str, words: &[Word], at: usize) -> bool {
    let mut rest = at..words.len().min(at + 3);
    let next = rest.find(|at| !stands_within(text, &words[*at]));
    next.is_some_and(|at| is_name(text, words, at))
}

/// Whether a name stands before the words up to `at` that may stand within one.
fn names_lead(text: &str, words: &[Word], at: usize) -> bool {
    let before = (0..=at).rev().take(3).find(|at| !stands_within(text, &words[*at]));
    before.is_some_and(|at| is_name(text, words, at))
}

/// Whether a word is written as a part of a name: with a capital that does not only open a sentence.
fn is_name(text: &str, words: &[Word], at: usize) -> bool {
    let word = &words[at];
    // I, I'm, I'd.
    let is_speaker = matches!(text[word.bytes.clone()].split(['\'', '’']).next(), Some("I"));
    let before = text[..word.bytes.start].trim_end_matches([' ', '"', '\'', '“', '‘']);
    let opens = before.is_empty()
        || before.ends_with(['.', '?', '!', '\n', TURN_END, OUTCOME]) && {
            // Not after an initial.
            let last = before.trim_end_matches('.').chars().rev().take_while(|c| c.is_alphabetic());
            last.count() != 1
        };
    word.shape != Shape::Lower && word.kind != Kind::Date && !opens && !is_speaker
}

/// Quotations of a text, without their marks.
fn quotes(text: &str, words: &[Word]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open: Option<Range<usize>> = None;
    for word in words {
        let joined = open.as_ref().is_some_and(|quote| {
            !text[quote.end..word.bytes.start].contains(['"', '“', '”', '‘', '\''])
        });
        if word.kind == Kind::Quoted && joined {
            open.as_mut().expect("it is open").end = word.bytes.end;
            continue;
        }
        found.extend(open.take());
        if word.kind == Kind::Quoted {
            open = Some(word.bytes.clone());
        }
    }
    found.extend(open);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: f32 = CUT_COST;
    const LOOSE: f32 = LOOSE_COST;
    const STOP: f32 = STOP_COST;

    /// A word, and what it costs to begin with it and to end with it.
    type Costs<'a> = (&'a str, f32, f32);

    fn assert_costs(cases: &[(&str, &[Costs<'_>])]) {
        for (text, expected) in cases {
            let borders = Borders::new(text);
            let cost = |(at, word): (usize, &Word)| {
                (&text[word.bytes.clone()], borders.first(at), borders.last(at))
            };
            let found: Vec<Costs<'_>> = borders.words().iter().enumerate().map(cost).collect();
            assert_eq!(found, *expected, "{text}");
            // There is no such word.
            let beyond = (borders.first(found.len()), borders.last(usize::MAX));
            assert_eq!(beyond, (0.0, 0.0), "{text}");
        }
    }

    #[test]
    fn names_stay_whole() {
        assert_costs(&[
            (
                "weather in New York today",
                &[
                    ("weather", 0.0, 0.0),
                    ("in", STOP, STOP),
                    ("New", 0.0, CUT),
                    ("York", CUT, 0.0),
                    ("today", 0.0, 0.0),
                ],
            ),
            (
                "in São Paulo für Ödön",
                &[
                    ("in", STOP, STOP),
                    ("São", 0.0, CUT),
                    ("Paulo", CUT, 0.0),
                    ("für", 0.0, 0.0),
                    ("Ödön", 0.0, 0.0),
                ],
            ),
            ("by J. Smith", &[("by", STOP, STOP), ("J", 0.0, CUT), ("Smith", CUT, 0.0)]),
            ("play Rock & Roll", &[("play", 0.0, 0.0), ("Rock", 0.0, CUT), ("Roll", CUT, 0.0)]),
            (
                "watch Alien: Earth",
                &[("watch", 0.0, 0.0), ("Alien", 0.0, CUT), ("Earth", CUT, 0.0)],
            ),
            (
                "play \"Blue Moon\" now",
                &[("play", 0.0, 0.0), ("Blue", 0.0, CUT), ("Moon", CUT, 0.0), ("now", 0.0, 0.0)],
            ),
        ]);
    }

    #[test]
    fn words_within_a_name_and_numbers_after_it_hold_it_loosely() {
        assert_costs(&[
            (
                "the Bank of England",
                &[
                    ("the", STOP, STOP),
                    ("Bank", 0.0, LOOSE),
                    ("of", LOOSE + STOP, LOOSE + STOP),
                    ("England", LOOSE, 0.0),
                ],
            ),
            (
                "watch Lord of the Rings",
                &[
                    ("watch", 0.0, 0.0),
                    ("Lord", 0.0, LOOSE),
                    ("of", LOOSE + STOP, STOP),
                    ("the", STOP, LOOSE + STOP),
                    ("Rings", LOOSE, 0.0),
                ],
            ),
            (
                "see Ludwig van Beethoven",
                &[
                    ("see", 0.0, 0.0),
                    ("Ludwig", 0.0, LOOSE),
                    ("van", LOOSE, LOOSE),
                    ("Beethoven", LOOSE, 0.0),
                ],
            ),
            (
                "install Windows 11 now",
                &[
                    ("install", 0.0, 0.0),
                    ("Windows", 0.0, LOOSE),
                    ("11", LOOSE, 0.0),
                    ("now", 0.0, 0.0),
                ],
            ),
            // Nothing follows that is a name.
            ("see Ludwig van", &[("see", 0.0, 0.0), ("Ludwig", 0.0, 0.0), ("van", 0.0, 0.0)]),
        ]);
    }

    #[test]
    fn capitals_that_open_a_sentence_or_stand_apart_are_no_names() {
        assert_costs(&[
            ("", &[]),
            ("?! …", &[]),
            ("of", &[("of", STOP, STOP)]),
            ("Of", &[("Of", 0.0, 0.0)]),
            ("can I", &[("can", STOP, STOP), ("I", 0.0, 0.0)]),
            ("Play Blue Moon", &[("Play", 0.0, 0.0), ("Blue", 0.0, CUT), ("Moon", CUT, 0.0)]),
            ("\"Blue Moon\"", &[("Blue", 0.0, 0.0), ("Moon", 0.0, 0.0)]),
            ("see Oslo, Rome", &[("see", 0.0, 0.0), ("Oslo", 0.0, 0.0), ("Rome", 0.0, 0.0)]),
            ("see Oslo. Rome", &[("see", 0.0, 0.0), ("Oslo", 0.0, 0.0), ("Rome", 0.0, 0.0)]),
            ("see Oslo\nRome", &[("see", 0.0, 0.0), ("Oslo", 0.0, 0.0), ("Rome", 0.0, 0.0)]),
            ("see Anna Friday", &[("see", 0.0, 0.0), ("Anna", 0.0, 0.0), ("Friday", 0.0, 0.0)]),
        ]);
    }

    #[test]
    fn quotations_are_taken_whole_or_not_at_all() {
        let two = "play \"Blue Moon\" by \"Sia\" now";
        let red = "mix \"red\" \"blue\"";
        for (text, span, is_cut) in [
            (two, "Blue Moon", false),
            (two, "Sia", false),
            (two, "by", false),
            (two, "now", false),
            (two, "Blue", true),
            (two, "Moon\" by", true),
            (two, "\"Blue Moon\"", true),
            (two, "Blue Moon\" by \"Sia", true),
            (red, "red", false),
            (red, "blue", false),
            (red, "red\" \"blue", true),
            ("hör “Über Öl” an", "Über Öl", false),
            ("hör “Über Öl” an", "Öl", true),
            ("what's Anna's plan 'B'", "Anna's plan", false),
            ("what's Anna's plan 'B'", "B", false),
            ("what's Anna's plan 'B'", "plan 'B", true),
            // Quotes that never close, or have nothing in them.
            ("play \"Blue Moon now", "Blue", false),
            ("play “Blue Moon now", "Moon", false),
            ("say \"\" now", "say", false),
        ] {
            let at = text.find(span).expect("it is said");
            let cost = Borders::new(text).quoted(&(at..at + span.len()));
            assert_eq!(cost, if is_cut { QUOTE_COST } else { 0.0 }, "{text}: {span}");
        }
        for text in ["", two, "\"", "“”"] {
            let borders = Borders::new(text);
            assert_eq!((borders.quoted(&(0..0)), borders.quoted(&(90..99))), (0.0, 0.0), "{text}");
        }
    }
}
