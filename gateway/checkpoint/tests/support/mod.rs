//! What tests of checkpoints share.

use candle_core::{Device, Tensor};

/// Numbers that look random, always the same.
pub fn random(seed: u32, shape: &[usize], scale: f32) -> Tensor {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let count = shape.iter().product();
    let numbers: Vec<f32> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * scale
        })
        .collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}
