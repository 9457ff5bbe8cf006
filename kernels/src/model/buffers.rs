//! Memory of one forward, taken once.

use super::plan::Plan;
use super::shape::{Settings, Shape};
use crate::element::Element;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

/// States whose logits are computed at once: bounds the memory of logits.
pub(super) const LOGIT_ROWS: usize = 64;

/// Activations, and what launches are told of rows.
pub(super) struct Buffers<M: Machine> {
    /// `[tokens, hidden]`.
    pub residual: Tensor<M>,
    /// `[tokens, hidden]`.
    pub normed: Tensor<M>,
    /// `[tokens, vectors, width]`.
    pub projected: Tensor<M>,
    /// `[tokens, heads, width]`.
    pub queries: Tensor<M>,
    /// `[tokens, heads, width]`.
    pub attended: Tensor<M>,
    /// `[tokens, hidden]`: what is added to the residual next.
    pub branch: Tensor<M>,
    /// `[tokens, 2, inner]`.
    pub gate_up: Tensor<M>,
    /// `[tokens, inner]`.
    pub gated: Tensor<M>,
    /// `[splits · tokens, heads, width + 2]`, f32, with splits · tokens up to the tokens of a forward.
    pub partial: Tensor<M>,

    pub tokens: Tensor<M>,
    pub positions: Tensor<M>,
    pub slots: Tensor<M>,
    pub sights: Tensor<M>,
    pub row_tokens: Tensor<M>,
    pub row_entries: Tensor<M>,
    pub entries: Tensor<M>,

    /// `[tokens]`: the states that the head reads.
    pub asked: Tensor<M>,
    /// `[tokens, hidden]`: they.
    pub states: Tensor<M>,
    /// `[LOGIT_ROWS, vocabulary]`, f32.
    pub logits: Tensor<M>,
    pub candidates: Tensor<M>,
    pub allowed: Tensor<M>,
    /// `[tokens]`, u64, zero between launches.
    pub keys: Tensor<M>,
    /// `[tokens]`, u32, zero between launches.
    pub arrived: Tensor<M>,
    /// `[tokens]`.
    pub best: Tensor<M>,
    /// `[tokens]`.
    pub scores: Tensor<M>,
}

impl<M: Machine> Buffers<M> {
    pub(super) fn new(
        machine: &M,
        shape: &Shape,
        settings: &Settings,
    ) -> Result<Self, KernelError> {
        let tokens = settings.batch_tokens_max;
        let float = shape.float.element();
        let numbers = |element, width: usize| {
            let len = tokens.checked_mul(width).ok_or(KernelError::Limit {
                kernel: "model",
                what: "a forward must fit memory",
                value: width,
            })?;
            Tensor::zeros(machine, element, len)
        };
        let states = |width| numbers(float, width);
        let logits = LOGIT_ROWS.min(tokens) * shape.vocabulary;
        Ok(Self {
            residual: states(shape.hidden)?,
            normed: states(shape.hidden)?,
            projected: states(shape.vectors() * shape.width)?,
            queries: states(shape.queries())?,
            attended: states(shape.queries())?,
            branch: states(shape.hidden)?,
            gate_up: states(2 * shape.inner)?,
            gated: states(shape.inner)?,
            partial: numbers(Element::F32, shape.heads * (shape.width + 2))?,
            tokens: numbers(Element::U32, 1)?,
            positions: numbers(Element::I32, 1)?,
            slots: numbers(Element::I32, 1)?,
            sights: numbers(Element::I32, 2)?,
            row_tokens: Tensor::zeros(machine, Element::U32, tokens + 1)?,
            row_entries: Tensor::zeros(machine, Element::U32, tokens + 1)?,
            entries: numbers(Element::I32, 4)?,
            asked: numbers(Element::U32, 1)?,
            states: states(shape.hidden)?,
            logits: Tensor::zeros(machine, Element::F32, logits)?,
            candidates: numbers(Element::U32, 1)?,
            allowed: numbers(Element::U32, 1)?,
            keys: numbers(Element::U64, 1)?,
            arrived: numbers(Element::U32, 1)?,
            best: numbers(Element::U32, 1)?,
            scores: numbers(Element::F32, 1)?,
        })
    }

    /// Puts a plan, and the vectors of soft tokens, where launches find them.
    pub(super) fn load(
        &mut self,
        machine: &M,
        shape: &Shape,
        plan: &Plan<'_>,
    ) -> Result<(), KernelError> {
        let signed =
            |numbers: &[i32]| numbers.iter().map(|x| x.cast_unsigned()).collect::<Vec<_>>();
        let sights = plan.sights.iter().flat_map(|sight| [sight.limit, sight.branch]);
        let entries = plan.entries.iter();
        let entries =
            entries.flat_map(|entry| [entry.page, entry.count, entry.start, entry.branch]);
        self.tokens.put(machine, &plan.tokens)?;
        self.positions.put(machine, &signed(&plan.positions))?;
        self.slots.put(machine, &signed(&plan.slots))?;
        self.sights.put(machine, &signed(&sights.collect::<Vec<_>>()))?;
        self.row_tokens.put(machine, &plan.row_tokens)?;
        self.row_entries.put(machine, &plan.row_entries)?;
        self.entries.put(machine, &signed(&entries.collect::<Vec<_>>()))?;
        for (token, vector) in &plan.vectors {
            self.residual.put_floats(machine, shape.float, token * shape.hidden, vector)?;
        }
        Ok(())
    }
}
