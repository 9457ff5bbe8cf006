//! SwiGLU, and a matrix times vectors.

use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Element, Float, Gemv, Machine, Swiglu, Tensor, reference};

use super::close;
use super::random::Random;

pub fn swiglu<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for (rows, width) in [(0, 8), (1, 1), (3, 7), (2, 8), (5, 264), (3, 3072)] {
            let gate_up = Random(width as u64).floats(float, rows * 2 * width);
            // Far from zero, too: SiLU saturates.
            let gate_up: Vec<f32> = gate_up.iter().map(|x| float.round(x * 20.0)).collect();
            let mut out = Tensor::poisoned(machine, float.element(), rows * width).unwrap();
            let input = Tensor::from_floats(machine, float, &gate_up).unwrap();
            Swiglu { float, rows, width, gate_up: &input, out: &mut out }.launch(machine).unwrap();
            let truth = reference::swiglu(&gate_up, width);
            let what = format!("swiglu {float:?} [{rows}, {width}]");
            close(&what, &out.floats(machine).unwrap(), &truth, Tolerance::elementwise(float));
        }
    }
}

pub fn gemv<M: Machine>(machine: &M) {
    let widths = [(1, 1), (7, 3), (8, 9), (264, 17), (2056, 5), (1000, 33)];
    for float in Float::ALL {
        for rows in [0, 1, 2, 3, 5, 8, 9, 17] {
            for (width_in, width_out) in widths {
                one(machine, float, (rows, width_in, width_out), false, false);
            }
        }
        one(machine, float, (3, 264, 17), true, false);
        one(machine, float, (10, 1000, 33), true, false);
    }
}

/// By the machine's library where it has one: widths that it knows, and such that it may refuse.
pub fn with_library<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for rows in [0, 8, 9, 33] {
            for sizes in [(rows, 1, 0), (rows, 7, 3), (rows, 264, 17), (rows, 512, 64)] {
                one(machine, float, sizes, false, true);
                one(machine, float, sizes, true, true);
            }
        }
    }
}

fn one<M: Machine>(
    machine: &M,
    float: Float,
    (rows, width_in, width_out): (usize, usize, usize),
    wide: bool,
    has_library: bool,
) {
    let mut random = Random((rows * width_in) as u64);
    let x = random.floats(float, rows * width_in);
    let weights = random.floats(float, width_out * width_in);
    let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
    let (element, tolerance) = match wide {
        true => (Element::F32, Tolerance::score(width_in)),
        false => (float.element(), Tolerance::dot(float, width_in)),
    };
    let mut out = Tensor::poisoned(machine, element, rows * width_out).unwrap();
    let (x_tensor, weights_tensor) = (tensor(&x), tensor(&weights));
    let product = Gemv {
        float,
        wide,
        rows,
        width_in,
        width_out,
        x: &x_tensor,
        weights: &weights_tensor,
        out: &mut out,
    };
    let launched = match has_library {
        true => product.launch_with_library(machine),
        false => product.launch(machine),
    };
    launched.unwrap();
    let truth = reference::gemv(&x, &weights, width_in);
    let what = format!("gemv {float:?} [{rows}, {width_in}] to {width_out}, wide: {wide}");
    close(&what, &out.floats(machine).unwrap(), &truth, tolerance);
}
