//! GPU kernels: CUDA C++ sources, the same sources as host C++, a plain Rust version of each that is
//! its truth, and typed launchers for both.
//!
//! A launcher checks element types, lengths and limits before anything runs. What lies in device
//! memory (page numbers, positions, tokens) it cannot check: kernels never read or write beyond a
//! tensor, whatever stands there, and each source file says what they do instead.
//!
//! [`model`] is a decoder's whole forward over them.

mod arguments;
mod element;
mod error;
mod foreign;
mod launch;
mod machine;
pub mod model;
mod probe;
pub mod reference;
#[cfg(any(test, feature = "cuda"))]
mod requirements;
mod tensor;
pub mod tolerance;

#[cfg(feature = "cuda")]
mod device;
#[cfg(host_build)]
mod host;

#[cfg(feature = "cuda")]
pub use device::{Device, DeviceMemory};
pub use element::{Element, Float};
pub use error::KernelError;
#[cfg(host_build)]
pub use host::{Host, HostMemory};
pub use launch::{
    AddRmsNorm, Advance, Attention, Embed, Gemv, HeadArgmax, Retrieve, RotaryWrite, SoftProject,
    Swiglu,
};
pub use machine::{Call, Machine, Product, Recorded};
pub use probe::{Identity, Probe};
pub use tensor::Tensor;

/// No token, no function: what stands where there is none.
pub const NONE: u32 = u32::MAX;
