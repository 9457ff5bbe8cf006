//! The large model of the tiny preset: a query becomes one soft token, a function one vector.

use candle_core::{Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::config::TinyConfig;
use crate::lexicon::{KINDS, SHAPES};
use crate::model::body::{Body, Context};
use crate::model::matrix::Matrix;
use crate::model::ops;
use crate::sequence::Batch;

/// Reads queries and functions, bidirectionally.
pub struct Large {
    embedding: Embedding,
    body: Body,
    query_projection: Matrix,
    function_projection: Matrix,
    call: Tensor,
    call_bias: Tensor,
}

/// A batch of queries, distilled.
pub struct Distilled {
    /// `[batch, d_large]`.
    pub soft_tokens: Tensor,
    /// `[batch, d_index]`, unit length.
    pub vectors: Tensor,
    /// Logit that any call is asked for, `[batch]`.
    pub call_logits: Tensor,
}

/// Token, kind and shape embeddings, summed.
pub struct Embedding {
    tokens: Tensor,
    kinds: Tensor,
    shapes: Tensor,
}

impl Embedding {
    /// Reads the three tables of a model of width `d`.
    pub fn new(vocab_size: usize, d: usize, vb: &VarBuilder) -> Result<Self> {
        let small = Init::Randn { mean: 0.0, stdev: 0.05 };
        let vb = vb.pp("model");
        Ok(Self {
            tokens: vb.get_with_hints((vocab_size, d), "embed_tokens.weight", small)?,
            kinds: vb.get_with_hints((KINDS, d), "embed_kinds.weight", small)?,
            shapes: vb.get_with_hints((SHAPES, d), "embed_shapes.weight", small)?,
        })
    }

    /// The token table, `[vocab, d]`.
    pub fn tokens(&self) -> &Tensor {
        &self.tokens
    }

    /// Rows of a batch, `[tokens, d]`.
    pub fn rows(&self, batch: &Batch) -> Result<Tensor> {
        let kinds = batch.column(|token| token.kind as u32);
        let shapes = batch.column(|token| token.shape as u32);
        let ids = batch.column(|token| token.id);
        (ops::rows(&self.tokens, &ids)? + ops::rows(&self.kinds, &kinds)?)?
            + ops::rows(&self.shapes, &shapes)?
    }
}

impl Large {
    /// Reads the model; tensor names are `model.…`, `retriever.…` and `call.…`.
    pub fn new(config: &TinyConfig, vb: &VarBuilder) -> Result<Self> {
        let d = config.large.hidden_size;
        let start = || Init::Randn { mean: 0.0, stdev: (d as f64).sqrt().recip() };
        let (retriever, projection) = (vb.pp("retriever"), (config.index_size, d));
        Ok(Self {
            embedding: Embedding::new(config.large.vocab_size, d, vb)?,
            body: Body::new(&config.large, vb)?,
            query_projection: Matrix::get(&retriever, projection, "query.weight", start())?,
            function_projection: Matrix::get(&retriever, projection, "function.weight", start())?,
            call: vb.get_with_hints((1, d), "call.weight", start())?,
            call_bias: vb.get_with_hints(1, "call.bias", Init::Const(0.0))?,
        })
    }

    fn states(&self, batch: &Batch) -> Result<Tensor> {
        let (positions, pairs) = (batch.positions(0), batch.bidirectional());
        let context = Context { positions, pairs, past: None };
        Ok(self.body.forward(&self.embedding.rows(batch)?, &context)?.0)
    }

    /// Distils queries. Every list ends with the call-opening token, whose state is the soft token.
    pub fn distil(&self, batch: &Batch, device: &Device) -> Result<Distilled> {
        let states = self.states(batch)?;
        let soft_tokens = ops::rows(&states, &batch.last())?;
        // The query's vector also takes the mean over its words: one state alone sees rare words
        // too faintly at this width.
        let pooled = (batch.averages(device)?.matmul(&states)? + &soft_tokens)?;
        let vectors = ops::unit(&self.query_projection.apply(&pooled)?)?;
        let call_logits =
            ops::linear(&soft_tokens, &self.call)?.broadcast_add(&self.call_bias)?.squeeze(1)?;
        Ok(Distilled { soft_tokens, vectors, call_logits })
    }

    /// Embeds functions: mean state over a function's tokens, projected: `[batch, d_index]`, unit
    /// length.
    pub fn embed(&self, batch: &Batch, device: &Device) -> Result<Tensor> {
        let mean = batch.averages(device)?.matmul(&self.states(batch)?)?;
        ops::unit(&self.function_projection.apply(&mean)?)
    }
}
