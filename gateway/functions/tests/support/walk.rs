//! Cursors answered at random, and texts led back through cursors.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use hyfunc_functions::notation;
use hyfunc_functions::template::spell::SPECIALS;
use hyfunc_functions::template::{Answer, Slot, SlotType, Step, Steps};
use hyfunc_functions::types::StringType;
use hyfunc_functions::{Type, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::arbitrary::arb_value;

/// Answers every step at random and gives back the text.
pub fn at_random(steps: &mut impl Steps, runner: &mut TestRunner) -> String {
    follow(steps, |step| match step {
        Step::Choice(choice) => Answer::Choose(sample(&(0..choice.alternatives.len()), runner)),
        Step::Slot(slot) => Answer::Fill(sample(&admitted(&slot.ty), runner)),
        Step::Fixed(_) | Step::Done => Answer::Advance,
    })
}

/// Answers every choice with the alternative of that index, or the last, and slots at random.
pub fn always(steps: &mut impl Steps, alternative: usize, runner: &mut TestRunner) -> String {
    follow(steps, |step| match step {
        Step::Choice(choice) => Answer::Choose(alternative.min(choice.alternatives.len() - 1)),
        Step::Slot(slot) => Answer::Fill(sample(&admitted(&slot.ty), runner)),
        Step::Fixed(_) | Step::Done => Answer::Advance,
    })
}

/// Answers every step and checks the laws that hold at each.
fn follow(steps: &mut impl Steps, mut answer: impl FnMut(&Step<'_>) -> Answer) -> String {
    let mut text = String::new();
    let mut fixed_before = false;
    let mut terminated: Option<Slot> = None;
    while steps.step() != Step::Done {
        let step = steps.step();
        let answer = answer(&step);
        let piece = notation::text(&step, &answer);
        let is_fixed = matches!(step, Step::Fixed(_));
        assert!(!(is_fixed && fixed_before), "two fixed texts in a row: `{text}`, `{piece}`");
        fixed_before = is_fixed;
        if let Step::Choice(choice) = &step {
            assert!(choice.alternatives.len() > 1, "nothing to choose: {choice:?}");
        }
        if let Some(slot) = terminated.take_if(|_| !piece.is_empty()) {
            assert!(terminates(&slot, &piece), "`{piece}` after {slot:?}");
        }
        if let Step::Slot(slot) = &step {
            terminated = Some((*slot).clone());
        }
        text.push_str(&piece);
        match answer {
            Answer::Advance => steps.advance(),
            Answer::Choose(alternative) => steps.choose(alternative).expect("an alternative"),
            Answer::Fill(value) => steps.fill(value).expect("an admitted value"),
        }
    }
    text
}

/// What `Slot::terminator` promises about the text after a slot.
fn terminates(slot: &Slot, text: &str) -> bool {
    if slot.terminator.starts_with('<') {
        return SPECIALS.iter().any(|special| text.starts_with(special));
    }
    if slot.quoted { text.starts_with('"') } else { text.starts_with([',', ']', '}', ')']) }
}

fn sample<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).expect("a strategy without rejects").current()
}

fn admitted(slot: &SlotType) -> BoxedStrategy<Value> {
    match slot {
        SlotType::Int(int) => arb_value(&Type::Int(*int)),
        SlotType::Float(float) => arb_value(&Type::Float(*float)),
        SlotType::Char => arb_value(&Type::Char),
        SlotType::String(string) => arb_value(&Type::String(string.clone())),
        SlotType::Bytes => arb_value(&Type::Bytes),
        // Few keys, so that some come twice, and some that look like structure.
        SlotType::Key => prop_oneof![
            Just(Value::String("a".to_owned())),
            Just(Value::String("</param>".to_owned())),
            arb_value(&Type::String(StringType::default())),
        ]
        .boxed(),
    }
}

/// Reads text in the Param spelling by the template alone. At every choice exactly one alternative
/// must fit what follows, which is what makes the spelling unambiguous.
pub fn read_back<S: Steps + Clone>(steps: &mut S, text: &str) {
    let mut rest = text;
    loop {
        match steps.step() {
            Step::Done => break,
            Step::Fixed(fixed) => {
                rest =
                    rest.strip_prefix(fixed).unwrap_or_else(|| panic!("`{fixed}` before `{rest}`"));
                steps.advance();
            }
            Step::Choice(choice) => {
                let fitting: Vec<usize> = (0..choice.alternatives.len())
                    .filter(|index| fits(steps, *index, rest))
                    .collect();
                let [taken] = fitting[..] else { panic!("{fitting:?} of {choice:?} fit `{rest}`") };
                rest = &rest[choice.alternatives[taken].text.len()..];
                steps.choose(taken).expect("an alternative");
            }
            Step::Slot(slot) => {
                let end = SPECIALS.iter().filter_map(|special| rest.find(special)).min();
                let (value, after) = rest.split_at(end.expect("a special after every slot"));
                let value = slot.parse(value).unwrap_or_else(|error| panic!("{error}"));
                steps.fill(value).expect("an admitted value");
                rest = after;
            }
        }
    }
    assert_eq!(rest, "", "text after the end");
}

/// Whether the text goes on as that alternative and what it leads to, up to the next slot.
fn fits<S: Steps + Clone>(steps: &S, alternative: usize, rest: &str) -> bool {
    let Step::Choice(choice) = steps.step() else { return true };
    let Some(mut rest) = rest.strip_prefix(choice.alternatives[alternative].text.as_str()) else {
        return false;
    };
    let mut ahead = steps.clone();
    ahead.choose(alternative).expect("an alternative");
    if let Step::Fixed(fixed) = ahead.step() {
        match rest.strip_prefix(fixed) {
            Some(after) => rest = after,
            None => return false,
        }
        ahead.advance();
    }
    match ahead.step() {
        Step::Choice(next) => (0..next.alternatives.len()).any(|index| fits(&ahead, index, rest)),
        Step::Done => rest.is_empty(),
        Step::Slot(_) | Step::Fixed(_) => true,
    }
}
