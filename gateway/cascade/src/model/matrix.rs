//! A matrix of weights.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::model::ops;

/// A matrix `[out, in]` that rows are multiplied with.
///
/// One that is only read is kept turned, `[in, out]`: candle's products would otherwise turn and
/// pack it anew in every forward, which costs more than the product itself below some 20 rows.
pub enum Matrix {
    /// `[out, in]`, as it is trained.
    Trained(Tensor),
    /// `[in, out]`, in memory of its own.
    Turned(Tensor),
}

impl Matrix {
    /// A matrix as files have it: `[out, in]`.
    pub fn new(weight: Tensor) -> Result<Self> {
        // A variable changes in place, and a copy of it would not.
        if weight.track_op() {
            return Ok(Self::Trained(weight));
        }
        Ok(Self::Turned(weight.t()?.contiguous()?))
    }

    /// Reads `{name}` of shape `[out, in]`.
    pub fn get(vb: &VarBuilder, shape: (usize, usize), name: &str, init: Init) -> Result<Self> {
        Self::new(vb.get_with_hints(shape, name, init)?)
    }

    /// `x [rows, in]` → `[rows, out]`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Trained(weight) => ops::linear(x, weight),
            Self::Turned(turned) => x.matmul(turned),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use candle_core::{Device, Tensor, Var};

    use super::*;

    #[test]
    fn a_turned_matrix_gives_what_the_trained_one_gives() {
        for rows in [1, 2, 17] {
            let x = Tensor::randn(0f32, 1.0, (rows, 48), &Device::Cpu).unwrap();
            let weight = Var::randn(0f32, 1.0, (32, 48), &Device::Cpu).unwrap();
            let trained = Matrix::new(weight.as_tensor().clone()).unwrap();
            let turned = Matrix::new(weight.as_tensor().detach()).unwrap();
            assert!(matches!((&trained, &turned), (Matrix::Trained(_), Matrix::Turned(_))));
            let (one, other) = (trained.apply(&x).unwrap(), turned.apply(&x).unwrap());
            let far = (one - other).unwrap().abs().unwrap().max_all().unwrap();
            assert!(far.to_scalar::<f32>().unwrap() < 1e-4, "{rows} rows");
        }
    }

    #[test]
    fn a_variable_that_changes_is_seen() {
        let weight = Var::zeros((2, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let matrix = Matrix::new(weight.as_tensor().clone()).unwrap();
        weight.set(&Tensor::ones((2, 2), candle_core::DType::F32, &Device::Cpu).unwrap()).unwrap();
        let x = Tensor::ones((1, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert_eq!(matrix.apply(&x).unwrap().to_vec2::<f32>().unwrap(), [[2.0, 2.0]]);
    }
}
