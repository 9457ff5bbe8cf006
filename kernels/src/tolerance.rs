//! How far a kernel may be from its truth, by what it does.
//!
//! Truths are computed in f64 and not rounded at the end, so that each bound holds one rounding to
//! the type (2^-11 for f16, 2^-8 for bf16, relative), and what f32 sums lose.

use crate::element::Float;

/// Bounds of one comparison: a value passes within either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of the truth's size.
    pub relative: f32,
    /// In its unit.
    pub absolute: f32,
}

impl Tolerance {
    /// Element by element: no sum is longer than a row's squares.
    #[must_use]
    pub fn elementwise(float: Float) -> Self {
        // The least that f16 can say below 2^-14.
        Self { relative: rounding(float) + F32_RELATIVE, absolute: 6e-8 }
    }

    /// Dot products of `width` terms of size up to 1, summed in f32 in any order.
    #[must_use]
    pub fn dot(float: Float, width: usize) -> Self {
        Self { relative: rounding(float) + F32_RELATIVE, absolute: sum(width) }
    }

    /// The same, kept in f32.
    #[must_use]
    pub fn score(width: usize) -> Self {
        Self { relative: F32_RELATIVE, absolute: sum(width) }
    }

    /// Means of values of size up to 1, weighted by the exponentials of dot products.
    #[must_use]
    pub fn attention(float: Float, width: usize) -> Self {
        Self { relative: rounding(float) + F32_RELATIVE, absolute: 4.0 * sum(width) }
    }

    /// Logits, of size up to about 7, of a whole decoder beside one that rounds nothing: some eight
    /// roundings a layer, each of its own sign.
    #[must_use]
    pub fn logits(float: Float, layers: usize) -> Self {
        let roundings = (8.0 * layers as f32).sqrt();
        Self { relative: 0.0, absolute: GROWTH * rounding(float) * roundings }
    }

    /// Whether `found` is near enough to `truth`. NaN never is.
    #[must_use]
    pub fn holds(self, found: f32, truth: f32) -> bool {
        if found.is_infinite() || truth.is_infinite() {
            return found == truth;
        }
        (found - truth).abs() <= self.absolute.max(self.relative * truth.abs())
    }
}

/// `exp`, division and roots in f32, one after another.
const F32_RELATIVE: f32 = 2e-6;

/// What a rounding grows to on its way to the worst logit: 16 in exact arithmetic with nothing else
/// rounded, over small random decoders of two layers and 300 tokens; and as much again.
const GROWTH: f32 = 30.0;

/// Half a unit in the last place, relative.
fn rounding(float: Float) -> f32 {
    match float {
        Float::F16 => 1.0 / 2048.0,
        Float::Bf16 => 1.0 / 256.0,
    }
}

/// What a sum of terms up to 1 may lose: f32 rounds by 2^-24 of a partial sum that is far smaller
/// than `width` where signs are mixed.
fn sum(width: usize) -> f32 {
    1e-6 + width as f32 * 1.2e-7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_never_passes() {
        let tolerance = Tolerance { relative: 1.0, absolute: f32::MAX };
        assert!(!tolerance.holds(f32::NAN, 0.0));
        assert!(!tolerance.holds(0.0, f32::NAN));
        assert!(!tolerance.holds(f32::NAN, f32::NAN));
        assert!(!tolerance.holds(f32::INFINITY, 0.0));
        assert!(tolerance.holds(f32::NEG_INFINITY, f32::NEG_INFINITY));
    }

    #[test]
    fn a_whole_unit_in_the_last_place_fails() {
        for float in Float::ALL {
            let tolerance = Tolerance::elementwise(float);
            let next = float.decode(float.encode(1.0) + 1);
            assert!(tolerance.holds(1.0, 1.0) && !tolerance.holds(next, 1.0), "{float:?}");
        }
    }
}
