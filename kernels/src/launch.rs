//! A launcher for each kernel: it names every tensor with its shape, checks them, and chooses the
//! grid.

mod advance;
mod attention;
mod gemv;
mod head;
mod norm;
mod retrieve;
mod rotary;
mod soft;
mod swiglu;

pub use advance::Advance;
pub use attention::Attention;
pub use gemv::Gemv;
pub use head::HeadArgmax;
pub use norm::AddRmsNorm;
pub use retrieve::Retrieve;
pub use rotary::RotaryWrite;
pub use soft::{Embed, SoftProject};
pub use swiglu::Swiglu;

use crate::arguments::Spread;
use crate::element::Float;

/// Threads that run in step.
const WARP: usize = 32;
/// Shared memory for one float of each warp, at most 32 of them.
const SCRATCH_BYTES: usize = WARP * size_of::<f32>();
/// Elements in a 16-byte access.
const PACK: usize = 8;

/// The entry point for a type.
fn entry(kernel: &str, float: Float) -> String {
    format!("{kernel}_{}", float.element())
}

fn spread(grid: [usize; 3], threads: u32, shared_bytes: usize) -> Spread {
    Spread { grid, threads, shared_bytes, cooperative: false }
}
