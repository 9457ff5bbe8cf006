//! Fused operations with backward passes of their own.
//!
//! Composed of candle's broadcasts, an attention step spends ten passes over a padded score matrix
//! and its backward twenty; these read queries, keys and values once and touch no masked pair.
//! Costs in them are multiply-adds, `n` visible pairs, `w` head width.

mod attention;
mod gate;
mod lanes;
mod norm;
mod pages;
mod rotary;

use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

pub use attention::attend;
pub use gate::swiglu;
pub use norm::rms_norm;
pub use pages::{Page, attend_pages};
pub use rotary::{Angles, rotate};

/// The elements of a contiguous f32 tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (CpuStorage::F32(data), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        bail!("fused operations take contiguous f32 tensors")
    };
    Ok(&data[from..to])
}

fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1::<f32>()
}
