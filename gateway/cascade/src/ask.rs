//! How an engine is asked: its jobs are bounded in number and in time, and a panic costs one of
//! them alone.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::error::CascadeError;

/// After how long a client that found the queue full should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1000;

/// Where the answer to a job goes.
pub type Reply<T> = oneshot::Sender<Result<T, CascadeError>>;

/// Puts a job into a queue that has room for it, and waits for its answer.
///
/// # Errors
/// No room, an engine that has stopped, and whatever the job fails with.
pub async fn ask<J, T>(
    jobs: &mpsc::Sender<J>,
    job: impl FnOnce(Reply<T>) -> J,
) -> Result<T, CascadeError> {
    let (reply, answer) = oneshot::channel();
    jobs.try_send(job(reply)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => {
            CascadeError::Overloaded { retry_after_ms: RETRY_AFTER_MS }
        }
        mpsc::error::TrySendError::Closed(_) => CascadeError::Stopped,
    })?;
    answer.await.map_err(|_| CascadeError::Stopped)?
}

/// Waits for an answer no longer than the deadline.
///
/// # Errors
/// The deadline of that step has passed, and whatever the answer is.
pub async fn until<T>(
    deadline: Instant,
    step: &'static str,
    answer: impl Future<Output = Result<T, CascadeError>>,
) -> Result<T, CascadeError> {
    match tokio::time::timeout_at(deadline.into(), answer).await {
        Ok(answer) => answer,
        Err(_) => Err(CascadeError::Deadline { step }),
    }
}

/// Answers a job.
pub fn send<T>(reply: Reply<T>, done: Result<T, CascadeError>) {
    // The client may have gone while the work was done; then nobody misses the answer.
    let _ = reply.send(done);
}

/// Does work whose panic costs it alone.
///
/// # Errors
/// Whatever the work fails with; a panic is logged.
pub fn caught<T>(work: impl FnOnce() -> Result<T, CascadeError>) -> Result<T, CascadeError> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|said| (*said).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(panic = said, "the engine panicked in one job");
        Err(CascadeError::Panicked)
    })
}
