//! Where a model's tensors come from.

pub(crate) mod gguf;
pub(crate) mod shards;

use std::path::Path;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Tensor};

use crate::error::CheckpointError;
use crate::options::{Options, Precision};

/// Tensors by the names of `transformers`, each checked when it is asked for.
pub(crate) trait Weights {
    /// For messages.
    fn path(&self) -> &Path;

    /// Whether there is such a tensor.
    fn has(&self, name: &str) -> bool;

    /// Whether two tensors hold the same.
    fn is_same(&self, name: &str, other: &str) -> Result<bool, CheckpointError>;

    /// A matrix to multiply rows with.
    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<QMatMul, CheckpointError>;

    /// A vector, as f32.
    fn vector(&self, name: &str, size: usize) -> Result<Tensor, CheckpointError>;

    /// What rotary angles are divided by, where the weights say so instead of the config.
    fn rope_divisors(&self, size: usize) -> Result<Option<Vec<f32>>, CheckpointError>;
}

/// A matrix in the precision that was asked for, rows that do not fill blocks as they are.
fn matrix(tensor: Tensor, options: &Options) -> Result<QMatMul, CheckpointError> {
    let dtype = GgmlDType::Q8_0;
    let fits = tensor.dim(1)?.is_multiple_of(dtype.block_size());
    match options.precision {
        Precision::Q8 if fits => Ok(QMatMul::from_qtensor(QTensor::quantize(&tensor, dtype)?)?),
        Precision::Q8 | Precision::F32 => Ok(QMatMul::Tensor(tensor)),
    }
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
