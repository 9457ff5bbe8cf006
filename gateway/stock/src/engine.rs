//! The engine: threads of its own behind a bounded queue, so that no model work is ever done on a
//! thread that serves clients.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use hyfunc_cascade::ask::{Reply, ask, caught, send};
use hyfunc_cascade::{CascadeError, DecodeRequest, Decoded, Intent, Prepared};
use hyfunc_functions::Function;
use tokio::sync::{mpsc, oneshot};

use crate::causal::{Causal, Embed};
use crate::decode::{Decoder, StockRequest};
use crate::error::StockError;

/// Stack of an engine thread, in bytes.
const STACK_BYTES: usize = 8 << 20;

/// Texts that the encoder reads at once.
const EMBED_TEXTS: usize = 32;

/// Vectors where words alone find functions: whatever the query, no function is nearer than another.
const FUNCTION_VECTOR: [f32; 2] = [1.0, 0.0];
const QUERY_VECTOR: [f32; 2] = [0.0, 1.0];

/// What the engine is asked.
enum Job {
    Distil { query: String, deadline: Instant, reply: Reply<Intent> },
    Prepare { functions: Vec<Arc<Function>>, reply: Reply<Vec<Arc<Prepared>>> },
    Decode { request: Box<DecodeRequest>, reply: Reply<Decoded> },
}

/// Handle to the engine's threads, which end when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    jobs: mpsc::Sender<Job>,
    /// Whether the model will never answer again.
    is_lost: Arc<AtomicBool>,
}

/// What every thread works with.
struct Works<M: Causal> {
    decoder: Decoder<M>,
    /// Without one, functions are found by their words.
    encoder: Option<Box<dyn Embed>>,
    is_lost: Arc<AtomicBool>,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<M: Causal>(
        decoder: Decoder<M>,
        encoder: Option<Box<dyn Embed>>,
        threads: usize,
        queue_jobs_max: usize,
    ) -> Result<Self, CascadeError> {
        let is_lost = Arc::new(AtomicBool::new(false));
        let works = Arc::new(Works { decoder, encoder, is_lost: Arc::clone(&is_lost) });
        let (jobs, queue) = mpsc::channel(queue_jobs_max.max(1));
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..threads.max(1) {
            let (works, queue) = (Arc::clone(&works), Arc::clone(&queue));
            thread::Builder::new()
                .name(format!("stock-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || works.run(&queue))
                .map_err(|_| CascadeError::Stopped)?;
        }
        Ok(Self { jobs, is_lost })
    }

    /// Whether any thread is left, the last of which takes the queue with it, and the model answers.
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed() && !self.is_lost.load(Ordering::Relaxed)
    }

    /// The vector of a query.
    ///
    /// # Errors
    /// Overload, a passed deadline, an encoder that fails.
    pub async fn distil(&self, query: String, deadline: Instant) -> Result<Intent, CascadeError> {
        self.ask(|reply| Job::Distil { query, deadline, reply }).await
    }

    /// Prepares functions; waits for room in the queue, since no client does.
    ///
    /// # Errors
    /// An encoder that fails.
    pub async fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Prepare { functions, reply };
        self.jobs.send(job).await.map_err(|_| CascadeError::Stopped)?;
        answer.await.map_err(|_| CascadeError::Stopped)?
    }

    /// Decodes a request. Dropping the future ends the work at the model's next step.
    ///
    /// # Errors
    /// Overload, and what [`StockError`] lists.
    pub async fn decode(&self, request: DecodeRequest) -> Result<Decoded, CascadeError> {
        self.ask(|reply| Job::Decode { request: Box::new(request), reply }).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, CascadeError> {
        if !self.is_alive() {
            return Err(CascadeError::Stopped);
        }
        ask(&self.jobs, job).await
    }
}

impl<M: Causal> Works<M> {
    fn run(&self, queue: &Mutex<mpsc::Receiver<Job>>) {
        loop {
            let job = match queue.lock() {
                Ok(mut queue) => queue.blocking_recv(),
                Err(_) => None,
            };
            match job {
                Some(job) => {
                    self.work(job);
                    if self.decoder.is_lost() {
                        self.is_lost.store(true, Ordering::Relaxed);
                    }
                }
                None => return,
            }
        }
    }

    /// Does one job, unless nobody waits for it any more. A panic costs that job alone.
    fn work(&self, job: Job) {
        match job {
            Job::Distil { query, deadline, reply } => {
                answer(reply, |_| Ok(self.distil(&query, deadline)?))
            }
            Job::Prepare { functions, reply } => {
                answer(reply, |_| Ok(self.prepare(&functions)?));
            }
            Job::Decode { request, reply } => answer(reply, |is_cancelled| {
                let request = *request;
                let functions =
                    request.candidates.iter().map(|one| Arc::clone(one.prepared.function()));
                let asked = StockRequest {
                    functions: functions.collect(),
                    query: request.query,
                    earlier: request.earlier,
                    choice: request.choice,
                    calls_max: request.calls_max,
                    deadline: request.deadline,
                };
                Ok(self.decoder.decode(&asked, is_cancelled)?.decoded)
            }),
        }
    }

    fn distil(&self, query: &str, deadline: Instant) -> Result<Intent, StockError> {
        if Instant::now() >= deadline {
            return Err(StockError::Deadline { step: "distil" });
        }
        let query_vector = match &self.encoder {
            Some(encoder) => embed(&**encoder, &[query])?.remove(0),
            None => QUERY_VECTOR.to_vec(),
        };
        // Whether to call shows when the functions are known: in decoding.
        Ok(Intent { soft_token: Vec::new(), query_vector, p_call: 1.0 })
    }

    fn prepare(&self, functions: &[Arc<Function>]) -> Result<Vec<Arc<Prepared>>, StockError> {
        let mut prepared = Vec::with_capacity(functions.len());
        for chunk in functions.chunks(EMBED_TEXTS) {
            let vectors = match &self.encoder {
                Some(encoder) => {
                    let texts: Vec<String> = chunk.iter().map(|one| described(one)).collect();
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    embed(&**encoder, &texts)?
                }
                None => vec![FUNCTION_VECTOR.to_vec(); chunk.len()],
            };
            prepared.extend(chunk.iter().zip(vectors).map(|(function, vector)| {
                Arc::new(Prepared::without_block(Arc::clone(function), vector))
            }));
        }
        Ok(prepared)
    }
}

/// What an encoder reads of a function.
pub fn described(function: &Function) -> String {
    format!("{}: {}", function.name.replace('_', " "), function.description)
}

/// Vectors of unit length, one a text.
fn embed(encoder: &dyn Embed, texts: &[&str]) -> Result<Vec<Vec<f32>>, StockError> {
    let failed = |reason| StockError::Encoder { reason };
    let mut vectors = encoder.embed(texts).map_err(failed)?;
    if vectors.len() != texts.len() {
        let reason = format!("{} vectors for {} texts", vectors.len(), texts.len());
        return Err(failed(reason));
    }
    for vector in &mut vectors {
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            return Err(failed("a vector has no direction".to_owned()));
        }
        vector.iter_mut().for_each(|x| *x /= norm);
    }
    Ok(vectors)
}

fn answer<T>(
    reply: Reply<T>,
    work: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> Result<T, CascadeError>,
) where
    T: Send,
{
    if reply.is_closed() {
        return;
    }
    let done = caught(|| work(&|| reply.is_closed()));
    send(reply, done);
}
