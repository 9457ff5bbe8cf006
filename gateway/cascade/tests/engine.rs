//! Whatever is read together, whoever comes when, and whatever is left out of the engine: the same
//! requests give the same calls.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Device;
use hyfunc_cascade::decode::Decoding;
use hyfunc_cascade::shipped::EMBEDDED;
use hyfunc_cascade::{
    Ablation, Candidate, Cascade, CascadeConfig, CascadeError, DecodeRequest, Decoded, Prepared,
    Progress,
};
use hyfunc_functions::schema::function_from_schema;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use support::scene::{QUERIES, SCORE_TOLERANCE, Scene, alike, candidates, functions, limits, same};

/// Decodes all requests in steps that a random schedule puts together: who comes when, and who takes
/// part in which step.
fn scheduled(
    scene: &Scene,
    config: &CascadeConfig,
    rng: &mut ChaCha8Rng,
) -> Vec<Result<Decoded, CascadeError>> {
    let mut done: Vec<Option<Result<Decoded, CascadeError>>> =
        scene.requests.iter().map(|_| None).collect();
    let mut absent: Vec<usize> = (0..scene.requests.len()).collect();
    let mut live: Vec<(usize, Decoding<'_>)> = Vec::new();
    while done.iter().any(Option::is_none) {
        while !absent.is_empty() && (live.is_empty() || rng.random_range(0..2) == 0) {
            let index = absent.swap_remove(rng.random_range(0..absent.len()));
            let request = scene.requests[index].clone();
            live.push((
                index,
                Decoding::new(scene.decoder(config), request, Progress::silent()).unwrap(),
            ));
        }
        let taking: Vec<bool> = live.iter().map(|_| rng.random_range(0..3) > 0).collect();
        let (mut lists, mut firsts) = (Vec::new(), Vec::new());
        for ((_, decoding), taking) in live.iter().zip(&taking) {
            firsts.push(lists.len());
            if *taking {
                lists.extend(decoding.lists());
            }
        }
        if !lists.is_empty() {
            let step = Arc::new(scene.tiny.small.step(&lists).unwrap());
            drop(lists);
            for (((_, decoding), taking), first) in live.iter_mut().zip(&taking).zip(firsts) {
                if *taking {
                    decoding.take(&step, first).unwrap();
                }
            }
        }
        let (over, left): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|(_, decoding)| decoding.is_done());
        live = left;
        for (index, decoding) in over {
            done[index] = Some(decoding.finish());
        }
    }
    done.into_iter().flatten().collect()
}

#[test]
fn the_requests_are_worth_comparing() {
    let scene = Scene::new();
    let alone = scene.alone(&limits());
    let decided: Vec<&Decoded> = alone.iter().flatten().collect();
    assert!(decided.len() >= 8, "{alone:?}");
    assert!(decided.iter().filter(|decoded| !decoded.calls.is_empty()).count() >= 6, "{alone:?}");
    assert!(decided.iter().any(|decoded| decoded.calls.len() > 1), "{alone:?}");
    assert!(decided.iter().any(|decoded| decoded.counts.copied > 0), "{alone:?}");
}

#[test]
fn any_order_of_arrival_and_any_schedule_give_the_same_calls() {
    let (scene, config) = (Scene::new(), limits());
    let alone = scene.alone(&config);
    for seed in 0..6 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        same(&alone, &scheduled(&scene, &config, &mut rng), &format!("schedule {seed}"));
    }
}

#[test]
fn nothing_that_can_be_left_out_changes_a_result() {
    let scene = Scene::new();
    let alone = scene.alone(&limits());
    let none = Ablation::default();
    for ablate in [
        Ablation { kept_blocks: true, ..none },
        Ablation { parallel_slots: true, ..none },
        Ablation { bulk_copy: true, ..none },
        Ablation { kept_blocks: true, parallel_slots: true, bulk_copy: true, batching: true },
    ] {
        let config = CascadeConfig { ablate, ..limits() };
        same(&alone, &scene.alone(&config), &format!("{ablate:?}"));
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        same(&alone, &scheduled(&scene, &config, &mut rng), &format!("{ablate:?}, scheduled"));
    }
}

/// Where there is but one parameter, there is nothing to stand in a row.
#[test]
fn one_parameter_is_a_chain_by_itself() {
    let mut scene = Scene::new();
    let one = |name: &str, field: serde_json::Value| {
        let schema = json!({"type": "object", "properties": {"of": field}, "required": ["of"]});
        Arc::new(function_from_schema(name, "Tell the weather.", &schema).unwrap())
    };
    let text = json!({"type": "string"});
    let list = json!({"type": "array", "items": {"type": "string"}, "maxItems": 3});
    let prepared = scene.tiny.prepare(&[one("weather", text), one("forecast", list)]).unwrap();
    for request in &mut scene.requests {
        request.candidates = candidates(&prepared);
    }
    let alone = scene.alone(&limits());
    let chained = CascadeConfig { chained_slots: true, ..limits() };
    same(&alone, &scene.alone(&chained), "chained");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    same(&alone, &scheduled(&scene, &chained, &mut rng), "chained, scheduled");
}

/// Chained, a call is one branch: every parameter stands after those before it, and is asked alone.
#[test]
fn chained_parameters_are_read_after_those_before_them() {
    let scene = Scene::new();
    let config = CascadeConfig { chained_slots: true, ..limits() };
    let mut grown = 0;
    for request in &scene.requests {
        let decoder = scene.decoder(&config);
        let mut decoding = Decoding::new(decoder, request.clone(), Progress::silent()).unwrap();
        let mut before = 0;
        while !decoding.is_done() {
            let step = {
                let lists = decoding.lists();
                for list in &lists {
                    let Some(places) = &list.places else { continue };
                    assert_eq!(list.wanted, [places.len() - 1]);
                    assert!(places.iter().copied().eq(0..places.len()), "{places:?}");
                    grown += usize::from(places.len() > before && before > 0);
                    before = places.len();
                }
                Arc::new(scene.tiny.small.step(&lists).unwrap())
            };
            decoding.take(&step, 0).unwrap();
        }
    }
    assert!(grown > 3, "{grown}");
}

/// Asks an engine for all requests at once.
async fn together(
    scene: &Scene,
    config: &CascadeConfig,
    order: &[usize],
) -> Vec<Result<Decoded, CascadeError>> {
    let cascade = Cascade::new(EMBEDDED.load(&Device::Cpu).unwrap(), config).unwrap();
    let asked: Vec<_> = order
        .iter()
        .map(|&index| {
            let (cascade, request) = (cascade.clone(), scene.requests[index].clone());
            tokio::spawn(async move { (index, cascade.decode(request).await) })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_under_load_gives_what_it_gives_alone() {
    let scene = Scene::new();
    let alone = scene.alone(&limits());
    let (ahead, back): (Vec<usize>, Vec<usize>) =
        ((0..QUERIES.len()).collect(), (0..QUERIES.len()).rev().collect());
    for (threads, batch_tokens_max, order) in
        [(1, 1, &ahead), (1, 64, &back), (1, 4096, &ahead), (2, 256, &back)]
    {
        let config = CascadeConfig { threads, batch_tokens_max, ..limits() };
        let found = together(&scene, &config, order).await;
        same(&alone, &found, &format!("{threads} threads, {batch_tokens_max} tokens"));
    }
}

/// Some of the functions, others for every request: blocks come and go.
fn some(prepared: &[Arc<Prepared>], at: usize) -> Vec<Candidate> {
    let mut some = candidates(prepared);
    some.rotate_left(at % prepared.len());
    some.truncate(3);
    some
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_give_what_each_gives_alone_whatever_is_evicted() {
    const AT_ONCE: usize = 64;
    let scene = Scene::new();
    let prepared = scene.tiny.prepare(&functions()).unwrap();
    let largest = prepared.iter().map(|one| one.block_bytes()).max().unwrap();
    let asked = |at: usize| {
        let query = format!("{} {at}", QUERIES[at % QUERIES.len()]);
        DecodeRequest {
            intent: scene.tiny.distil(&query).unwrap(),
            query,
            candidates: some(&prepared, at),
            ..scene.requests[at % QUERIES.len()].clone()
        }
    };
    let requests: Vec<DecodeRequest> = (0..AT_ONCE).map(asked).collect();
    let config = limits();
    let alone: Vec<_> =
        requests.iter().map(|request| scene.decoder(&config).decode(request)).collect();
    // No block stays, or one or two of five do.
    for (seed, threads, blocks_bytes_max) in [(1, 1, 0), (2, 2, largest), (3, 2, 2 * largest)] {
        let config = CascadeConfig { threads, blocks_bytes_max, ..limits() };
        let cascade = Cascade::new(EMBEDDED.load(&Device::Cpu).unwrap(), &config).unwrap();
        let library = cascade.prepare_library(functions()).await.unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut absent: Vec<usize> = (0..AT_ONCE).collect();
        let mut answers = Vec::new();
        while !absent.is_empty() {
            let at = absent.swap_remove(rng.random_range(0..absent.len()));
            let candidates = some(&library, at);
            let request = DecodeRequest { candidates, ..requests[at].clone() };
            let cascade = cascade.clone();
            let answer = tokio::spawn(async move { cascade.decode(request).await });
            answers.push((at, answer));
            if rng.random_range(0..8) == 0 {
                // Some are under way, others come later.
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..20))).await;
            }
        }
        for (at, answer) in answers {
            let what = format!("seed {seed}, {blocks_bytes_max} bytes: {}", requests[at].query);
            alike(&alone[at], &answer.await.unwrap(), &what);
        }
        assert!(cascade.block_bytes() <= blocks_bytes_max, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_distilled_together_as_alone() {
    let tiny = EMBEDDED.load(&Device::Cpu).unwrap();
    let alone: Vec<_> = QUERIES.iter().map(|query| tiny.distil(query).unwrap()).collect();
    let tokens: Vec<_> = QUERIES.iter().map(|query| tiny.tokenizer.encode(query)).collect();
    let all: Vec<_> = QUERIES.into_iter().zip(tokens.iter().map(Vec::as_slice)).collect();
    let together = tiny.distil_all(&all).unwrap();
    assert_eq!(together.len(), alone.len());
    for (one, other) in alone.iter().zip(&together) {
        assert!((one.p_call - other.p_call).abs() < SCORE_TOLERANCE);
        let numbers = one.soft_token.iter().chain(&one.query_vector);
        for (a, b) in numbers.zip(other.soft_token.iter().chain(&other.query_vector)) {
            assert!((a - b).abs() < SCORE_TOLERANCE * a.abs().max(1.0), "{a} {b}");
        }
    }
    assert!(tiny.distil_all(&[]).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_and_a_deadline_that_passes_cost_nobody_else() {
    let scene = Scene::new();
    let expected = scene.alone(&limits());
    let cascade = Cascade::new(EMBEDDED.load(&Device::Cpu).unwrap(), &limits()).unwrap();
    let ask = |index: usize, deadline: Instant| {
        let request = DecodeRequest { deadline, ..scene.requests[index].clone() };
        let cascade = cascade.clone();
        tokio::spawn(async move { cascade.decode(request).await })
    };
    let long = Instant::now() + Duration::from_secs(600);
    let left = ask(3, long);
    let late = ask(5, Instant::now());
    let stays = ask(0, long);
    left.abort();
    let late = late.await.unwrap().unwrap_err();
    assert!(matches!(late, CascadeError::Deadline { step: "decode" }), "{late}");
    same(&expected[..1], &[stays.await.unwrap()], "beside one who left");
    same(&expected[..1], &[ask(0, long).await.unwrap()], "after one who left");
}
