//! Weights of a decoder, in a machine's memory.

use super::shape::Shape;
use crate::element::Element;
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

/// One layer's. Matrices are `[out, in]`.
pub struct LayerWeights<M: Machine> {
    /// `[hidden]`.
    pub attention_norm: Tensor<M>,
    /// `[(heads + 2 · heads_kv) · width, hidden]`: queries, keys, values.
    pub projection: Tensor<M>,
    /// `[(heads + 2 · heads_kv) · width]`, if anything is added.
    pub projection_bias: Option<Tensor<M>>,
    /// `[width]`, if queries are normed.
    pub query_norm: Option<Tensor<M>>,
    /// `[width]`, if keys are normed.
    pub key_norm: Option<Tensor<M>>,
    /// `[hidden, heads · width]`.
    pub output: Tensor<M>,
    /// `[hidden]`.
    pub feed_forward_norm: Tensor<M>,
    /// `[2 · inner, hidden]`: the gate, then what it gates.
    pub gate_up: Tensor<M>,
    /// `[hidden, inner]`.
    pub down: Tensor<M>,
}

/// All of them.
pub struct Weights<M: Machine> {
    /// `[vocabulary, hidden]`.
    pub embedding: Tensor<M>,
    /// As many as the shape says.
    pub layers: Vec<LayerWeights<M>>,
    /// `[hidden]`.
    pub norm: Tensor<M>,
    /// `[vocabulary, hidden]`; none: the embedding.
    pub head: Option<Tensor<M>>,
    /// `[context, width / 2]`, f32.
    pub cosines: Tensor<M>,
    /// Likewise.
    pub sines: Tensor<M>,
}

impl<M: Machine> Weights<M> {
    pub(super) fn check(&self, shape: &Shape) -> Result<(), KernelError> {
        if self.layers.len() != shape.layers {
            let what = "there must be weights for every layer of the shape";
            return Err(KernelError::Limit { kernel: "model", what, value: self.layers.len() });
        }
        let float = shape.float.element();
        let words = shape.vocabulary * shape.hidden;
        let turns = shape.context * (shape.width / 2);
        fits("embedding", &self.embedding, float, words)?;
        fits("norm", &self.norm, float, shape.hidden)?;
        fits_if("head", self.head.as_ref(), float, words)?;
        fits("cosines", &self.cosines, Element::F32, turns)?;
        fits("sines", &self.sines, Element::F32, turns)?;
        self.layers.iter().try_for_each(|layer| layer.check(shape))
    }
}

impl<M: Machine> LayerWeights<M> {
    fn check(&self, shape: &Shape) -> Result<(), KernelError> {
        let float = shape.float.element();
        let Shape { hidden, inner, width, .. } = *shape;
        let projected = shape.vectors() * width;
        fits("attention_norm", &self.attention_norm, float, hidden)?;
        fits("projection", &self.projection, float, projected * hidden)?;
        fits_if("projection_bias", self.projection_bias.as_ref(), float, projected)?;
        fits_if("query_norm", self.query_norm.as_ref(), float, width)?;
        fits_if("key_norm", self.key_norm.as_ref(), float, width)?;
        fits("output", &self.output, float, hidden * shape.queries())?;
        fits("feed_forward_norm", &self.feed_forward_norm, float, hidden)?;
        fits("gate_up", &self.gate_up, float, 2 * inner * hidden)?;
        fits("down", &self.down, float, hidden * inner)
    }
}

fn fits_if<M: Machine>(
    name: &'static str,
    tensor: Option<&Tensor<M>>,
    element: Element,
    len: usize,
) -> Result<(), KernelError> {
    tensor.map_or(Ok(()), |tensor| fits(name, tensor, element, len))
}

fn fits<M: Machine>(
    name: &'static str,
    tensor: &Tensor<M>,
    element: Element,
    len: usize,
) -> Result<(), KernelError> {
    if tensor.element() == element && tensor.len() == len {
        return Ok(());
    }
    Err(KernelError::Tensor {
        kernel: "model",
        name,
        element,
        len,
        held: tensor.element(),
        held_len: tensor.len(),
    })
}
