//! Random weights of any shape: time does not depend on what stands in them.

use hyfunc_kernels::model::{LayerWeights, Shape, Weights};
use hyfunc_kernels::{Float, KernelError, Machine, Tensor};

use super::work::body;

/// Random numbers that are made; tensors repeat them, each from elsewhere on.
const NUMBERS: usize = 1 << 22;
/// The largest of them: sums over some thousands of them stay about as large as what is summed.
const LARGEST: f32 = 1.0 / 32.0;
/// How far apart tensors begin in the numbers: odd, so that none begins as another.
const STRIDE: usize = 1_048_573;
/// Of the angles by which positions are told apart.
const ROTARY_BASE: f64 = 500_000.0;

/// Random numbers, the same in every run.
pub(super) struct Noise {
    float: Float,
    /// Bits of numbers, little-endian.
    bytes: Vec<u8>,
    begin: usize,
}

impl Noise {
    pub fn new(float: Float) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut bytes = Vec::with_capacity(2 * NUMBERS);
        for _ in 0..NUMBERS {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
            bytes.extend(float.encode(unit * LARGEST).to_le_bytes());
        }
        Self { float, bytes, begin: 0 }
    }

    /// So many of them.
    pub fn tensor<M: Machine>(
        &mut self,
        machine: &M,
        len: usize,
    ) -> Result<Tensor<M>, KernelError> {
        self.begin = (self.begin + STRIDE) % NUMBERS;
        let mut bytes = Vec::with_capacity(2 * len);
        let mut from = 2 * self.begin;
        while bytes.len() < 2 * len {
            let end = self.bytes.len().min(from + 2 * len - bytes.len());
            bytes.extend_from_slice(&self.bytes[from..end]);
            from = 0;
        }
        Tensor::from_bytes(machine, self.float.element(), &bytes)
    }

    /// Rows of length 1, as an index has them; by their numbers, rows repeat themselves.
    pub fn index<M: Machine>(
        &mut self,
        machine: &M,
        rows: usize,
        width: usize,
    ) -> Result<Tensor<M>, KernelError> {
        self.begin = (self.begin + STRIDE) % NUMBERS;
        let number = |at: usize| {
            let at = 2 * ((self.begin + at) % NUMBERS);
            self.float.decode(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]))
        };
        let mut values = Vec::with_capacity(rows * width);
        for row in 0..rows {
            let numbers: Vec<f32> = (0..width).map(|at| number(row * width + at)).collect();
            let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
            values.extend(numbers.iter().map(|x| x / length.max(f32::MIN_POSITIVE)));
        }
        Tensor::from_floats(machine, self.float, &values)
    }
}

/// Weights of a model whose head is its embedding; norms are 1.
pub(super) fn weights<M: Machine>(
    machine: &M,
    shape: &Shape,
    has_head_norms: bool,
    noise: &mut Noise,
) -> Result<Weights<M>, KernelError> {
    let ones = |len: usize| Tensor::from_floats(machine, shape.float, &vec![1.0; len]);
    let head_norm = || has_head_norms.then(|| ones(shape.width)).transpose();
    let mut layers = Vec::with_capacity(shape.layers);
    for _ in 0..shape.layers {
        layers.push(LayerWeights {
            attention_norm: ones(shape.hidden)?,
            projection: noise.tensor(machine, shape.vectors() * shape.width * shape.hidden)?,
            projection_bias: None,
            query_norm: head_norm()?,
            key_norm: head_norm()?,
            output: noise.tensor(machine, shape.hidden * shape.queries())?,
            feed_forward_norm: ones(shape.hidden)?,
            gate_up: noise.tensor(machine, 2 * shape.inner * shape.hidden)?,
            down: noise.tensor(machine, shape.hidden * shape.inner)?,
        });
    }
    Ok(Weights {
        embedding: noise.tensor(machine, shape.vocabulary * shape.hidden)?,
        layers,
        norm: ones(shape.hidden)?,
        head: None,
        cosines: Tensor::from_f32(machine, &turns(shape, f64::cos))?,
        sines: Tensor::from_f32(machine, &turns(shape, f64::sin))?,
    })
}

/// `[context, width / 2]`.
fn turns(shape: &Shape, of: fn(f64) -> f64) -> Vec<f32> {
    let half = shape.width / 2;
    let frequency = |pair: usize| ROTARY_BASE.powf(-(pair as f64) / half as f64);
    let frequencies: Vec<f64> = (0..half).map(frequency).collect();
    let angles = (0..shape.context)
        .flat_map(|position| frequencies.iter().map(move |frequency| position as f64 * frequency));
    angles.map(|angle| of(angle) as f32).collect()
}

/// Numbers of all weights but norms.
pub(super) fn parameters(shape: &Shape) -> usize {
    shape.vocabulary * shape.hidden + body(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Shapes;

    #[test]
    fn positions_turn_by_their_angles() {
        let shape = Shapes::tiny().small;
        let cosines = turns(&shape, f64::cos);
        assert_eq!(cosines.len(), shape.context * shape.width / 2);
        assert!(cosines[..4].iter().all(|cosine| *cosine == 1.0), "nothing turns at 0");
        assert!((turns(&shape, f64::sin)[4] - 1f32.sin()).abs() < 1e-6, "one turns by 1");
    }

    #[test]
    fn parameters_are_those_of_the_models() {
        let shapes = Shapes::paper();
        assert_eq!(parameters(&shapes.small), 595_984_384);
        assert_eq!(parameters(&shapes.large), 7_504_658_432);
    }
}
