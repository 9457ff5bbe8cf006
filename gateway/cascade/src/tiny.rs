//! The tiny cascade: both models and their tokenizer, and the passes that serving and training share.

use std::sync::Arc;

use candle_core::{Device, Result};
use hyfunc_functions::{Function, Spelling, Template};

use crate::api::{Intent, Prepared};
use crate::blocks::Block;
use crate::config::TinyConfig;
use crate::evidence::Profile;
use crate::labels::Labels;
use crate::model::heads::CALL_FEATURES;
use crate::model::small::List;
use crate::model::{Large, Small, body};
use crate::prompt;
use crate::sequence::Batch;
use crate::text::{Token, Tokenizer};

/// Functions prepared in one forward.
const PREPARE_BATCH: usize = 32;

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

    /// Embeds functions, in one forward: what [`Tiny::prepare`] does first.
    pub fn embed(&self, functions: &[Arc<Function>]) -> Result<Vec<Vec<f32>>> {
        let read = functions.iter().map(|f| prompt::function(&self.tokenizer, f)).collect();
        self.large.embed(&Batch::new(read), &self.device)?.to_vec2()
    }

    /// Embeds functions, builds their templates and reads their blocks.
    pub fn prepare(&self, functions: &[Arc<Function>]) -> Result<Vec<Arc<Prepared>>> {
        let mut prepared = Vec::with_capacity(functions.len());
        for chunk in functions.chunks(PREPARE_BATCH) {
            prepared.extend(self.prepare_batch(chunk)?);
        }
        Ok(prepared)
    }

    fn prepare_batch(&self, functions: &[Arc<Function>]) -> Result<Vec<Arc<Prepared>>> {
        let vectors = self.embed(functions)?;
        let blocks: Vec<_> = functions.iter().map(|f| prompt::block(&self.tokenizer, f)).collect();
        let lists: Vec<List<'_>> = blocks.iter().cloned().map(List::block).collect();
        let read = self.small.step(&lists)?;
        let mut prepared = Vec::with_capacity(functions.len());
        for (index, ((function, vector), tokens)) in
            functions.iter().zip(vectors).zip(blocks).enumerate()
        {
            let own = [(read.from(index), tokens.len())];
            prepared.push(Arc::new(Prepared {
                function: function.clone(),
                template: Arc::new(Template::new(function, Spelling::Param)),
                vector,
                text: prompt::function_text(function),
                profile: Profile::new(function),
                labels: Labels::default(),
                block: Block { kv: body::parts(read.kv(), &own)?, tokens },
            }));
        }
        Ok(prepared)
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

/// Logistic function.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Natural logarithm of the logistic function, without overflow.
pub fn log_sigmoid(logit: f32) -> f32 {
    logit.min(0.0) - (-logit.abs()).exp().ln_1p()
}
