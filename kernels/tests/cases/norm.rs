//! Residual add and RMSNorm.

use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{AddRmsNorm, Float, Machine, Tensor, reference};

use super::close;
use super::random::Random;

/// Rows and width.
const SHAPES: [(usize, usize); 7] =
    [(0, 8), (1, 1), (3, 7), (2, 8), (1, 1024), (5, 257), (2, 4096)];

pub fn add_rms_norm<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for (rows, width) in SHAPES {
            for added in [false, true] {
                one(machine, float, rows, width, added);
            }
        }
    }
}

fn one<M: Machine>(machine: &M, float: Float, rows: usize, width: usize, added: bool) {
    let what = format!("add_rms_norm {float:?} [{rows}, {width}] added {added}");
    let mut random = Random(width as u64);
    let mut sums = random.floats(float, rows * width);
    let more = random.floats(float, rows * width);
    let weight = random.floats(float, width);
    let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
    let (branch, mut residual) = (added.then(|| tensor(&more)), tensor(&sums));
    let mut out = Tensor::poisoned(machine, float.element(), rows * width).unwrap();
    AddRmsNorm {
        float,
        rows,
        width,
        epsilon: 1e-6,
        branch: branch.as_ref(),
        residual: &mut residual,
        weight: &tensor(&weight),
        out: &mut out,
    }
    .launch(machine)
    .unwrap();
    let more = added.then_some(more.as_slice());
    let truth = reference::add_rms_norm(float, more, &mut sums, &weight, 1e-6);
    assert_eq!(residual.floats(machine).unwrap(), sums, "{what}: the residual is exact");
    close(&what, &out.floats(machine).unwrap(), &truth, Tolerance::elementwise(float));
}
