//! The scan against the formula, and what it refuses.

mod common;

use common::{naive, same_scores};
use hyfunc_retrieval::{Exact, RetrievalError};
use proptest::prelude::*;

fn vector(dims: usize) -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec(-100.0f32..100.0, dims)
        .prop_filter("has a direction", |v| v.iter().any(|x| *x != 0.0))
}

proptest! {
    #[test]
    fn agrees_with_the_formula(
        (vectors, query) in (1usize..40).prop_flat_map(|dims| (proptest::collection::vec(vector(dims), 0..60), vector(dims))),
        k in 1usize..70,
    ) {
        let found = common::exact(&vectors).search(&query, k).expect("the query is sound");
        let live = vectors.iter().enumerate().map(|(id, v)| (id as u32, v.as_slice()));
        same_scores(&found, &naive(live, &query, k)).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn removed_rows_are_gone_and_the_others_stay(
        vectors in proptest::collection::vec(vector(5), 1..40),
        removed in proptest::collection::btree_set(0u32..40, 0..40),
        query in vector(5),
    ) {
        let mut rows = common::exact(&vectors);
        for &id in &removed {
            prop_assert_eq!(rows.remove(id), (id as usize) < vectors.len());
            prop_assert!(!rows.remove(id), "a second remove finds nothing");
        }
        let live: Vec<(u32, &[f32])> = (0u32..).zip(vectors.iter().map(Vec::as_slice)).filter(|(id, _)| !removed.contains(id)).collect();
        prop_assert_eq!(rows.len(), live.len());
        let found = rows.search(&query, 50).expect("the query is sound");
        same_scores(&found, &naive(live.into_iter(), &query, 50)).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn equal_scores_have_one_order() {
    let rows = common::exact(&vec![vec![1.0, 1.0]; 9]);
    let ids: Vec<u32> =
        rows.search(&[1.0, 1.0], 4).expect("sound").iter().map(|hit| hit.id).collect();
    assert_eq!(ids, [0, 1, 2, 3]);
}

#[test]
fn extremes_of_magnitude_neither_overflow_nor_vanish() {
    let rows = common::exact(&[vec![f32::MAX, f32::MAX], vec![1e-38, -1e-38]]);
    let hits = rows.search(&[f32::MIN_POSITIVE, f32::MIN_POSITIVE], 2).expect("sound");
    assert!((hits[0].score - 1.0).abs() < 1e-5 && hits[0].id == 0, "{hits:?}");
    assert!(hits[1].score.abs() < 1e-5, "{hits:?}");
}

#[test]
fn refuses_what_it_cannot_answer() {
    let mut rows = common::exact(&[vec![1.0, 0.0]]);
    assert_eq!(rows.search(&[1.0, 0.0], 0), Err(RetrievalError::KZero));
    assert_eq!(rows.search(&[1.0], 1), Err(RetrievalError::Dimension { expected: 2, found: 1 }));
    assert_eq!(rows.search(&[1.0, f32::NAN], 1), Err(RetrievalError::NotFinite { position: 1 }));
    assert_eq!(rows.search(&[0.0, 0.0], 1), Err(RetrievalError::NoDirection));
    assert_eq!(rows.insert(0, &[0.0, 1.0]), Err(RetrievalError::DuplicateId { id: 0 }));
    assert_eq!(
        rows.insert(1, &[0.0, 1.0, 0.0]),
        Err(RetrievalError::Dimension { expected: 2, found: 3 })
    );
    assert_eq!(
        rows.insert(1, &[f32::INFINITY, 1.0]),
        Err(RetrievalError::NotFinite { position: 0 })
    );
    assert_eq!(rows.insert(1, &[0.0, -0.0]), Err(RetrievalError::NoDirection));
    assert_eq!(rows.len(), 1, "nothing that was refused is in");
    assert_eq!(Exact::new().insert(1, &[]), Err(RetrievalError::NoDirection));
    assert_eq!(Exact::new().search(&[1.0], 3), Ok(vec![]));
}
