//! The tiny cascade: both models and their tokenizer, and the passes that serving and training share.

use std::sync::Arc;

use candle_core::{Device, Result};
use hyfunc_functions::Function;

use crate::api::{Intent, Prepared};
use crate::blocks::Block;
use crate::config::TinyConfig;
use crate::model::heads::CALL_FEATURES;
use crate::model::{Kv, Large, Small};
use crate::prompt;
use crate::sequence::Batch;
use crate::text::{Token, Tokenizer};
use crate::words::{self, Words};

/// What both models make of one function.
pub(crate) struct FunctionRead {
    /// Its embedding: [`Tiny::vector_size`] numbers.
    pub(crate) vector: Vec<f32>,
    /// Tokens of its block.
    pub(crate) tokens: Vec<Token>,
    /// Keys and values of its block.
    pub(crate) kv: Kv,
}

/// Both models, ready to read.
pub struct Tiny {
    /// Shapes and calibration.
    pub config: TinyConfig,
    /// Shared by both models.
    pub tokenizer: Tokenizer,
    /// Distils queries, embeds functions.
    pub large: Large,
    /// Decides calls.
    pub small: Small,
    /// Says what texts are about by words that training has not seen.
    pub words: Option<Words>,
    /// Where the tensors are.
    pub device: Device,
}

impl Tiny {
    /// Distils one query.
    pub fn distil(&self, query: &str) -> Result<Intent> {
        let mut intents = self.distil_all(&[(query, &self.tokenizer.encode(query))])?;
        intents.pop().ok_or_else(|| candle_core::Error::Msg("one query gave no intent".into()))
    }

    /// Distils queries in one forward, each from its text and the tokens of that.
    pub fn distil_all(&self, queries: &[(&str, &[Token])]) -> Result<Vec<Intent>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let read = queries.iter().map(|(_, tokens)| prompt::large_query(tokens)).collect();
        let batch = Batch::new(read);
        let distilled = self.large.distil(&batch, &self.device)?;
        let soft_tokens = distilled.soft_tokens.to_vec2::<f32>()?;
        let vectors = distilled.vectors.to_vec2::<f32>()?;
        let logits = distilled.call_logits.to_vec1::<f32>()?;
        let each = soft_tokens.into_iter().zip(vectors).zip(logits).zip(queries);
        Ok(each
            .map(|(((soft_token, vector), logit), (text, _))| Intent {
                soft_token,
                query_vector: self.joined(vector, |words| words.vector(text)),
                p_call: sigmoid(logit),
            })
            .collect())
    }

    /// Embeds functions, in one forward.
    pub fn embed(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>> {
        let read = functions.iter().map(|f| prompt::function(&self.tokenizer, f)).collect();
        let vectors = self.large.embed(&Batch::new(read), &self.device)?.to_vec2()?;
        let each = vectors.into_iter().zip(functions);
        Ok(each.map(|(own, of)| self.joined(own, |words| words.function(of))).collect())
    }

    /// Numbers of the vectors of requests and functions.
    pub fn vector_size(&self) -> usize {
        self.config.index_size + self.words.as_ref().map_or(0, Words::width)
    }

    /// The large model's vector and the words', each so long that the cosine of two such vectors is
    /// the weighted mean of both.
    fn joined(&self, mut own: Vec<f32>, spoken: impl FnOnce(&Words) -> Vec<f32>) -> Vec<f32> {
        let Some(words) = &self.words else { return own };
        own.iter_mut().for_each(|number| *number *= (1.0 - words::SHARE).sqrt());
        own.extend(spoken(words).into_iter().map(|number| number * words::SHARE.sqrt()));
        own
    }

    /// How alike two such vectors are.
    pub fn kinship(&self, one: &[f32], other: &[f32]) -> Kinship {
        if self.words.is_none() {
            return Kinship { own: cosine(one, other), words: None };
        }
        let at = self.config.index_size.min(one.len()).min(other.len());
        Kinship {
            own: cosine(&one[..at], &other[..at]) / (1.0 - words::SHARE),
            words: Some(cosine(&one[at..], &other[at..]) / words::SHARE),
        }
    }

    /// Embeds functions, builds their templates and reads their blocks. Each is read by itself, so
    /// that what comes out does not depend on its neighbours by a single bit.
    pub fn prepare(&self, functions: &[Arc<Function>]) -> Result<Vec<Arc<Prepared>>> {
        let prepared = functions.iter().map(|function| {
            let FunctionRead { vector, tokens, kv } = self.read(function)?;
            let block = Block::Own(Arc::new(kv));
            Ok(Arc::new(Prepared::new(Arc::clone(function), vector, tokens, block)))
        });
        prepared.collect()
    }

    /// Both models' reading of one function.
    pub(crate) fn read(&self, function: &Function) -> Result<FunctionRead> {
        let (vector, tokens) = self.read_head(function)?;
        let kv = self.small.block(&tokens)?;
        Ok(FunctionRead { vector, tokens, kv })
    }

    /// The embedding of one function, and the tokens of its block.
    pub(crate) fn read_head(&self, function: &Function) -> Result<(Vec<f32>, Vec<Token>)> {
        let batch = Batch::new(vec![prompt::function(&self.tokenizer, function)]);
        let own = self.large.embed(&batch, &self.device)?.squeeze(0)?.to_vec1()?;
        let vector = self.joined(own, |words| words.function(function));
        Ok((vector, prompt::block(&self.tokenizer, function)))
    }
}

/// How alike a request and a function are, as cosines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kinship {
    /// To the large model.
    pub own: f32,
    /// By their words, where there is a table of them.
    pub words: Option<f32>,
}

impl Kinship {
    /// Both as one cosine: that of the vectors that an index holds.
    pub fn joined(self) -> f32 {
        match self.words {
            Some(words) => (1.0 - words::SHARE) * self.own + words::SHARE * words,
            None => self.own,
        }
    }

    /// The cosine by words as the small model is given it.
    fn spoken(&self) -> f32 {
        self.words.unwrap_or(0.0)
    }
}

/// Numbers given beside the state at a call; see [`CALL_FEATURES`]. `kinships` are those of all
/// candidates, `likeness` is that of the function's [`Profile`](crate::evidence::Profile).
pub fn call_features(
    kinships: &[Kinship],
    index: usize,
    p_call: f32,
    likeness: [f32; 3],
) -> [f32; CALL_FEATURES] {
    let behind = |of: fn(&Kinship) -> f32| {
        let others = kinships.iter().enumerate().filter(|(other, _)| *other != index);
        let best = others.map(|(_, kinship)| of(kinship)).reduce(f32::max);
        best.map_or(0.0, |best| of(&kinships[index]) - best)
    };
    let (own, words) = (kinships[index].own, kinships[index].spoken());
    let (behind_own, behind_words) = (behind(|of| of.own), behind(Kinship::spoken));
    let [name, covered, example] = likeness;
    [own, p_call, name, behind_own, covered, example, words, behind_words]
}

/// Cosine of two vectors of unit length.
pub fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// Logistic function.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Natural logarithm of the logistic function, without overflow.
pub fn log_sigmoid(logit: f32) -> f32 {
    logit.min(0.0) - (-logit.abs()).exp().ln_1p()
}
