//! What tensors are made of.

use std::fmt;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// IEEE single precision.
    F32,
    /// Tokens, counts, bits.
    U32,
    /// Positions and slots; negative means none.
    I32,
    /// Ranked scores.
    U64,
}

impl Element {
    /// Bytes of one.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::U64 => 8,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
        })
    }
}

/// The types that weights and activations come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Float {
    /// 11 significant bits, up to 65,504.
    F16,
    /// 8 significant bits, the range of f32.
    Bf16,
}

impl Float {
    /// Both.
    pub const ALL: [Self; 2] = [Self::F16, Self::Bf16];

    /// As a tensor's element.
    #[must_use]
    pub const fn element(self) -> Element {
        match self {
            Self::F16 => Element::F16,
            Self::Bf16 => Element::Bf16,
        }
    }

    /// The bits of `x`, rounded to nearest, ties to even.
    #[must_use]
    pub fn encode(self, x: f32) -> u16 {
        match self {
            Self::F16 => half(x),
            Self::Bf16 if x.is_nan() => 0x7fff,
            Self::Bf16 => {
                let bits = x.to_bits();
                (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
            }
        }
    }

    /// The value of these bits, exactly.
    #[must_use]
    pub fn decode(self, bits: u16) -> f32 {
        match self {
            Self::F16 => widened(bits),
            Self::Bf16 => f32::from_bits(u32::from(bits) << 16),
        }
    }

    /// The nearest value that the type has.
    #[must_use]
    pub fn round(self, x: f32) -> f32 {
        self.decode(self.encode(x))
    }
}

/// The smallest power of two at which f16's values are spaced: they are multiples of it below
/// 2^-13.
const HALF_STEP: f32 = 5.960_464_5e-8; // 2^-24

fn half(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16 & 0x8000) as u16;
    let size = x.abs();
    if size.is_nan() {
        return sign | 0x7e00;
    }
    if size >= 65_520.0 {
        return sign | 0x7c00;
    }
    // Below 2^-14 the spacing is fixed. Scaling by a power of two is exact there.
    if size < 6.103_515_6e-5 {
        return sign | (size / HALF_STEP).round_ties_even() as u16;
    }
    let bits = size.to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    sign | ((rounded >> 13) - (112 << 10)) as u16
}

fn widened(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match i32::from(bits >> 10 & 0x1f) {
        0 => sign * fraction * HALF_STEP,
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_and_bf16_comes_back_as_it_was() {
        for float in Float::ALL {
            for bits in 0..=u16::MAX {
                let x = float.decode(bits);
                if x.is_nan() {
                    assert!(float.round(x).is_nan(), "{float:?} {bits:#x}");
                } else {
                    assert_eq!(float.encode(x), bits, "{float:?} {x}");
                }
            }
        }
    }

    #[test]
    fn halfway_goes_to_the_even_neighbour() {
        for float in Float::ALL {
            // Finite and positive, without the last before infinity.
            let last = if float == Float::F16 { 0x7bff } else { 0x7f7f };
            for bits in 0..last {
                let (low, high) = (float.decode(bits), float.decode(bits + 1));
                let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
                let even = if bits % 2 == 0 { bits } else { bits + 1 };
                assert_eq!(float.encode(middle), even, "{float:?} between {low} and {high}");
                assert_eq!(float.encode(middle.next_down()), bits, "{float:?} below {middle}");
                assert_eq!(float.encode(middle.next_up()), bits + 1, "{float:?} above {middle}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_infinite() {
        assert_eq!(Float::F16.round(65_519.0), 65_504.0);
        assert_eq!(Float::F16.round(65_520.0), f32::INFINITY);
        assert_eq!(Float::F16.round(-1e9), f32::NEG_INFINITY);
        assert_eq!(Float::Bf16.round(f32::MAX), f32::INFINITY);
    }
}
