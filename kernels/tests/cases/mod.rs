//! What every machine must get right. Outputs are poisoned before, so that what is not written
//! shows; shapes have odd sizes, 0 and 1 among them.

pub mod advance;
pub mod attention;
pub mod head;
pub mod norm;
pub mod product;
pub mod random;
pub mod retrieve;
pub mod rotary;
pub mod soft;

use hyfunc_kernels::tolerance::Tolerance;

/// Every value is near its truth.
#[track_caller]
pub fn close(what: &str, found: &[f32], truth: &[f32], tolerance: Tolerance) {
    assert_eq!(found.len(), truth.len(), "{what}: length");
    for (i, (found, truth)) in found.iter().zip(truth).enumerate() {
        assert!(tolerance.holds(*found, *truth), "{what}: {found} for {truth} at {i}");
    }
}
