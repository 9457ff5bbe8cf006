//! The truth: every kernel in plain Rust, sums in f64, nothing rounded that the kernel keeps in f32.

mod advance;
mod attention;
mod best;
mod norm;
mod product;
mod rotary;
mod soft;

pub use advance::{Branches, advance};
pub use attention::{Attended, Entry, Sight, attention};
pub use best::{head_argmax, retrieve};
pub use norm::add_rms_norm;
pub use product::{gemv, swiglu};
pub use rotary::{Turned, rotary_write};
pub use soft::{Projected, soft_project};

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// 1 / root mean square.
fn inverse_rms(row: &[f32], epsilon: f32) -> f64 {
    1.0 / (dot(row, row) / row.len() as f64 + f64::from(epsilon)).sqrt()
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}
