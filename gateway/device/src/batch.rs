//! Requests that ask at the same time are one forward.
//!
//! There is no thread for this: whoever gets hold of the model works for all who wait, the longest
//! waiting first, until its own turn was among them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyfunc_kernels::model::{Answer, Input, Model, Reply, Row, Sequence};
use hyfunc_kernels::{KernelError, Machine};

use crate::error::DeviceError;

/// What one asks: tokens behind what a sequence holds, and the logits after the last of them.
pub struct Job {
    /// Held by the job while it waits.
    pub sequence: Sequence,
    /// At most as many as a forward reads.
    pub tokens: Vec<u32>,
    /// 0 to all of them.
    pub last: usize,
}

/// `[last][vocab]`.
pub type Answered = Result<Vec<Vec<f32>>, DeviceError>;

/// The sequence as it is then, and what was asked.
pub type Done = (Sequence, Answered);

enum Turn {
    Waiting(Job),
    /// Its job is part of a forward.
    Running,
    Over(Done),
}

type Place = Arc<Mutex<Turn>>;

/// Parts that a measurement leaves out, each alone. Calls stay the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ablation {
    /// Every request's forwards are its own.
    pub batching: bool,
    /// Forwards of few tokens are launched one kernel after another.
    pub recording: bool,
    /// Products of many rows are left to the kernels.
    pub library: bool,
}

/// A model that many ask.
pub struct Batch<M: Machine> {
    model: Mutex<Model<M>>,
    /// Whether each is read alone.
    is_apart: AtomicBool,
    waiting: Mutex<VecDeque<Place>>,
    /// What the device said when it was lost.
    lost: Mutex<Option<String>>,
}

impl<M: Machine> Batch<M> {
    pub fn new(model: Model<M>) -> Self {
        Self {
            model: Mutex::new(model),
            is_apart: AtomicBool::new(false),
            waiting: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    /// Leaves parts out from the next forward on.
    pub fn ablate(&self, ablation: Ablation) {
        let mut model = held(&self.model);
        model.set_recording(!ablation.recording);
        model.set_library(!ablation.library);
        self.is_apart.store(ablation.batching, Ordering::Relaxed);
    }

    /// Whether the device answers nothing any more.
    pub fn is_lost(&self) -> bool {
        held(&self.lost).is_some()
    }

    /// Waits for its turn and for its answer.
    pub fn ask(&self, job: Job) -> Done {
        let place = Arc::new(Mutex::new(Turn::Waiting(job)));
        held(&self.waiting).push_back(Arc::clone(&place));
        // Behind this line nobody else is at work.
        let mut model = held(&self.model);
        loop {
            if let Some(done) = over(&place) {
                return done;
            }
            let batch = self.next(model.settings().batch_tokens_max);
            if batch.is_empty() {
                // Whoever had its job panicked with it.
                return (Sequence::new(), Err(DeviceError::Broken));
            }
            self.work(&mut model, batch);
        }
    }

    /// Those who wait longest, as many as one forward reads, and one at least.
    fn next(&self, tokens_max: usize) -> Vec<(Place, Job)> {
        let mut waiting = held(&self.waiting);
        let (mut batch, mut tokens) = (Vec::new(), 0);
        let is_apart = self.is_apart.load(Ordering::Relaxed);
        while let Some(place) = waiting.pop_front() {
            let mut turn = held(&place);
            match std::mem::replace(&mut *turn, Turn::Running) {
                Turn::Waiting(job)
                    if batch.is_empty()
                        || (!is_apart && tokens + job.tokens.len() <= tokens_max) =>
                {
                    tokens += job.tokens.len();
                    drop(turn);
                    batch.push((place, job));
                }
                other => {
                    *turn = other;
                    drop(turn);
                    waiting.push_front(place);
                    break;
                }
            }
        }
        batch
    }

    fn work(&self, model: &mut Model<M>, batch: Vec<(Place, Job)>) {
        let (places, mut jobs): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let together = {
            let mut all: Vec<&mut Job> = jobs.iter_mut().collect();
            self.forward(model, &mut all)
        };
        let answers: Vec<Answered> = match together {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if jobs.len() == 1 => vec![Err(error)],
            // It costs only the one at fault: each is done again alone.
            Err(_) => jobs
                .iter_mut()
                .map(|job| Ok(self.forward(model, &mut [job])?.pop().unwrap_or_default()))
                .collect(),
        };
        for ((place, job), answer) in places.iter().zip(jobs).zip(answers) {
            *held(place) = Turn::Over((job.sequence, answer));
        }
    }

    fn forward(
        &self,
        model: &mut Model<M>,
        jobs: &mut [&mut Job],
    ) -> Result<Vec<Vec<Vec<f32>>>, DeviceError> {
        if let Some(said) = held(&self.lost).clone() {
            return Err(DeviceError::Lost { said });
        }
        let inputs: Vec<Vec<Input<'_>>> = jobs
            .iter()
            .map(|job| job.tokens.iter().map(|token| Input::Token(*token)).collect())
            .collect();
        let rows = jobs.iter_mut().zip(&inputs).map(|(job, inputs)| {
            let answer = match job.last {
                0 => Answer::Nothing,
                last => Answer::Logits { last },
            };
            Row { sequence: &mut job.sequence, inputs, answer }
        });
        let mut rows: Vec<Row<'_>> = rows.collect();
        match model.forward(&mut rows) {
            Ok(replies) => Ok(replies.into_iter().map(logits).collect()),
            Err(error) => {
                if matches!(error, KernelError::Sticky { .. }) {
                    tracing::error!(%error, "the device is lost");
                    *held(&self.lost) = Some(error.to_string());
                }
                Err(match error {
                    KernelError::OutOfPages { .. } => DeviceError::Full(error),
                    error => error.into(),
                })
            }
        }
    }
}

fn logits(reply: Reply) -> Vec<Vec<f32>> {
    match reply {
        Reply::Logits(logits) => logits,
        Reply::Nothing | Reply::State(_) | Reply::Best(_) => Vec::new(),
    }
}

fn over(place: &Place) -> Option<Done> {
    let mut turn = held(place);
    match std::mem::replace(&mut *turn, Turn::Running) {
        Turn::Over(done) => Some(done),
        other => {
            *turn = other;
            None
        }
    }
}

/// What a panic leaves is whole: models undo what they did not finish.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
