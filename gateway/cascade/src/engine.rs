//! The engine: threads of its own behind a bounded queue, so that no model work is ever done on a
//! thread that serves clients.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use hyfunc_functions::Function;
use tokio::sync::{mpsc, oneshot};

use crate::api::{DecodeRequest, Decoded, Intent, Prepared};
use crate::config::CascadeConfig;
use crate::decode::Decoder;
use crate::error::CascadeError;
use crate::generate::Masks;
use crate::progress::Progress;
use crate::tiny::Tiny;

/// After how long a client that found the queue full should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Stack of an engine thread, in bytes.
const STACK_BYTES: usize = 8 << 20;

type Reply<T> = oneshot::Sender<Result<T, CascadeError>>;

/// What the engine is asked.
enum Job {
    Distil { query: String, deadline: Instant, reply: Reply<Intent> },
    Prepare { functions: Vec<Arc<Function>>, reply: Reply<Vec<Arc<Prepared>>> },
    Decode { request: Box<DecodeRequest>, progress: Progress, reply: Reply<Decoded> },
}

/// Handle to the engine's threads, which end when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    jobs: mpsc::Sender<Job>,
}

/// What every thread works with.
struct Works {
    tiny: Arc<Tiny>,
    masks: Masks,
    config: CascadeConfig,
}

impl Engine {
    /// Starts the threads.
    pub fn start(tiny: Arc<Tiny>, config: &CascadeConfig) -> Result<Self, CascadeError> {
        let masks = |reason| CascadeError::Mask { subject: "(any)".into(), reason };
        let masks = Masks::new(&tiny.tokenizer).map_err(masks)?;
        let works = Arc::new(Works { tiny, masks, config: config.clone() });
        let (jobs, queue) = mpsc::channel(config.queue_jobs_max.max(1));
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..config.threads.max(1) {
            let (works, queue) = (works.clone(), queue.clone());
            thread::Builder::new()
                .name(format!("engine-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || works.run(&queue))
                .map_err(|_| CascadeError::Stopped)?;
        }
        Ok(Self { jobs })
    }

    /// Whether any thread is left: the last one takes the queue with it.
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Distils a query.
    pub async fn distil(&self, query: String, deadline: Instant) -> Result<Intent, CascadeError> {
        self.ask(|reply| Job::Distil { query, deadline, reply }).await
    }

    /// Prepares functions; waits for room in the queue, since no client does.
    pub async fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Prepare { functions, reply };
        self.jobs.send(job).await.map_err(|_| CascadeError::Stopped)?;
        answer.await.map_err(|_| CascadeError::Stopped)?
    }

    /// Decodes a request; tells in the meantime what can no longer change.
    pub async fn decode(
        &self,
        request: DecodeRequest,
        progress: Progress,
    ) -> Result<Decoded, CascadeError> {
        self.ask(|reply| Job::Decode { request: Box::new(request), progress, reply }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, CascadeError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                CascadeError::Overloaded { retry_after_ms: RETRY_AFTER_MS }
            }
            mpsc::error::TrySendError::Closed(_) => CascadeError::Stopped,
        })?;
        answer.await.map_err(|_| CascadeError::Stopped)?
    }
}

impl Works {
    fn run(&self, queue: &Mutex<mpsc::Receiver<Job>>) {
        loop {
            let job = match queue.lock() {
                Ok(mut queue) => queue.blocking_recv(),
                Err(_) => None,
            };
            match job {
                Some(job) => self.work(job),
                None => return,
            }
        }
    }

    /// Does one job, unless nobody waits for it any more. A panic costs that job alone.
    fn work(&self, job: Job) {
        match job {
            Job::Distil { query, deadline, reply } => {
                answer(reply, || self.distil(&query, deadline))
            }
            Job::Prepare { functions, reply } => {
                answer(reply, || Ok(self.tiny.prepare(&functions)?))
            }
            Job::Decode { request, progress, reply } => answer(reply, || {
                let (tiny, masks, config) = (&*self.tiny, &self.masks, &self.config);
                Decoder { tiny, masks, config }.decode_told(&request, &progress)
            }),
        }
    }

    fn distil(&self, query: &str, deadline: Instant) -> Result<Intent, CascadeError> {
        if Instant::now() >= deadline {
            return Err(CascadeError::Deadline { step: "distil" });
        }
        let query = self.tiny.tokenizer.encode(query);
        let (tokens, tokens_max) = (query.len(), self.config.query_tokens_max);
        if tokens > tokens_max {
            return Err(CascadeError::QueryTooLong { tokens, tokens_max });
        }
        Ok(self.tiny.distil(&query)?)
    }
}

fn answer<T>(reply: Reply<T>, work: impl FnOnce() -> Result<T, CascadeError>) {
    if reply.is_closed() {
        return;
    }
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let done = done.unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|said| (*said).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(panic = said, "the engine panicked in one job");
        Err(CascadeError::Panicked)
    });
    // The client may have gone while the work was done; then nobody misses the answer.
    let _ = reply.send(done);
}
