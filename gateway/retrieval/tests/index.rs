//! The index as a library uses it: both kinds of evidence, changes in any order, and the fallback.

mod common;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use common::{clustered, naive, rng, same_scores};
use hyfunc_retrieval::{Entry, Hit, HnswConfig, Index, IndexConfig, RetrievalError, Scored};
use proptest::prelude::*;

fn entry(id: u32, vector: &[f32], text: &str) -> Entry {
    Entry { id, vector: vector.to_vec(), text: text.to_owned() }
}

fn ids(hits: &[Hit]) -> Vec<u32> {
    hits.iter().map(|hit| hit.id).collect()
}

/// By the vectors alone, so that the formula is the whole truth.
fn dense_config(hnsw_functions_min: usize) -> IndexConfig {
    IndexConfig { dense_share: 1.0, hnsw_functions_min, ..IndexConfig::default() }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u32, Vec<f32>),
    Remove(u32),
    Search(Vec<f32>, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let vector = || {
        proptest::collection::vec(-1.0f32..1.0, 6)
            .prop_filter("has a direction", |v| v.iter().any(|x| *x != 0.0))
    };
    prop_oneof![
        3 => (0u32..64, vector()).prop_map(|(id, v)| Op::Insert(id, v)),
        2 => (0u32..64).prop_map(Op::Remove),
        2 => (vector(), 1usize..20).prop_map(|(v, k)| Op::Search(v, k)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// From 12 functions on the graph serves, so the same ops run over both paths and across the border.
    #[test]
    fn any_order_of_changes_agrees_with_the_formula(ops in proptest::collection::vec(op(), 0..160), hnsw in any::<bool>()) {
        let mut index = Index::build(vec![], dense_config(if hnsw { 12 } else { usize::MAX })).expect("sound");
        let mut model: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
        for op in ops {
            match op {
                Op::Insert(id, vector) => {
                    let inserted = index.insert(entry(id, &vector, "some words"));
                    let expected = match model.entry(id) {
                        Slot::Occupied(_) => Err(RetrievalError::DuplicateId { id }),
                        Slot::Vacant(slot) => {
                            slot.insert(vector);
                            Ok(())
                        }
                    };
                    prop_assert_eq!(inserted, expected);
                }
                Op::Remove(id) => prop_assert_eq!(index.remove(id), Ok(model.remove(&id).is_some())),
                Op::Search(query, k) => {
                    let hits = index.search(&query, "", k).expect("sound");
                    let found: Vec<Scored> = hits.iter().map(|hit| Scored { id: hit.id, score: hit.dense }).collect();
                    let live = model.iter().map(|(&id, v)| (id, v.as_slice()));
                    same_scores(&found, &naive(live, &query, k)).map_err(TestCaseError::fail)?;
                    prop_assert!(hits.iter().all(|hit| model.contains_key(&hit.id)));
                }
            }
            prop_assert_eq!(index.len(), model.len());
            prop_assert_eq!(index.report().is_approximate, hnsw && model.len() >= 12);
        }
    }
}

fn small() -> Index {
    let entries = vec![
        entry(1, &[1.0, 0.0, 0.0], "weather_current: The weather in a city right now. city"),
        entry(2, &[0.0, 1.0, 0.0], "todo_add: Adds an item to the to-do list. item"),
        entry(
            3,
            &[0.0, 0.0, 1.0],
            "units_convert: Converts a quantity between units. kilometers miles",
        ),
        entry(4, &[0.5, 0.5, 0.0], "lights_turnOn: Turns on the lights of a room. room"),
    ];
    Index::build(entries, IndexConfig::default()).expect("sound")
}

#[test]
fn the_score_is_the_weighted_sum() {
    for hit in small().search(&[0.8, 0.1, 0.3], "convert ten kilometers", 4).expect("sound") {
        assert!((hit.score - (hit.dense * 0.7 + hit.lexical * 0.3)).abs() < 1e-6, "{hit:?}");
        assert!((0.0..=1.0).contains(&hit.lexical) && (-1.0..=1.0).contains(&hit.dense), "{hit:?}");
    }
}

#[test]
fn words_and_vectors_both_count() {
    let index = small();
    // The vector says nothing in particular; the words decide, across their forms and spellings.
    for (text, best) in [
        ("converting 3 kilometer", 3),
        ("TURN the LIGHT on", 4),
        ("add an Item", 2),
        ("Weather, please!", 1),
    ] {
        assert_eq!(index.search(&[1.0, 1.0, 1.0], text, 1).expect("sound")[0].id, best, "{text}");
    }
    // No word is known; the vector decides.
    assert_eq!(ids(&index.search(&[0.0, 0.1, 0.9], "xyzzy", 1).expect("sound")), [3]);
    assert_eq!(ids(&index.search(&[0.0, 0.1, 0.9], "", 1).expect("sound")), [3]);
}

#[test]
fn each_wish_finds_its_function() {
    let index = small();
    let text = "Tell me the weather in the city and then convert kilometers to miles; turn on the lights of the room";
    let hits = index.search(&[1.0, 1.0, 1.0], text, 3).expect("sound");
    let mut found = ids(&hits);
    found.sort_unstable();
    assert_eq!(found, [1, 3, 4]);
    assert!(
        hits.iter().all(|hit| hit.lexical > 0.99),
        "each is the best of its own wish: {hits:?}"
    );
}

#[test]
fn wishes_with_vectors_of_their_own() {
    let index = small();
    let asked: [(&[f32], &str); 2] =
        [(&[1.0, 0.0, 0.0], "how warm is it"), (&[0.0, 0.0, 1.0], "how far is it")];
    assert_eq!(ids(&index.search_wishes(&asked, 2).expect("sound")), [1, 3]);
    assert_eq!(index.search_wishes(&[], 2), Ok(vec![]));
    assert_eq!(index.search_wishes(&asked, 0), Err(RetrievalError::KZero));
}

#[test]
fn removed_words_stop_counting() {
    let mut index = small();
    assert_eq!(index.remove(3), Ok(true));
    assert_eq!(index.remove(3), Ok(false));
    let hits = index.search(&[1.0, 1.0, 1.0], "convert kilometers", 9).expect("sound");
    assert_eq!(hits.len(), 3);
    assert!(hits.iter().all(|hit| hit.id != 3 && hit.lexical == 0.0), "{hits:?}");
    index
        .insert(entry(3, &[0.0, 0.0, 1.0], "currency_convert: exchange rates"))
        .expect("3 is free");
    assert_eq!(index.search(&[1.0, 1.0, 1.0], "convert kilometers", 1).expect("sound")[0].id, 3);
}

#[test]
fn a_snapshot_does_not_see_later_changes() {
    let before = small();
    let mut after = before.clone();
    after.remove(1).expect("settings were checked");
    assert!(before.contains(1) && !after.contains(1));
    assert_eq!(before.search(&[1.0, 0.0, 0.0], "weather", 1).expect("sound")[0].id, 1);
}

#[test]
fn refuses_and_stays_as_it_was() {
    let mut index = small();
    let query = [1.0, 0.0, 0.0];
    assert_eq!(index.search(&query, "weather", 0), Err(RetrievalError::KZero));
    assert_eq!(
        index.search(&query[..2], "weather", 1),
        Err(RetrievalError::Dimension { expected: 3, found: 2 })
    );
    assert_eq!(
        index.search(&[f32::NAN, 0.0, 0.0], "weather", 1),
        Err(RetrievalError::NotFinite { position: 0 })
    );
    assert_eq!(index.insert(entry(1, &query, "x")), Err(RetrievalError::DuplicateId { id: 1 }));
    assert_eq!(
        index.insert(entry(9, &query[..1], "x")),
        Err(RetrievalError::Dimension { expected: 3, found: 1 })
    );
    assert_eq!(index.len(), 4);
    assert!(index.insert(entry(9, &query, "x")).is_ok(), "the refused id is still free");
    let twice = vec![entry(1, &query, "x"), entry(1, &query, "y")];
    assert_eq!(
        Index::build(twice, IndexConfig::default()).err(),
        Some(RetrievalError::DuplicateId { id: 1 })
    );
    for share in [-0.1, 1.1, f32::NAN] {
        let config = IndexConfig { dense_share: share, ..IndexConfig::default() };
        assert!(matches!(
            Index::build(vec![], config),
            Err(RetrievalError::Setting { name: "dense_share", .. })
        ));
    }
}

#[test]
fn an_empty_index_finds_nothing() {
    let index = Index::build(vec![], IndexConfig::default()).expect("sound");
    assert_eq!(index.search(&[1.0, 2.0], "weather", 5), Ok(vec![]));
    assert!(index.is_empty() && index.report().dims.is_none());
}

#[test]
fn a_large_library_is_served_by_the_graph_and_agrees_with_the_scan() {
    let mut rng = rng(6);
    let vectors = clustered(&mut rng, 2100, 32);
    let entries = || {
        (0u32..)
            .zip(&vectors)
            .map(|(id, v)| entry(id, v, &format!("function number {id}")))
            .collect::<Vec<_>>()
    };
    let mut graph =
        Index::build(entries(), IndexConfig { hnsw_functions_min: 2048, ..IndexConfig::default() })
            .expect("sound");
    // By default the scan serves a library of this size.
    let scan = Index::build(entries(), IndexConfig::default()).expect("sound");
    assert!(graph.report().is_approximate && !scan.report().is_approximate);
    assert!(graph.report().self_recall.expect("measured") >= 0.98);
    let mut same = 0;
    for (id, vector) in vectors.iter().enumerate().step_by(21) {
        // The words name one function; it must be found though it need not be near.
        let text = format!("number {}", (id * 7) % 2100);
        let (near, truth) = (
            graph.search(vector, &text, 10).expect("sound"),
            scan.search(vector, &text, 10).expect("sound"),
        );
        assert_eq!(near[0].id, truth[0].id);
        same += ids(&near).iter().filter(|id| ids(&truth).contains(id)).count();
    }
    assert!(same >= 990, "{same} of 1000 agree");
    // Below the crossover the scan takes over again.
    for id in 0..60 {
        assert_eq!(graph.remove(id), Ok(true));
    }
    assert_eq!(graph.len(), 2040);
    assert!(!graph.report().is_approximate);
}

#[test]
fn a_graph_that_misses_too_much_is_not_used() {
    // Two candidates a search cannot reach ten neighbours among vectors without any structure.
    let hnsw = HnswConfig {
        links: 4,
        link_candidates: 1,
        search_candidates: 1,
        over_fetch: 0,
        self_recall_min: 1.0,
        ..HnswConfig::default()
    };
    let mut rng = rng(7);
    let entries: Vec<Entry> =
        (0..2000).map(|id| entry(id, &common::random_vector(&mut rng, 48), "f")).collect();
    let config =
        IndexConfig { dense_share: 1.0, hnsw_functions_min: 100, hnsw, ..IndexConfig::default() };
    let index = Index::build(entries.clone(), config).expect("sound");
    let report = index.report();
    assert!(!report.is_approximate, "{report:?}");
    assert!(report.self_recall.expect("measured") < 1.0, "{report:?}");
    let query = &entries[3].vector;
    let live = entries.iter().map(|entry| (entry.id, entry.vector.as_slice()));
    let found: Vec<Scored> = index
        .search(query, "", 10)
        .expect("sound")
        .iter()
        .map(|hit| Scored { id: hit.id, score: hit.dense })
        .collect();
    same_scores(&found, &naive(live, query, 10)).expect("the scan serves");
}
