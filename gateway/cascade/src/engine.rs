//! The engine: threads of its own behind a bounded queue, so that no model work is ever done on a
//! thread that serves clients.
//!
//! A thread takes its share of what waits and reads it together: queries that are to be distilled in
//! one forward, and the next step of every decode under way in another. Whoever comes while others
//! are under way joins at their next step.

mod live;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use hyfunc_functions::Function;
use tokio::sync::{mpsc, oneshot};

use crate::api::{DecodeRequest, Decoded, Intent, Prepared};
use crate::ask::{Reply, ask, caught, send};
use crate::config::CascadeConfig;
use crate::conversation;
use crate::decode::Decoder;
use crate::error::CascadeError;
use crate::generate::Masks;
use crate::progress::Progress;
use crate::reader::Reader;
use crate::text::Token;
use crate::tiny::Tiny;

use live::Live;

/// Requests that one thread has under way: each keeps what was read for it in memory.
///
/// With the shipped models a token takes 4 layers · 2 · 5 heads · 32 · 4 B = 5,120 B. A query of 384
/// tokens beside 8 candidates is 16 MB, and as much again where all of them are asked for a further
/// call: 32 of these would be 1 GB a thread. So they are bounded by [`CascadeConfig::live_bytes_max`]
/// as well. Beyond that, a call takes up to 8 MB: its earlier values (1,024 tokens) and those that are
/// being written (512).
const LIVE_MAX: usize = 32;

/// Functions of one job: more are shared by the threads, and requests come in between.
const PREPARE_MAX: usize = 32;

/// Stack of an engine thread, in bytes.
const STACK_BYTES: usize = 8 << 20;

/// What the engine is asked.
enum Job {
    Distil(Query),
    Prepare { functions: Vec<Arc<Function>>, stay: Stay, reply: Reply<Vec<Arc<Prepared>>> },
    Decode { request: Box<DecodeRequest>, progress: Progress, reply: Reply<Decoded> },
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

/// A query that waits to be distilled.
struct Query {
    query: String,
    deadline: Instant,
    reply: Reply<Intent>,
}

/// What a thread took from the queue.
#[derive(Default)]
struct Taken {
    queries: Vec<Query>,
    others: Vec<Job>,
    /// Whether nobody is left who could ask.
    is_closed: bool,
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
        ask(&self.jobs, |reply| Job::Distil(Query { query, deadline, reply })).await
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

    /// Decodes a request; tells in the meantime what can no longer change.
    pub async fn decode(
        &self,
        request: DecodeRequest,
        progress: Progress,
    ) -> Result<Decoded, CascadeError> {
        ask(&self.jobs, |reply| Job::Decode { request: Box::new(request), progress, reply }).await
    }
}

impl Works {
    fn run(&self, queue: &Mutex<mpsc::Receiver<Job>>) {
        // The fused operations would else hand parts of their work to threads that are asleep, and
        // wait for these longer than the part takes. Where the pool cannot be made, they do.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let decoder = Decoder { tiny: &self.tiny, masks: &self.masks, config: &self.config };
        let mut live = Live::new(decoder);
        loop {
            let taken = self.take(queue, live.len());
            if taken.is_closed && live.is_empty() {
                break;
            }
            self.distil(taken.queries);
            for job in taken.others {
                match job {
                    Job::Distil(query) => self.distil(vec![query]),
                    Job::Prepare { functions, stay, reply } => {
                        answer(reply, || match stay {
                            Stay::Request => Ok(self.tiny.prepare(&functions)?),
                            Stay::Library => Ok(self.reader.prepare(&functions)?),
                        });
                        // Requests under way wait for one such job, not for all that were taken.
                        live.step();
                    }
                    Job::Decode { request, progress, reply } => {
                        live.join(*request, progress, reply);
                    }
                }
            }
            live.step();
        }
        drop(pool);
    }

    /// Takes this thread's share of what waits; sleeps until there is something unless requests are
    /// under way.
    fn take(&self, queue: &Mutex<mpsc::Receiver<Job>>, live: usize) -> Taken {
        let mut taken = Taken::default();
        let jobs_max = match self.config.ablate.batching {
            true => 1,
            false => LIVE_MAX,
        };
        let locked = match live {
            0 => queue.lock().ok(),
            // Whoever holds it sleeps on it, and will take what comes.
            _ => queue.try_lock().ok(),
        };
        let Some(mut queue) = locked else {
            // Only a thread that panicked while it held the queue leaves no way to it.
            taken.is_closed = live == 0;
            return taken;
        };
        let mut room = jobs_max.saturating_sub(live);
        if live == 0 {
            match queue.blocking_recv() {
                Some(job) => taken.add(job),
                None => taken.is_closed = true,
            }
            room -= 1;
        }
        let share = queue.len().div_ceil(self.config.threads.max(1)).min(room);
        for _ in 0..share {
            match queue.try_recv() {
                Ok(job) => taken.add(job),
                Err(_) => break,
            }
        }
        taken
    }

    /// Distils queries together as far as one forward goes, and answers them.
    fn distil(&self, queries: Vec<Query>) {
        let (mut together, mut tokens_sum) = (Vec::new(), 0);
        for Query { query, deadline, reply } in queries {
            if reply.is_closed() {
                continue;
            }
            let read = match caught(|| self.tokens(&query, deadline)) {
                Ok(read) => read,
                Err(error) => {
                    send(reply, Err(error));
                    continue;
                }
            };
            let tokens = read.1.len();
            if tokens_sum + tokens > self.config.batch_tokens_max {
                self.distil_together(std::mem::take(&mut together));
                tokens_sum = 0;
            }
            tokens_sum += tokens;
            together.push((read, reply));
        }
        self.distil_together(together);
    }

    /// A query as it is read: what was said too long ago is left out.
    fn tokens(&self, query: &str, deadline: Instant) -> Result<Read, CascadeError> {
        if Instant::now() >= deadline {
            return Err(CascadeError::Deadline { step: "distil" });
        }
        let tokens_max = self.config.query_tokens_max;
        let read = conversation::encode(&self.tiny.tokenizer, query.to_owned(), tokens_max);
        let tokens = read.1.len();
        if tokens > tokens_max {
            return Err(CascadeError::QueryTooLong { tokens, tokens_max });
        }
        Ok(read)
    }

    fn distil_together(&self, queries: Vec<(Read, Reply<Intent>)>) {
        let all: Vec<(&str, &[Token])> =
            queries.iter().map(|((text, tokens), _)| (text.as_str(), tokens.as_slice())).collect();
        match caught(|| Ok(self.tiny.distil_all(&all)?)) {
            Ok(intents) => {
                for ((_, reply), intent) in queries.into_iter().zip(intents) {
                    send(reply, Ok(intent));
                }
            }
            // One of them may be at fault: the others are not to suffer from it.
            Err(_) if queries.len() > 1 => {
                for query in queries {
                    self.distil_together(vec![query]);
                }
            }
            Err(error) => {
                // There is one at most, whose error this is.
                if let Some((_, reply)) = queries.into_iter().next() {
                    send(reply, Err(error));
                }
            }
        }
    }
}

/// A query's text as far as it is read, and its tokens.
type Read = (String, Vec<Token>);

impl Taken {
    fn add(&mut self, job: Job) {
        match job {
            Job::Distil(query) => self.queries.push(query),
            other => self.others.push(other),
        }
    }
}

/// Does work for a client, unless that has gone.
fn answer<T>(reply: Reply<T>, work: impl FnOnce() -> Result<T, CascadeError>) {
    if !reply.is_closed() {
        let done = caught(work);
        send(reply, done);
    }
}
