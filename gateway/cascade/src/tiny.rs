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

/// What both models make of one function.
pub(crate) struct FunctionRead {
    /// Its embedding: `[d_index]`, f32.
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
    /// Where the tensors are.
    pub device: Device,
}

impl Tiny {
    /// Distils one query from its tokens.
    pub fn distil(&self, query: &[Token]) -> Result<Intent> {
        let mut intents = self.distil_all(&[query])?;
        intents.pop().ok_or_else(|| candle_core::Error::Msg("one query gave no intent".into()))
    }

    /// Distils queries in one forward, each from its tokens.
    pub fn distil_all(&self, queries: &[&[Token]]) -> Result<Vec<Intent>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::new(queries.iter().map(|query| prompt::large_query(query)).collect());
        let distilled = self.large.distil(&batch, &self.device)?;
        let soft_tokens = distilled.soft_tokens.to_vec2::<f32>()?;
        let vectors = distilled.vectors.to_vec2::<f32>()?;
        let logits = distilled.call_logits.to_vec1::<f32>()?;
        let each = soft_tokens.into_iter().zip(vectors).zip(logits);
        Ok(each
            .map(|((soft_token, query_vector), logit)| Intent {
                soft_token,
                query_vector,
                p_call: sigmoid(logit),
            })
            .collect())
    }

    /// Embeds functions, in one forward.
    pub fn embed(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>> {
        let read = functions.iter().map(|f| prompt::function(&self.tokenizer, f)).collect();
        self.large.embed(&Batch::new(read), &self.device)?.to_vec2()
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
        let vector = self.large.embed(&batch, &self.device)?.squeeze(0)?.to_vec1()?;
        Ok((vector, prompt::block(&self.tokenizer, function)))
    }
}

/// Numbers given beside the state at a call; see [`CALL_FEATURES`]. `likeness` is that of the
/// function's [`Profile`](crate::evidence::Profile).
pub fn call_features(
    cosines: &[f32],
    index: usize,
    p_call: f32,
    likeness: [f32; 3],
) -> [f32; CALL_FEATURES] {
    let others = cosines.iter().enumerate().filter(|(other, _)| *other != index);
    let best = others.map(|(_, cosine)| *cosine).reduce(f32::max);
    let behind = best.map_or(0.0, |best| cosines[index] - best);
    let [name, covered, example] = likeness;
    [cosines[index], p_call, name, behind, covered, example]
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
