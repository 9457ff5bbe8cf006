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
use crate::reader::Reader;
use crate::tiny::Tiny;

/// After how long a client that found the queue full should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Functions of one job: more are shared by the threads, and requests come in between.
const PREPARE_MAX: usize = 32;

/// Stack of an engine thread, in bytes.
const STACK_BYTES: usize = 8 << 20;

type Reply<T> = oneshot::Sender<Result<T, CascadeError>>;

/// What the engine is asked.
enum Job {
    Distil { query: String, deadline: Instant, reply: Reply<Intent> },
    Prepare { functions: Vec<Arc<Function>>, stay: Stay, reply: Reply<Vec<Arc<Prepared>>> },
    Decode { request: Box<DecodeRequest>, reply: Reply<Decoded> },
}

/// How long functions that are prepared are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// For one request: what is made of them goes with them.
    Request,
    /// In the library: what is made of them is kept for the next start, and blocks that have no
    /// room in memory come back when they are asked for.
    Library,
}

/// Handle to the engine's threads, which end when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    jobs: mpsc::Sender<Job>,
    reader: Arc<Reader>,
}

/// What every thread works with.
struct Works {
    tiny: Arc<Tiny>,
    reader: Arc<Reader>,
    masks: Masks,
    config: CascadeConfig,
}

impl Engine {
    /// Starts the threads.
    pub fn start(tiny: Arc<Tiny>, config: &CascadeConfig) -> Result<Self, CascadeError> {
        let masks = |reason| CascadeError::Mask { subject: "(any)".into(), reason };
        let masks = Masks::new(&tiny.tokenizer).map_err(masks)?;
        let reader = Arc::new(Reader::new(Arc::clone(&tiny), config)?);
        let works = Works { tiny, reader: Arc::clone(&reader), masks, config: config.clone() };
        let works = Arc::new(works);
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
        Ok(Self { jobs, reader })
    }

    /// Whether any thread is left: the last one takes the queue with it.
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Distils a query.
    pub async fn distil(&self, query: String, deadline: Instant) -> Result<Intent, CascadeError> {
        self.ask(|reply| Job::Distil { query, deadline, reply }).await
    }

    /// Prepares functions, on all threads; waits for room in the queue, since no client does.
    pub async fn prepare(
        &self,
        functions: &[Arc<Function>],
        stay: Stay,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        let mut answers = Vec::new();
        for chunk in functions.chunks(PREPARE_MAX) {
            let (reply, answer) = oneshot::channel();
            let job = Job::Prepare { functions: chunk.to_vec(), stay, reply };
            self.jobs.send(job).await.map_err(|_| CascadeError::Stopped)?;
            answers.push(answer);
        }
        let mut prepared = Vec::with_capacity(functions.len());
        for answer in answers {
            prepared.extend(answer.await.map_err(|_| CascadeError::Stopped)??);
        }
        Ok(prepared)
    }

    /// Memory of the library's blocks that are held now, in bytes.
    pub fn block_bytes(&self) -> usize {
        self.reader.block_bytes()
    }

    /// Decodes a request.
    pub async fn decode(&self, request: DecodeRequest) -> Result<Decoded, CascadeError> {
        self.ask(|reply| Job::Decode { request: Box::new(request), reply }).await
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
            Job::Prepare { functions, stay: Stay::Request, reply } => {
                answer(reply, || Ok(self.tiny.prepare(&functions)?))
            }
            Job::Prepare { functions, stay: Stay::Library, reply } => {
                answer(reply, || Ok(self.reader.prepare(&functions)?))
            }
            Job::Decode { request, reply } => answer(reply, || {
                let (tiny, masks, config) = (&*self.tiny, &self.masks, &self.config);
                Decoder { tiny, masks, config }.decode(&request)
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
