//! Stock checkpoints on a GPU: what `hyfunc-kernels` computes, behind the trait by which the `stock`
//! preset asks any model.
//!
//! The weights are uploaded once, rounded to bf16. Requests that ask at the same time are one forward.
//!
//! [`bench`] measures the cascade of the paper over the same kernels.

mod batch;
pub mod bench;
mod decoder;
mod error;
mod load;

#[cfg(feature = "cuda")]
mod cuda;

pub use batch::Ablation;
#[cfg(feature = "cuda")]
pub use cuda::open;
pub use decoder::{Cache, Decoder};
pub use error::DeviceError;
pub use load::{Room, load};
