//! One line for a walk through a template: fixed text plain, `⟦chosen⟧`, `⟨sampled⟩`.
//!
//! Without the marks the line is the text itself, line feeds shown as `⏎`. A choice of nothing (an
//! absent parameter) is `⟦⟧`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::oracle::{self, Answer, GoldCall, OracleError};
use crate::template::{ChoiceKind, Cursor, PlanCursor, SlotType, Step};
use crate::value::Value;

/// What a line feed is shown as.
pub const LINE_FEED: char = '⏎';
/// Steps of a blank call. What people write takes dozens.
const BLANK_STEPS_MAX: usize = 1_000;
/// Characters of text that is made up to go past a slot.
const MADE_UP_CHARS_MAX: u32 = 1_000;

/// What an answer adds to the text: what an engine injects or has sampled, without marks.
pub fn text(step: &Step<'_>, answer: &Answer) -> String {
    match (step, answer) {
        (Step::Fixed(text), _) => (*text).to_owned(),
        (Step::Choice(choice), Answer::Choose(alternative)) => choice
            .alternatives
            .get(*alternative)
            .map(|taken| taken.text.clone())
            .unwrap_or_default(),
        (Step::Slot(slot), Answer::Fill(value)) => slot.spell(value),
        _ => String::new(),
    }
}

fn shown(text: &str) -> String {
    text.replace('\n', LINE_FEED.encode_utf8(&mut [0; 4]))
}

/// What an answer adds to the line.
pub fn mark(step: &Step<'_>, answer: &Answer) -> String {
    let text = shown(&text(step, answer));
    match step {
        Step::Choice(_) => format!("⟦{text}⟧"),
        Step::Slot(_) => format!("⟨{text}⟩"),
        Step::Fixed(_) | Step::Done => text,
    }
}

/// The line of a call that is decoded to `gold`.
///
/// # Errors
/// As [`oracle::drive`].
pub fn call(cursor: Cursor, gold: &Json) -> Result<String, OracleError> {
    let mut line = String::new();
    oracle::drive(cursor, gold, |step, answer| line.push_str(&mark(step, answer)))?;
    Ok(line)
}

/// The line of one parameter that is decoded to `gold`.
///
/// # Errors
/// As [`oracle::drive_parameter`].
pub fn parameter(cursor: Cursor, gold: Option<&Json>) -> Result<String, OracleError> {
    let mut line = String::new();
    oracle::drive_parameter(cursor, gold, |step, answer| line.push_str(&mark(step, answer)))?;
    Ok(line)
}

/// The line of a plan that is decoded to `gold`.
///
/// # Errors
/// As [`oracle::drive_plan`].
pub fn plan(plan: PlanCursor, gold: &[GoldCall]) -> Result<String, OracleError> {
    let mut line = String::new();
    oracle::drive_plan(plan, gold, |step, answer| line.push_str(&mark(step, answer)))?;
    Ok(line)
}

/// The line of a call before anything is decided: `⟦one|another⟧` with all that a choice offers, and
/// `⟨a string⟩` with what may be written. Optional values are there, lists and free keys once, and of
/// several cases the first goes on.
///
/// `None` where nothing that is made up here may be written, or where the line comes to no end.
pub fn blank(mut cursor: Cursor) -> Option<String> {
    let mut line = String::new();
    let mut keyed = BTreeSet::new();
    for _ in 0..BLANK_STEPS_MAX {
        let answer = match cursor.step() {
            Step::Done => return Some(line),
            Step::Fixed(text) => {
                line.push_str(&shown(text));
                Answer::Advance
            }
            Step::Choice(choice) => {
                let texts: Vec<&str> =
                    choice.alternatives.iter().map(|one| one.text.as_str()).collect();
                line.push_str(&format!("⟦{}⟧", shown(&texts.join("|"))));
                let takes_first = match choice.kind {
                    ChoiceKind::AnotherElement => choice.subject.ends_with("[0]"),
                    ChoiceKind::AnotherKey => keyed.insert(choice.subject.clone()),
                    _ => true,
                };
                Answer::Choose(usize::from(!takes_first))
            }
            Step::Slot(slot) => {
                line.push_str(&format!("⟨{}⟩", slot.ty));
                Answer::Fill(made_up(&slot.ty))
            }
        };
        match answer {
            Answer::Advance => cursor.advance(),
            Answer::Choose(alternative) => cursor.choose(alternative).ok()?,
            Answer::Fill(value) => cursor.fill(value).ok()?,
        }
    }
    None
}

/// Some value of the type, as long as no pattern asks for more than its length.
fn made_up(ty: &SlotType) -> Value {
    match ty {
        SlotType::Int(int) => Value::Int(0.clamp(int.min, int.max)),
        SlotType::Float(float) => {
            let least = float.min.map_or(0.0, |min| min.max(0.0));
            Value::Float(float.max.map_or(least, |max| max.min(least)))
        }
        SlotType::Char => Value::Char('a'),
        SlotType::String(string) => {
            Value::String("a".repeat(string.chars_min.min(MADE_UP_CHARS_MAX) as usize))
        }
        SlotType::Bytes => Value::Bytes(Vec::new()),
        SlotType::Key => Value::String("key".to_owned()),
    }
}
