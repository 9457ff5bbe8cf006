//! The scan against the graph: where the crossover lies. `cargo bench -p hyfunc-retrieval`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use hyfunc_retrieval::{Bm25, Bm25Config, Exact, Hnsw, HnswConfig};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIMS: usize = 256;
const QUERIES: usize = 64;

/// Rows around centres, 32 to each, and queries from the same centres.
fn clustered(len: usize) -> (Exact, Vec<Vec<f32>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(len as u64);
    let centres: Vec<Vec<f32>> =
        (0..len / 32).map(|_| (0..DIMS).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    let mut around = |at: usize| -> Vec<f32> {
        centres[at % centres.len()]
            .iter()
            .map(|x: &f32| x + 0.4 * rng.random_range(-1.0..1.0))
            .collect()
    };
    let mut rows = Exact::new();
    for id in 0..len {
        rows.insert(id as u32, &around(id)).expect("the vector has a direction");
    }
    let queries = (0..QUERIES).map(around).collect();
    (rows, queries)
}

fn vectors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search top 10");
    group.sample_size(20);
    for len in [1024, 2048, 4096, 16384] {
        let (rows, queries) = clustered(len);
        let graph = Hnsw::build(&rows, HnswConfig::default()).expect("the settings are sound");
        println!("{len} x {DIMS}: self-recall@10 {:.4}", graph.self_recall());
        let mut turn = queries.iter().cycle();
        let mut next = || turn.next().expect("a cycle does not end");
        group.bench_function(BenchmarkId::new("exact", len), |bencher| {
            bencher.iter_batched(
                &mut next,
                |query| black_box(rows.search(query, 10)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("hnsw", len), |bencher| {
            bencher.iter_batched(
                &mut next,
                |query| black_box(graph.search(query, 10)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn words(criterion: &mut Criterion) {
    const VOCABULARY: u32 = 5000;
    const LEN: u32 = 16384;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Squared, so that some words are common and most are rare.
    let mut word =
        || ((rng.random_range(0.0f32..1.0).powi(2) * VOCABULARY as f32) as u32).to_string();
    let mut text = |len: usize| (0..len).map(|_| word()).collect::<Vec<_>>().join(" ");
    let mut bm25 = Bm25::new(Bm25Config::default()).expect("the settings are sound");
    for id in 0..LEN {
        bm25.insert(id, &text(30)).expect("ids are unique");
    }
    let query = text(12);
    criterion.bench_function("bm25 16384", |bencher| {
        bencher.iter(|| black_box(bm25.search(&query, 10)))
    });
}

criterion_group!(benches, vectors, words);
criterion_main!(benches);
