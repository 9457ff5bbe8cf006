//! Norm, turn, and pages.

use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Float, Machine, RotaryWrite, Tensor, reference};

use super::random::Random;

struct Shape {
    tokens: usize,
    heads: usize,
    heads_kv: usize,
    width: usize,
    page_tokens: usize,
}

const PAGES: usize = 4;
const POSITIONS: usize = 50;

pub fn rotary_write<M: Machine>(machine: &M) {
    let shape = |tokens, heads, heads_kv, width, page_tokens| Shape {
        tokens,
        heads,
        heads_kv,
        width,
        page_tokens,
    };
    for float in Float::ALL {
        for (normed, biased) in [(false, false), (true, false), (false, true), (true, true)] {
            for shape in [
                shape(0, 2, 1, 8, 4),
                shape(1, 1, 1, 2, 1),
                shape(7, 4, 2, 64, 3),
                shape(5, 3, 1, 130, 16),
                shape(2, 2, 2, 256, 16),
            ] {
                one(machine, float, (normed, biased), &shape);
            }
        }
    }
}

fn one<M: Machine>(machine: &M, float: Float, (normed, biased): (bool, bool), shape: &Shape) {
    let Shape { tokens, heads, heads_kv, width, page_tokens } = *shape;
    let mut random = Random((tokens + width) as u64);
    let projected = random.floats(float, tokens * (heads + 2 * heads_kv) * width);
    let bias = random.floats(float, (heads + 2 * heads_kv) * width);
    let norms = [random.floats(float, width), random.floats(float, width)];
    let angles: Vec<f32> = (0..POSITIONS * width / 2).map(|_| random.float() * 4.0).collect();
    let cosines: Vec<f32> = angles.iter().map(|x| x.cos()).collect();
    let sines: Vec<f32> = angles.iter().map(|x| x.sin()).collect();
    // The third token is nowhere in the cache, the fourth beyond it, the fifth beyond the table.
    let slots: Vec<i32> = (0..tokens)
        .map(|token| match token {
            2 => -1,
            3 => (PAGES * page_tokens) as i32,
            _ => (PAGES * page_tokens) as i32 - 1 - token as i32,
        })
        .collect();
    let positions: Vec<i32> = (0..tokens)
        .map(|token| if token == 4 { POSITIONS as i32 } else { random.below(POSITIONS) as i32 })
        .collect();
    let cache = random.floats(float, PAGES * heads_kv * page_tokens * width);

    let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
    let (query_norm, key_norm) = (tensor(&norms[0]), tensor(&norms[1]));
    let bias_tensor = tensor(&bias);
    let (mut keys, mut values) = (tensor(&cache), tensor(&cache));
    let mut queries = Tensor::poisoned(machine, float.element(), tokens * heads * width).unwrap();
    RotaryWrite {
        float,
        tokens,
        heads,
        heads_kv,
        width,
        positions: POSITIONS,
        pages: PAGES,
        page_tokens,
        epsilon: 1e-6,
        projected: &tensor(&projected),
        query_norm: normed.then_some(&query_norm),
        key_norm: normed.then_some(&key_norm),
        bias: biased.then_some(&bias_tensor),
        cosines: &Tensor::from_f32(machine, &cosines).unwrap(),
        sines: &Tensor::from_f32(machine, &sines).unwrap(),
        token_positions: &Tensor::from_i32(machine, &positions).unwrap(),
        token_slots: &Tensor::from_i32(machine, &slots).unwrap(),
        queries: &mut queries,
        keys: &mut keys,
        values: &mut values,
    }
    .launch(machine)
    .unwrap();

    let (mut true_keys, mut true_values) = (cache.clone(), cache);
    let turned = reference::Turned {
        projected: &projected,
        heads,
        heads_kv,
        width,
        query_norm: normed.then_some(norms[0].as_slice()),
        key_norm: normed.then_some(norms[1].as_slice()),
        bias: biased.then_some(bias.as_slice()),
        cosines: &cosines,
        sines: &sines,
        positions: &positions,
        slots: &slots,
        page_tokens,
        epsilon: 1e-6,
    };
    let truth = reference::rotary_write(&turned, &mut true_keys, &mut true_values);
    // Two products of size up to 2 and a sum, and a norm.
    let tolerance = Tolerance::dot(float, 16);
    let what = format!(
        "rotary_write {float:?} normed {normed} biased {biased} {tokens} tokens width {width}"
    );
    super::close(&what, &queries.floats(machine).unwrap(), &truth, tolerance);
    super::close(&what, &keys.floats(machine).unwrap(), &true_keys, tolerance);
    let values = values.floats(machine).unwrap();
    if biased {
        super::close(&what, &values, &true_values, tolerance);
    } else {
        assert_eq!(values, true_values, "{what}: values are copies");
    }
}
