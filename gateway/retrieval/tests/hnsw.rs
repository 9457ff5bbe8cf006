//! The graph against the truth: recall, tombstones, newcomers, and when it gives up.

mod common;

use std::collections::HashSet;

use common::{clustered, exact, rng};
use hyfunc_retrieval::{Hnsw, HnswConfig, RetrievalError};

const LEN: usize = 4096;
const DIMS: usize = 64;

#[test]
fn recall_at_10_on_clustered_data() {
    let mut rng = rng(1);
    let mut vectors = clustered(&mut rng, LEN + 200, DIMS);
    let queries = vectors.split_off(LEN);
    let rows = exact(&vectors);
    let graph = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
    assert!(graph.is_trusted(), "self-recall {}", graph.self_recall());
    let mut found = 0;
    for query in &queries {
        let truth: HashSet<u32> =
            rows.search(query, 10).expect("sound").iter().map(|hit| hit.id).collect();
        let near = graph.search(query, 10).expect("sound").expect("the graph finds ten");
        found += near.iter().filter(|hit| truth.contains(&hit.id)).count();
    }
    let recall = found as f64 / (queries.len() * 10) as f64;
    assert!(recall >= 0.99, "recall@10 is {recall}");
}

#[test]
fn removed_ids_never_come_back() {
    let mut rng = rng(2);
    let vectors = clustered(&mut rng, 1024, 16);
    let rows = exact(&vectors);
    let mut graph = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
    // Everything near the first vector goes: the hostile case for over-fetching.
    let near = rows.search(&vectors[0], 300).expect("sound");
    for hit in &near {
        assert!(graph.remove(hit.id));
        assert!(!graph.remove(hit.id), "a second remove finds nothing");
        assert!(!graph.contains(hit.id));
    }
    assert_eq!(graph.len(), 724);
    assert!(graph.is_stale(), "300 of 1024 is above the default share");
    let gone: HashSet<u32> = near.iter().map(|hit| hit.id).collect();
    for query in vectors.iter().step_by(7) {
        if let Some(hits) = graph.search(query, 10).expect("sound") {
            assert_eq!(hits.len(), 10);
            assert!(hits.iter().all(|hit| !gone.contains(&hit.id)), "{hits:?}");
        }
    }
}

#[test]
fn an_id_may_return_with_another_vector() {
    let rows = exact(&clustered(&mut rng(3), 300, 8));
    let mut graph = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
    let far = [9.0, -9.0, 9.0, -9.0, 9.0, -9.0, 9.0, -9.0];
    assert_eq!(graph.insert(5, &far), Err(RetrievalError::DuplicateId { id: 5 }));
    assert!(graph.remove(5));
    graph.insert(5, &far).expect("5 is free");
    let hits = graph.search(&far, 1).expect("sound").expect("found");
    assert_eq!(hits[0].id, 5);
    assert!((hits[0].score - 1.0).abs() < 1e-5, "the new vector counts, not the old: {hits:?}");
    assert!(graph.remove(5));
    let hits = graph.search(&far, 10).expect("sound").expect("found");
    assert!(hits.iter().all(|hit| hit.id != 5), "{hits:?}");
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let rows = exact(&clustered(&mut rng(4), 300, 8));
    let before = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
    let mut after = before.clone();
    let query = rows.vector(17).expect("17 is in").to_vec();
    after.remove(17);
    assert_eq!(before.search(&query, 1).expect("sound").expect("found")[0].id, 17);
    assert_ne!(after.search(&query, 1).expect("sound").expect("found")[0].id, 17);
}

#[test]
fn degenerate_sizes() {
    for len in [0, 1, 2, 5] {
        let rows = exact(&clustered(&mut rng(5), len, 4));
        let graph = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
        let hits = graph.search(&[1.0, 0.0, 0.0, 0.0], 10).expect("sound");
        assert_eq!(hits.map_or(len, |hits| hits.len()), len);
    }
}

#[test]
fn equal_vectors_do_not_count_as_misses() {
    let rows = exact(&vec![vec![0.3, -0.7, 0.2]; 600]);
    let graph = Hnsw::build(&rows, HnswConfig::default()).expect("settings are sound");
    assert!(graph.is_trusted(), "self-recall {}", graph.self_recall());
}

#[test]
fn settings_are_checked() {
    let rows = exact(&[vec![1.0, 0.0]]);
    let base = HnswConfig::default();
    for (config, name) in [
        (HnswConfig { links: 256, ..base.clone() }, "links"),
        (HnswConfig { links: 3, ..base.clone() }, "links"),
        (HnswConfig { link_candidates: 0, ..base.clone() }, "link_candidates"),
        (HnswConfig { stale_share_max: 0.0, ..base.clone() }, "stale_share_max"),
        (HnswConfig { stale_share_max: f32::NAN, ..base.clone() }, "stale_share_max"),
        (HnswConfig { self_recall_min: 1.1, ..base.clone() }, "self_recall_min"),
    ] {
        match Hnsw::build(&rows, config) {
            Err(RetrievalError::Setting { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let graph = Hnsw::build(&rows, base).expect("settings are sound");
    assert_eq!(graph.search(&[1.0, 0.0], 0), Err(RetrievalError::KZero));
    assert_eq!(graph.search(&[0.0, 0.0], 1), Err(RetrievalError::NoDirection));
}
