//! What a cursor asks and how it is answered.

use thiserror::Error;

use super::Slot;
use crate::value::Value;

/// Where a cursor stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// Text to inject as one chunk; two of these never follow each other.
    Fixed(&'a str),
    /// Pick one of at least two alternatives.
    Choice(&'a Choice),
    /// Write a value.
    Slot(&'a Slot),
    /// Nothing is left to decide.
    Done,
}

/// What a step is answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Go past fixed text.
    Advance,
    /// Take that alternative of a choice.
    Choose(usize),
    /// Fill a slot.
    Fill(Value),
}

/// A decision between spellings that the template fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is being decided.
    pub kind: ChoiceKind,
    /// Path of what is being decided, such as `address.city` or `tags[2]`; empty for the calls themselves.
    pub subject: String,
    /// At least two.
    pub alternatives: Vec<Alternative>,
}

/// What a choice decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChoiceKind {
    /// `call`, `none`: whether any function is called.
    CallOrNot,
    /// Which candidate is called; alternatives are in the candidates' order.
    Candidate,
    /// `another`, `end`: whether a further call follows.
    AnotherCall,
    /// `present`, `absent`: whether an optional value is written.
    Presence,
    /// `true`, `false`.
    Boolean,
    /// Which case of an enum.
    Enum,
    /// Which of some literal JSON values.
    Literal,
    /// `set`, `unset`: whether one flag is set; the subject ends in the flag's name.
    Flag,
    /// `another`, `end`: whether a list goes on; the subject ends in the next element's index.
    AnotherElement,
    /// Which case of a variant, alternative of a `OneOf`, or kind of a free JSON value.
    Case,
    /// `another`, `end`: whether an object with free keys goes on.
    AnotherKey,
}

/// One way to answer a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What a person would call it: `celsius`, `present`, `true`, `end`.
    pub label: String,
    /// What is injected when it is chosen; may be empty.
    pub text: String,
}

impl Alternative {
    pub(super) fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), text: text.into() }
    }
}

/// Whatever is decoded step by step: a [`Cursor`](super::Cursor) or a [`PlanCursor`](super::PlanCursor).
pub trait Steps {
    /// Where it stands.
    fn step(&self) -> Step<'_>;

    /// Goes past fixed text; does nothing at any other step.
    fn advance(&mut self);

    /// Answers a choice.
    ///
    /// # Errors
    /// When the step is no choice or has no such alternative; the step stays as it was.
    fn choose(&mut self, alternative: usize) -> Result<(), CursorError>;

    /// Answers a slot.
    ///
    /// # Errors
    /// When the step is no slot or the slot does not admit the value; the step stays as it was.
    fn fill(&mut self, value: Value) -> Result<(), CursorError>;
}

/// What an alternative leads to: its text and the fixed text after it, up to the next decision.
pub(super) fn preview(
    steps: &(impl Steps + Clone),
    alternative: usize,
) -> Result<String, CursorError> {
    let (_, taken) = steps.step().alternative(alternative)?;
    let mut text = taken.text.clone();
    let mut ahead = steps.clone();
    ahead.choose(alternative)?;
    if let Step::Fixed(fixed) = ahead.step() {
        text.push_str(fixed);
    }
    Ok(text)
}

/// An answer that does not fit the step it was given to.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CursorError {
    /// `choose` where no choice is.
    #[error("the step is {found}, not a choice: answer it as what it is")]
    NotAChoice {
        /// What the step is.
        found: &'static str,
    },
    /// `fill` where no slot is.
    #[error("the step is {found}, not a slot: answer it as what it is")]
    NotASlot {
        /// What the step is.
        found: &'static str,
    },
    /// A choice without that alternative.
    #[error(
        "choice `{subject}` has {count} alternatives, not one numbered {alternative}: choose less than {count}"
    )]
    NoSuchAlternative {
        /// Path of what is being decided.
        subject: String,
        /// The answer.
        alternative: usize,
        /// How many there are.
        count: usize,
    },
    /// A value that the slot's type does not admit.
    #[error("slot `{subject}` does not admit {value:?}: fill it with a value of {expected}")]
    NotAdmitted {
        /// Path of the slot.
        subject: String,
        /// The slot's type, in words.
        expected: String,
        /// The answer.
        value: Value,
    },
    /// `finish` before the last step.
    #[error("the step is {found}: answer every step until `Step::Done` before finishing")]
    NotDone {
        /// What the step is.
        found: &'static str,
    },
    /// `finish` of a cursor over one parameter, or `finish_parameter` of one over a call.
    #[error("this cursor decodes {decodes}: finish it with `{finish}`")]
    OtherRoot {
        /// What it decodes.
        decodes: &'static str,
        /// The method to call instead.
        finish: &'static str,
    },
}

impl<'a> Step<'a> {
    /// The choice that it is, and the alternative of that number.
    pub(super) fn alternative(
        self,
        number: usize,
    ) -> Result<(&'a Choice, &'a Alternative), CursorError> {
        let Self::Choice(choice) = self else {
            return Err(CursorError::NotAChoice { found: self.name() });
        };
        let none = || CursorError::NoSuchAlternative {
            subject: choice.subject.clone(),
            alternative: number,
            count: choice.alternatives.len(),
        };
        let alternative = choice.alternatives.get(number).ok_or_else(none)?;
        Ok((choice, alternative))
    }

    /// The step in words, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed text",
            Self::Choice(_) => "a choice",
            Self::Slot(_) => "a slot",
            Self::Done => "done",
        }
    }
}
