//! A decoder over the kernels: weights that are uploaded once, keys and values in pages, and one
//! forward for rows of any lengths.
//!
//! A forward is a list of rows: one token that was just decoded, a chunk of injected text, a prompt's
//! part, a soft token's vector, each behind what its own [`Sequence`] holds. Sequences that were
//! cloned share pages; rows that share them are one row of attention with a branch each, so that what
//! is shared is read once. No row's answer depends on where pages lie, nor, but for the rounding that
//! [`Settings::splits_max`] allows, on the other rows.

mod answers;
mod buffers;
mod layers;
mod pages;
mod plan;
mod recordings;
mod row;
mod shape;
mod steps;
mod weights;

use std::sync::Arc;

use buffers::Buffers;
use pages::Pool;
use plan::Plan;
use recordings::Recordings;

pub use pages::Sequence;
pub use row::{Answer, Input, Reply, Row};
pub use shape::{Settings, Shape};
pub use steps::{Stepped, Steps};
pub use weights::{LayerWeights, Weights};

use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

/// Keys and values of a layer, each `[pages, heads_kv, page_tokens, width]`.
struct Cache<M: Machine> {
    keys: Tensor<M>,
    values: Tensor<M>,
}

/// A decoder on a machine.
pub struct Model<M: Machine> {
    machine: M,
    shape: Shape,
    settings: Settings,
    weights: Weights<M>,
    caches: Vec<Cache<M>>,
    pool: Arc<Pool>,
    buffers: Buffers<M>,
    recordings: Recordings<M>,
    has_library: bool,
}

impl<M: Machine> Model<M> {
    /// Takes the weights, and memory for keys and values and for one forward.
    ///
    /// # Errors
    /// Sizes that no kernel is made for, weights that do not fit them, or no room.
    pub fn new(
        machine: M,
        shape: Shape,
        settings: Settings,
        weights: Weights<M>,
    ) -> Result<Self, KernelError> {
        shape.check(&settings)?;
        weights.check(&shape)?;
        let len = settings.pages * shape.heads_kv * settings.page_tokens * shape.width;
        let pages = || Tensor::zeros(&machine, shape.float.element(), len);
        let caches = (0..shape.layers).map(|_| Ok(Cache { keys: pages()?, values: pages()? }));
        let caches = caches.collect::<Result<_, KernelError>>()?;
        let pool = Pool::new(settings.pages, settings.page_tokens);
        let buffers = Buffers::new(&machine, &shape, &settings)?;
        let recordings = Recordings::new();
        let has_library = true;
        Ok(Self {
            machine,
            shape,
            settings,
            weights,
            caches,
            pool,
            buffers,
            recordings,
            has_library,
        })
    }

    /// What it is made of.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What it was given.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether products of many rows are left to the machine's library, if it has one, which they are
    /// unless this says otherwise: it may round a row's answer otherwise for how many rows there are.
    pub fn set_library(&mut self, is_on: bool) {
        self.has_library = is_on;
        // They hold the launches of before.
        self.recordings.forget();
    }

    /// Pages that no sequence holds.
    #[must_use]
    pub fn pages_free(&self) -> usize {
        self.pool.free()
    }

    /// Reads every row's inputs behind what its sequence holds. After an error, all sequences are as
    /// before.
    ///
    /// # Errors
    /// A row that is empty, too long, or asks for what is not there; no free pages; or the machine
    /// fails.
    pub fn forward(&mut self, rows: &mut [Row<'_>]) -> Result<Vec<Reply>, KernelError> {
        row::check(rows, &self.shape, &self.settings)?;
        let before: Vec<usize> = rows.iter().map(|row| row.sequence.len()).collect();
        let replies = self.read(rows);
        if replies.is_err() {
            for (row, tokens) in rows.iter_mut().zip(before) {
                row.sequence.truncate(tokens);
            }
        }
        replies
    }

    fn read(&mut self, rows: &mut [Row<'_>]) -> Result<Vec<Reply>, KernelError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut plan = Plan::new(&self.pool, rows)?;
        let extent = self.recordings.filled(plan.extent(), self.settings.batch_tokens_max);
        plan.fill(&extent);
        self.buffers.load(&self.machine, &self.shape, &plan)?;
        self.run(extent)?;
        self.answers(&plan, rows)
    }
}
