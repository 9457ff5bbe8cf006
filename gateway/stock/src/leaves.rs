//! What may stand next: the texts to which the alternatives of a choice lead.

use hyfunc_functions::PlanCursor;
use hyfunc_functions::template::{CursorError, Slot, Step};

/// Texts of one choice at most; beyond, alternatives are told apart by what is known of them.
const LEAVES_MAX: usize = 1024;

/// Choices in a row that are looked through.
const DEPTH_MAX: usize = 128;

/// One way on from a choice.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The alternative that leads there.
    pub alternative: usize,
    /// Fixed text.
    pub text: String,
    /// The free value behind the text, if one follows at once.
    pub slot: Option<Slot>,
}

impl Leaf {
    /// Whether a byte may follow the text.
    pub fn admits(&self, byte: u8) -> bool {
        match &self.slot {
            Some(slot) if !slot.quoted => byte.is_ascii_digit() || byte == b'-',
            _ => true,
        }
    }
}

/// The ways on from the choice at which a plan stands. Where an alternative leads to another choice
/// without a word, or with no more than `ahead`, which is written already, its own are taken.
///
/// # Errors
/// The plan refuses an alternative that it offers.
pub fn leaves(plan: &PlanCursor, ahead: &str) -> Result<Vec<Leaf>, CursorError> {
    let mut found = Vec::new();
    let Step::Choice(choice) = plan.step() else { return Ok(found) };
    for alternative in 0..choice.alternatives.len() {
        grow(plan, alternative, alternative, String::new(), (ahead, DEPTH_MAX), &mut found)?;
    }
    // What does not go with the written text is no way on.
    found.retain(|leaf| leaf.text.starts_with(ahead) || ahead.starts_with(&leaf.text));
    for leaf in &mut found {
        let written = leaf.text.len().min(ahead.len());
        leaf.text.drain(..written);
    }
    Ok(found)
}

fn grow(
    plan: &PlanCursor,
    taken: usize,
    alternative: usize,
    mut text: String,
    (ahead, depth): (&str, usize),
    found: &mut Vec<Leaf>,
) -> Result<(), CursorError> {
    if let Step::Choice(choice) = plan.step() {
        text.push_str(&choice.alternatives[taken].text);
    }
    let mut next = plan.clone();
    next.choose(taken)?;
    if let Step::Fixed(fixed) = next.step() {
        text.push_str(fixed);
        next.advance();
    }
    let slot = match next.step() {
        Step::Choice(choice)
            if text.len() <= ahead.len()
                && ahead.starts_with(&text)
                && depth > 0
                && found.len() < LEAVES_MAX =>
        {
            for taken in 0..choice.alternatives.len() {
                grow(&next, taken, alternative, text.clone(), (ahead, depth - 1), found)?;
            }
            return Ok(());
        }
        Step::Slot(slot) => Some(slot.clone()),
        Step::Choice(_) | Step::Fixed(_) | Step::Done => None,
    };
    found.push(Leaf { alternative, text, slot });
    Ok(())
}
