//! Answers every step of a cursor so that it ends with given arguments: what training data,
//! notation and the proof that a template can express a call are made with.
//!
//! The arguments are read by their types first. What a type does not admit (a value outside an
//! enum, an argument that no parameter declares) is an error that names the place, never bent.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value as Json;
use thiserror::Error;

use crate::json::{self, JsonError};
use crate::template::replay::{self, Unreachable};
use crate::template::{ChoiceKind, Cursor, CursorError, PlanCursor, Step, Steps, Template};
use crate::value::Value;

pub use crate::template::Answer;

/// A call that an oracle is to reproduce.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldCall {
    /// Name of the function.
    pub name: String,
    /// Arguments by name, as JSON.
    pub arguments: Json,
}

/// Why gold cannot be reproduced.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum OracleError {
    /// Not of the parameters' types.
    #[error("`{function}` does not take these arguments: {source}")]
    Arguments {
        /// Name of the function.
        function: String,
        /// What does not fit, and where.
        source: Box<JsonError>,
    },
    /// Of the parameters' types, but beyond the template's limits.
    #[error(
        "the template of `{function}` cannot express `{path}`: {reason}; raise its limits or shorten the value"
    )]
    Limits {
        /// Name of the function.
        function: String,
        /// Path of the value.
        path: String,
        /// What is beyond.
        reason: String,
    },
    /// No candidate of that name.
    #[error("`{name}` is not among the candidates: add its template to the plan")]
    NoCandidate {
        /// Name of the function.
        name: String,
    },
    /// A plan that must, or may not, hold as many calls as gold has.
    #[error("the plan does not end with {calls} calls: change `required` or `calls_max`")]
    Count {
        /// How many gold has.
        calls: usize,
    },
    /// A cursor that was answered in part already, or is finished with the wrong function.
    #[error("the cursor does not follow its template from the start: {0}")]
    Cursor(#[from] CursorError),
    /// A cursor that asks for more than its value holds.
    #[error("the cursor does not stand at its start: give a fresh one")]
    NotFresh,
}

/// Answers a call's steps so as to reproduce `gold`, an object of arguments by name. `on_step` sees
/// each step with its answer, before it is given.
///
/// # Errors
/// When the template cannot express `gold`; nothing was seen then.
pub fn drive(
    cursor: Cursor,
    gold: &Json,
    on_step: impl FnMut(&Step<'_>, &Answer),
) -> Result<Value, OracleError> {
    let answers = answers(cursor.template(), gold)?;
    let cursor = follow(cursor, answers, on_step)?;
    Ok(cursor.finish()?)
}

/// The same for a [`Cursor::parameter`]; `None` where the parameter is to be absent.
///
/// # Errors
/// As [`drive`].
pub fn drive_parameter(
    cursor: Cursor,
    gold: Option<&Json>,
    on_step: impl FnMut(&Step<'_>, &Answer),
) -> Result<Option<Value>, OracleError> {
    let template = cursor.template();
    let Some(index) = cursor.parameter_index() else {
        return Err(CursorError::OtherRoot { decodes: "a call", finish: "finish" }.into());
    };
    let ty = &template.parameters().fields[index].ty;
    let value = gold
        .map(|json| json::from_json(ty, json))
        .transpose()
        .map_err(|source| OracleError::not_of_type(template, source))?;
    let answers = replay::parameter(template, index, value.as_ref())
        .map_err(|error| OracleError::beyond(template, error))?;
    let cursor = follow(cursor, answers, on_step)?;
    Ok(cursor.finish_parameter()?)
}

/// The same for a whole plan. Where two candidates share a name, the first is called.
///
/// # Errors
/// When a template cannot express its call, no candidate has a call's name, or the plan's options
/// do not allow as many calls.
pub fn drive_plan(
    mut plan: PlanCursor,
    gold: &[GoldCall],
    mut on_step: impl FnMut(&Step<'_>, &Answer),
) -> Result<Vec<(usize, Value)>, OracleError> {
    let mut calls =
        gold.iter().map(|call| plan_call(&plan, call)).collect::<Result<Vec<_>, _>>()?;
    loop {
        let decided = plan.calls().len();
        let answer = match plan.step() {
            Step::Done => break,
            Step::Fixed(_) => Answer::Advance,
            Step::Choice(choice) => match choice.kind {
                ChoiceKind::CallOrNot | ChoiceKind::AnotherCall => {
                    Answer::Choose(usize::from(decided == gold.len()))
                }
                ChoiceKind::Candidate => {
                    Answer::Choose(calls.get(decided).map_or(0, |(candidate, _)| *candidate))
                }
                _ => next_answer(&mut calls, decided, gold.len())?,
            },
            Step::Slot(_) => next_answer(&mut calls, decided, gold.len())?,
        };
        on_step(&plan.step(), &answer);
        give(&mut plan, answer)?;
    }
    if plan.calls().len() != gold.len() {
        return Err(OracleError::Count { calls: gold.len() });
    }
    Ok(plan.finish()?)
}

type PlannedCall = (usize, VecDeque<Answer>);

fn plan_call(plan: &PlanCursor, call: &GoldCall) -> Result<PlannedCall, OracleError> {
    let named = |template: &&Arc<Template>| template.function_name() == call.name;
    let (index, template) = plan
        .candidates()
        .iter()
        .enumerate()
        .find(|(_, template)| named(template))
        .ok_or_else(|| OracleError::NoCandidate { name: call.name.clone() })?;
    Ok((index, answers(template, &call.arguments)?))
}

fn next_answer(
    calls: &mut [PlannedCall],
    decided: usize,
    gold: usize,
) -> Result<Answer, OracleError> {
    let (_, answers) = calls.get_mut(decided).ok_or(OracleError::Count { calls: gold })?;
    answers.pop_front().ok_or(OracleError::NotFresh)
}

fn answers(template: &Template, gold: &Json) -> Result<VecDeque<Answer>, OracleError> {
    let value = json::arguments_from_json(template.parameters(), gold)
        .map_err(|source| OracleError::not_of_type(template, source))?;
    replay::call(template, &value).map_err(|error| OracleError::beyond(template, error))
}

fn follow(
    mut cursor: Cursor,
    mut answers: VecDeque<Answer>,
    mut on_step: impl FnMut(&Step<'_>, &Answer),
) -> Result<Cursor, OracleError> {
    loop {
        let step = cursor.step();
        let answer = match step {
            Step::Done => return Ok(cursor),
            Step::Fixed(_) => Answer::Advance,
            Step::Choice(_) | Step::Slot(_) => answers.pop_front().ok_or(OracleError::NotFresh)?,
        };
        on_step(&step, &answer);
        give(&mut cursor, answer)?;
    }
}

fn give(steps: &mut impl Steps, answer: Answer) -> Result<(), CursorError> {
    match answer {
        Answer::Advance => steps.advance(),
        Answer::Choose(alternative) => steps.choose(alternative)?,
        Answer::Fill(value) => steps.fill(value)?,
    }
    Ok(())
}

impl OracleError {
    fn not_of_type(template: &Template, source: JsonError) -> Self {
        let function = template.function_name().to_owned();
        Self::Arguments { function, source: Box::new(source) }
    }

    fn beyond(template: &Template, error: Unreachable) -> Self {
        let function = template.function_name().to_owned();
        Self::Limits { function, path: error.path, reason: error.reason }
    }
}
