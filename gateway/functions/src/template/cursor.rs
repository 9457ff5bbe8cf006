//! One call, or one parameter of it, decoded step by step.

use std::sync::Arc;

use super::frame::{Frame, Place, Turn};
use super::step::preview;
use super::{Choice, CursorError, Slot, Step, Steps, Template, spell};
use crate::value::Value;

/// A walk through a [`Template`], answered step by step.
///
/// The open values lie on an explicit stack, so a cursor can be held, cloned and batched with
/// others. It stands at a decision as soon as it is made; fixed text before it comes first.
#[derive(Clone, Debug)]
pub struct Cursor {
    template: Arc<Template>,
    root: Root,
    /// Innermost value last.
    stack: Vec<Frame>,
    /// Fixed text before the decision; empty once it was handed out and passed.
    text: String,
    decision: Decision,
}

/// What a cursor decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Call,
    /// Of the parameters' record only the field of that index.
    Parameter(usize),
}

#[derive(Clone, Debug)]
enum Decision {
    Choice(Choice),
    Slot(Slot),
    Done(Value),
}

impl Cursor {
    /// Over a whole call, parameters in order.
    pub fn call(template: Arc<Template>) -> Self {
        let opening = spell::call_open(template.spelling).to_owned()
            + &spell::call_name(&template.function_name, template.spelling);
        let close = spell::call_alone_close(template.spelling);
        Self::after_name(template, opening, close)
    }

    /// Over one parameter alone, so that an engine can decode a call's parameters side by side.
    /// In Param its text is that parameter's part of the call; in Hermes and Llama `"name": value`, in
    /// Bracket `name=value`, without the comma around it.
    ///
    /// # Panics
    /// When the function has no parameter of that index.
    pub fn parameter(template: Arc<Template>, index: usize) -> Self {
        let count = template.parameters.fields.len();
        assert!(index < count, "parameter {index} of a function that has {count}");
        let frame = Frame::parameter(&template.tree, index);
        Self::start(template, Root::Parameter(index), String::new(), frame)
    }

    /// Over a whole call whose name was written already; `opening` is the text up to there that
    /// is still to be handed out, `close` what follows the arguments.
    pub(super) fn after_name(template: Arc<Template>, opening: String, close: &str) -> Self {
        let spelling = template.spelling;
        let text = opening + spell::call_name_end(spelling);
        let place = Place::root(close.to_owned());
        let frame = Frame::new(template.tree.root(), place, &template.tree);
        Self::start(template, Root::Call, text, frame)
    }

    fn start(template: Arc<Template>, root: Root, text: String, frame: Frame) -> Self {
        let decision = Decision::Done(Value::Null);
        let mut cursor = Self { template, root, stack: vec![frame], text, decision };
        cursor.run();
        cursor
    }

    /// The template that it walks.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Index of the parameter that it decodes alone; `None` over a call.
    pub fn parameter_index(&self) -> Option<usize> {
        match self.root {
            Root::Parameter(index) => Some(index),
            Root::Call => None,
        }
    }

    /// Where it stands.
    pub fn step(&self) -> Step<'_> {
        if self.text.is_empty() { self.decision() } else { Step::Fixed(&self.text) }
    }

    /// Goes past fixed text; does nothing at any other step.
    pub fn advance(&mut self) {
        self.text.clear();
    }

    /// Answers a choice.
    ///
    /// # Errors
    /// When the step is no choice or has no such alternative; the step stays as it was.
    pub fn choose(&mut self, alternative: usize) -> Result<(), CursorError> {
        self.step().alternative(alternative)?;
        self.take(alternative);
        self.run();
        Ok(())
    }

    /// Answers a slot.
    ///
    /// # Errors
    /// When the step is no slot or the slot does not admit the value; the step stays as it was.
    pub fn fill(&mut self, value: Value) -> Result<(), CursorError> {
        let slot = match self.step() {
            Step::Slot(slot) => slot,
            other => return Err(CursorError::NotASlot { found: other.name() }),
        };
        if !slot.ty.admits(&value) {
            let (subject, expected) = (slot.subject.clone(), slot.ty.to_string());
            return Err(CursorError::NotAdmitted { subject, expected, value });
        }
        let frame = self.stack.last_mut().expect("a slot belongs to an open value");
        frame.filled(value, &self.template.tree, &mut self.text);
        self.run();
        Ok(())
    }

    /// What an alternative leads to: its text and the fixed text after it, up to the next
    /// decision. Tells alternatives apart whose own text is empty.
    ///
    /// # Errors
    /// As [`Cursor::choose`].
    pub fn preview(&self, alternative: usize) -> Result<String, CursorError> {
        preview(self, alternative)
    }

    /// The arguments: `Value::Record` over all parameters.
    ///
    /// # Errors
    /// When steps are left, or the cursor is over one parameter.
    pub fn finish(self) -> Result<Value, CursorError> {
        if self.root != Root::Call {
            return Err(CursorError::OtherRoot {
                decodes: "one parameter",
                finish: "finish_parameter",
            });
        }
        self.into_value()
    }

    /// The parameter's value; `None` where it is absent. As in [`Value::Record`], an absent
    /// `Type::Option` is `Some(Value::Option(None))`.
    ///
    /// # Errors
    /// When steps are left, or the cursor is over a call.
    pub fn finish_parameter(self) -> Result<Option<Value>, CursorError> {
        let Root::Parameter(_) = self.root else {
            return Err(CursorError::OtherRoot { decodes: "a call", finish: "finish" });
        };
        match self.into_value()? {
            // Of one field.
            Value::Record(mut fields) => Ok(fields.pop().flatten()),
            _ => unreachable!("parameters are a record"),
        }
    }

    /// The fixed text and the arguments of a call that has no decision left.
    pub(super) fn into_decided(self: Box<Self>) -> Result<(String, Value), Box<Self>> {
        let cursor = *self;
        match cursor.decision {
            Decision::Done(value) => Ok((cursor.text, value)),
            decision => Err(Box::new(Self { decision, ..cursor })),
        }
    }

    fn into_value(self) -> Result<Value, CursorError> {
        match self.step() {
            Step::Done => {}
            other => return Err(CursorError::NotDone { found: other.name() }),
        }
        match self.decision {
            Decision::Done(value) => Ok(value),
            _ => unreachable!("the step is done"),
        }
    }

    fn decision(&self) -> Step<'_> {
        match &self.decision {
            Decision::Choice(choice) => Step::Choice(choice),
            Decision::Slot(slot) => Step::Slot(slot),
            Decision::Done(_) => Step::Done,
        }
    }

    fn take(&mut self, alternative: usize) {
        let frame = self.stack.last_mut().expect("a choice belongs to an open value");
        frame.chosen(alternative, &self.template.tree, &mut self.text);
    }

    /// Opens and closes values up to the next decision. A choice with one alternative is none.
    fn run(&mut self) {
        while let Some(frame) = self.stack.last_mut() {
            match frame.turn(&self.template.tree, &mut self.text) {
                Turn::Ask(choice) => match choice.alternatives.as_slice() {
                    [only] => {
                        self.text.push_str(&only.text);
                        self.take(0);
                    }
                    _ => return self.decision = Decision::Choice(choice),
                },
                Turn::Fill(slot) => return self.decision = Decision::Slot(slot),
                Turn::Open(inner) => self.stack.push(inner),
                Turn::Close(value) => {
                    self.stack.pop();
                    match self.stack.last_mut() {
                        Some(outer) => outer.receive(value, &self.template.tree),
                        None => return self.decision = Decision::Done(value),
                    }
                }
            }
        }
    }
}

impl Steps for Cursor {
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
