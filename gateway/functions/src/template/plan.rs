//! A whole reply: whether to call, which candidate, with which arguments, and how often.

use std::sync::Arc;

use super::step::preview;
use super::{
    Alternative, Choice, ChoiceKind, Cursor, CursorError, Spelling, Step, Steps, Template,
    TemplateLimits, spell,
};
use crate::value::Value;

/// What a plan may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Whether at least one function must be called: `CallOrNot` is not asked then.
    pub required: bool,
    /// Most calls. With 1, `AnotherCall` is not asked; with 0, nothing is.
    pub calls_max: usize,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { required: false, calls_max: TemplateLimits::default().calls_max as usize }
    }
}

/// A walk over the candidates of one request: call or not, then one of the candidates, then the
/// steps of a [`Cursor`] over it, then another call or the end. Without candidates there is no
/// call to decide.
#[derive(Clone, Debug)]
pub struct PlanCursor {
    candidates: Arc<[Arc<Template>]>,
    spelling: Spelling,
    calls_max: usize,
    /// Finished calls: index of the candidate and its arguments.
    calls: Vec<(usize, Value)>,
    /// Fixed text before the stage's decision; unused while a call is under way.
    text: String,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// `CallOrNot`, `Candidate` or `AnotherCall`.
    Choice(Choice),
    Call {
        candidate: usize,
        cursor: Box<Cursor>,
    },
    Done,
}

impl PlanCursor {
    /// Over candidates that are all of one spelling.
    pub fn new(candidates: Vec<Arc<Template>>, options: PlanOptions) -> Self {
        let spelling = candidates.first().map_or(Spelling::Param, |first| first.spelling());
        let mut plan = Self {
            candidates: candidates.into(),
            spelling,
            calls_max: options.calls_max,
            calls: Vec::new(),
            text: String::new(),
            stage: Stage::Done,
        };
        if plan.candidates.is_empty() || options.calls_max == 0 {
            plan.end();
        } else if options.required {
            plan.text.push_str(spell::call_open(spelling));
            plan.ask_candidate();
        } else {
            let texts = [spell::call_open(spelling), spell::plan_none(spelling)];
            plan.stage = either(ChoiceKind::CallOrNot, ["call", "none"], texts);
        }
        plan
    }

    /// The candidates, in the order of the `Candidate` choice.
    pub fn candidates(&self) -> &[Arc<Template>] {
        &self.candidates
    }

    /// Calls finished so far: index of the candidate and its arguments.
    pub fn calls(&self) -> &[(usize, Value)] {
        &self.calls
    }

    /// The call under way: index of the candidate and its cursor.
    pub fn call(&self) -> Option<(usize, &Cursor)> {
        match &self.stage {
            Stage::Call { candidate, cursor } => Some((*candidate, cursor)),
            _ => None,
        }
    }

    /// Where it stands.
    pub fn step(&self) -> Step<'_> {
        match &self.stage {
            Stage::Call { cursor, .. } => cursor.step(),
            _ if !self.text.is_empty() => Step::Fixed(&self.text),
            Stage::Choice(choice) => Step::Choice(choice),
            Stage::Done => Step::Done,
        }
    }

    /// Goes past fixed text; does nothing at any other step.
    pub fn advance(&mut self) {
        match &mut self.stage {
            Stage::Call { cursor, .. } => cursor.advance(),
            _ => self.text.clear(),
        }
    }

    /// Answers a choice.
    ///
    /// # Errors
    /// When the step is no choice or has no such alternative; the step stays as it was.
    pub fn choose(&mut self, alternative: usize) -> Result<(), CursorError> {
        if let Stage::Call { cursor, .. } = &mut self.stage {
            cursor.choose(alternative)?;
            self.close_call();
            return Ok(());
        }
        let (choice, _) = self.step().alternative(alternative)?;
        match (choice.kind, alternative) {
            (ChoiceKind::Candidate, candidate) => self.open_call(candidate, String::new()),
            (_, 0) => self.ask_candidate(),
            _ => self.stage = Stage::Done,
        }
        Ok(())
    }

    /// Answers a slot.
    ///
    /// # Errors
    /// When the step is no slot or the slot does not admit the value; the step stays as it was.
    pub fn fill(&mut self, value: Value) -> Result<(), CursorError> {
        let Stage::Call { cursor, .. } = &mut self.stage else {
            return Err(CursorError::NotASlot { found: self.step().name() });
        };
        cursor.fill(value)?;
        self.close_call();
        Ok(())
    }

    /// What an alternative leads to: its text and the fixed text after it, up to the next decision.
    ///
    /// # Errors
    /// As [`PlanCursor::choose`].
    pub fn preview(&self, alternative: usize) -> Result<String, CursorError> {
        preview(self, alternative)
    }

    /// The calls: index of the candidate and its arguments, in the order decided.
    ///
    /// # Errors
    /// When steps are left.
    pub fn finish(self) -> Result<Vec<(usize, Value)>, CursorError> {
        match self.step() {
            Step::Done => Ok(self.calls),
            other => Err(CursorError::NotDone { found: other.name() }),
        }
    }

    /// Asks for a candidate, unless there is but one.
    fn ask_candidate(&mut self) {
        let name =
            |template: &Arc<Template>| spell::call_name(template.function_name(), self.spelling);
        if let [only] = &*self.candidates {
            let opening = std::mem::take(&mut self.text) + &name(only);
            return self.open_call(0, opening);
        }
        let alternatives = self
            .candidates
            .iter()
            .map(|template| Alternative::new(template.function_name(), name(template)))
            .collect();
        let choice = Choice { kind: ChoiceKind::Candidate, subject: String::new(), alternatives };
        self.stage = Stage::Choice(choice);
    }

    fn open_call(&mut self, candidate: usize, opening: String) {
        let template = Arc::clone(&self.candidates[candidate]);
        let close = spell::call_close(self.spelling);
        let cursor = Box::new(Cursor::after_name(template, opening, close));
        self.stage = Stage::Call { candidate, cursor };
        self.close_call();
    }

    /// Takes the call over once nothing in it is left to decide, so that the fixed text at its
    /// end and the plan's own become one.
    fn close_call(&mut self) {
        let Stage::Call { candidate, cursor } = std::mem::replace(&mut self.stage, Stage::Done)
        else {
            return;
        };
        let (text, arguments) = match cursor.into_decided() {
            Ok(decided) => decided,
            Err(cursor) => {
                self.stage = Stage::Call { candidate, cursor };
                return;
            }
        };
        self.text = text;
        self.calls.push((candidate, arguments));
        if self.calls.len() >= self.calls_max {
            return self.end();
        }
        let texts = [spell::call_next(self.spelling), spell::plan_end(self.spelling)];
        self.stage = either(ChoiceKind::AnotherCall, ["another", "end"], texts);
    }

    fn end(&mut self) {
        self.text.push_str(if self.calls.is_empty() {
            spell::plan_none(self.spelling)
        } else {
            spell::plan_end(self.spelling)
        });
        self.stage = Stage::Done;
    }
}

fn either(kind: ChoiceKind, labels: [&str; 2], texts: [&str; 2]) -> Stage {
    let alternatives =
        labels.iter().zip(texts).map(|(label, text)| Alternative::new(*label, text)).collect();
    Stage::Choice(Choice { kind, subject: String::new(), alternatives })
}

impl Steps for PlanCursor {
    fn step(&self) -> Step<'_> {
        self.step()
    }

    fn advance(&mut self) {
        self.advance();
    }

    fn choose(&mut self, alternative: usize) -> Result<(), CursorError> {
        self.choose(alternative)
    }

    fn fill(&mut self, value: Value) -> Result<(), CursorError> {
        self.fill(value)
    }
}
