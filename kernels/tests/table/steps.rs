//! Whole forwards of models of true shapes, with random weights: what a step takes beside its floor.

use std::time::Instant;

use hyfunc_kernels::model::{
    Answer, Input, LayerWeights, Model, Row, Sequence, Settings, Shape, Steps, Weights,
};
use hyfunc_kernels::{Device, Element, KernelError, Tensor};

use super::{ELEMENT, FLOAT, copy_bandwidth};
use crate::cases::random::Random;

const WARM_UPS: usize = 3;
const REPEATS: usize = 20;
/// Tokens that a value's slot may choose from.
const CANDIDATES: u32 = 2000;
/// Of the prompt behind which rows are read.
const CONTEXT: usize = 160;
/// Steps without the host, of one launch's answer.
const STEPS: usize = 16;

const SETTINGS: Settings =
    Settings { pages: 4096, page_tokens: 16, batch_tokens_max: 512, splits_max: 8 };

/// Qwen3-0.6B and Llama-3.1-8B.
fn shapes() -> [(&'static str, Shape); 2] {
    let small = Shape {
        float: FLOAT,
        vocabulary: 151_936,
        hidden: 1024,
        inner: 3072,
        layers: 28,
        heads: 16,
        heads_kv: 8,
        width: 128,
        context: 4096,
        epsilon: 1e-6,
    };
    let large = Shape {
        vocabulary: 128_256,
        hidden: 4096,
        inner: 14_336,
        layers: 32,
        heads: 32,
        ..small.clone()
    };
    [("Qwen3-0.6B", small), ("Llama-3.1-8B", large)]
}

/// Prints a table for each model.
pub fn print() {
    let open = || Device::open(0).expect("these tables need a GPU");
    let bandwidth = copy_bandwidth(&open());
    for (name, shape) in shapes() {
        let device = open();
        let weights = weights(&device, &shape).expect("there is room for the weights");
        let mut model =
            Model::new(device, shape.clone(), SETTINGS, weights).expect("there is room for pages");
        println!("{name}, random weights of bf16, the head over {CANDIDATES} rows");
        println!("{:<44} {:>9} {:>9} {:>9}", "forward", "floor µs", "median µs", "fraction");
        let floor = 2.0 * body(&shape) as f64 / bandwidth * 1e6;
        let row = |what: &str, microseconds: f64| {
            println!("{what:<44} {floor:>9.0} {microseconds:>9.0} {:>9.2}", floor / microseconds);
        };
        for (rows, tokens) in [(1, 1), (1, 8), (8, 1), (64, 1), (1, 80), (1, 512)] {
            let what = format!("{rows} row(s) of {tokens} token(s) behind {CONTEXT}");
            row(&what, forward(&mut model, rows, tokens).expect("it runs"));
        }
        row(&format!("a step of {STEPS} without the host"), steps(&mut model).expect("it runs"));
        // What recorded forwards gain: the same without.
        model.set_recording(false);
        for rows in [1, 8, 64] {
            let what = format!("{rows} row(s) of 1 token(s), launch by launch");
            row(&what, forward(&mut model, rows, 1).expect("it runs"));
        }
        row("a step, launch by launch", steps(&mut model).expect("it runs"));
        // What cuBLASLt gains, where it is installed.
        model.set_library(false);
        for tokens in [80, 512] {
            let what = format!("1 row(s) of {tokens} token(s), without a library");
            row(&what, forward(&mut model, 1, tokens).expect("it runs"));
        }
    }
}

/// Weights that every step reads.
fn body(shape: &Shape) -> usize {
    let projected = shape.vectors() * shape.width + shape.queries();
    shape.layers * shape.hidden * (projected + 3 * shape.inner)
}

/// Median time of a forward in µs, with its answer on the host.
fn forward(model: &mut Model<Device>, rows: usize, tokens: usize) -> Result<f64, KernelError> {
    let candidates: Vec<u32> = (0..CANDIDATES).map(|at| at * 64).collect();
    let prompt: Vec<Input<'_>> = (0..CONTEXT as u32).map(|at| Input::Token(at * 7)).collect();
    let inputs: Vec<Input<'_>> = (0..tokens as u32).map(|at| Input::Token(at * 11)).collect();
    let mut shared = Sequence::new();
    let (sequence, answer) = (&mut shared, Answer::Nothing);
    model.forward(&mut [Row { sequence, inputs: &prompt, answer }])?;
    let mut sequences = vec![shared; rows];
    timed(|| {
        let answer = Answer::Best { candidates: &candidates };
        let all = sequences.iter_mut().map(|sequence| Row { sequence, inputs: &inputs, answer });
        model.forward(&mut all.collect::<Vec<_>>())?;
        sequences.iter_mut().for_each(|sequence| sequence.truncate(CONTEXT));
        Ok(())
    })
}

/// Median time of one of several steps in µs.
fn steps(model: &mut Model<Device>) -> Result<f64, KernelError> {
    let candidates: Vec<u32> = (0..CANDIDATES).map(|at| at * 64).collect();
    let mut sequence = Sequence::new();
    let all = timed(|| {
        let (sequence, tokens_max) = (&mut sequence, STEPS);
        model.step(&mut [Steps { sequence, token: 1, stops: &[], tokens_max }], &candidates)?;
        Ok(())
    })?;
    Ok(all / STEPS as f64)
}

fn timed(mut work: impl FnMut() -> Result<(), KernelError>) -> Result<f64, KernelError> {
    for _ in 0..WARM_UPS {
        work()?;
    }
    let mut samples = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let start = Instant::now();
        work()?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples[REPEATS / 2])
}

fn weights(device: &Device, shape: &Shape) -> Result<Weights<Device>, KernelError> {
    // A block of random numbers, again and again: time does not depend on them.
    let block: Vec<u8> = Random(1).floats(FLOAT, 1 << 20).iter().flat_map(|x| small(*x)).collect();
    let tensor = |len: usize| {
        let bytes: Vec<u8> = block.iter().copied().cycle().take(2 * len).collect();
        Tensor::from_bytes(device, ELEMENT, &bytes)
    };
    let layers = (0..shape.layers).map(|_| {
        Ok(LayerWeights {
            attention_norm: tensor(shape.hidden)?,
            projection: tensor(shape.vectors() * shape.width * shape.hidden)?,
            projection_bias: None,
            query_norm: Some(tensor(shape.width)?),
            key_norm: Some(tensor(shape.width)?),
            output: tensor(shape.hidden * shape.queries())?,
            feed_forward_norm: tensor(shape.hidden)?,
            gate_up: tensor(2 * shape.inner * shape.hidden)?,
            down: tensor(shape.hidden * shape.inner)?,
        })
    });
    let turns = shape.context * shape.width / 2;
    Ok(Weights {
        layers: layers.collect::<Result<_, KernelError>>()?,
        embedding: tensor(shape.vocabulary * shape.hidden)?,
        norm: tensor(shape.hidden)?,
        head: None,
        cosines: Tensor::zeros(device, Element::F32, turns)?,
        sines: Tensor::zeros(device, Element::F32, turns)?,
    })
}

/// Of a size at which sums stay small.
fn small(x: f32) -> [u8; 2] {
    FLOAT.encode(x / 32.0).to_le_bytes()
}
