//! What was said and done before a query, as two who take turns: many chat templates know no others.

use hyfunc_cascade::Earlier;

use crate::error::StockError;
use crate::vocabulary::Vocabulary;

/// Bytes of what a call gave; the end of a longer text is left out.
const RESULT_BYTES_MAX: usize = 2048;

/// A part of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Who says it, as chat templates have it.
    pub role: &'static str,
    /// Its tokens, none of them special.
    pub tokens: Vec<u32>,
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

/// The latest pieces of a conversation that have at most `tokens_max` tokens together, the oldest
/// first; what the person said comes first.
///
/// # Errors
/// What the tokenizer says.
pub(crate) fn pieces(
    earlier: &[Earlier],
    vocabulary: &Vocabulary,
    tokens_max: usize,
) -> Result<Vec<Piece>, StockError> {
    let mut tokens_left = tokens_max;
    let mut pieces = Vec::new();
    for one in earlier.iter().rev() {
        let (role, text) = said(one);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        // A text that no tokens could spell is not even read.
        if text.len() > tokens_left.saturating_mul(vocabulary.bytes_max()) {
            break;
        }
        let tokens = vocabulary.encode(text)?;
        let Some(left) = tokens_left.checked_sub(tokens.len()) else { break };
        tokens_left = left;
        pieces.push(Piece { role, tokens });
    }
    while pieces.last().is_some_and(|first| first.role == ASSISTANT) {
        pieces.pop();
    }
    pieces.reverse();
    Ok(pieces)
}

/// Who says a thing, and in which words. Instructions stand before what the person says: not every
/// template has a place for them beside functions.
fn said(one: &Earlier) -> (&'static str, String) {
    match one {
        Earlier::System(text) | Earlier::Person(text) => (USER, text.clone()),
        Earlier::Reply(text) => (ASSISTANT, text.clone()),
        Earlier::Call { name, arguments } => (ASSISTANT, format!("I called {name} {arguments}")),
        Earlier::Result(text) => {
            let mut end = text.len().min(RESULT_BYTES_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            (ASSISTANT, format!("It gave: {}", &text[..end]))
        }
    }
}
