//! Rotary positions, with the scalings of Llama 3.

use std::f32::consts::PI;

use candle_core::{Device, Result, Tensor};

/// How the two halves of a rotated pair lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// `i` with `i + width / 2`, as in safetensors.
    Halves,
    /// `2 i` with `2 i + 1`, as llama.cpp writes Llama's weights.
    Neighbours,
}

/// How long contexts are reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    /// As trained.
    None,
    /// Positions divided by `factor`.
    Linear {
        /// At least 1.
        factor: f32,
    },
    /// Low frequencies divided by `factor`, high ones kept, those between blended.
    Llama3 {
        /// At least 1.
        factor: f32,
        /// Waves longer than `context / low` are low.
        low: f32,
        /// Waves shorter than `context / high` are high.
        high: f32,
        /// Tokens of a context in the first training.
        context: f32,
    },
}

/// The angle that one position turns each pair by (radians).
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    pairs: Pairs,
    angles: Vec<f32>,
}

impl Rope {
    /// For heads of `width` values.
    pub(crate) fn new(width: usize, base: f32, scaling: Scaling, pairs: Pairs) -> Self {
        let angle = |pair: usize| 1.0 / base.powf((2 * pair) as f32 / width as f32);
        let angles = (0..width / 2).map(|pair| scale(angle(pair), scaling)).collect();
        Self { pairs, angles }
    }

    /// Divides each angle, as `rope_freqs` of a GGUF has it.
    pub(crate) fn divide(&mut self, by: &[f32]) {
        for (angle, by) in self.angles.iter_mut().zip(by) {
            *angle /= by;
        }
    }

    /// Cosines and sines of `tokens` positions from `start` on: each `[tokens, width / 2]`.
    pub(crate) fn at(&self, start: usize, tokens: usize) -> Result<(Tensor, Tensor)> {
        let turned = |position: usize| self.angles.iter().map(move |angle| position as f32 * angle);
        let turns: Vec<f32> = (start..start + tokens).flat_map(turned).collect();
        let turns = Tensor::from_vec(turns, (tokens, self.angles.len()), &Device::Cpu)?;
        Ok((turns.cos()?, turns.sin()?))
    }

    /// Turns `heads [heads, tokens, width]`.
    pub(crate) fn turn(&self, heads: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
        let heads = heads.unsqueeze(0)?.contiguous()?;
        let turned = match self.pairs {
            Pairs::Halves => candle_nn::rotary_emb::rope(&heads, cos, sin)?,
            Pairs::Neighbours => candle_nn::rotary_emb::rope_i(&heads, cos, sin)?,
        };
        turned.squeeze(0)
    }
}

fn scale(angle: f32, scaling: Scaling) -> f32 {
    match scaling {
        Scaling::None => angle,
        Scaling::Linear { factor } => angle / factor,
        Scaling::Llama3 { factor, low, high, context } => {
            let wave = 2.0 * PI / angle;
            if wave < context / high {
                angle
            } else if wave > context / low {
                angle / factor
            } else {
                let smooth = (context / wave - low) / (high - low);
                (1.0 - smooth) * angle / factor + smooth * angle
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_keeps_short_waves_divides_long_ones_and_blends_between() {
        let scaling = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, context: 8_192.0 };
        let wave = |tokens: f32| 2.0 * PI / tokens;
        for (tokens, divided_by) in [(10.0, 1.0), (2_000.0, 1.0), (9_000.0, 8.0), (1e6, 8.0)] {
            let scaled = scale(wave(tokens), scaling);
            assert!((wave(tokens) / scaled - divided_by).abs() < 1e-3, "{tokens}: {scaled}");
        }
        let between = wave(4_096.0) / scale(wave(4_096.0), scaling);
        assert!(between > 1.0 && between < 8.0, "{between}");
    }

    #[test]
    fn position_nought_turns_nothing() {
        let rope = Rope::new(4, 10_000.0, Scaling::Linear { factor: 2.0 }, Pairs::Neighbours);
        let heads = Tensor::arange(0f32, 8.0, &Device::Cpu).unwrap().reshape((2, 1, 4)).unwrap();
        let turned = rope.turn(&heads, &rope.at(0, 1).unwrap()).unwrap();
        assert_eq!(
            turned.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            heads.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
}
