//! A reply as the tokens of one text, and which of them anything is decided by.
//!
//! The text is that of [`Spelling::Param`](hyfunc_functions::Spelling): `<call>NAME<param>city=…
//! </param></call><end>`. Its fences are single tokens of the vocabulary; everything between them is
//! spelled with the others, each piece of the template by itself.

use std::sync::Arc;

use hyfunc_cascade::text::{SPECIALS, Special, Tokenizer};
use hyfunc_functions::oracle::{GoldCall, drive_plan};
use hyfunc_functions::template::{Answer, CursorError, PlanOptions, Step, spell};
use hyfunc_functions::{PlanCursor, Template};
use serde_json::{Map, Value as Json};

/// Choices in a row that are looked through for what may stand next.
const DEPTH_MAX: usize = 64;

/// Ways on from one choice.
const LEAVES_MAX: usize = 512;

/// The first of the characters that stand for fences where a reply is read as text. They are of
/// Unicode's private use.
const FENCES_FROM: u32 = 0xE000;

/// What a token of a reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The template says it: nothing is decided here.
    Fixed,
    /// It tells alternatives apart: which function, whether another call, whether an optional
    /// parameter, which option.
    Decision,
    /// Of a value.
    Value,
    /// What ends a value.
    Closing,
}

impl Class {
    /// Whether the selective loss learns it.
    pub(crate) fn is_learnt(self) -> bool {
        self != Self::Fixed
    }
}

/// A reply as it is learnt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) ids: Vec<u32>,
    /// One a token.
    pub(crate) classes: Vec<Class>,
}

/// A way on from a choice: the alternatives that lead there, their text, and the fixed text behind.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) path: Vec<usize>,
    pub(crate) text: String,
    pub(crate) ahead: String,
}

/// A plan over templates as every reply follows it.
pub(crate) fn plan_of(templates: &[Arc<Template>]) -> PlanCursor {
    PlanCursor::new(templates.to_vec(), PlanOptions::default())
}

/// Tokens of a template's text: fences are single tokens.
pub(crate) fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let fences = spell::SPECIALS.iter().filter_map(|fence| Some((rest.find(*fence)?, *fence)));
        let Some((at, fence)) = fences.min_by_key(|(at, _)| *at) else {
            ids.extend(tokenizer.encode_value(rest));
            break;
        };
        if at > 0 {
            ids.extend(tokenizer.encode_value(&rest[..at]));
        }
        let id = SPECIALS.iter().position(|special| *special == fence);
        ids.extend(id.map(|id| id as u32));
        rest = &rest[at + fence.len()..];
    }
    ids
}

/// What tokens say, with a character of private use for each fence.
pub(crate) fn said(token_bytes: &[Vec<u8>], ids: &[u32]) -> String {
    let (mut text, mut bytes) = (String::new(), Vec::new());
    for &id in ids {
        if id == Special::Open as u32 {
            // The one special that is a character of ordinary text, too.
            bytes.push(b'[');
        } else if (id as usize) < SPECIALS.len() {
            text.push_str(&String::from_utf8_lossy(&bytes));
            bytes.clear();
            text.extend(char::from_u32(FENCES_FROM + id));
        } else if let Some(of) = token_bytes.get(id as usize) {
            bytes.extend_from_slice(of);
        }
    }
    text.push_str(&String::from_utf8_lossy(&bytes));
    text
}

/// The fence that a character of [`said`] stands for.
pub(crate) fn fence(scalar: char) -> Option<&'static str> {
    let id = u32::from(scalar).checked_sub(FENCES_FROM)?;
    SPECIALS.get(id as usize).copied()
}

/// Fences that can end a value.
pub(crate) const ENDS: [Special; 5] =
    [Special::ParamEnd, Special::Param, Special::Item, Special::CallEnd, Special::End];

/// The ways on from the choice at which a plan stands. Where an alternative says nothing and leads to
/// another choice, that one's are taken.
///
/// # Errors
/// The plan refuses an alternative that it offers.
pub(crate) fn leaves(plan: &PlanCursor) -> Result<Vec<Leaf>, CursorError> {
    let mut found = Vec::new();
    grow(plan, &[], &mut found)?;
    Ok(found)
}

fn grow(plan: &PlanCursor, path: &[usize], found: &mut Vec<Leaf>) -> Result<(), CursorError> {
    let Step::Choice(choice) = plan.step() else { return Ok(()) };
    for (index, alternative) in choice.alternatives.iter().enumerate() {
        let mut next = plan.clone();
        next.choose(index)?;
        let mut path = path.to_vec();
        path.push(index);
        let text = alternative.text.clone();
        let ahead = match next.step() {
            Step::Fixed(fixed) => fixed.to_owned(),
            Step::Choice(_) if text.is_empty() && path.len() < DEPTH_MAX => {
                grow(&next, &path, found)?;
                continue;
            }
            Step::Choice(_) | Step::Slot(_) | Step::Done => String::new(),
        };
        if found.len() < LEAVES_MAX {
            found.push(Leaf { path, text, ahead });
        }
    }
    Ok(())
}

/// Ways on that still go with what was written since a choice.
pub(crate) struct Ways {
    ways: Vec<Vec<u32>>,
    at: usize,
}

impl Ways {
    /// All of a choice's.
    pub(crate) fn new(tokenizer: &Tokenizer, leaves: &[Leaf]) -> Self {
        let way = |leaf: &Leaf| {
            let mut way = ids(tokenizer, &leaf.text);
            way.extend(ids(tokenizer, &leaf.ahead));
            way
        };
        Self { ways: leaves.iter().map(way).collect(), at: 0 }
    }

    /// Whether the next token tells any of them apart.
    fn is_decision(&self) -> bool {
        let mut next = self.ways.iter().map(|way| way.get(self.at));
        let first = next.next();
        first.is_some_and(|first| next.any(|other| other != first))
    }

    fn take(&mut self, id: u32) {
        let at = self.at;
        self.ways.retain(|way| way.get(at) == Some(&id));
        self.at += 1;
    }
}

/// The reply that makes these calls, as tokens.
///
/// `None` where the templates cannot express it, or a called function is not among them.
pub(crate) fn write(
    tokenizer: &Tokenizer,
    templates: &[Arc<Template>],
    calls: &[(String, Map<String, Json>)],
) -> Option<Written> {
    let gold: Vec<GoldCall> = calls
        .iter()
        .map(|(name, arguments)| GoldCall {
            name: name.clone(),
            arguments: Json::Object(arguments.clone()),
        })
        .collect();
    let mut answers = Vec::new();
    drive_plan(plan_of(templates), &gold, |_, answer| answers.push(answer.clone())).ok()?;
    let (mut plan, mut pen) = (plan_of(templates), Pen::new(tokenizer));
    for answer in answers {
        match (plan.step(), &answer) {
            (Step::Fixed(text), Answer::Advance) => pen.push(text),
            (Step::Choice(choice), Answer::Choose(chosen)) => {
                if !pen.is_deciding() {
                    pen.ways = Some(Ways::new(tokenizer, &leaves(&plan).ok()?));
                }
                pen.push(&choice.alternatives.get(*chosen)?.text);
            }
            (Step::Slot(slot), Answer::Fill(value)) => pen.value(&slot.spell(value)),
            _ => return None,
        }
        match answer {
            Answer::Advance => plan.advance(),
            Answer::Choose(chosen) => plan.choose(chosen).ok()?,
            Answer::Fill(value) => plan.fill(value).ok()?,
        }
    }
    Some(pen.written)
}

/// A reply that is being written down.
struct Pen<'a> {
    tokenizer: &'a Tokenizer,
    written: Written,
    ways: Option<Ways>,
    /// Whether a value has just ended.
    is_closing: bool,
}

impl<'a> Pen<'a> {
    fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, written: Written::default(), ways: None, is_closing: false }
    }

    /// Whether a choice was asked of which nothing is written yet.
    fn is_deciding(&self) -> bool {
        self.ways.as_ref().is_some_and(|ways| ways.at == 0)
    }

    fn value(&mut self, text: &str) {
        self.ways = None;
        let ids = self.tokenizer.encode_value(text);
        self.written.classes.extend(ids.iter().map(|_| Class::Value));
        self.written.ids.extend(ids);
        self.is_closing = true;
    }

    /// Text of the template: what of it tells ways apart is a decision.
    fn push(&mut self, text: &str) {
        for id in ids(self.tokenizer, text) {
            let is_decision = self.ways.as_ref().is_some_and(Ways::is_decision);
            if let Some(ways) = &mut self.ways {
                ways.take(id);
            }
            self.written.classes.push(match (self.is_closing, is_decision) {
                (true, _) => Class::Closing,
                (false, true) => Class::Decision,
                (false, false) => Class::Fixed,
            });
            self.written.ids.push(id);
            self.is_closing = false;
        }
    }
}
