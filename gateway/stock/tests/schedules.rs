//! Whoever comes when, whatever is evicted, and however little room there is: the same requests get
//! the same calls.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyfunc_cascade::{CascadeError, ToolChoice};
use hyfunc_functions::json::arguments_to_json;
use hyfunc_functions::{Function, Spelling};
use hyfunc_stock::{Decoder, Reply, StockConfig, StockError, StockRequest};
use serde_json::json;
use support::{Fake, LOOK, config, decoder, function, nobody_left, request, weather, within};

/// How many ask at once.
const AT_ONCE: usize = 64;

/// Tokens of an answer for which there is room from the start.
const ANSWER_TOKENS: usize = 256;

fn functions() -> [Arc<Function>; 3] {
    [
        weather(),
        function(
            "seat_hold",
            json!({"type": "object", "required": ["row"], "properties": {
                "row": {"type": "integer"},
                "aisle": {"type": "boolean"},
            }}),
        ),
        function("now", json!({})),
    ]
}

/// Different queries over all orders of the functions: as many prompts to keep.
fn requests() -> Vec<StockRequest> {
    let [one, two, three] = functions();
    let orders = [
        [&one, &two, &three],
        [&one, &three, &two],
        [&two, &one, &three],
        [&two, &three, &one],
        [&three, &one, &two],
        [&three, &two, &one],
    ];
    let asked = |at: usize| {
        let offered = orders[at % orders.len()].map(Arc::clone);
        let mut asked = request(&format!("the weather in Paris for {at} days, row {at}"), &offered);
        asked.choice = if at.is_multiple_of(5) { ToolChoice::Auto } else { ToolChoice::Required };
        asked.calls_max = 2;
        asked
    };
    (0..AT_ONCE).map(asked).collect()
}

fn settings(prefix_bytes_max: usize) -> StockConfig {
    StockConfig { value_tokens_max: 8, prefix_bytes_max, ..config(Spelling::Hermes) }
}

/// What can be seen of an answer, but for how it was come by.
fn seen(request: &StockRequest, reply: &Reply) -> String {
    let calls = reply.decoded.calls.iter().map(|call| {
        let function = &request.functions[call.candidate];
        let arguments = arguments_to_json(&function.parameters, &call.arguments);
        format!("{}({arguments}) {}", function.name, call.score)
    });
    let calls: Vec<String> = calls.collect();
    format!("{calls:?} {:?} {} {:?}", reply.decoded.scores, reply.p_call, reply.decoded.counts)
}

/// One after another, with nothing kept: what each gets, and tokens of the longest prompt.
fn alone(requests: &[StockRequest]) -> (Vec<String>, usize) {
    let (decoder, _) = decoder(settings(0));
    let replies: Vec<Reply> = requests
        .iter()
        .map(|asked| decoder.decode(asked, &nobody_left).expect("an answer"))
        .collect();
    let longest = replies.iter().map(|reply| reply.decoded.counts.prompt).max();
    let seen = requests.iter().zip(&replies).map(|(asked, reply)| seen(asked, reply)).collect();
    (seen, longest.unwrap_or(0))
}

/// All at once, in the order of a seed.
fn at_once(decoder: &Decoder<Fake>, requests: &[StockRequest], seed: usize) -> Vec<String> {
    // 64 and an odd number have no factor in common: everybody comes once.
    let order = (0..requests.len()).map(|at| (at * (2 * seed + 1) + 7 * seed) % requests.len());
    let mut found: Vec<(usize, String)> = thread::scope(|scope| {
        let come = |at: usize| {
            let asked = &requests[at];
            let answer = move || decoder.decode(asked, &nobody_left);
            (at, scope.spawn(answer))
        };
        let working: Vec<_> = order.map(come).collect();
        let answer = |(at, answer): (usize, thread::ScopedJoinHandle<'_, _>)| {
            let reply: Result<Reply, StockError> = answer.join().expect("no panic");
            (at, seen(&requests[at], &reply.expect("an answer")))
        };
        working.into_iter().map(answer).collect()
    });
    found.sort_unstable_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, seen)| seen).collect()
}

#[test]
fn sixty_four_at_once_get_what_each_gets_alone() {
    let requests = requests();
    let (wanted, longest) = alone(&requests);
    assert!(wanted.iter().filter(|seen| seen.contains('(')).count() > AT_ONCE / 2, "{wanted:?}");
    let one = 4 * (longest + ANSWER_TOKENS);
    // Room for one request, for three, and for all; and none, some or all prompts are kept there.
    for (seed, (room, kept)) in
        [(one, 0), (one, one), (3 * one, one), (AT_ONCE * one, 64 * one)].into_iter().enumerate()
    {
        let (decoder, _) = within(settings(kept), Some(room));
        assert_eq!(at_once(&decoder, &requests, seed), wanted, "{room} bytes, {kept} kept");
        let counts = decoder.prefix_counts();
        assert_eq!(counts.hits + counts.misses, AT_ONCE as u64);
        assert!(counts.bytes <= room.min(kept), "{counts:?}");
        // Once more, behind what is kept now.
        assert_eq!(at_once(&decoder, &requests, seed + 5), wanted, "{room} bytes, {kept} kept");
    }
}

#[test]
fn what_is_evicted_is_read_again_and_gives_the_same() {
    let requests = requests();
    let (wanted, longest) = alone(&requests);
    // Two of six prompts.
    let (decoder, _) = within(settings(2 * 8 * longest), None);
    let mut found = Vec::new();
    for (asked, wanted) in requests.iter().zip(&wanted) {
        let reply = decoder.decode(asked, &nobody_left).expect("an answer");
        assert_eq!(seen(asked, &reply), *wanted);
        found.push(reply.prefix_hit);
    }
    let counts = decoder.prefix_counts();
    assert!(counts.misses > 6 && counts.kept < 6, "{counts:?}");
    assert!(!found.contains(&true), "six in a row never find one of the last two");
    // The same again finds it.
    let reply = decoder.decode(&requests[AT_ONCE - 1], &nobody_left).expect("an answer");
    assert!(reply.prefix_hit);
}

#[test]
fn a_request_that_waits_for_room_goes_with_its_client_and_its_deadline() {
    let requests = requests();
    let (_, longest) = alone(&requests);
    let (decoder, fake) = within(settings(0), Some(4 * (longest + ANSWER_TOKENS)));
    thread::scope(|scope| {
        let held = fake.hold();
        let first = scope.spawn(|| decoder.decode(&requests[1], &nobody_left));
        // It has its place once it reads, and keeps it for as long as it is held.
        while fake.reads.load(Ordering::SeqCst) == 0 && !first.is_finished() {
            thread::sleep(LOOK);
        }
        let looks = AtomicUsize::new(0);
        let gone = || looks.fetch_add(1, Ordering::Relaxed) > 2;
        let gone = decoder.decode(&requests[2], &gone);
        assert!(matches!(gone, Err(StockError::Cancelled)), "{gone:?}");
        let mut hurried = requests[2].clone();
        hurried.deadline = Instant::now() + Duration::from_millis(40);
        let late = decoder.decode(&hurried, &nobody_left);
        assert!(matches!(late, Err(StockError::Deadline { step: "decode" })), "{late:?}");
        assert_eq!(fake.reads.load(Ordering::SeqCst), 1, "neither found a place");
        let waits = scope.spawn(|| decoder.decode(&requests[3], &nobody_left));
        drop(held);
        assert!(first.join().expect("no panic").is_ok());
        assert!(waits.join().expect("no panic").is_ok());
    });
}

#[test]
fn an_answer_without_room_is_told_to_come_back() {
    let error = StockError::NoRoom { retry_after_ms: 1500 };
    let said = error.to_string();
    assert!(said.contains("1500 ms") && said.contains("models.cache_bytes_max"), "{said}");
    let error = CascadeError::from(error);
    assert!(matches!(error, CascadeError::Overloaded { retry_after_ms: 1500 }), "{error}");
}
