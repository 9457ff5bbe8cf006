//! What a forward is asked, and what it answers.

use super::pages::Sequence;
use super::shape::{Settings, Shape};
use crate::error::KernelError;

/// One position that is read.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// By its embedding.
    Token(u32),
    /// As it is, `[hidden]`: a soft token.
    Vector(&'a [f32]),
}

/// What is wanted of a row.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Nothing but that it is read.
    Nothing,
    /// The last layer's normed state after the last input: what a soft token is made of.
    State,
    /// Logits after the last so many inputs.
    Logits {
        /// 1 to all of them.
        last: usize,
    },
    /// Of these tokens, the one with the highest logit after the last input.
    Best {
        /// In any order; those that the model does not know are never chosen.
        candidates: &'a [u32],
    },
}

/// One sequence's part of a forward.
#[derive(Debug)]
pub struct Row<'a> {
    /// What was read before; the inputs come behind it.
    pub sequence: &'a mut Sequence,
    /// At least one.
    pub inputs: &'a [Input<'a>],
    /// What is wanted.
    pub answer: Answer<'a>,
}

/// What a row asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It was read.
    Nothing,
    /// `[hidden]`.
    State(Vec<f32>),
    /// `[last][vocabulary]`.
    Logits(Vec<Vec<f32>>),
    /// The token and its logit; of equal ones the smaller token. None where nothing was to choose
    /// from, or no logit is a number.
    Best(Option<(u32, f32)>),
}

/// Whether every row can be read.
pub(super) fn check(
    rows: &[Row<'_>],
    shape: &Shape,
    settings: &Settings,
) -> Result<(), KernelError> {
    let mut tokens = 0usize;
    for (index, row) in rows.iter().enumerate() {
        let wrong = |what, value| Err(KernelError::Row { row: index, what, value });
        let count = row.inputs.len();
        tokens += count;
        if count == 0 {
            return wrong("there must be an input", 0);
        }
        if row.sequence.len() + count > shape.context {
            return wrong("it must not be longer than the context", row.sequence.len() + count);
        }
        if let Answer::Logits { last } = row.answer
            && (last == 0 || last > count)
        {
            return wrong("logits are of 1 to all of its inputs", last);
        }
        for input in row.inputs {
            match input {
                Input::Token(token) if *token as usize >= shape.vocabulary => {
                    return wrong("a token must be one that the model knows", *token as usize);
                }
                Input::Vector(vector) if vector.len() != shape.hidden => {
                    return wrong("a vector must be as wide as a state", vector.len());
                }
                Input::Token(_) | Input::Vector(_) => {}
            }
        }
    }
    if tokens > settings.batch_tokens_max {
        let what = "the inputs of all rows must fit one forward";
        return Err(KernelError::Limit { kernel: "model", what, value: tokens });
    }
    Ok(())
}
