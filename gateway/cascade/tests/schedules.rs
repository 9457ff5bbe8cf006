//! Random requests that come, leave and run out of time at random points of random schedules, whatever
//! is evicted meanwhile: whoever stays gets what it gets alone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Device;
use hyfunc_cascade::decode::Decoding;
use hyfunc_cascade::shipped::EMBEDDED;
use hyfunc_cascade::{
    Ablation, Candidate, Cascade, CascadeConfig, CascadeError, DecodeRequest, Decoded, Prepared,
    Progress, ToolChoice,
};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::scene::{QUERIES, Scene, alike, candidates, functions, limits};

/// Different requests, each of which comes several times and in other company.
const REQUESTS: usize = 40;

/// Requests of one schedule.
const AT_ONCE: usize = 12;

/// Schedules that are put together step by step.
const SCHEDULES: u64 = 16;

/// Engines that put them together themselves, and requests of each.
const ENGINES: u64 = 6;
const ASKED: usize = 24;

/// An hour that no test lasts.
const LONG: Duration = Duration::from_secs(3600);

/// Requests, and what each gets alone.
struct Pool {
    scene: Scene,
    requests: Vec<DecodeRequest>,
    /// Functions that each may call, by index, in its order.
    offered: Vec<Vec<usize>>,
    alone: Vec<Result<Decoded, CascadeError>>,
}

/// What becomes of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Waits for the answer.
    Stays,
    /// Leaves after so many steps, if it is not done before.
    Leaves { steps: usize },
    /// Has so much time, which may or may not be enough.
    Hurries { time: Duration },
}

/// A request under way.
struct Guest<'a> {
    at: usize,
    fate: Fate,
    steps: usize,
    decoding: Decoding<'a>,
}

/// How requests ended.
#[derive(Debug, Default)]
struct Ends {
    answered: usize,
    left: usize,
    late: usize,
}

impl Pool {
    fn drawn(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let scene = Scene::new();
        let prepared = scene.tiny.prepare(&functions()).unwrap();
        let offered: Vec<Vec<usize>> =
            (0..REQUESTS).map(|_| offered(&mut rng, prepared.len())).collect();
        let asked = |offered: &Vec<usize>| {
            let query = query(&mut rng);
            DecodeRequest {
                intent: scene.tiny.distil(&query).unwrap(),
                query,
                earlier: Vec::new(),
                candidates: among(&prepared, offered),
                choice: choice(&mut rng, offered.len()),
                calls_max: rng.random_range(1..=4),
                deadline: Instant::now() + LONG,
            }
        };
        let requests: Vec<DecodeRequest> = offered.iter().map(asked).collect();
        let config = limits();
        let decoder = scene.decoder(&config);
        let alone = requests.iter().map(|request| decoder.decode(request)).collect();
        Self { scene, requests, offered, alone }
    }

    /// A request as it comes now.
    fn request(&self, at: usize, fate: Fate) -> DecodeRequest {
        let time = match fate {
            Fate::Hurries { time } => time,
            Fate::Stays | Fate::Leaves { .. } => LONG,
        };
        DecodeRequest { deadline: Instant::now() + time, ..self.requests[at].clone() }
    }

    /// Compares an answer with what the same request gets alone, unless it was too late for one.
    fn judge(
        &self,
        (at, fate): (usize, Fate),
        found: &Result<Decoded, CascadeError>,
        ends: &mut Ends,
        what: &str,
    ) {
        let is_late = matches!(found, Err(CascadeError::Deadline { step: "decode" }));
        if is_late && matches!(fate, Fate::Hurries { .. }) {
            ends.late += 1;
            return;
        }
        let what = format!("{what}, {fate:?}: {}", self.requests[at].query);
        alike(&self.alone[at], found, &what);
        ends.answered += 1;
    }
}

impl Fate {
    fn drawn(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..6) {
            0 => Self::Leaves { steps: rng.random_range(0..6) },
            1 => Self::Hurries { time: Duration::ZERO },
            2 => Self::Hurries { time: Duration::from_micros(rng.random_range(0..40_000)) },
            _ => Self::Stays,
        }
    }
}

/// A query of the written ones: as it is, with a number, with a second one, or with words left out.
fn query(rng: &mut ChaCha8Rng) -> String {
    let any = |rng: &mut ChaCha8Rng| QUERIES[rng.random_range(0..QUERIES.len())];
    let one = any(rng);
    match rng.random_range(0..4) {
        0 => one.to_owned(),
        1 => format!("{one} {}", rng.random_range(-50..5000)),
        2 => format!("{one} and {}", any(rng)),
        _ => {
            let mut words: Vec<&str> = one.split(' ').collect();
            words.retain(|_| rng.random_range(0..5) > 0);
            // Somebody who says nothing gets nothing, and no schedule changes that.
            words.push(if words.is_empty() { one } else { "please" });
            words.join(" ")
        }
    }
}

/// Some of so many functions, in any order.
fn offered(rng: &mut ChaCha8Rng, count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    all.shuffle(rng);
    all.truncate(rng.random_range(1..=count));
    all
}

fn choice(rng: &mut ChaCha8Rng, offered: usize) -> ToolChoice {
    match rng.random_range(0..8) {
        0 => ToolChoice::None,
        1 => ToolChoice::Named(rng.random_range(0..offered)),
        2..5 => ToolChoice::Required,
        _ => ToolChoice::Auto,
    }
}

fn among(prepared: &[Arc<Prepared>], offered: &[usize]) -> Vec<Candidate> {
    let all = candidates(prepared);
    offered.iter().map(|index| all[*index].clone()).collect()
}

impl Guest<'_> {
    /// Whether it takes part in further steps.
    fn stays(&self, ends: &mut Ends) -> bool {
        if self.fate == (Fate::Leaves { steps: self.steps }) {
            ends.left += 1;
            return false;
        }
        match self.decoding.check() {
            Ok(()) => true,
            Err(error) => {
                assert!(matches!(self.fate, Fate::Hurries { .. }), "{error}");
                ends.late += 1;
                false
            }
        }
    }
}

/// Lets some requests of the pool come in a random order, some of them take part in each step, and
/// each end as is its fate.
fn scheduled(pool: &Pool, config: &CascadeConfig, rng: &mut ChaCha8Rng, what: &str) -> Ends {
    let mut ends = Ends::default();
    let mut live: Vec<Guest<'_>> = Vec::new();
    let mut absent = AT_ONCE;
    while absent > 0 || !live.is_empty() {
        while absent > 0 && (live.is_empty() || rng.random_range(0..2) == 0) {
            absent -= 1;
            let (at, fate) = (rng.random_range(0..REQUESTS), Fate::drawn(rng));
            let decoder = pool.scene.decoder(config);
            let request = pool.request(at, fate);
            let decoding = Decoding::new(decoder, request, Progress::silent()).unwrap();
            live.push(Guest { at, fate, steps: 0, decoding });
        }
        live.retain(|guest| guest.stays(&mut ends));
        let taking: Vec<bool> = live.iter().map(|_| rng.random_range(0..3) > 0).collect();
        let failed = step(pool, &mut live, &taking);
        for (index, guest) in std::mem::take(&mut live).into_iter().enumerate() {
            let Guest { at, fate, decoding, .. } = guest;
            match failed.iter().find(|(failed, _)| *failed == index) {
                // Its time was over within the step.
                Some((_, CascadeError::Deadline { .. }))
                    if matches!(fate, Fate::Hurries { .. }) =>
                {
                    ends.late += 1;
                }
                Some((_, error)) => panic!("{what}, {fate:?}: {error}"),
                None if decoding.is_done() => {
                    pool.judge((at, fate), &decoding.finish(), &mut ends, what);
                }
                None => live.push(Guest { decoding, ..guest }),
            }
        }
    }
    ends
}

/// One forward of those who take part; gives who failed behind it.
fn step(pool: &Pool, live: &mut [Guest<'_>], taking: &[bool]) -> Vec<(usize, CascadeError)> {
    let (mut lists, mut firsts) = (Vec::new(), Vec::new());
    for (guest, taking) in live.iter().zip(taking) {
        firsts.push(lists.len());
        if *taking {
            lists.extend(guest.decoding.lists());
        }
    }
    if lists.is_empty() {
        return Vec::new();
    }
    let read = Arc::new(pool.scene.tiny.small.step(&lists).unwrap());
    drop(lists);
    let mut failed = Vec::new();
    for (index, (guest, first)) in live.iter_mut().zip(firsts).enumerate() {
        if !taking[index] {
            continue;
        }
        guest.steps += 1;
        if let Err(error) = guest.decoding.take(&read, first) {
            failed.push((index, error));
        }
    }
    failed
}

#[test]
fn whoever_stays_gets_what_it_gets_alone_whoever_else_comes_and_goes() {
    let pool = Pool::drawn(1);
    let calls = pool.alone.iter().flatten().filter(|decoded| !decoded.calls.is_empty()).count();
    assert!(calls > REQUESTS / 3, "too few have calls to compare: {calls}");
    let mut all = Ends::default();
    for seed in 0..SCHEDULES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let ablate = Ablation {
            kept_blocks: rng.random_range(0..4) == 0,
            parallel_slots: rng.random_range(0..4) == 0,
            bulk_copy: rng.random_range(0..4) == 0,
            batching: false,
        };
        let config = CascadeConfig { ablate, ..limits() };
        let ends = scheduled(&pool, &config, &mut rng, &format!("schedule {seed}, {ablate:?}"));
        assert_eq!(ends.answered + ends.left + ends.late, AT_ONCE, "schedule {seed}: {ends:?}");
        all.answered += ends.answered;
        all.left += ends.left;
        all.late += ends.late;
    }
    let enough = AT_ONCE * SCHEDULES as usize / 3;
    assert!(all.answered >= enough && all.left > 5 && all.late > 5, "{all:?}");
}

/// Asks an engine for random requests, some of which are taken back while others come.
async fn busy(
    pool: &Pool,
    (cascade, library): (&Cascade, &[Arc<Prepared>]),
    rng: &mut ChaCha8Rng,
    what: &str,
) -> Ends {
    let mut asked = Vec::new();
    for _ in 0..ASKED {
        let (at, fate) = (rng.random_range(0..REQUESTS), Fate::drawn(rng));
        let candidates = among(library, &pool.offered[at]);
        let request = DecodeRequest { candidates, ..pool.request(at, fate) };
        let cascade = cascade.clone();
        let answer = tokio::spawn(async move { cascade.decode(request).await });
        asked.push((at, fate, answer));
        if rng.random_range(0..3) == 0 {
            // Some are under way, others come later.
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..12))).await;
        }
        let (_, fate, answer) = &asked[rng.random_range(0..asked.len())];
        if matches!(fate, Fate::Leaves { .. }) {
            answer.abort();
        }
    }
    let mut ends = Ends::default();
    for (at, fate, answer) in asked {
        if matches!(fate, Fate::Leaves { .. }) {
            answer.abort();
        }
        match answer.await {
            Ok(found) => pool.judge((at, fate), &found, &mut ends, what),
            Err(error) => {
                assert!(error.is_cancelled() && matches!(fate, Fate::Leaves { .. }), "{error}");
                ends.left += 1;
            }
        }
    }
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_gives_it_too_whatever_is_evicted() {
    let pool = Pool::drawn(2);
    let prepared = pool.scene.tiny.prepare(&functions()).unwrap();
    let largest = prepared.iter().map(|one| one.block_bytes()).max().unwrap();
    let mut all = Ends::default();
    for seed in 0..ENGINES {
        let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
        let config = CascadeConfig {
            threads: rng.random_range(1..=2),
            batch_tokens_max: [1, 64, 256, 4096][rng.random_range(0..4)],
            // No block stays, or one to three of five do.
            blocks_bytes_max: largest * (seed as usize % 4),
            ..limits()
        };
        let cascade = Cascade::new(EMBEDDED.load(&Device::Cpu).unwrap(), &config).unwrap();
        let library = cascade.prepare_library(functions()).await.unwrap();
        let what = format!("engine {seed}, {} bytes", config.blocks_bytes_max);
        let ends = busy(&pool, (&cascade, &library), &mut rng, &what).await;
        assert_eq!(ends.answered + ends.left + ends.late, ASKED, "{what}: {ends:?}");
        assert!(cascade.block_bytes() <= config.blocks_bytes_max, "{what}");
        // Whoever left took nothing along: there are places for as many as ever.
        let again = busy(&pool, (&cascade, &library), &mut rng, &what).await;
        for (sum, more) in [
            (&mut all.answered, ends.answered + again.answered),
            (&mut all.left, ends.left + again.left),
            (&mut all.late, ends.late + again.late),
        ] {
            *sum += more;
        }
        assert!(cascade.is_alive(), "{what}");
    }
    let enough = ASKED * ENGINES as usize / 2;
    assert!(all.answered >= enough && all.left > 0 && all.late > 5, "{all:?}");
}
