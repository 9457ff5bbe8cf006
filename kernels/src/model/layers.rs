//! All layers: nine launches each, and two more.

use super::buffers::Buffers;
use super::plan::Extent;
use super::shape::{Settings, Shape};
use super::weights::LayerWeights;
use super::{Cache, Model};
use crate::error::KernelError;
use crate::launch::{AddRmsNorm, Attention, Embed, Gemv, RotaryWrite, Swiglu};
use crate::machine::Machine;
use crate::tensor::Tensor;

/// Queries that one block of attention answers.
const TILE: usize = 16;

impl<M: Machine> Model<M> {
    /// From the tokens that the buffers hold to normed states of the last layer, `normed`.
    pub(super) fn layers(&mut self, extent: &Extent) -> Result<(), KernelError> {
        let Self { machine, shape, settings, weights, caches, buffers, has_library, .. } = self;
        let (rows, has_library) = (extent.tokens, *has_library);
        Embed {
            float: shape.float,
            rows,
            width: shape.hidden,
            vocabulary: shape.vocabulary,
            table: &weights.embedding,
            tokens: &buffers.tokens,
            out: &mut buffers.residual,
        }
        .launch(machine)?;
        let step = Step { machine, shape, settings, extent, has_library };
        for (index, (layer, cache)) in weights.layers.iter().zip(caches).enumerate() {
            step.norm(buffers, index > 0, &layer.attention_norm)?;
            step.project(buffers, layer, cache, (&weights.cosines, &weights.sines))?;
            step.attend(buffers, layer, cache)?;
            step.norm(buffers, true, &layer.feed_forward_norm)?;
            step.feed_forward(buffers, layer)?;
        }
        step.norm(buffers, true, &weights.norm)
    }
}

/// What all launches of a forward have in common.
struct Step<'a, M: Machine> {
    machine: &'a M,
    shape: &'a Shape,
    settings: &'a Settings,
    extent: &'a Extent,
    has_library: bool,
}

impl<M: Machine> Step<'_, M> {
    /// The branch joins the residual, and that is normed.
    fn norm(
        &self,
        buffers: &mut Buffers<M>,
        has_branch: bool,
        weight: &Tensor<M>,
    ) -> Result<(), KernelError> {
        AddRmsNorm {
            float: self.shape.float,
            rows: self.extent.tokens,
            width: self.shape.hidden,
            epsilon: self.shape.epsilon,
            branch: has_branch.then_some(&buffers.branch),
            residual: &mut buffers.residual,
            weight,
            out: &mut buffers.normed,
        }
        .launch(self.machine)
    }

    /// From `normed` to `queries`, and to keys and values in the cache.
    fn project(
        &self,
        buffers: &mut Buffers<M>,
        layer: &LayerWeights<M>,
        cache: &mut Cache<M>,
        (cosines, sines): (&Tensor<M>, &Tensor<M>),
    ) -> Result<(), KernelError> {
        let (width, hidden) = (self.shape.width, self.shape.hidden);
        let sizes = [hidden, self.shape.vectors() * width];
        self.product(&buffers.normed, &layer.projection, &mut buffers.projected, sizes)?;
        RotaryWrite {
            float: self.shape.float,
            tokens: self.extent.tokens,
            heads: self.shape.heads,
            heads_kv: self.shape.heads_kv,
            width,
            positions: self.shape.context,
            pages: self.settings.pages,
            page_tokens: self.settings.page_tokens,
            epsilon: self.shape.epsilon,
            projected: &buffers.projected,
            query_norm: layer.query_norm.as_ref(),
            key_norm: layer.key_norm.as_ref(),
            bias: layer.projection_bias.as_ref(),
            cosines,
            sines,
            token_positions: &buffers.positions,
            token_slots: &buffers.slots,
            queries: &mut buffers.queries,
            keys: &mut cache.keys,
            values: &mut cache.values,
        }
        .launch(self.machine)
    }

    /// From `queries` to `branch`, over the cache.
    fn attend(
        &self,
        buffers: &mut Buffers<M>,
        layer: &LayerWeights<M>,
        cache: &Cache<M>,
    ) -> Result<(), KernelError> {
        let width = self.shape.width;
        Attention {
            float: self.shape.float,
            rows: self.extent.rows,
            row_tokens_max: self.extent.row_tokens_max,
            tokens: self.extent.tokens,
            heads: self.shape.heads,
            heads_kv: self.shape.heads_kv,
            width,
            pages: self.settings.pages,
            page_tokens: self.settings.page_tokens,
            entry_count: self.extent.entries,
            splits: self.splits(),
            scale: 1.0 / (width as f32).sqrt(),
            queries: &buffers.queries,
            keys: &cache.keys,
            values: &cache.values,
            row_tokens: &buffers.row_tokens,
            row_entries: &buffers.row_entries,
            entries: &buffers.entries,
            sights: &buffers.sights,
            out: &mut buffers.attended,
            partial: &mut buffers.partial,
        }
        .launch(self.machine)?;
        let sizes = [self.shape.queries(), self.shape.hidden];
        self.product(&buffers.attended, &layer.output, &mut buffers.branch, sizes)
    }

    /// From `normed` to `branch`.
    fn feed_forward(
        &self,
        buffers: &mut Buffers<M>,
        layer: &LayerWeights<M>,
    ) -> Result<(), KernelError> {
        let Shape { float, hidden, inner, .. } = *self.shape;
        self.product(&buffers.normed, &layer.gate_up, &mut buffers.gate_up, [hidden, 2 * inner])?;
        Swiglu {
            float,
            rows: self.extent.tokens,
            width: inner,
            gate_up: &buffers.gate_up,
            out: &mut buffers.gated,
        }
        .launch(self.machine)?;
        self.product(&buffers.gated, &layer.down, &mut buffers.branch, [inner, hidden])
    }

    fn product(
        &self,
        x: &Tensor<M>,
        weights: &Tensor<M>,
        out: &mut Tensor<M>,
        [width_in, width_out]: [usize; 2],
    ) -> Result<(), KernelError> {
        let (float, rows) = (self.shape.float, self.extent.tokens);
        let product = Gemv { float, wide: false, rows, width_in, width_out, x, weights, out };
        match self.has_library {
            true => product.launch_with_library(self.machine),
            false => product.launch(self.machine),
        }
    }

    /// Parts that every row's pages are cut into: as many as give every processor a block, and as
    /// there is room for.
    fn splits(&self) -> usize {
        let group = self.shape.heads / self.shape.heads_kv;
        let tiles = (self.extent.row_tokens_max * group).div_ceil(TILE);
        let blocks = self.extent.rows * tiles * self.shape.heads_kv;
        let wanted = self.machine.processors() / blocks.max(1);
        let room = self.settings.batch_tokens_max / self.extent.tokens.max(1);
        wanted.min(room).min(self.settings.splits_max).max(1)
    }
}
