//! One parameter's line of thought: chunks that ask, values that were answered.

use hyfunc_functions::template::{Choice, ChoiceKind, Slot, SlotType};
use hyfunc_functions::types::RecordType;

use crate::config::BRANCH_TOKENS_MAX;
use crate::prompt;
use crate::text::{Special, Token, Tokenizer};

/// Tokens of one parameter's branch. The state of the last token answers the last question asked.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    tokens: Vec<Token>,
    /// Path that the last chunk asked about, without indices.
    subject: String,
    /// Whether the last token's state still stands before an answer to `subject`.
    open: bool,
}

impl Branch {
    /// All tokens so far.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Its last tokens, as many as are read of it.
    pub fn recent(&self) -> &[Token] {
        recent(&self.tokens)
    }

    /// Its first tokens alone.
    pub fn first(&self, tokens: usize) -> Self {
        let mut first = self.clone();
        first.tokens.truncate(tokens);
        first
    }

    /// Makes the last token one whose state answers about `subject`; says whether tokens were added.
    pub fn ask(&mut self, tokenizer: &Tokenizer, subject: &str, answer: Special) -> bool {
        let subject = without_indices(subject);
        if self.open && self.subject == subject {
            return false;
        }
        if !self.tokens.is_empty() {
            self.tokens.push(Token::special(Special::Item));
        }
        if self.subject == subject && !self.tokens.is_empty() {
            self.tokens.push(Token::special(answer));
        } else {
            self.tokens.extend(prompt::chunk(tokenizer, &subject, answer));
        }
        self.subject = subject;
        self.open = true;
        true
    }

    /// Writes the tokens of an answer.
    pub fn write(&mut self, tokens: impl IntoIterator<Item = Token>) {
        self.tokens.extend(tokens);
        self.open = false;
    }
}

/// The last of some tokens, as many as are read of a branch. The one that asks is among them.
pub fn recent(tokens: &[Token]) -> &[Token] {
    &tokens[tokens.len().saturating_sub(BRANCH_TOKENS_MAX)..]
}

/// What kind of answer a choice asks for.
pub fn choice_answer(parameters: &RecordType, choice: &Choice) -> Special {
    top_level(parameters, &choice.subject).unwrap_or(match choice.kind {
        ChoiceKind::Presence | ChoiceKind::Flag => Special::Optional,
        ChoiceKind::AnotherElement | ChoiceKind::AnotherKey => Special::List,
        ChoiceKind::Boolean
        | ChoiceKind::Enum
        | ChoiceKind::Literal
        | ChoiceKind::Case
        | ChoiceKind::CallOrNot
        | ChoiceKind::Candidate
        | ChoiceKind::AnotherCall => Special::Choice,
    })
}

/// What kind of answer a slot asks for.
pub fn slot_answer(parameters: &RecordType, slot: &Slot) -> Special {
    top_level(parameters, &slot.subject).unwrap_or(match slot.ty {
        SlotType::Int(_) | SlotType::Float(_) => Special::Number,
        SlotType::Char | SlotType::String(_) | SlotType::Bytes | SlotType::Key => Special::Text,
    })
}

/// A parameter's presence and its value are read off one state, so its chunk ends by its type and
/// not by the step.
fn top_level(parameters: &RecordType, subject: &str) -> Option<Special> {
    let (_, field) = parameters.field(&without_indices(subject))?;
    Some(prompt::answer(&field.ty))
}

/// `tags[2].name` → `tags.name`.
pub fn without_indices(subject: &str) -> String {
    let mut depth = 0usize;
    subject
        .chars()
        .filter(|&c| {
            depth += usize::from(c == '[');
            let kept = depth == 0;
            depth -= usize::from(c == ']' && depth > 0);
            kept
        })
        .collect()
}
