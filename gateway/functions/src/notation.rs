//! One line for a walk through a template: fixed text plain, `⟦chosen⟧`, `⟨sampled⟩`.
//!
//! Without the marks the line is the text itself, line feeds shown as `⏎`. A choice of nothing (an
//! absent parameter) is `⟦⟧`.

use serde_json::Value as Json;

use crate::oracle::{self, Answer, GoldCall, OracleError};
use crate::template::{Cursor, PlanCursor, Step};

/// What a line feed is shown as.
pub const LINE_FEED: char = '⏎';

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

/// What an answer adds to the line.
pub fn mark(step: &Step<'_>, answer: &Answer) -> String {
    let text = text(step, answer).replace('\n', LINE_FEED.encode_utf8(&mut [0; 4]));
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
