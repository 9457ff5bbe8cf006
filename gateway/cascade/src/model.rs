//! The models: one transformer body, two uses of it.

pub mod body;
pub mod fused;
pub mod heads;
pub mod large;
pub mod matrix;
pub mod ops;
pub mod small;

pub use body::{Body, Kv};
pub use large::Large;
pub use matrix::Matrix;
pub use small::Small;
