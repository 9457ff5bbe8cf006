//! Fused operations against composed ones and against differences: forward and backward.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use hyfunc_cascade::lexicon::{Kind, Shape};
use hyfunc_cascade::model::fused::{self, Angles, Page};
use hyfunc_cascade::sequence::{Batch, Pairs};
use hyfunc_cascade::text::Token;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Largest difference between an analytic and a numeric gradient, relative to the larger of 1 and it.
const GRADIENT_TOLERANCE: f32 = 2e-2;

/// Largest difference between a fused and a composed result.
const FORWARD_TOLERANCE: f32 = 1e-5;

fn random(rng: &mut ChaCha8Rng, shape: &[usize]) -> Var {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
    Var::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn token(word: u32) -> Token {
    Token { id: word, word, kind: Kind::Other, shape: Shape::Lower, bytes: 0..0 }
}

/// Compares the gradient of `sum(weights · f)` with differences, at every element of every variable.
fn check_gradients(vars: &[&Var], f: impl Fn() -> Tensor) {
    let out = f();
    let weights: Vec<f32> = (0..out.elem_count()).map(|i| ((i * 7 % 5) as f32) - 1.7).collect();
    let weights = Tensor::from_vec(weights, out.shape(), &Device::Cpu).unwrap();
    let loss = |out: &Tensor| (out * &weights).unwrap().sum_all().unwrap();
    let gradients = loss(&out).backward().unwrap();
    for (number, var) in vars.iter().enumerate() {
        let analytic = gradients.get(var).expect("a gradient").flatten_all().unwrap();
        let analytic = analytic.to_vec1::<f32>().unwrap();
        let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for index in 0..values.len() {
            let at = |delta: f32| {
                let mut moved = values.clone();
                moved[index] += delta;
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                loss(&f()).to_scalar::<f32>().unwrap()
            };
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            at(0.0);
            let difference = (numeric - analytic[index]).abs() / numeric.abs().max(1.0);
            assert!(
                difference < GRADIENT_TOLERANCE,
                "variable {number}, element {index}: {} is not {numeric}",
                analytic[index],
            );
        }
    }
}

fn branching_pairs() -> Arc<Pairs> {
    // Two keys before, then rows that see them and their own past; row 2 shares a word with key 0.
    let past = [token(5), token(0)];
    let own = [token(0), token(7), token(5)];
    let mut pairs = Pairs::new(5);
    for row in 0..3 {
        pairs.see(&own[row], &past, 0);
        pairs.row(&own[row], &own[..=row], 2);
    }
    Arc::new(pairs)
}

#[test]
fn attention_is_softmax_over_what_is_seen() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (q, kv) = (random(&mut rng, &[3, 16]), random(&mut rng, &[10, 16]));
    let bias = random(&mut rng, &[2]);
    let out = fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap();
    let out = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let read = |t: &Var| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (q, kv, bias) = (read(&q), read(&kv), read(&bias));
    let pairs = branching_pairs();
    for row in 0..3 {
        for (head, bias) in bias.iter().enumerate() {
            let at = |base: usize, key: usize| base + (key * 2 + head) * 8;
            let scores: Vec<(usize, f64)> = pairs
                .seen(row)
                .map(|(key, same)| {
                    let dot: f32 = (0..8).map(|i| q[at(0, row) + i] * kv[at(0, key) + i]).sum();
                    let score = dot / 8f32.sqrt() + if same { *bias } else { 0.0 };
                    (key, f64::from(score).exp())
                })
                .collect();
            let sum: f64 = scores.iter().map(|(_, e)| e).sum();
            for i in 0..8 {
                let expected: f64 =
                    scores.iter().map(|(key, e)| e / sum * f64::from(kv[at(80, *key) + i])).sum();
                let found = out[at(0, row) + i];
                assert!((f64::from(found) - expected).abs() < f64::from(FORWARD_TOLERANCE));
            }
        }
    }
}

#[test]
fn attention_has_the_right_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (q, kv) = (random(&mut rng, &[3, 8]), random(&mut rng, &[10, 8]));
    let bias = random(&mut rng, &[2]);
    check_gradients(&[&q, &kv, &bias], || {
        fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap()
    });
}

#[test]
fn grouped_heads_share_their_keys_gradient() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (q, kv) = (random(&mut rng, &[3, 16]), random(&mut rng, &[10, 8]));
    let bias = random(&mut rng, &[4]);
    check_gradients(&[&q, &kv, &bias], || {
        fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap()
    });
}

#[test]
fn norm_has_the_right_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (x, w) = (random(&mut rng, &[3, 12]), random(&mut rng, &[6]));
    check_gradients(&[&x, &w], || fused::rms_norm(&x, &w, 1e-6).unwrap());
}

#[test]
fn rotation_has_the_right_gradient_and_keeps_lengths() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let x = random(&mut rng, &[3, 8]);
    let angles = Arc::new(Angles::new(&[0.0, 1.0, 200.0], &[1.0, 0.1]));
    check_gradients(&[&x], || fused::rotate(&x, &angles).unwrap());
    let length = |t: &Tensor| {
        t.reshape((3, 2, 4)).unwrap().sqr().unwrap().sum(2).unwrap().to_vec2::<f32>().unwrap()
    };
    let turned = fused::rotate(&x, &angles).unwrap();
    for (before, after) in length(&x).iter().flatten().zip(length(&turned).iter().flatten()) {
        assert!((before - after).abs() < FORWARD_TOLERANCE * 10.0);
    }
}

/// Heads of 32 take a path of their own.
#[test]
fn attention_of_wide_heads_has_the_right_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (q, kv) = (random(&mut rng, &[3, 64]), random(&mut rng, &[10, 32]));
    let bias = random(&mut rng, &[2]);
    check_gradients(&[&q, &kv, &bias], || {
        fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap()
    });
}

#[test]
fn the_gate_is_silu_times_up_and_has_the_right_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (gate, up) = (random(&mut rng, &[3, 7]), random(&mut rng, &[3, 7]));
    check_gradients(&[&gate, &up], || fused::swiglu(&gate, &up).unwrap());
    let wide = Tensor::arange(-100f32, 100.0, &Device::Cpu).unwrap();
    let found = fused::swiglu(&wide, &wide.ones_like().unwrap()).unwrap();
    let expected = wide.silu().unwrap();
    let far = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
    assert!(far.to_scalar::<f32>().unwrap() < FORWARD_TOLERANCE * 10.0);
}

#[test]
fn a_mask_of_another_shape_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (q, kv) = (random(&mut rng, &[2, 4]), random(&mut rng, &[4, 4]));
    let bias = random(&mut rng, &[1]);
    let error = fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap_err();
    assert!(error.to_string().contains("attention pairs are for 3x5, not 2x2"), "{error}");
}

#[test]
fn packed_lists_do_not_see_each_other() {
    let batch = Batch::new(vec![vec![token(1), token(2)], vec![token(1)]]);
    let pairs = batch.bidirectional();
    let seen: Vec<Vec<_>> = (0..3).map(|row| pairs.seen(row).collect()).collect();
    assert_eq!(seen[0], [(0, true), (1, false)]);
    assert_eq!(seen[1], [(0, false), (1, true)]);
    assert_eq!(seen[2], [(2, true)]);
}

fn page(of: &Tensor, from: usize, len: usize) -> Page<'_> {
    Page { of, from, len }
}

/// Keys 0 and 1 lie within a longer tensor, the others in one of their own.
#[test]
fn attention_over_pages_is_attention_over_joined_keys() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for width in [8, 32, 40] {
        let q = random(&mut rng, &[3, 2 * width]);
        let (k, v) = (random(&mut rng, &[5, 2 * width]), random(&mut rng, &[5, 2 * width]));
        let bias = random(&mut rng, &[2]);
        let kv = Tensor::cat(&[k.as_tensor(), v.as_tensor()], 0).unwrap();
        let joined = fused::attend(&q, &kv, &bias, &branching_pairs()).unwrap();
        let apart = |of: &Var| {
            let (first, rest) = (of.narrow(0, 0, 2).unwrap(), of.narrow(0, 2, 3).unwrap());
            let among = Tensor::cat(&[&rest, &first, &rest], 0).unwrap();
            (among.detach(), rest.copy().unwrap().detach())
        };
        let ((keys_among, keys_rest), (values_among, values_rest)) = (apart(&k), apart(&v));
        let keys = [page(&keys_among, 3, 2), page(&keys_rest, 0, 3)];
        let values = [page(&values_among, 3, 2), page(&values_rest, 0, 3)];
        let pages = (keys.as_slice(), values.as_slice());
        let found = fused::attend_pages(&q, pages, &bias, &branching_pairs()).unwrap();
        let far = (found - joined).unwrap().abs().unwrap().max_all().unwrap();
        assert!(far.to_scalar::<f32>().unwrap() < FORWARD_TOLERANCE, "width {width}");
        let error = fused::attend_pages(&q, (&keys[..1], &values[..1]), &bias, &branching_pairs());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("attention pairs are for 3x5, not 3x2"), "{error}");
    }
}

#[test]
fn selected_rows_see_what_they_saw() {
    let pairs = branching_pairs();
    let some = pairs.select(&[2, 0]);
    assert_eq!((some.rows(), some.columns()), (2, 5));
    assert!(some.seen(0).eq(pairs.seen(2)) && some.seen(1).eq(pairs.seen(0)));
}
