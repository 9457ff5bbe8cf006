//! Differentiable operations.
//!
//! candle's fused `softmax_last_dim`, `RmsNorm::forward` and `rope` have no backward pass and lose
//! gradients silently; the same code trains and serves here, so only composed ones and those of
//! [`fused`](crate::model::fused) are used.

use candle_core::{D, Result, Tensor};

/// Added to a score that must not be attended to. Finite, so that a row of nothing but masked
/// keys stays a number.
pub const MASKED: f32 = -1e9;

/// `x [.., in] · wᵀ [in, out]` → `[.., out]`.
pub fn linear(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    if x.rank() == 2 {
        // Reshapes cost a pass over memory on the way back.
        return x.matmul(&w.t()?);
    }
    let mut dims = x.dims().to_vec();
    let width = dims.pop().unwrap_or(1);
    let rows: usize = dims.iter().product();
    dims.push(w.dim(0)?);
    x.reshape((rows, width))?.matmul(&w.t()?)?.reshape(dims)
}

/// Log-softmax over the last dimension.
pub fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    shifted.broadcast_sub(&log_sum)
}

/// Rows of unit length over the last dimension.
pub fn unit(x: &Tensor) -> Result<Tensor> {
    let norm = (x.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    x.broadcast_div(&norm)
}

/// Rows of `x [rows, width]` at `ids`, shaped `[ids.len(), width]`.
pub fn rows(x: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let ids = Tensor::from_slice(ids, ids.len(), x.device())?;
    x.contiguous()?.index_select(&ids, 0)
}
