//! What is read off a state: yes or no, which span, which option, which token.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::model::ops;

/// Yes-or-no questions that a state answers. Rows of one projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// One more call of this function?
    Call = 0,
    /// Is this optional parameter (or flag) written?
    Presence,
    /// One more element?
    Another,
    /// Is the value a span of the query?
    Copy,
}

/// Number of [`Question`]s.
const QUESTIONS: usize = 4;

/// Numbers given beside the state at a call: retriever's cosine, p(call) of the large model, share
/// of the name's words that the query has.
pub const CALL_FEATURES: usize = 3;

/// Numbers given beside an option: words of the phrase if the query has all of it, share of its words
/// that the query has, best likeness of its letters to a word of the query.
pub const OPTION_FEATURES: usize = 3;

/// The small model's heads.
pub struct Heads {
    question: Tensor,
    question_bias: Tensor,
    call_features: Tensor,
    presence_feature: Tensor,
    start: Tensor,
    end: Tensor,
    option_state: Tensor,
    option_label: Tensor,
    option_features: Tensor,
}

impl Heads {
    /// Reads the heads of a model of width `d`.
    pub fn new(d: usize, vb: &VarBuilder) -> Result<Self> {
        let vb = vb.pp("heads");
        let init = Init::Randn { mean: 0.0, stdev: (d as f64).sqrt().recip() };
        let zero = Init::Const(0.0);
        Ok(Self {
            question: vb.get_with_hints((QUESTIONS, d), "question.weight", init)?,
            question_bias: vb.get_with_hints(QUESTIONS, "question.bias", zero)?,
            call_features: vb.get_with_hints((CALL_FEATURES, 1), "call_features", zero)?,
            presence_feature: vb.get_with_hints((1, 1), "presence_feature", zero)?,
            start: vb.get_with_hints((d, d), "start.weight", init)?,
            end: vb.get_with_hints((d, d), "end.weight", init)?,
            option_state: vb.get_with_hints((d, d), "option_state.weight", init)?,
            option_label: vb.get_with_hints((d, d), "option_label.weight", init)?,
            option_features: vb.get_with_hints(
                (OPTION_FEATURES, 1),
                "option_features",
                Init::Const(1.0),
            )?,
        })
    }

    /// Logits of every question, `[rows, 4]`, from `states [rows, d]`.
    pub fn questions(&self, states: &Tensor) -> Result<Tensor> {
        ops::linear(states, &self.question)?.broadcast_add(&self.question_bias)
    }

    /// Logits of a call, `[rows]`, from states and `features [rows, 3]`.
    pub fn call(&self, states: &Tensor, features: &Tensor) -> Result<Tensor> {
        let logits = self.questions(states)?.narrow(1, Question::Call as usize, 1)?;
        (logits + features.matmul(&self.call_features)?)?.squeeze(1)
    }

    /// Logits of presence, `[rows]`, from states and `features [rows, 1]`: share of the subject's
    /// words that the query has.
    pub fn presence(&self, states: &Tensor, features: &Tensor) -> Result<Tensor> {
        let logits = self.questions(states)?.narrow(1, Question::Presence as usize, 1)?;
        (logits + features.matmul(&self.presence_feature)?)?.squeeze(1)
    }

    /// Logits of a span's first and last token, `[rows, tokens]` each, from `states [rows, d]` and
    /// the states of query tokens, `[tokens, d]`.
    pub fn pointers(&self, states: &Tensor, query: &Tensor) -> Result<(Tensor, Tensor)> {
        let scale = (states.dim(1)? as f64).sqrt();
        let query = query.t()?;
        let point = |w: &Tensor| ops::linear(states, w)?.matmul(&query)? / scale;
        Ok((point(&self.start)?, point(&self.end)?))
    }

    /// Logits of options, `[rows]`: row `i` asks how well the label whose mean embedding is
    /// `labels[i]` fits the state `states[i]`; both `[rows, d]`, features `[rows, 3]`.
    pub fn options(&self, states: &Tensor, labels: &Tensor, features: &Tensor) -> Result<Tensor> {
        let d = states.dim(1)?;
        let asked = ops::linear(states, &self.option_state)?;
        let offered = ops::linear(labels, &self.option_label)?;
        let fit = ((asked * offered)?.sum(1)? / (d as f64).sqrt())?;
        fit + features.matmul(&self.option_features)?.squeeze(1)?
    }
}
