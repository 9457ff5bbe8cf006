//! The last requests: what was asked, what was decided, how long each step took.
//!
//! In memory, bounded in number and in bytes, gone at the end. A [`Note`] travels with a request
//! and every step writes into it; when its last copy is dropped, the request is over, however it
//! ended.

mod allowance;
mod record;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyfunc_cascade::Decoded;
use tracing::Span;

pub use record::{CallFailure, CallRecord, CandidateRecord, Kind, RanRecord, Record, Status};

use crate::config::{ALWAYS, Config, NEVER};
use crate::error::RequestError;
use crate::keys::Principal;
use crate::pipeline::{Arrival, DecidedCall, Found, Ran, Step, Worded};
use crate::telemetry;
use allowance::Allowance;

/// The last requests, newest first for whoever reads them.
pub struct Recent {
    ring: Mutex<VecDeque<Arc<Mutex<Record>>>>,
    requests_max: usize,
    request_bytes_max: usize,
    keeps_content: bool,
}

impl Recent {
    /// An empty ring with the configured limits.
    pub fn new(config: &Config) -> Self {
        Self {
            ring: Mutex::new(VecDeque::new()),
            requests_max: config.recent.requests_max,
            request_bytes_max: config.recent.request_bytes_max,
            keeps_content: keeps_content(config),
        }
    }

    /// Requests that are kept at most.
    pub fn requests_max(&self) -> usize {
        self.requests_max
    }

    /// Whether queries, arguments and results are kept, or only what happened and when.
    pub fn keeps_content(&self) -> bool {
        self.keeps_content
    }

    /// Puts a request into the ring; the oldest makes room. The steps write into the note of the
    /// arrival that comes back.
    pub fn open(&self, arrival: Arrival, kind: Kind) -> Arrival {
        if self.requests_max == 0 {
            return arrival;
        }
        let trace_id = telemetry::trace_id(&Span::current(), &arrival.caller);
        let bytes_max = self.keeps_content.then_some(self.request_bytes_max);
        let record = Record::new(&arrival, trace_id, kind, Allowance::new(bytes_max));
        let record = Arc::new(Mutex::new(record));
        let mut ring = lock(&self.ring);
        while ring.len() >= self.requests_max {
            ring.pop_front();
        }
        ring.push_back(Arc::clone(&record));
        drop(ring);
        Arrival { note: Note(Some(Arc::new(Open(record)))), ..arrival }
    }

    /// Every request that is kept and that somebody may know of, newest first.
    pub fn newest<T>(&self, who: &Principal, describe: impl Fn(&Record) -> T) -> Vec<T> {
        let records: Vec<_> = lock(&self.ring).iter().rev().cloned().collect();
        let seen = records.iter().filter_map(|record| {
            let record = lock(record);
            who.knows_of(record.owner.as_deref()).then(|| describe(&record))
        });
        seen.collect()
    }

    /// The newest request with that request id or trace id that somebody may know of.
    pub fn find<T>(
        &self,
        who: &Principal,
        id: &str,
        describe: impl FnOnce(&Record) -> T,
    ) -> Option<T> {
        let record = self.locate(who, id)?;
        let record = lock(&record);
        Some(describe(&record))
    }

    /// Marks the newest request of an arrival as failed after all: the answer to its client said
    /// more than the pipeline knew.
    pub fn fail(&self, arrival: &Arrival, error: &RequestError) {
        if let Some(record) = self.locate(&arrival.principal, &arrival.id) {
            lock(&record).fail(error);
        }
    }

    fn locate(&self, who: &Principal, id: &str) -> Option<Arc<Mutex<Record>>> {
        let ring = lock(&self.ring);
        let is_it = |record: &Record| record.is_called(id) && who.knows_of(record.owner.as_deref());
        ring.iter().rev().find(|record| is_it(&lock(record))).cloned()
    }
}

fn keeps_content(config: &Config) -> bool {
    match config.recent.content.as_str() {
        ALWAYS => true,
        NEVER => false,
        // Only for whoever sits at this machine: others must not read what people ask.
        _ => {
            let address = config.server.address.parse::<SocketAddr>();
            !config.server.allow_public && address.is_ok_and(|address| address.ip().is_loopback())
        }
    }
}

/// Nothing under these locks can panic half-way; whoever finds one poisoned goes on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a request's steps write what they did. The default one is read by nobody.
#[derive(Clone, Debug, Default)]
pub struct Note(Option<Arc<Open>>);

/// A request that is not over; dropping it ends the request.
#[derive(Debug)]
struct Open(Arc<Mutex<Record>>);

impl Drop for Open {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        let mut record = lock(&self.0);
        if panicked {
            record.fail(&RequestError::Panicked);
        }
        record.end();
    }
}

impl Note {
    /// A step is done.
    pub fn step(&self, step: Step, took: Duration) {
        self.write(|record| record.timings.add(step, took));
    }

    /// What is asked.
    pub fn asked(&self, query: &str) {
        self.write(|record| record.ask(query));
    }

    /// What the models decided.
    pub fn decided(
        &self,
        p_call: f32,
        candidates: &[Found],
        decoded: &Decoded,
        calls: &[DecidedCall],
    ) {
        self.write(|record| record.decide(p_call, candidates, decoded, calls));
    }

    /// A call that a client wrote itself.
    pub fn called(&self, call: &DecidedCall) {
        self.write(|record| record.call(call, None));
    }

    /// What came of a call.
    pub fn ran(&self, call: &DecidedCall, ran: &Ran) {
        self.write(|record| record.run(call, ran));
    }

    /// What came of asking the chat model.
    pub fn worded(&self, worded: &Worded) {
        self.write(|record| record.upstream = Some(worded.clone()));
    }

    /// The client has its answer, or the first part of it; or an error instead.
    pub fn ended<T>(&self, result: &Result<T, RequestError>) {
        self.write(|record| match result {
            Ok(_) => record.answer(),
            Err(error) => record.fail(error),
        });
    }

    /// The answer broke off.
    pub fn failed(&self, error: &RequestError) {
        self.write(|record| record.fail(error));
    }

    fn write(&self, change: impl FnOnce(&mut Record)) {
        if let Some(open) = &self.0 {
            change(&mut lock(&open.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Context;

    use super::*;
    use crate::config::AUTO;

    fn config(requests_max: usize, request_bytes_max: usize, content: &str) -> Config {
        let mut config = Config::default();
        config.recent.requests_max = requests_max;
        config.recent.request_bytes_max = request_bytes_max;
        config.recent.content = content.to_owned();
        config
    }

    fn arrival(id: &str) -> Arrival {
        Arrival::now(id.to_owned(), 1_000, Context::new())
    }

    fn ids(recent: &Recent) -> Vec<String> {
        recent.newest(&Principal::default(), |record| record.request_id.clone())
    }

    #[test]
    fn the_newest_stay_and_come_first() {
        for (requests_max, kept) in
            [(0, vec![]), (1, vec!["c"]), (2, vec!["c", "b"]), (3, vec!["c", "b", "a"])]
        {
            let recent = Recent::new(&config(requests_max, 100, AUTO));
            for id in ["a", "b", "c"] {
                drop(recent.open(arrival(id), Kind::Answer));
            }
            assert_eq!(ids(&recent), kept, "{requests_max}");
            assert_eq!(recent.find(&Principal::default(), "c", |_| ()).is_some(), requests_max > 0);
            assert!(recent.find(&Principal::default(), "d", |_| ()).is_none());
        }
    }

    #[test]
    fn a_request_that_left_the_ring_may_go_on_writing() {
        let recent = Recent::new(&config(1, 100, AUTO));
        let first = recent.open(arrival("a"), Kind::Answer);
        let _second = recent.open(arrival("b"), Kind::Answer);
        first.note.asked("still here");
        first.note.ended(&Ok(()));
        assert_eq!(ids(&recent), ["b"]);
    }

    #[test]
    fn content_is_for_loopback_unless_somebody_says_otherwise() {
        for (content, address, allow_public, keeps) in [
            (AUTO, "127.0.0.1:8080", false, true),
            (AUTO, "[::1]:8080", false, true),
            (AUTO, "127.0.0.1:8080", true, false),
            (AUTO, "0.0.0.0:8080", true, false),
            (AUTO, "10.0.0.1:8080", false, false),
            (ALWAYS, "0.0.0.0:8080", true, true),
            (NEVER, "127.0.0.1:8080", false, false),
        ] {
            let mut config = config(1, 100, content);
            config.server.address = address.to_owned();
            config.server.allow_public = allow_public;
            let recent = Recent::new(&config);
            assert_eq!(recent.keeps_content(), keeps, "{content} {address} {allow_public}");
            let arrival = recent.open(arrival("a"), Kind::Answer);
            arrival.note.asked("my secret");
            let query =
                recent.find(&Principal::default(), "a", |record| record.query.clone()).flatten();
            assert_eq!(query.as_deref(), keeps.then_some("my secret"), "{content} {address}");
        }
    }

    #[test]
    fn what_exceeds_a_requests_bytes_is_left_out_whole() {
        for (bytes_max, kept) in [(0, false), (4, false), (5, true), (6, true)] {
            let recent = Recent::new(&config(1, bytes_max, ALWAYS));
            let arrival = recent.open(arrival("a"), Kind::Answer);
            arrival.note.asked("12345");
            let found = recent.find(&Principal::default(), "a", |record| {
                (record.query.clone(), record.is_short())
            });
            let (query, is_short) = found.unwrap();
            assert_eq!((query.is_some(), is_short), (kept, !kept), "{bytes_max}");
        }
    }

    #[test]
    fn a_request_ends_with_its_last_note_however_it_ends() {
        let status = |recent: &Recent| {
            recent
                .find(&Principal::default(), "a", |record| {
                    (record.status.clone(), record.took.is_some())
                })
                .unwrap()
        };
        let recent = Recent::new(&config(1, 100, AUTO));

        let first = recent.open(arrival("a"), Kind::Answer);
        let second = first.clone();
        drop(first);
        assert_eq!(status(&recent), (Status::AtWork, false), "a stream still has it");
        drop(second);
        assert_eq!(status(&recent), (Status::HungUp, true));

        let answered = recent.open(arrival("a"), Kind::Answer);
        answered.note.ended(&Ok(()));
        assert_eq!(status(&recent), (Status::Answered, false));
        drop(answered);
        assert_eq!(status(&recent), (Status::Answered, true));

        let broken = recent.open(arrival("a"), Kind::Answer);
        broken.note.ended(&Ok(()));
        broken.note.failed(&broken.late(Step::Dispatch));
        drop(broken);
        let (status, _) = status(&recent);
        assert!(
            matches!(status, Status::Failed { http: 504, code: "deadline_exceeded", .. }),
            "{status:?}"
        );
    }

    #[test]
    fn a_panic_is_not_taken_for_a_client_that_hung_up() {
        let recent = Arc::new(Recent::new(&config(1, 100, AUTO)));
        let shared = Arc::clone(&recent);
        let panicked = std::thread::spawn(move || {
            let _arrival = shared.open(arrival("a"), Kind::Answer);
            panic!("the test says so");
        });
        assert!(panicked.join().is_err());
        let status = recent.find(&Principal::default(), "a", |record| record.status.clone());
        assert!(matches!(status, Some(Status::Failed { http: 500, .. })), "{status:?}");
    }

    #[test]
    fn a_request_is_found_by_its_callers_trace() {
        let mut headers = axum::http::HeaderMap::new();
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", sent.parse().unwrap());
        let caller = telemetry::incoming(&headers);
        let recent = Recent::new(&config(2, 100, AUTO));
        let _open = recent.open(Arrival::now("a".into(), 1_000, caller), Kind::Route);
        let _other = recent.open(arrival("b"), Kind::Route);
        for id in ["a", "0af7651916cd43dd8448eb211c80319c", "0AF7651916CD43DD8448EB211C80319C"] {
            let found = recent.find(&Principal::default(), id, |record| record.request_id.clone());
            assert_eq!(found.as_deref(), Some("a"), "{id}");
        }
    }
}
