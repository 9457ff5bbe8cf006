//! Where a model's tensors come from.

pub(crate) mod gguf;
pub(crate) mod shards;

use std::path::Path;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Tensor};

use crate::error::CheckpointError;
use crate::options::{Options, Precision};

/// The largest number that f16 has.
const F16_MAX: f32 = 65_504.0;

/// Tensors by the names of `transformers`, each checked when it is asked for.
pub(crate) trait Weights {
    /// For messages.
    fn path(&self) -> &Path;

    /// Whether there is such a tensor.
    fn has(&self, name: &str) -> bool;

    /// Whether two tensors hold the same.
    fn is_same(&self, name: &str, other: &str) -> Result<bool, CheckpointError>;

    /// A matrix to multiply rows with, or to take rows of.
    fn matrix(&self, name: &str, shape: [usize; 2], role: Role)
    -> Result<QMatMul, CheckpointError>;

    /// A vector, as f32.
    fn vector(&self, name: &str, size: usize) -> Result<Tensor, CheckpointError>;

    /// What rotary angles are divided by, where the weights say so instead of the config.
    fn rope_divisors(&self, size: usize) -> Result<Option<Vec<f32>>, CheckpointError>;
}

/// What a matrix is for, which says what it may be rounded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Rows of it are taken: an embedding that is not the head.
    Embedding,
    /// Of a layer.
    Layer,
    /// The head, which may be the embedding, too.
    Head,
    /// Any of them, for who computes elsewhere: it is never rounded here.
    Dense,
}

/// A matrix in the precision that was asked for; one whose rows fill no blocks is left as it is.
fn matrix(tensor: Tensor, options: &Options, role: Role) -> Result<QMatMul, CheckpointError> {
    let dtypes: &[GgmlDType] = match (options.precision, role) {
        (Precision::F32, _) | (_, Role::Dense) => &[],
        (Precision::Q8 | Precision::Q4, Role::Embedding) => return Ok(halved(tensor)?),
        (Precision::Q8, Role::Layer | Role::Head) => &[GgmlDType::Q8_0],
        (Precision::Q4, Role::Layer) => &[GgmlDType::Q4K, GgmlDType::Q8_0],
        // As llama.cpp has it: what every token is chosen with keeps more.
        (Precision::Q4, Role::Head) => &[GgmlDType::Q6K, GgmlDType::Q8_0],
    };
    let width = tensor.dim(1)?;
    match dtypes.iter().find(|dtype| width.is_multiple_of(dtype.block_size())) {
        Some(&dtype) => Ok(QMatMul::from_qtensor(QTensor::quantize(&tensor, dtype)?)?),
        None => Ok(QMatMul::Tensor(tensor)),
    }
}

/// The same as f16, where its numbers fit.
fn halved(tensor: Tensor) -> candle_core::Result<QMatMul> {
    let most = tensor.abs()?.max_all()?.to_scalar::<f32>()?;
    if most > F16_MAX {
        return Ok(QMatMul::Tensor(tensor));
    }
    Ok(QMatMul::TensorF16(tensor.to_dtype(DType::F16)?))
}

/// Refuses what is not a number.
fn check_numbers(path: &Path, name: &str, tensor: &Tensor) -> Result<(), CheckpointError> {
    // Infinities of both signs add up to NaN; finite weights do not add up to infinity.
    let sum = tensor.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
    if sum.is_finite() {
        return Ok(());
    }
    Err(CheckpointError::NotNumbers { path: path.to_owned(), name: name.to_owned() })
}
