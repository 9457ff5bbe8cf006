//! One call being filled: a branch a parameter, all asked in one forward, answered jointly.

mod fillings;

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use candle_core::Tensor;
use hyfunc_functions::template::{Choice, ChoiceKind, Slot, Step};
use hyfunc_functions::types::Field;
use hyfunc_functions::{Cursor, Template, Value};

use crate::api::{Piece, PieceKind, TokenCounts};
use crate::assign::assign;
use crate::branch::{Branch, choice_answer, slot_answer};
use crate::clauses::Part;
use crate::config::PARAMETER_QUESTIONS_MAX;
use crate::error::CascadeError;
use crate::evidence;
use crate::labels::Labels;
use crate::lexicon::{Kind, Shape};
use crate::likeness::Likeness;
use crate::model::heads::{self, OPTION_FEATURES, PRESENCE_FEATURES, Question};
use crate::model::ops;
use crate::nearness::Spoken;
use crate::prior::{self, Latest, Past, Scene};
use crate::spans::{self, Span};
use crate::text::Token;
use crate::tiny::{Tiny, log_sigmoid};

use fillings::{Fill, Offers, Weighed, left_out, weigh};

/// Options of a choice that are compared with the query together.
const OPTIONS_TOGETHER: usize = 256;

/// The query as a call's decisions see it.
pub struct Asked<'a> {
    /// The words.
    pub query: &'a str,
    /// Their tokens.
    pub tokens: &'a [Token],
    /// Their likeness to labels.
    pub likeness: &'a Likeness,
    /// What belongs together in them.
    pub scene: &'a Scene,
    /// Where the query is about this function and where about others.
    pub parts: &'a [Part],
    /// When the answer is of no more use.
    pub deadline: Instant,
}

impl Asked<'_> {
    /// First and last token of some bytes, both inclusive.
    fn place(&self, bytes: Option<Range<usize>>) -> Option<(usize, usize)> {
        spans::token_range(self.tokens, &bytes?)
    }

    /// Whether the answer is still of use: looked at between parameters, of which there may be many.
    fn check(&self) -> Result<(), CascadeError> {
        if Instant::now() >= self.deadline {
            return Err(CascadeError::Deadline { step: "decode" });
        }
        Ok(())
    }
}

/// States that answer, and states that are pointed at.
pub struct States {
    /// Parameters that wait, by index.
    pub waiting: Vec<usize>,
    /// Their states, `[waiting, d]`.
    pub asked: Tensor,
    /// States of the query's tokens, `[tokens, d]`.
    pub query: Tensor,
}

/// What came of a round of answers. A parameter that is in none of these is final.
#[derive(Default)]
pub struct Answered {
    /// Parameters that wait for a new state, by index.
    pub waiting: Vec<usize>,
    /// Values that are to be written: after all of them comes the next round.
    pub writes: Vec<Write>,
    /// Values that were copied.
    pub copies: Vec<Copied>,
}

/// A value that is to be written.
pub struct Write {
    /// Index of its parameter.
    pub index: usize,
    /// The row among the waiting states that begins it.
    pub row: usize,
    /// What it must be.
    pub slot: Slot,
}

/// A value that was copied from the query.
pub struct Copied {
    /// Index of its parameter.
    pub index: usize,
    /// Tokens of that parameter's branch before the value.
    pub after: usize,
    /// First and last token of the query, inclusive.
    pub tokens: (usize, usize),
}

/// What choices are answered from.
struct Given<'a> {
    tiny: &'a Tiny,
    template: &'a Template,
    labels: &'a Labels,
    asked: &'a Asked<'a>,
    /// States of the query's tokens, `[tokens, d]`.
    query: &'a Tensor,
}

/// One parameter on its way.
pub struct Parameter {
    cursor: Cursor,
    /// Its tokens so far.
    pub branch: Branch,
    pieces: Vec<Piece>,
    copied: Vec<Range<usize>>,
    /// The latest value, where that was copied.
    latest: Option<Latest>,
    /// Log-probability, natural, that an optional one is given.
    present: f32,
    questions: usize,
}

/// A call that is filled.
pub struct Filled {
    /// A `Value::Record` of the function's parameters.
    pub arguments: Value,
    /// The filled template, in order.
    pub pieces: Vec<Piece>,
    /// Bytes of the query that its values were copied from, with the index of the parameter.
    pub copied: Vec<(usize, Range<usize>)>,
}

/// One call on its way.
pub struct CallFilling {
    template: Arc<Template>,
    /// One a parameter, in order.
    pub parameters: Vec<Parameter>,
    /// What earlier calls of the function copied.
    earlier: Vec<(usize, Range<usize>)>,
}

/// What a parameter waits for.
enum Waits {
    /// The state of a token that was just added.
    State,
    /// A value for a slot, whose state is at hand.
    Slot(Slot),
    /// Nothing: it is complete.
    Nothing,
}

impl CallFilling {
    /// A call of which nothing is decided. `earlier` is what calls of the same function before it
    /// copied.
    pub fn new(template: &Arc<Template>, earlier: Vec<(usize, Range<usize>)>) -> Self {
        let parameters = (0..template.parameters().fields.len())
            .map(|index| Parameter {
                cursor: Cursor::parameter(template.clone(), index),
                branch: Branch::default(),
                pieces: Vec::new(),
                copied: Vec::new(),
                latest: None,
                present: 0.0,
                questions: 0,
            })
            .collect();
        Self { template: template.clone(), parameters, earlier }
    }

    /// Adds the chunks of every parameter's first question; says which parameters wait for a state.
    pub fn begin(&mut self, tiny: &Tiny, counts: &mut TokenCounts) -> Vec<usize> {
        let template = self.template.clone();
        let mut waiting = Vec::new();
        for (index, parameter) in self.parameters.iter_mut().enumerate() {
            if parameter.ask(tiny, &template, counts) {
                waiting.push(index);
            }
        }
        waiting
    }

    /// Answers every waiting parameter from its state as far as states are at hand. `labels` are
    /// those of the function.
    pub fn answer(
        &mut self,
        tiny: &Tiny,
        (labels, spoken): (&Labels, &Spoken),
        asked: &Asked<'_>,
        at: &States,
        counts: &mut TokenCounts,
    ) -> Result<Answered, CascadeError> {
        let questions = tiny.small.heads.questions(&at.asked)?.to_vec2::<f32>()?;
        let (starts, ends) = pointers(tiny, at)?;
        let template = self.template.clone();
        let given = Given { tiny, template: &template, labels, asked, query: &at.query };
        let mut rows: Vec<(usize, usize)> = at.waiting.iter().copied().enumerate().collect();
        let (mut answered, mut offers) = (Answered::default(), Offers::new(asked, spoken));
        while !rows.is_empty() {
            let mut slots = Vec::new();
            for (row, index) in rows.drain(..) {
                asked.check()?;
                let state = (&at.asked.narrow(0, row, 1)?, questions[row].as_slice());
                match self.parameters[index].choices(&given, state, counts)? {
                    Waits::State => answered.waiting.push(index),
                    Waits::Slot(slot) => slots.push((row, index, slot)),
                    Waits::Nothing => {}
                }
            }
            let past = |(_, index, _): &(usize, usize, Slot)| Past {
                own: &self.parameters[*index].copied,
                calls: &self.earlier,
            };
            let pasts: Vec<Past<'_>> = slots.iter().map(past).collect();
            let logits = (&questions, &starts, &ends);
            let mut fillings = weigh(&mut offers, &slots, &pasts, logits)?;
            for ((_, index, slot), fillings) in slots.iter().zip(&mut fillings) {
                let parameter = &self.parameters[*index];
                if parameter.may_be_left_out(&template.parameters().fields[*index], slot) {
                    fillings.push(left_out(parameter.present));
                }
            }
            let plain =
                |weighed: &Weighed| weighed.iter().map(|(filling, _)| filling.clone()).collect();
            let chosen = assign(&fillings.iter().map(plain).collect::<Vec<_>>());
            for (((row, index, slot), options), choice) in
                slots.into_iter().zip(fillings).zip(chosen)
            {
                let span = match options.into_iter().nth(choice).map(|(_, fill)| fill) {
                    Some(Fill::Copy(span)) => span,
                    Some(Fill::LeaveOut) => {
                        self.parameters[index].leave_out(&template, index)?;
                        continue;
                    }
                    Some(Fill::Write) | None => {
                        answered.writes.push(Write { index, row, slot });
                        continue;
                    }
                };
                let parameter = &mut self.parameters[index];
                let (after, tokens) = (parameter.branch.tokens().len(), span.tokens);
                parameter.copy(asked, &slot, span, counts)?;
                answered.copies.push(Copied { index, after, tokens });
                rows.push((row, index));
            }
        }
        answered.waiting.sort_unstable();
        Ok(answered)
    }

    /// Takes a value that was written; says whether its parameter waits for a state.
    pub fn written(
        &mut self,
        tiny: &Tiny,
        index: usize,
        slot: &Slot,
        (value, ids): (Value, &[u32]),
        counts: &mut TokenCounts,
    ) -> Result<bool, CascadeError> {
        let template = self.template.clone();
        let parameter = &mut self.parameters[index];
        parameter.write(slot, (value, ids), counts)?;
        // What follows a value is never answered from the state before it.
        Ok(parameter.ask(tiny, &template, counts))
    }

    /// The filled call. Every parameter is complete.
    pub fn finish(mut self) -> Result<Filled, CascadeError> {
        let mut pieces = vec![self.opening()];
        let mut fields = Vec::with_capacity(self.parameters.len());
        let mut copied = Vec::new();
        for (index, parameter) in self.parameters.drain(..).enumerate() {
            pieces.extend(parameter.pieces);
            copied.extend(parameter.copied.into_iter().map(|bytes| (index, bytes)));
            fields.push(parameter.cursor.finish_parameter()?);
        }
        pieces.push(injected("</call>".into()));
        Ok(Filled { arguments: Value::Record(fields), pieces, copied })
    }

    /// Values of the first parameters, as far as they are complete one after another, and the filled
    /// template up to there.
    pub fn settled(&self) -> (Vec<Option<Value>>, Vec<Piece>) {
        let (mut arguments, mut pieces) = (Vec::new(), vec![self.opening()]);
        for parameter in &self.parameters {
            let Ok(value) = parameter.cursor.clone().finish_parameter() else { break };
            arguments.push(value);
            pieces.extend(parameter.pieces.iter().cloned());
        }
        (arguments, pieces)
    }

    /// What every template of this function begins with.
    fn opening(&self) -> Piece {
        injected(format!("<call>{}", self.template.function_name()))
    }

    /// Tokens of the branches of all parameters before one, in their order.
    pub fn tokens_before(&self, index: usize) -> Vec<Token> {
        let before = self.parameters.iter().take(index);
        before.flat_map(|parameter| parameter.branch.tokens().iter().cloned()).collect()
    }

    /// Tokens of all values, in the parameters' order. Where these are too many, those of what was
    /// left out are not among them; of what is left, the first.
    pub fn value_tokens(&self, tokens_max: usize) -> Vec<Token> {
        let tokens: usize = self.parameters.iter().map(|p| p.branch.tokens().len()).sum();
        let told = |parameter: &&Parameter| tokens <= tokens_max || !parameter.pieces.is_empty();
        let told = self.parameters.iter().filter(told);
        told.flat_map(|p| p.branch.tokens()).take(tokens_max).cloned().collect()
    }
}

/// A piece of the frame.
fn injected(text: String) -> Piece {
    Piece { kind: PieceKind::Injected, text, subject: String::new() }
}

impl Parameter {
    /// Goes past fixed text and adds the chunk of the next question; says whether there is one.
    fn ask(&mut self, tiny: &Tiny, template: &Template, counts: &mut TokenCounts) -> bool {
        self.inject();
        let (subject, answer) = match self.cursor.step() {
            Step::Choice(choice) => {
                (choice.subject.clone(), choice_answer(template.parameters(), choice))
            }
            Step::Slot(slot) => (slot.subject.clone(), slot_answer(template.parameters(), slot)),
            Step::Fixed(_) | Step::Done => return false,
        };
        let before = self.branch.tokens().len();
        let added = self.branch.ask(&tiny.tokenizer, &subject, answer);
        counts.injected += self.branch.tokens().len() - before;
        added
    }

    fn inject(&mut self) {
        while let Step::Fixed(text) = self.cursor.step() {
            let text = text.to_owned();
            self.piece(PieceKind::Injected, text, String::new());
            self.cursor.advance();
        }
    }

    fn piece(&mut self, kind: PieceKind, text: String, subject: String) {
        if !text.is_empty() {
            self.pieces.push(Piece { kind, text, subject });
        }
    }

    /// Answers choices until a slot, a question that needs a new state, or the end. `state` is
    /// `[1, d]`, with its answers to every [`Question`].
    fn choices(
        &mut self,
        given: &Given<'_>,
        state: (&Tensor, &[f32]),
        counts: &mut TokenCounts,
    ) -> Result<Waits, CascadeError> {
        loop {
            if self.ask(given.tiny, given.template, counts) {
                return Ok(Waits::State);
            }
            let choice = match self.cursor.step() {
                Step::Slot(slot) => return Ok(Waits::Slot(slot.clone())),
                Step::Choice(choice) => choice.clone(),
                Step::Fixed(_) | Step::Done => return Ok(Waits::Nothing),
            };
            self.questions += 1;
            let tired = self.questions > PARAMETER_QUESTIONS_MAX;
            let alternative = match choice.kind {
                ChoiceKind::Presence | ChoiceKind::AnotherElement | ChoiceKind::AnotherKey
                    if tired =>
                {
                    1
                }
                ChoiceKind::AnotherElement => {
                    let series = self.latest.as_ref().map_or(0.0, |latest| {
                        prior::another(given.asked.query, latest, &choice.subject)
                    });
                    usize::from(state.1[Question::Another as usize] + series <= 0.0)
                }
                ChoiceKind::Presence => {
                    let logit = likely(given, state.0, &choice)?;
                    self.present = log_sigmoid(logit);
                    usize::from(logit <= 0.0)
                }
                _ => choose(given, state, &choice)?,
            };
            let chosen = &choice.alternatives[alternative];
            self.piece(PieceKind::Chosen, chosen.text.clone(), choice.subject.clone());
            counts.chosen += 1;
            self.cursor.choose(alternative)?;
            if is_value(choice.kind) {
                self.branch.write(given.tiny.tokenizer.encode(&chosen.label));
            }
        }
    }

    /// Whether nothing but its presence was decided of an optional one, whose whole value `slot` is.
    fn may_be_left_out(&self, field: &Field, slot: &Slot) -> bool {
        !field.required && self.questions == 1 && slot.subject == field.name
    }

    /// Leaves it out: begins anew, and answers the question of its presence with no.
    fn leave_out(&mut self, template: &Arc<Template>, index: usize) -> Result<(), CascadeError> {
        let mut cursor = Cursor::parameter(template.clone(), index);
        while let Step::Fixed(_) = cursor.step() {
            cursor.advance();
        }
        cursor.choose(1)?;
        while let Step::Fixed(_) = cursor.step() {
            cursor.advance();
        }
        self.cursor = cursor;
        self.pieces.clear();
        Ok(())
    }

    fn copy(
        &mut self,
        asked: &Asked<'_>,
        slot: &Slot,
        span: Span,
        counts: &mut TokenCounts,
    ) -> Result<(), CascadeError> {
        counts.copied += 1;
        let text = slot.spell(&span.value);
        self.piece(PieceKind::Copied, text, slot.subject.clone());
        self.copied.push(span.bytes.clone());
        let is_text = prior::is_text(&slot.ty);
        self.latest =
            Some(Latest { path: slot.subject.clone(), bytes: span.bytes.clone(), is_text });
        self.branch.write(asked.tokens[span.tokens.0..=span.tokens.1].iter().cloned());
        Ok(self.cursor.fill(span.value)?)
    }

    fn write(
        &mut self,
        slot: &Slot,
        (value, ids): (Value, &[u32]),
        counts: &mut TokenCounts,
    ) -> Result<(), CascadeError> {
        counts.sampled += ids.len();
        self.latest = None;
        let text = slot.spell(&value);
        self.piece(PieceKind::Sampled, text, slot.subject.clone());
        self.branch.write(ids.iter().copied().map(written));
        Ok(self.cursor.fill(value)?)
    }
}

/// A token that was written rather than read.
pub fn written(id: u32) -> Token {
    Token { id, word: 0, kind: Kind::Other, shape: Shape::Lower, bytes: 0..0 }
}

/// Whether a choice's answer is a value, which later questions of its branch should see.
pub fn is_value(kind: ChoiceKind) -> bool {
    match kind {
        ChoiceKind::Boolean | ChoiceKind::Enum | ChoiceKind::Literal | ChoiceKind::Case => true,
        ChoiceKind::Presence
        | ChoiceKind::Flag
        | ChoiceKind::AnotherElement
        | ChoiceKind::AnotherKey
        | ChoiceKind::CallOrNot
        | ChoiceKind::Candidate
        | ChoiceKind::AnotherCall => false,
    }
}

/// The alternative that the state favours.
fn choose(
    given: &Given<'_>,
    (state, questions): (&Tensor, &[f32]),
    choice: &Choice,
) -> Result<usize, CascadeError> {
    let yes_no = |yes: bool| usize::from(!yes);
    Ok(match choice.kind {
        ChoiceKind::Presence | ChoiceKind::Flag => yes_no(likely(given, state, choice)? > 0.0),
        ChoiceKind::AnotherElement | ChoiceKind::AnotherKey | ChoiceKind::AnotherCall => {
            yes_no(questions[Question::Another as usize] > 0.0)
        }
        ChoiceKind::Boolean
        | ChoiceKind::Enum
        | ChoiceKind::Literal
        | ChoiceKind::Case
        | ChoiceKind::CallOrNot
        | ChoiceKind::Candidate => option(given, state, choice)?,
    })
}

/// The logit of an optional parameter, or of a flag.
fn likely(given: &Given<'_>, state: &Tensor, choice: &Choice) -> Result<f32, CascadeError> {
    let heads = &given.tiny.small.heads;
    let parameters = given.template.parameters();
    let evidence = evidence::presence(given.asked.likeness, parameters, choice);
    let said = heads::mentioned(given.query, &[given.asked.place(evidence.mention)])?;
    let features =
        Tensor::from_slice(&evidence.features, (1, PRESENCE_FEATURES), &given.tiny.device)?;
    let logit = match choice.kind {
        ChoiceKind::Flag => heads.flags(state, &said, &features)?,
        _ => heads.presence(state, &said, &features)?,
    };
    Ok(logit.to_vec1::<f32>()?[0])
}

fn option(given: &Given<'_>, state: &Tensor, choice: &Choice) -> Result<usize, CascadeError> {
    let (tiny, asked) = (given.tiny, given.asked);
    let offered = given.labels.offered(tiny, choice)?;
    let mut logits = Vec::with_capacity(choice.alternatives.len());
    for alternatives in choice.alternatives.chunks(OPTIONS_TOGETHER) {
        asked.check()?;
        let (from, count) = (logits.len(), alternatives.len());
        let features: Vec<f32> =
            alternatives.iter().flat_map(|a| asked.likeness.label(&a.label)).collect();
        let features = Tensor::from_vec(features, (count, OPTION_FEATURES), &tiny.device)?;
        let mentions: Vec<_> =
            alternatives.iter().map(|a| asked.place(asked.likeness.mention(&a.label))).collect();
        let said = heads::mentioned(given.query, &mentions)?;
        let offered = offered.narrow(0, from, count)?;
        let fits = tiny.small.heads.choose(state, &offered, &said, &features)?;
        logits.extend(fits.to_vec1::<f32>()?);
    }
    Ok(best(&logits))
}

fn best(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0)
}

type Rows = Vec<Vec<f32>>;

/// Log-probabilities of first and last tokens, `[waiting][tokens]` each.
fn pointers(tiny: &Tiny, at: &States) -> Result<(Rows, Rows), CascadeError> {
    let (starts, ends) = tiny.small.heads.pointers(&at.asked, &at.query)?;
    Ok((ops::log_softmax(&starts)?.to_vec2()?, ops::log_softmax(&ends)?.to_vec2()?))
}
