//! Vectors to search among.

// Each test file uses its own part of this one.
#![allow(dead_code)]

use hyfunc_retrieval::{Exact, Scored};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of numbers that is the same in every run.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `[dims]`, each number in -1..1.
pub fn random_vector(rng: &mut ChaCha8Rng, dims: usize) -> Vec<f32> {
    (0..dims).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Points around centres, as embeddings of functions lie: `len` of them around `len / 32` centres.
pub fn clustered(rng: &mut ChaCha8Rng, len: usize, dims: usize) -> Vec<Vec<f32>> {
    let centres: Vec<Vec<f32>> = (0..(len / 32).max(1)).map(|_| random_vector(rng, dims)).collect();
    (0..len)
        .map(|at| {
            let centre = &centres[at % centres.len()];
            centre.iter().map(|x| x + 0.4 * rng.random_range(-1.0..1.0)).collect()
        })
        .collect()
}

/// Rows with ids 0, 1, 2 and so on.
pub fn exact(vectors: &[Vec<f32>]) -> Exact {
    let mut rows = Exact::new();
    for (id, vector) in vectors.iter().enumerate() {
        rows.insert(id as u32, vector).expect("the vector has a direction");
    }
    rows
}

/// Cosine in f64 by the formula.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>()
    };
    product(a, b) / (product(a, a).sqrt() * product(b, b).sqrt())
}

/// Every score, sorted: what the heap must agree with.
pub fn naive<'a>(
    live: impl Iterator<Item = (u32, &'a [f32])>,
    query: &[f32],
    k: usize,
) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = live.map(|(id, vector)| (id, cosine(vector, query))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

/// Room for f32 sums against f64 ones.
pub const COSINE_TOLERANCE: f64 = 1e-5;

/// Whether both lists hold equally good hits, rank by rank; ids of equal scores may differ.
pub fn same_scores(found: &[Scored], truth: &[(u32, f64)]) -> Result<(), String> {
    if found.len() != truth.len() {
        return Err(format!("{} hits where the truth has {}", found.len(), truth.len()));
    }
    for (rank, (hit, (id, score))) in found.iter().zip(truth).enumerate() {
        if (f64::from(hit.score) - score).abs() > COSINE_TOLERANCE {
            return Err(format!(
                "rank {rank}: found {hit:?} where the truth has id {id} at {score}"
            ));
        }
    }
    Ok(())
}
