//! Requests that one thread decodes side by side.

use std::sync::Arc;

use crate::api::{DecodeRequest, Decoded};
use crate::ask::{Reply, caught, send};
use crate::decode::{Decoder, Decoding};
use crate::error::CascadeError;
use crate::model::small::{List, Step};
use crate::progress::Progress;

/// Requests under way, oldest first.
pub(super) struct Live<'a> {
    decoder: Decoder<'a>,
    requests: Vec<Request<'a>>,
}

struct Request<'a> {
    decoding: Decoding<'a>,
    reply: Reply<Decoded>,
    failed: Option<CascadeError>,
    /// What reading its query takes, in bytes.
    claim: usize,
    /// Whether that is read, and held to its end.
    has_begun: bool,
}

impl<'a> Live<'a> {
    /// Nobody yet.
    pub fn new(decoder: Decoder<'a>) -> Self {
        Self { decoder, requests: Vec::new() }
    }

    /// Number of requests under way.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request, which takes part from the next step on.
    pub fn join(&mut self, request: DecodeRequest, progress: Progress, reply: Reply<Decoded>) {
        if reply.is_closed() {
            return;
        }
        match caught(|| Decoding::new(self.decoder, request, progress)) {
            Ok(decoding) => {
                let claim = decoding.query_bytes();
                let (failed, has_begun) = (None, false);
                self.requests.push(Request { decoding, reply, failed, claim, has_begun });
            }
            Err(error) => send(reply, Err(error)),
        }
        self.settle();
    }

    /// Reads the next lists of as many requests as one forward takes, the oldest first; answers those
    /// that are done.
    pub fn step(&mut self) {
        self.leave();
        if self.requests.is_empty() {
            return;
        }
        // Even if choosing fails: reading the oldest alone then fails as well, and says so.
        let chosen = caught(|| Ok(self.choose())).unwrap_or_else(|_| vec![0]);
        if self.read(&chosen).is_err() {
            // One of them may be at fault: the others are not to suffer from it.
            for index in chosen {
                if let Err(error) = self.read(&[index]) {
                    self.requests[index].failed = Some(error);
                }
            }
        }
        self.settle();
    }

    /// Requests that take part in the next step, by index. One that does not fit, into the step or into
    /// memory, lets younger ones pass, until it is the oldest. Whoever has begun has its room.
    fn choose(&self) -> Vec<usize> {
        let config = self.decoder.config;
        let mut room = config.batch_tokens_max;
        let bytes_max = config.live_bytes_max / config.threads.max(1);
        let begun = self.requests.iter().filter(|request| request.has_begun);
        let mut claimed: usize = begun.map(|request| request.claim).sum();
        let mut chosen = Vec::new();
        for (index, request) in self.requests.iter().enumerate() {
            let claim = if request.has_begun { 0 } else { request.claim };
            if index > 0 && claim > 0 && claimed.saturating_add(claim) > bytes_max {
                continue;
            }
            let lists = request.decoding.lists();
            let tokens: usize = lists.iter().map(|list| list.tokens.len()).sum();
            if index == 0 || tokens <= room {
                room = room.saturating_sub(tokens);
                claimed = claimed.saturating_add(claim);
                chosen.push(index);
            }
        }
        chosen
    }

    /// Reads the next lists of some requests in one forward, and lets each go on with what is its own.
    ///
    /// # Errors
    /// The forward failed; nothing has changed then.
    fn read(&mut self, chosen: &[usize]) -> Result<(), CascadeError> {
        let (step, firsts) = caught(|| self.forward(chosen))?;
        for (index, first) in chosen.iter().zip(firsts) {
            let request = &mut self.requests[*index];
            request.has_begun = true;
            request.failed = caught(|| request.decoding.take(&step, first)).err();
        }
        Ok(())
    }

    /// Gives what was read, and which of its lists is each request's first.
    fn forward(&self, chosen: &[usize]) -> Result<(Arc<Step>, Vec<usize>), CascadeError> {
        let mut lists: Vec<List<'_>> = Vec::new();
        let mut firsts = Vec::with_capacity(chosen.len());
        for index in chosen {
            firsts.push(lists.len());
            lists.extend(self.requests[*index].decoding.lists());
        }
        Ok((Arc::new(self.decoder.tiny.small.step(&lists)?), firsts))
    }

    /// Answers requests that are done.
    fn settle(&mut self) {
        for mut request in std::mem::take(&mut self.requests) {
            match request.failed.take() {
                Some(error) => send(request.reply, Err(error)),
                None if request.decoding.is_done() => {
                    let Request { decoding, reply, .. } = request;
                    send(reply, caught(|| decoding.finish()));
                }
                None => self.requests.push(request),
            }
        }
    }

    /// Lets requests go whose clients have gone or whose deadlines have passed.
    fn leave(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            if request.reply.is_closed() {
                continue;
            }
            match request.decoding.check() {
                Ok(()) => self.requests.push(request),
                Err(error) => send(request.reply, Err(error)),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::{Duration, Instant};

    use candle_core::Device;
    use hyfunc_functions::schema::function_from_schema;
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::*;
    use crate::api::{Candidate, Prepared, ToolChoice};
    use crate::config::{Ablation, CascadeConfig};
    use crate::generate::Masks;
    use crate::shipped::EMBEDDED;
    use crate::tiny::Tiny;

    /// The shipped models, and a function for them.
    struct Scene {
        tiny: Tiny,
        masks: Masks,
        prepared: Vec<Arc<Prepared>>,
    }

    type Answer = oneshot::Receiver<Result<Decoded, CascadeError>>;

    impl Scene {
        fn new() -> Self {
            let tiny = EMBEDDED.load(&Device::Cpu).unwrap();
            let masks = Masks::new(&tiny.tokenizer).unwrap();
            let schema = json!({
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            });
            let function = function_from_schema("weather", "Tell the weather.", &schema).unwrap();
            let prepared = tiny.prepare(&[Arc::new(function)]).unwrap();
            Self { tiny, masks, prepared }
        }

        fn live<'a>(&'a self, config: &'a CascadeConfig) -> Live<'a> {
            Live::new(Decoder { tiny: &self.tiny, masks: &self.masks, config })
        }

        fn joins(&self, live: &mut Live<'_>, query: &str) -> Answer {
            let intent = self.tiny.distil(query).unwrap();
            let candidates = self.prepared.iter();
            let request = DecodeRequest {
                query: query.to_owned(),
                earlier: Vec::new(),
                intent,
                candidates: candidates
                    .map(|one| Candidate { prepared: Arc::clone(one), score: 1.0 })
                    .collect(),
                choice: ToolChoice::Required,
                calls_max: 2,
                deadline: Instant::now() + Duration::from_secs(600),
            };
            let (reply, answer) = oneshot::channel();
            live.join(request, Progress::silent(), reply);
            answer
        }
    }

    fn finishes(live: &mut Live<'_>) {
        for _ in 0..1000 {
            if live.is_empty() {
                return;
            }
            live.step();
        }
        panic!("{} are never done", live.len());
    }

    #[test]
    fn who_leaves_takes_part_in_no_further_step() {
        let scene = Scene::new();
        // Blocks are read first, so that nobody is done in one step.
        let ablate = Ablation { kept_blocks: true, ..Ablation::default() };
        let config = CascadeConfig { ablate, ..CascadeConfig::default() };
        let mut live = scene.live(&config);
        let leaves = scene.joins(&mut live, "weather in Paris");
        let mut stays = scene.joins(&mut live, "weather in Rome for 3 days");
        live.step();
        assert_eq!(live.len(), 2, "both have read their blocks");
        drop(leaves);
        live.step();
        assert!(live.len() <= 1);
        assert!(live.requests.iter().all(|request| !request.reply.is_closed()));
        finishes(&mut live);
        assert!(stays.try_recv().unwrap().is_ok(), "nobody else lost anything");
    }

    #[test]
    fn the_oldest_is_always_read_and_who_does_not_fit_lets_others_pass() {
        let scene = Scene::new();
        let queries = ["weather in Rome", "weather in the old town of Bergen for 12 days", "Oslo"];
        let all = CascadeConfig::default();
        let mut live = scene.live(&all);
        let answers = queries.map(|query| scene.joins(&mut live, query));
        assert_eq!(live.choose(), [0, 1, 2], "all fit");
        let tokens: Vec<usize> = live
            .requests
            .iter()
            .map(|request| request.decoding.lists().iter().map(|list| list.tokens.len()).sum())
            .collect();
        assert!(tokens[1] > tokens[2], "{tokens:?}");
        finishes(&mut live);
        drop(answers);

        let batch_tokens_max = tokens[0] + tokens[2];
        let some = CascadeConfig { batch_tokens_max, ..CascadeConfig::default() };
        let mut live = scene.live(&some);
        let _answers = queries.map(|query| scene.joins(&mut live, query));
        assert_eq!(live.choose(), [0, 2], "the second lets the third pass");
        finishes(&mut live);

        let one = CascadeConfig { batch_tokens_max: 1, ..CascadeConfig::default() };
        let mut live = scene.live(&one);
        let mut answers = queries.map(|query| scene.joins(&mut live, query));
        for (at, answer) in answers.iter_mut().enumerate() {
            assert_eq!(live.choose(), [0], "the oldest that is left");
            while let Err(oneshot::error::TryRecvError::Empty) = answer.try_recv() {
                assert_eq!(live.len(), queries.len() - at, "nobody overtakes");
                live.step();
            }
        }
        assert!(live.is_empty());
    }

    #[test]
    fn who_finds_no_room_for_its_query_waits_until_it_does_or_is_the_oldest() {
        let scene = Scene::new();
        let queries = ["weather in Rome", "weather in the old town of Bergen for 12 days", "Oslo"];
        let all = CascadeConfig::default();
        let mut live = scene.live(&all);
        let answers = queries.map(|query| scene.joins(&mut live, query));
        let claims: Vec<usize> = live.requests.iter().map(|request| request.claim).collect();
        // 4 layers, keys and values, 5 heads of 32, f32.
        assert!(claims.iter().all(|claim| *claim > 0 && claim % 5_120 == 0), "{claims:?}");
        assert!(claims[1] > claims[0].max(claims[2]), "{claims:?}");
        finishes(&mut live);
        drop(answers);

        let threads = 2;
        let live_bytes_max = threads * (claims[0] + claims[2]);
        let some = CascadeConfig { threads, live_bytes_max, ..CascadeConfig::default() };
        let mut live = scene.live(&some);
        let mut answers = queries.map(|query| scene.joins(&mut live, query));
        assert_eq!(live.choose(), [0, 2], "the second lets the third pass");
        live.step();
        let has_begun = |request: &Request<'_>| request.has_begun;
        let second = live.requests.iter().find(|request| request.claim == claims[1]).unwrap();
        assert!(!has_begun(second));
        let mut others = live.requests.iter().filter(|request| request.claim != claims[1]);
        assert!(others.all(has_begun));
        finishes(&mut live);
        assert!(answers.iter_mut().all(|answer| answer.try_recv().is_ok()), "all are answered");

        // There is room for nobody: one goes after another, the oldest first.
        let none = CascadeConfig { live_bytes_max: 0, ..CascadeConfig::default() };
        let mut live = scene.live(&none);
        let mut answers = queries.map(|query| scene.joins(&mut live, query));
        while !live.is_empty() {
            assert_eq!(live.choose(), [0]);
            live.step();
        }
        assert!(answers.iter_mut().all(|answer| answer.try_recv().is_ok()), "all are answered");
    }
}
