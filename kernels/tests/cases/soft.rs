//! The soft token's way, and ordinary tokens'.

use hyfunc_kernels::reference::Projected;
use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Embed, Float, Machine, NONE, SoftProject, Tensor, reference};

use super::random::Random;

pub fn soft_project<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for (rows, width_in, width_out) in [(0, 8, 8), (1, 1, 1), (3, 7, 19), (4, 512, 40)] {
            for (normed, silu) in [(true, false), (false, true), (false, false)] {
                project(machine, float, [rows, width_in, width_out], normed, silu);
            }
        }
    }
}

fn project<M: Machine>(machine: &M, float: Float, sizes: [usize; 3], normed: bool, silu: bool) {
    let [rows, width_in, width_out] = sizes;
    let mut random = Random(width_in as u64);
    let states = random.floats(float, rows * width_in);
    let norm = random.floats(float, width_in);
    let projection = random.floats(float, width_out * width_in);
    // Out of order; the third and fourth nowhere.
    let targets = &[5, 0, -1, 6][..rows];
    let out_rows = 6;
    let before = random.floats(float, out_rows * width_out);
    let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
    let (mut out, norm_tensor) = (tensor(&before), tensor(&norm));
    SoftProject {
        float,
        rows,
        width_in,
        width_out,
        out_rows,
        epsilon: 1e-6,
        silu,
        states: &tensor(&states),
        norm: normed.then_some(&norm_tensor),
        projection: &tensor(&projection),
        targets: &Tensor::from_i32(machine, targets).unwrap(),
        out: &mut out,
    }
    .launch(machine)
    .unwrap();
    let mut truth = before;
    let projected = Projected {
        states: &states,
        width_in,
        norm: normed.then_some(norm.as_slice()),
        projection: &projection,
        epsilon: 1e-6,
        silu,
    };
    reference::soft_project(&projected, targets, &mut truth);
    let what = format!("soft_project {float:?} {sizes:?} normed {normed} silu {silu}");
    // A norm can double values.
    let tolerance = Tolerance::dot(float, 2 * width_in);
    super::close(&what, &out.floats(machine).unwrap(), &truth, tolerance);
}

pub fn embed<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for width in [1, 7, 8, 1040] {
            let mut random = Random(width as u64);
            let table = random.floats(float, 9 * width);
            let tokens = [8, 0, NONE, 3, 9, 3];
            let before = random.floats(float, tokens.len() * width);
            let mut out = Tensor::from_floats(machine, float, &before).unwrap();
            Embed {
                float,
                rows: tokens.len(),
                width,
                vocabulary: 9,
                table: &Tensor::from_floats(machine, float, &table).unwrap(),
                tokens: &Tensor::from_u32(machine, &tokens).unwrap(),
                out: &mut out,
            }
            .launch(machine)
            .unwrap();
            let truth: Vec<f32> = (0..tokens.len())
                .flat_map(|row| match tokens[row] {
                    token @ 0..9 => table[token as usize * width..][..width].to_vec(),
                    _ => before[row * width..][..width].to_vec(),
                })
                .collect();
            assert_eq!(out.floats(machine).unwrap(), truth, "embed {float:?} {width}");
        }
    }
}
