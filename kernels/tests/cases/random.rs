//! Numbers that are the same in every run.

use hyfunc_kernels::Float;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// Of -1..1, with 24 bits.
    pub fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// Values that the type has.
    pub fn floats(&mut self, float: Float, len: usize) -> Vec<f32> {
        (0..len).map(|_| float.round(self.float())).collect()
    }

    /// Whole numbers of -2..=2: their sums are exact in any order.
    pub fn whole(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.below(5) as f32 - 2.0).collect()
    }
}
