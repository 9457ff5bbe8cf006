//! The small model of the tiny preset, in three passes that share keys and values:
//! a function's *block* (once, at load), the *query* beside a block, and the *branches* of a call.

mod serve;

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::config::TinyConfig;
use crate::model::body::{self, Body, Context, Kv};
use crate::model::heads::Heads;
use crate::model::large::Embedding;
use crate::model::matrix::Matrix;
use crate::model::ops;
use crate::prompt::BLOCK_TOKENS_MAX;
use crate::sequence::{Batch, Pairs};
use crate::text::{Special, Token};

pub use serve::{Before, List, Step};

/// Reads blocks, queries and branches.
pub struct Small {
    embedding: Embedding,
    body: Body,
    soft_in: Matrix,
    soft_out: Matrix,
    /// What is read off its states.
    pub heads: Heads,
}

/// Queries that were read, each beside one block.
pub struct Read {
    /// Last-layer states of all queries' tokens, `[tokens, d]`.
    pub states: Tensor,
    /// Keys and values of all blocks and then all queries.
    pub kv: Kv,
    /// Tokens of all blocks: where the queries begin in `kv`.
    pub blocks_len: usize,
}

/// Tokens that stand somewhere in a cache.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    /// The tokens.
    pub tokens: &'a [Token],
    /// Index of the first.
    pub from: usize,
}

/// One list of branch tokens: a call's chunks, one after another.
#[derive(Clone, Debug, Default)]
pub struct BranchRow {
    /// Tokens of all branches, one after another.
    pub tokens: Vec<Token>,
    /// Place of every token within its branch: it sees its own branch's past alone.
    pub places: Vec<usize>,
}

impl BranchRow {
    /// Adds a branch and returns where its tokens begin in the row.
    pub fn push(&mut self, tokens: &[Token]) -> usize {
        let from = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.places.extend(0..tokens.len());
        from
    }
}

impl Small {
    /// Reads the model; tensor names are `model.…`, `projector.…` and `heads.…`.
    pub fn new(config: &TinyConfig, vb: &VarBuilder) -> Result<Self> {
        let (d, d_large) = (config.small.hidden_size, config.large.hidden_size);
        let init = |input: usize| Init::Randn { mean: 0.0, stdev: 0.5 / (input as f64).sqrt() };
        let projector = vb.pp("projector");
        Ok(Self {
            embedding: Embedding::new(config.small.vocab_size, d, vb)?,
            body: Body::new(&config.small, vb)?,
            soft_in: Matrix::get(&projector, (d, d_large), "in.weight", init(d_large))?,
            soft_out: Matrix::get(&projector, (d, d), "out.weight", init(d))?,
            heads: Heads::new(d, vb)?,
        })
    }

    /// The token table, `[vocab, d]`; it is the head of [`Small::vocabulary`] too.
    pub fn token_rows(&self) -> &Tensor {
        self.embedding.tokens()
    }

    /// Logits over the vocabulary, `[rows, vocab]`, from `states [rows, d]`.
    pub fn vocabulary(&self, states: &Tensor) -> Result<Tensor> {
        ops::linear(states, self.embedding.tokens())
    }

    /// Mean embedding of labels, `[labels, d]`, from their token ids.
    pub fn labels(&self, labels: &[Vec<u32>], device: &Device) -> Result<Tensor> {
        let len = labels.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut ids = vec![Special::Pad as u32; labels.len() * len];
        let mut weights = vec![0f32; labels.len() * len];
        for (row, label) in labels.iter().enumerate() {
            for (at, &id) in label.iter().enumerate() {
                ids[row * len + at] = id;
                weights[row * len + at] = 1.0 / label.len() as f32;
            }
        }
        let weights = Tensor::from_vec(weights, (labels.len(), len, 1), device)?;
        let d = self.embedding.tokens().dim(1)?;
        ops::rows(self.embedding.tokens(), &ids)?
            .reshape((labels.len(), len, d))?
            .broadcast_mul(&weights)?
            .sum(1)
    }

    /// Reads blocks: each attends to itself alone, so that it can be kept and joined with any
    /// query.
    pub fn blocks(&self, batch: &Batch) -> Result<Kv> {
        let context =
            Context { positions: batch.positions(0), pairs: batch.bidirectional(), past: None };
        Ok(self.body.forward(&self.embedding.rows(batch)?, &context)?.1)
    }

    /// Reads one block by itself.
    pub fn block(&self, tokens: &[Token]) -> Result<Kv> {
        let read = self.step(&[List::block(tokens.to_vec())])?;
        body::parts(read.kv(), &[(read.from(0), tokens.len())])
    }

    /// Reads queries. List `i` stands beside the block `beside[i]` of `blocks`; its token `<soft>`
    /// takes up `soft_tokens[i]`, `[batch, d_large]`.
    pub fn read(
        &self,
        batch: &Batch,
        soft_tokens: &Tensor,
        blocks: &Kv,
        beside: &[Placed<'_>],
    ) -> Result<Read> {
        let beside: Vec<&[Placed<'_>]> = beside.iter().map(std::slice::from_ref).collect();
        self.read_among(batch, soft_tokens, blocks, &beside)
    }

    /// The same with list `i` beside all of the blocks `beside[i]`, which may be none.
    pub fn read_among(
        &self,
        batch: &Batch,
        soft_tokens: &Tensor,
        blocks: &Kv,
        beside: &[&[Placed<'_>]],
    ) -> Result<Read> {
        let blocks_len = blocks[0].0.dim(0)?;
        let mut pairs = Pairs::new(blocks_len + batch.len());
        for (list, among) in beside.iter().enumerate() {
            let range = batch.range(list);
            for row in range.clone() {
                let asking = &batch.tokens()[row];
                among.iter().for_each(|block| pairs.see(asking, block.tokens, block.from));
                pairs.row(asking, &batch.tokens()[range.clone()], blocks_len + range.start);
            }
        }
        let soft_lists: Vec<usize> = (0..batch.size()).collect();
        let rows = self.rows(batch, soft_tokens, &soft_lists)?;
        let context = Context {
            positions: batch.positions(BLOCK_TOKENS_MAX),
            pairs: Arc::new(pairs),
            past: Some(blocks),
        };
        let (states, kv) = self.body.forward(&rows, &context)?;
        Ok(Read { states, kv: body::join(&[blocks, &kv])?, blocks_len })
    }

    /// Embedding rows of a batch, `[tokens, d]`. The token `<soft>` of list `soft_lists[i]` takes up
    /// `soft_tokens[i]`, `[soft_lists, d_large]`.
    fn rows(&self, batch: &Batch, soft_tokens: &Tensor, soft_lists: &[usize]) -> Result<Tensor> {
        let soft = self.soft_out.apply(&self.soft_in.apply(soft_tokens)?.silu()?)?;
        // Row 0 of the table is zero, row i + 1 is soft token i.
        let table = Tensor::cat(&[&soft.narrow(0, 0, 1)?.zeros_like()?, &soft], 0)?;
        let mut which = vec![0u32; batch.len()];
        for (soft, &list) in soft_lists.iter().enumerate() {
            for at in batch.range(list) {
                if batch.tokens()[at].id == Special::Soft as u32 {
                    which[at] = soft as u32 + 1;
                }
            }
        }
        self.embedding.rows(batch)? + ops::rows(&table, &which)?
    }

    /// Reads branches: row `i` continues the query `after[i]`, which was read beside the block
    /// `beside[i]`. Gives `[tokens, d]` over all rows' tokens.
    pub fn branches(
        &self,
        rows: &[BranchRow],
        read: &Kv,
        beside: &[Placed<'_>],
        after: &[Placed<'_>],
    ) -> Result<Tensor> {
        let beside: Vec<&[Placed<'_>]> = beside.iter().map(std::slice::from_ref).collect();
        self.branches_among(rows, read, &beside, after)
    }

    /// The same after queries that were read beside all of the blocks `beside[i]`.
    pub fn branches_among(
        &self,
        rows: &[BranchRow],
        read: &Kv,
        beside: &[&[Placed<'_>]],
        after: &[Placed<'_>],
    ) -> Result<Tensor> {
        let batch = Batch::new(rows.iter().map(|row| row.tokens.clone()).collect());
        let read_len = read[0].0.dim(0)?;
        let mut pairs = Pairs::new(read_len + batch.len());
        let mut positions = Vec::with_capacity(batch.len());
        for (list, row) in rows.iter().enumerate() {
            let range = batch.range(list);
            for (at, place) in row.places.iter().enumerate() {
                let asking = &row.tokens[at];
                beside[list].iter().for_each(|block| pairs.see(asking, block.tokens, block.from));
                pairs.see(asking, after[list].tokens, after[list].from);
                let branch = at - place;
                pairs.row(asking, &row.tokens[branch..=at], read_len + range.start + branch);
                positions.push((BLOCK_TOKENS_MAX + after[list].tokens.len() + place) as f32);
            }
        }
        let context = Context { positions, pairs: Arc::new(pairs), past: Some(read) };
        Ok(self.body.forward(&self.embedding.rows(&batch)?, &context)?.0)
    }
}
