//! Memory that a model holds, and so what a step must read of it.

use candle_core::Tensor;
use candle_core::quantized::QMatMul;

/// Memory that a model holds, in bytes.
///
/// On processors with AVX-512 VNNI, quantized matrices are laid out anew at their first use, beside
/// what is counted here: about as much again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Of the embedding; 0 where the head is the embedding.
    pub embedding_bytes: usize,
    /// Of all layers: what every step reads.
    pub layers_bytes: usize,
    /// Of the head: what a step reads where the logits of all ids are asked for.
    pub head_bytes: usize,
    /// Of the keys and values of one token.
    pub token_bytes: usize,
    /// Weights of all layers, by number.
    pub layers_weights: usize,
    /// Weights of the head, by number.
    pub head_weights: usize,
}

impl Footprint {
    /// All weights together, in bytes.
    pub fn weights_bytes(&self) -> usize {
        self.embedding_bytes + self.layers_bytes + self.head_bytes
    }
}

/// Bytes of a matrix, and how many weights it has.
pub(crate) fn of_matrix(matrix: &QMatMul) -> (usize, usize) {
    match matrix {
        QMatMul::QTensor(tensor) => (tensor.storage_size_in_bytes(), tensor.shape().elem_count()),
        QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor) => of_tensor(tensor),
    }
}

/// Bytes of a tensor, and how many numbers it has.
pub(crate) fn of_tensor(tensor: &Tensor) -> (usize, usize) {
    (tensor.elem_count() * tensor.dtype().size_in_bytes(), tensor.elem_count())
}
