//! What is read off a state: yes or no, which span, which option, which token.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::model::matrix::Matrix;
use crate::model::ops;

/// Yes-or-no questions that a state answers. Rows of one projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// One more call of this function?
    Call = 0,
    /// Is this optional parameter written?
    Presence,
    /// One more element?
    Another,
    /// Is the value a span of the query?
    Copy,
    /// Is this flag set?
    Flag,
    /// After a call of this function, one more of it?
    Again,
    /// Is the number meant with its sign turned, as in *down 12*?
    Negative,
}

/// Number of [`Question`]s.
const QUESTIONS: usize = 7;

/// Numbers given beside the state at a call: retriever's cosine, p(call) of the large model, share
/// of the name's words that the query has, how far the cosine lies behind the best other one's,
/// share of the query's words that the function has, likeness to its nearest example, cosine by
/// their words, and how far that lies behind the best other one's.
pub const CALL_FEATURES: usize = 8;

/// Numbers given beside the state after a call: those beside the first, and what the query still has
/// to say ([`further`](crate::evidence::further)).
pub const AGAIN_FEATURES: usize = CALL_FEATURES + 3;

/// Numbers given beside a presence or a flag; see `Evidence`.
pub const PRESENCE_FEATURES: usize = 6;

/// Numbers given beside an option: words of the phrase if the query has all of it, share of its words
/// that the query has, best likeness of its letters to a word of the query.
pub const OPTION_FEATURES: usize = 3;

/// The small model's heads.
pub struct Heads {
    question: Matrix,
    question_bias: Tensor,
    call_features: Tensor,
    again_features: Tensor,
    presence_features: Tensor,
    flag_features: Tensor,
    presence_mention: Matrix,
    flag_mention: Matrix,
    start: Matrix,
    end: Matrix,
    option_state: Matrix,
    option_label: Matrix,
    option_mention: Matrix,
    option_features: Tensor,
}

impl Heads {
    /// Reads the heads of a model of width `d`.
    pub fn new(d: usize, vb: &VarBuilder) -> Result<Self> {
        let vb = vb.pp("heads");
        let init = Init::Randn { mean: 0.0, stdev: (d as f64).sqrt().recip() };
        let zero = Init::Const(0.0);
        let square = |name: &str| Matrix::get(&vb, (d, d), name, init);
        Ok(Self {
            question: Matrix::get(&vb, (QUESTIONS, d), "question.weight", init)?,
            question_bias: vb.get_with_hints(QUESTIONS, "question.bias", zero)?,
            call_features: vb.get_with_hints((CALL_FEATURES, 1), "call_features", zero)?,
            again_features: vb.get_with_hints((AGAIN_FEATURES, 1), "again_features", zero)?,
            presence_features: vb.get_with_hints(
                (PRESENCE_FEATURES, 1),
                "presence_features",
                Init::Const(1.0),
            )?,
            flag_features: vb.get_with_hints(
                (PRESENCE_FEATURES, 1),
                "flag_features",
                Init::Const(1.0),
            )?,
            presence_mention: square("presence_mention.weight")?,
            flag_mention: square("flag_mention.weight")?,
            start: square("start.weight")?,
            end: square("end.weight")?,
            option_state: square("option_state.weight")?,
            option_label: square("option_label.weight")?,
            option_mention: square("option_mention.weight")?,
            option_features: vb.get_with_hints(
                (OPTION_FEATURES, 1),
                "option_features",
                Init::Const(1.0),
            )?,
        })
    }

    /// Logits of every question, `[rows, 7]`, from `states [rows, d]`.
    pub fn questions(&self, states: &Tensor) -> Result<Tensor> {
        self.question.apply(states)?.broadcast_add(&self.question_bias)
    }

    /// Logits of a first call, `[rows]`, from states and `features [rows, 8]`.
    pub fn call(&self, states: &Tensor, features: &Tensor) -> Result<Tensor> {
        let logits = self.question(Question::Call, states)?;
        (logits + features.matmul(&self.call_features)?)?.squeeze(1)
    }

    /// Logits of one more call, `[rows]`, from states after a call and `features [rows, 11]`.
    pub fn again(&self, states: &Tensor, features: &Tensor) -> Result<Tensor> {
        let logits = self.question(Question::Again, states)?;
        (logits + features.matmul(&self.again_features)?)?.squeeze(1)
    }

    /// Logits of the presence of optional parameters, `[rows]`, from states, the words that speak of
    /// them (see [`mentioned`]), both `[rows, d]`, and `features [rows, 6]`.
    pub fn presence(&self, states: &Tensor, said: &Tensor, features: &Tensor) -> Result<Tensor> {
        let own = (&self.presence_features, &self.presence_mention);
        self.spoken_of(Question::Presence, own, states, said, features)
    }

    /// Logits of flags, `[rows]`; shapes as for [`Heads::presence`].
    pub fn flags(&self, states: &Tensor, said: &Tensor, features: &Tensor) -> Result<Tensor> {
        let own = (&self.flag_features, &self.flag_mention);
        self.spoken_of(Question::Flag, own, states, said, features)
    }

    /// Logits of a question about something that words may speak of, with its own weights of
    /// features and of those words.
    fn spoken_of(
        &self,
        question: Question,
        (weights, mention): (&Tensor, &Matrix),
        states: &Tensor,
        said: &Tensor,
        features: &Tensor,
    ) -> Result<Tensor> {
        let logits = self.question(question, states)?;
        let logits = (logits + features.matmul(weights)?)?.squeeze(1)?;
        logits + fit(states, mention, said)?
    }

    /// Logits of one question, `[rows, 1]`.
    fn question(&self, question: Question, states: &Tensor) -> Result<Tensor> {
        self.questions(states)?.narrow(1, question as usize, 1)
    }

    /// Logits of a span's first and last token, `[rows, tokens]` each, from `states [rows, d]` and
    /// the states of query tokens, `[tokens, d]`.
    pub fn pointers(&self, states: &Tensor, query: &Tensor) -> Result<(Tensor, Tensor)> {
        let scale = (states.dim(1)? as f64).sqrt();
        let query = query.t()?;
        let point = |w: &Matrix| w.apply(states)?.matmul(&query)? / scale;
        Ok((point(&self.start)?, point(&self.end)?))
    }

    /// Logits of options, `[rows]`: row `i` asks how well the label whose mean embedding is
    /// `labels[i]`, and which the words `said[i]` speak of (see [`mentioned`]), fits the state
    /// `states[i]`; all `[rows, d]`, features `[rows, 3]`.
    pub fn options(
        &self,
        states: &Tensor,
        labels: &Tensor,
        said: &Tensor,
        features: &Tensor,
    ) -> Result<Tensor> {
        self.choose(states, &self.offered(labels)?, said, features)
    }

    /// What labels of mean embeddings `labels [options, d]` offer, `[options, d]`: no request changes
    /// that.
    pub fn offered(&self, labels: &Tensor) -> Result<Tensor> {
        self.option_label.apply(labels)
    }

    /// As [`Heads::options`], with labels that were already [`offered`](Heads::offered); `states` may
    /// also be one for all, `[1, d]`.
    pub fn choose(
        &self,
        states: &Tensor,
        offered: &Tensor,
        said: &Tensor,
        features: &Tensor,
    ) -> Result<Tensor> {
        let offered = (offered + self.option_mention.apply(said)?)?;
        let fit = fit(states, &self.option_state, &offered)?;
        fit + features.matmul(&self.option_features)?.squeeze(1)?
    }
}

/// `⟨W·states, offered⟩ / √d`, row by row, `[rows]`.
fn fit(states: &Tensor, w: &Matrix, offered: &Tensor) -> Result<Tensor> {
    let d = states.dim(1)?;
    w.apply(states)?.broadcast_mul(offered)?.sum(1)? / (d as f64).sqrt()
}

/// What the query says where something is mentioned, `[mentions, d]`: the mean state of a mention's
/// first and last token, zero for what is not mentioned. `query` is `[tokens, d]`.
pub fn mentioned(query: &Tensor, mentions: &[Option<(usize, usize)>]) -> Result<Tensor> {
    let index = |end: fn((usize, usize)) -> usize| -> Vec<u32> {
        mentions.iter().map(|mention| mention.map_or(0, end) as u32).collect()
    };
    let weights: Vec<f32> =
        mentions.iter().map(|mention| if mention.is_some() { 0.5 } else { 0.0 }).collect();
    let weights = Tensor::from_vec(weights, (mentions.len(), 1), query.device())?;
    let ends =
        (ops::rows(query, &index(|ends| ends.0))? + ops::rows(query, &index(|ends| ends.1))?)?;
    ends.broadcast_mul(&weights)
}
